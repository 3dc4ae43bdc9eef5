"""The memory: threads and pages, made from the mail and always rebuildable."""
