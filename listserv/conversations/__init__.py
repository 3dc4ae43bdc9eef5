"""Conversations: what members want of a thread, and what moderators do with one."""
