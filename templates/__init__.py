"""Words and looks: every text that a person reads, in six languages."""
