"""Filing: each mail to its place in a thread, new ones and those of old archives."""
