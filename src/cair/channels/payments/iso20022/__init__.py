"""Payment files of ISO 20022: orders out; answers, statements and notifications in."""
