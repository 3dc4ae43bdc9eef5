"""Permission: lists, people, addresses, memberships, consent."""
