"""Find solved questions of a list that a new one may repeat: "was it one of these three?".

    of_words(session, lst, "Potatoes", "How deep do you plant them?")

By the words of their subjects, not by what they mean: a question is near where two words of its
subject stand in the new one, or the only one does. Refuses to know whom it tells.
"""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.threads import thread_marks
from archive.threads.archive_tables import Thread
from archive.threads.thread_marks import MarkKind
from listserv.conversations import thread_list
from listserv.conversations.thread_list import ListedThread
from subscriptions.lists.roster import MailList

MOST = 3  # questions that are named
LOOKED_AT = 2_000  # solved ones, the youngest first
TEXT = 2_000  # characters of a new one that are read
_STEM = 6  # letters by which words are alike: "potato" and "potatoes"
_WORD = re.compile(r"[^\W\d_]{4,}")  # shorter ones say little


def of_words(session: Session, lst: MailList, subject: str, text: str) -> Sequence[ListedThread]:
    """Return the solved questions that are nearest, at most ``MOST``."""
    asked = set(_stems(f"{subject}\n{text[:TEXT]}"))
    marked = thread_marks.marked(session, lst.id, MarkKind.SOLVED)
    if not asked or not marked:
        return ()
    rows = session.execute(
        select(Thread.id, Thread.subject)
        .where(Thread.id.in_(sorted(marked)[-LOOKED_AT:]), Thread.size > 0)
        .order_by(Thread.last.desc())
    ).all()
    near = []
    for place, row in enumerate(rows):
        words = set(_stems(row.subject))
        shared = len(words & asked)
        if shared > 1 or (shared and len(words) == 1):
            near.append((-shared / len(words), place, row.id))
    best = [row for _, _, row in sorted(near)[:MOST]]
    return thread_list.those(session, lst, best)


def _stems(text: str) -> Iterable[str]:
    return (word.casefold()[:_STEM] for word in _WORD.findall(text))
