"""Readers: what they write back to an issue, and how they vote."""
