"""Visibility: the one view from which everything that is published is made."""
