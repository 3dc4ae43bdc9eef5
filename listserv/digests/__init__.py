"""Digests: what was posted in a day or a week as one mail, and the answers to it."""
