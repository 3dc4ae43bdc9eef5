"""Wiring: settings, tables, bells and logs, put together once for each process."""
