"""What follows from the law: tables in, decisions out. Pure: no files, no database, no clock."""
