"""``krets try``: a community to play with, and a page where its mail is read and answered."""
