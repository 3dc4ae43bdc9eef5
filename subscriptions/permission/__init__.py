"""Permission: consents, questions, budgets, and whom never to mail."""
