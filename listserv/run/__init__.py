"""Run: the process tree, the jobs that bells start, and the clock that rings forgotten bells."""
