"""Storage: the database, raw mail, arrivals and token keys."""
