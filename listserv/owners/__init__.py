"""Owners: what they order by mail, and what they are answered."""
