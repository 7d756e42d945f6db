"""Bulk files of banks that have a form of their own: orders out, returns in, both by a mapping."""
