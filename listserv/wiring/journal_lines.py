"""Do again what the lines of a journal say: departures, erasures, what an archive hides, lists.

Knows the roster and the archive, and no file: which lines are to be done is for journals.py. Apart
from it because the archive's half takes as long to import as a command takes to run.
"""

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.erasure import redaction, redaction_journal
from archive.erasure.redaction_journal import PICTURE
from listserv.wiring.listserv_tables import Erasure, Picture
from mailer.storage import journal
from mailer.storage.journal import JournalLine, JournalWord
from mailer.storage.store import insert_or_ignore
from mailer.storage.tokens import Keyring
from subscriptions.lists import deletion
from subscriptions.lists.roster import Address, MailList, Membership
from subscriptions.membership import changes
from subscriptions.membership.changes import ChangeContext
from subscriptions.membership.journal_replay import HOW, Replayed, replay
from subscriptions.permission.consent import ConsentNote, Source


def do_again(
    session: Session, keyring: Keyring, lines: Iterable[JournalLine], now: float
) -> tuple[Replayed, int]:
    """Do again what lines say, and have erased who was to be forgotten (erasure_requests.py).

    Return what that changed, and how many rows take something out of an archive again.
    """
    lines = list(lines)
    told = replay(session, keyring, lines, now=now)
    note = ConsentNote("", Source.CLI, confirmed_by=HOW)
    for key in told.forget:
        row = {"address_key": key, "how": HOW, "asked_at": now, "due": now}
        session.execute(insert_or_ignore(session, Erasure), [row])
        theirs = session.execute(
            select(Membership, MailList)
            .join(MailList, MailList.id == Membership.list_id)
            .join(Address, Address.person_id == Membership.person_id)
            .where(Address.key == key)
        )
        for member, lst in theirs.all():
            changes.leave(ChangeContext(session, lst, keyring, note, now), member)
    for lst, _, rows in redaction_journal.replayable(session, lines):
        keys = [digest.decode() for kind, _, digest in rows if kind == PICTURE]
        session.execute(delete(Picture).where(Picture.list_id == lst.id, Picture.key.in_(keys)))
    _lists(session, lines)
    return told, redaction.apply_again(session, lines)


def _lists(session: Session, lines: Iterable[JournalLine]) -> None:
    """Delete the lists again that were deleted, and put back those that were put back."""
    words = (JournalWord.DELETED, JournalWord.UNDELETED)
    last = [line for line in journal.last_words(lines) if line.word in words]
    lists = {one.identity: one for one in session.scalars(select(MailList))} if last else {}
    for line in last:
        lst = lists.get(line.list_address)
        if lst is None:
            continue
        if line.word is JournalWord.DELETED and lst.deleted_at is None:
            deletion.mark(session, lst, line.at, hide=line.reason == deletion.HIDES)
        elif line.word is JournalWord.UNDELETED and deletion.can_return(lst, line.at):
            deletion.unmark(session, lst)
