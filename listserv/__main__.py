"""``krets`` and ``python -m listserv``: the command line, from its first moment on.

Ctrl-C while the modules load ends the process at once, as the kernel would, without a traceback.
"""

import signal


def main() -> None:
    """Run the command and exit."""
    kept = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from listserv.cli.main import main as run  # noqa: PLC0415 - half a second of loading

    signal.signal(signal.SIGINT, kept)
    run()


if __name__ == "__main__":
    main()
