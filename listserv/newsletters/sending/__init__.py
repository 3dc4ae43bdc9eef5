"""Sending: from an issue to a mailing in the ledger, the first few readers first."""
