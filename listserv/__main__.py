"""Let ``python -m listserv`` be the command ``krets``."""

from listserv.cli import main

main()
