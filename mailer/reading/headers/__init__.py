"""Headers: what the fields above a mail say, from names and values as they were read."""
