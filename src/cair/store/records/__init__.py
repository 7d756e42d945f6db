"""Write functions, one file per subject: they run inside the transaction they are given."""
