"""Audience: which members a mailing goes to."""
