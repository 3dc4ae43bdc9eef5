"""Posts: the facts of one, the rules that judge it, and its permanent link."""
