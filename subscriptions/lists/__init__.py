"""Lists: lists, people, addresses and memberships, and what a list knows of a member."""
