"""The first hour on a machine: what is written, merged and published, planned before it is done."""
