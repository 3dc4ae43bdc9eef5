"""Carriage: mail in, the store, the ledger, mail out."""
