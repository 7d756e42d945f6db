"""Files of partners: bytes become records, records become columns of text or malformed lines."""
