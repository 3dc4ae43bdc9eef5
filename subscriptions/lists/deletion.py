"""Delete a list and put it back: what stands on its row, and for how long it can be put back.

    deletion.mark(session, lst, now, hide=True)    # closed, and its archive hidden
    deletion.unmark(session, lst)                  # as it was before
    deletion.finish(lst)                           # nothing can be put back any more

A deleted list keeps its row for ever, so that no other list gets its address. Its memberships stay
until ``KEPT`` seconds have gone by. The journal beside the database hears of it: a backup that is
older brings no list back that was deleted. Knows one row; refuses to know who may, who is told and
what is removed in the end.
"""

import json
from hashlib import blake2b

from sqlalchemy.orm import Session

from mailer.storage import journal
from mailer.storage.journal import HASH, JournalWord
from subscriptions.lists.roster import ArchivePolicy, MailList

DAY = 86400.0
KEPT = 30 * DAY  # seconds in which a list can be put back
KEEPS, HIDES = ARCHIVES = ("keep", "hide")  # what becomes of the archive


def mark(session: Session, lst: MailList, now: float, *, hide: bool) -> None:
    """Delete a list: it is closed, and its archive leaves everybody's sight if ``hide``."""
    stood = {
        "closed": lst.closed,
        "archive": lst.archive.value,
        "members_since": lst.members_since,
        "public_since": lst.public_since,
    }
    lst.deleted_at, lst.before_deletion = now, json.dumps({**stood, "hide": hide})
    lst.closed = True
    if hide:
        lst.archive, lst.members_since, lst.public_since = ArchivePolicy.NONE, None, None
    session.flush()
    _note(session, lst, JournalWord.DELETED, HIDES if hide else KEEPS)


def unmark(session: Session, lst: MailList) -> None:
    """Let a list be what it was before; raise LookupError where that is not known any more."""
    if not lst.before_deletion:
        raise LookupError(lst.address)
    stood = json.loads(lst.before_deletion)
    lst.closed = bool(stood["closed"])
    lst.archive = ArchivePolicy(stood["archive"])
    lst.members_since, lst.public_since = stood["members_since"], stood["public_since"]
    lst.deleted_at, lst.before_deletion = None, ""
    session.flush()
    _note(session, lst, JournalWord.UNDELETED, "")


def finish(lst: MailList) -> None:
    """Say that what a list was is gone, and that it can never be put back."""
    lst.before_deletion = ""


def hides(lst: MailList) -> bool:
    """Tell whether a deleted list's archive goes with it."""
    return bool(lst.before_deletion) and bool(json.loads(lst.before_deletion)["hide"])


def until(lst: MailList) -> float | None:
    """Return until when a deleted list can be put back; None where it cannot."""
    if lst.deleted_at is None or not lst.before_deletion:
        return None
    return lst.deleted_at + KEPT


def can_return(lst: MailList, now: float) -> bool:
    """Tell whether a deleted list can still be put back."""
    last = until(lst)
    return last is not None and now < last


def is_finished(lst: MailList) -> bool:
    """Tell whether a list was deleted so long ago that nothing of its members is kept."""
    return lst.deleted_at is not None and not lst.before_deletion


def _note(session: Session, lst: MailList, word: JournalWord, reason: str) -> None:
    who = HASH + blake2b(lst.identity.encode(), digest_size=16).hexdigest()
    journal.note(session, word, who, list_address=lst.identity, reason=reason)
