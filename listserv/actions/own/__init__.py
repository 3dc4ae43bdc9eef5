"""What people do with what is theirs: join, leave, pause, change, read and vote."""
