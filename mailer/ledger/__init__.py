"""The ledger: mailings, their recipients, claims and marks, and how fast mail may go."""
