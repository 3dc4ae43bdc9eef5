"""The doctor: what keeps an installation from sending and receiving mail, and the cure."""
