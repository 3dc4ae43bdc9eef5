"""Actions: what every door asks for, with who may, in which transaction, and what comes back."""
