"""The one tree of errors. Doors turn them into exit codes, SMTP replies, pages or holds.

KretsError            something a person can act on: what happened, and what to do next
├── Refused           1   the request was understood and the answer is no
├── BadInput          2   the request itself is malformed (an address, a file, an option)
├── Temporary         75  trying again later may work (a lock, a database that is away)
└── Misconfigured     78  a setting or the machine must change first

``what`` says what happened and ``fix`` what to do, in words that fit every door. Where the next
step depends on the door (a command, a button, a mail), the error carries ``key`` and ``facts``
instead, and the door has the words: the command line has them in listserv/cli/cures.py.
"""

from typing import ClassVar


class KretsError(Exception):
    """Carry what happened and the next step to whoever can act on it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, fix: str = "", *, key: str = "", **facts: str) -> None:
        super().__init__(f"{what} {fix}".strip())
        self.what = what
        self.fix = fix
        self.key = key
        self.facts = facts


class Refused(KretsError):
    """Say no to a request that was understood."""

    exit_code = 1


class BadInput(KretsError):
    """Point at what is malformed in what was given."""

    exit_code = 2


class Temporary(KretsError):
    """Ask to try again later; nothing was lost."""

    exit_code = 75


class Misconfigured(KretsError):
    """Name the setting or the part of the machine that must change first."""

    exit_code = 78
