"""The report of a run: an HTML page, its pictures and numbers as files, and the table that a command prints."""
