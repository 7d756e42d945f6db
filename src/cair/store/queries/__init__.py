"""Read functions, one file per subject."""
