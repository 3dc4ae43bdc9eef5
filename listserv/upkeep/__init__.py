"""Upkeep: backup and restore, retention, tracing one message, figures for monitoring."""
