"""What the law says: figures with dates and sources, rulebooks. No logic."""
