"""Editors: proofs and reports, what editors answer, and what they are told afterwards."""
