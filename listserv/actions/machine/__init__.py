"""What whoever operates this machine asks of it: keys, backups, the way of a mail."""
