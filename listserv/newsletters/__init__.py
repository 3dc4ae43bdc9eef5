"""Newsletters: from an editor's draft to an issue in the ledger, and how it ended."""
