"""The only SQL and the only ORM: one Django app, PostgreSQL for the truth, DuckDB for computing."""
