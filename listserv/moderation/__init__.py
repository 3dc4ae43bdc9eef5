"""Moderation: posts that wait for a human, who is asked, and what is answered."""
