"""Pages: what readers see of threads, months, people and searches."""
