"""Authentication: DKIM signing and verifying, and what DNS says about a domain."""
