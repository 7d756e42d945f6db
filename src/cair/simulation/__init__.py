"""A made-up population shaped like July 2020, as its partners would have reported it. Pure: seed in, tables out."""
