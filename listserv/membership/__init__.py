"""Membership: joining, wishes, leaving and being forgotten."""
