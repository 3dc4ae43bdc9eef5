"""Composing: a draft made into an issue, once per language, in its theme."""
