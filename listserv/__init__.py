"""The roof: the list server itself, the only room that knows all the others."""
