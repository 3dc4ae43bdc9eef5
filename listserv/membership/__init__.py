"""Membership: joining, wishes, roles, leaving and being forgotten."""
