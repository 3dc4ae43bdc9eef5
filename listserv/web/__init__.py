"""The web door: list homes, joining, leaving, a member's own page, and the archive's files."""
