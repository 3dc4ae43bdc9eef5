"""Write down outside the database what was taken out of an archive, so that a restore does it anew.

    note(session, lst, rows)                # with the redaction, in its transaction
    for one in replayable(session, lines): ...   # what each line of a journal takes out again

Knows the form of a line: the keyed digests that the table of removals has, some hundred of a kind
together, and never a word of a mail. What they do to an archive is for redaction.py.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.storage import journal
from mailer.storage.journal import HASH, JournalLine, JournalWord
from subscriptions.lists.roster import MailList

RemovalRow = tuple[str, int, bytes]  # kind, words, digest: a row of the table of removals
PICTURE = "picture"  # of an issue, which is none of the archive's
_TOGETHER = 300  # digests of one line


def note(session: Session, lst: MailList, rows: Iterable[RemovalRow]) -> None:
    """Have the journal know what this transaction takes out of the archive of ``lst``."""
    for (kind, words, size), alike in groupby(sorted(rows, key=_form), key=_form):
        digests = [row[2] for row in alike]
        for at in range(0, len(digests), _TOGETHER):
            packed = b64encode(b"".join(digests[at : at + _TOGETHER])).decode()
            reason = f"{kind} {words} {size} {packed}"
            who = HASH + blake2b(reason.encode(), digest_size=16).hexdigest()
            word = JournalWord.REDACTED
            journal.note(session, word, who, list_address=lst.identity, reason=reason)


def replayable(
    session: Session, lines: Iterable[JournalLine]
) -> Iterator[tuple[MailList, float, list[RemovalRow]]]:
    """Yield (list, when, what was taken out) of each line about a list that is here."""
    lists = {where: one for one in session.scalars(select(MailList)) for where in one.addresses}
    for line in lines:
        lst = lists.get(line.list_address)
        if line.word is JournalWord.REDACTED and lst is not None:
            kind, words, size, packed = line.reason.split(" ")
            raw, each = b64decode(packed), int(size)
            digests = [raw[at : at + each] for at in range(0, len(raw), each)]
            yield lst, line.at, [(kind, int(words), one) for one in digests]


def _form(row: RemovalRow) -> tuple[str, int, int]:
    return row[0], row[1], len(row[2])
