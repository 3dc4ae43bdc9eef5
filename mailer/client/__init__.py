"""The SMTP client: what is said to a relay, and what it answers."""
