"""The command line: reads the clock, parses, makes one call, renders."""
