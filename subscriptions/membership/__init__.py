"""Membership: how a membership begins, changes and ends."""
