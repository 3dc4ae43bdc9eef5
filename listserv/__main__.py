"""Let ``python -m listserv`` be the command ``krets``."""

from listserv.cli.main import main

main()
