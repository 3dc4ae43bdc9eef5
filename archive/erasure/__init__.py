"""Erasure: messages, people and phrases taken out for good."""
