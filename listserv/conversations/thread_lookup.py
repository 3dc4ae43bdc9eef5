"""Find a thread by a mail of it, by the beginning of a hash, or by what a letter answers.

Knows the archive's threads as members may see them, and refuses to know what is done with one.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.pages.views import members_viewer
from archive.threads.archive_tables import Node, Thread
from listserv.answers import thread_words
from listserv.letters.incoming_letter import IncomingLetter
from listserv.mailings import thread_ways
from listserv.mailings.thread_ways import PostThread
from listserv.wiring.listserv_tables import Post
from mailer.errors import Refused
from mailer.reading.subjects import bare_subject
from subscriptions.lists.roster import MailList

_HASH = 52  # characters of a whole one
_LAST = "z"  # the last letter of a hash, in every order of letters


@dataclass(frozen=True, slots=True)
class FoundThread:
    """Hold a thread, and what it is called: "" where nobody knows."""

    place: PostThread
    subject: str
    hash: str  # of its page; "" without an archive


def by_code(session: Session, lst: MailList, code: str) -> FoundThread:
    """Return the thread of the mail whose hash begins with ``code``; raise Refused for none."""
    wanted = code.strip().lstrip("#").lower()
    enough = wanted.isalnum() and thread_words.CODE <= len(wanted) <= _HASH
    place = _placed(session, lst.id, wanted) if enough else None
    if place is None:
        raise Refused(
            f"{lst.address} has no thread {code[:60]!r}.",
            "Name it by the hash in its address, or by the first ten letters of that.",
            key="no-thread",
        )
    return named(session, lst, place)


def _placed(session: Session, list_id: int, code: str) -> PostThread | None:
    node = session.execute(
        select(Node.hash, Node.thread_id)
        .where(
            Node.list_id == list_id,
            Node.hash >= code,
            Node.hash <= code.ljust(_HASH, _LAST),
        )
        .limit(1)
    ).first()
    if node is not None:
        return PostThread(node.hash, node.thread_id)
    kept = select(Post.thread).where(Post.list_id == list_id, Post.thread == code).limit(1)
    return PostThread(code) if session.scalar(kept) is not None else None


def of_letter(session: Session, lst: MailList, letter: IncomingLetter) -> FoundThread | None:
    """Return the thread that a letter names by a code or a link, else the one that it answers."""
    code = thread_words.code(f"{letter.subject}\n{letter.text}")
    if code:
        place = _placed(session, lst.id, code)
    else:
        place = thread_ways.of_mail(session, lst.id, letter.raw, letter.received_at)
    if place is None:
        return None
    found = named(session, lst, place)
    if found.subject or found.hash:
        return found
    return FoundThread(place, bare_subject(letter.subject), "")


def two_of_letter(
    session: Session, lst: MailList, letter: IncomingLetter
) -> tuple[FoundThread | None, str]:
    """Return the thread that a letter is about, and the mail of another that it names beside it.

    It is about the thread that it answers, else the first that it names; None where it names none
    besides.
    """
    codes = thread_words.codes(f"{letter.subject}\n{letter.text}")
    places = [one for one in (_placed(session, lst.id, code) for code in codes) if one is not None]
    place = thread_ways.of_mail(session, lst.id, letter.raw, letter.received_at)
    if place is None or len(places) > 1:
        place = places[0] if len(places) > 1 else None
    if place is None or not places:
        return None, ""
    return named(session, lst, place), places[-1].key


def named(session: Session, lst: MailList, place: PostThread) -> FoundThread:
    """Return a thread with what it is called, as members may read it."""
    row = session.get(Thread, place.row) if place.row else None
    if row is None or not row.hash:
        return FoundThread(place, "", "")
    shown = members_viewer(session, lst).line(row.hash, row.subject)
    return FoundThread(place, bare_subject(shown) or shown, row.hash)
