"""Sending: from claimed rows to a relay's answers."""
