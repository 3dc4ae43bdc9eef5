"""Rehearsal: a relay that answers like the big ones, for tests and trials."""
