"""Checks: what an editor should look at before an issue leaves."""
