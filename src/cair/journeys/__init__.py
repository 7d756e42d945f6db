"""What the programme does, one file per journey: read, decide, write in one transaction, announce."""
