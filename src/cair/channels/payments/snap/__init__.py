"""SNAP BI, the calling side: accounts, transfers and top-ups by one signed call each."""
