"""Threads: the rows of an archive and how mails hang together."""
