"""The inbound door: SMTP and LMTP, limits before parsing, 250 after commit."""
