"""Importing: a file of people read, row by row."""
