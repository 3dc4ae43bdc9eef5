"""Reading: what a mail says, from its bytes. Imports no database and asks nobody but its input."""
