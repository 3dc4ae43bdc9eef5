"""Split a thread and merge two, by a moderator's word; and put what was moved back.

    before = thread_moving.split(session, lst, hash_, "Tools", now)
    thread_moving.put_back(session, lst, hash_, before)

A mail is moved with all its answers, those to come as well. Rows only: the pages follow, and the
addresses of pages that went lead on (archive/pages/listing.py).
"""

import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from archive.filing import mail_threading
from archive.threads.archive_tables import Message, Node, Thread
from archive.threads.moved_mails import SUBJECT, MovedMail
from archive.threads.thread_tree import cut_loops
from mailer.errors import Refused
from subscriptions.lists.roster import MailList


@dataclass(frozen=True, slots=True)
class MoveBefore:
    """Hold what a moderator had said of a mail before: nothing (``said`` is False), or where to."""

    said: bool = False
    parent: str = ""
    subject: str = ""


def split(session: Session, lst: MailList, hash_: str, subject: str, now: float) -> MoveBefore:
    """Let a mail begin a thread of its own, under ``subject`` ("" for its own); return the past.

    Raise Refused where it is not here, or begins its thread already.
    """
    node = _node(session, lst, hash_)
    first = session.scalar(select(Thread.hash).where(Thread.id == node.thread))
    if not node.present or first == hash_:
        raise Refused("This mail begins its thread already.", key="thread-begins")
    return _say(session, lst, node, "", subject, now)


def merge(session: Session, lst: MailList, hash_: str, below: str, now: float) -> MoveBefore:
    """Let the thread in which a mail stands go on below the mail ``below``; return the past.

    Raise Refused where both are one thread, or either is not here.
    """
    node, other = _node(session, lst, hash_), _node(session, lst, below)
    if node.thread == other.thread:
        raise Refused("These two are one thread already.", key="thread-one")
    if not other.present:
        raise Refused("The archive does not have the other thread.", key="no-thread")
    return _say(session, lst, _root(session, node), below, "", now)


def root_of(session: Session, lst: MailList, hash_: str) -> str:
    """Return the place at the top of the thread in which a mail stands."""
    return _root(session, _node(session, lst, hash_)).hash


def put_back(session: Session, lst: MailList, hash_: str, before: MoveBefore) -> MoveBefore:
    """Let a mail stand as ``before`` says, or as it says itself; return what was said till now."""
    if before.said:
        node = _node(session, lst, hash_)
        return _say(session, lst, node, before.parent, before.subject, time.time())
    row = session.get(MovedMail, (lst.id, hash_))
    if row is None:
        return MoveBefore()
    now = MoveBefore(said=True, parent=row.parent, subject=row.subject)
    parent = row.was or None
    session.delete(row)
    _stand(session, lst, hash_, parent)
    return now


def moved_above(session: Session, lst: MailList, hash_: str) -> str:
    """Return the nearest mail, from ``hash_`` up, that a moderator moved; "" for none."""
    here: str | None = hash_
    seen: set[str] = set()
    while here and here not in seen:
        seen.add(here)
        if session.get(MovedMail, (lst.id, here)) is not None:
            return here
        here = session.scalar(select(Node.parent).where(Node.list_id == lst.id, Node.hash == here))
    return ""


@dataclass(frozen=True, slots=True)
class _Spot:
    """Hold a node as it stands."""

    hash: str
    thread: int
    parent: str | None
    present: bool


def _spots(session: Session, *where: ColumnElement[bool]) -> list[_Spot]:
    rows = session.execute(
        select(Node.hash, Node.thread_id, Node.parent, Node.present).where(*where)
    )
    return [_Spot(*row) for row in rows]


def _node(session: Session, lst: MailList, hash_: str) -> _Spot:
    found = _spots(session, Node.list_id == lst.id, Node.hash == hash_)
    if not found:
        raise Refused("The archive does not have this thread.", key="no-thread")
    return found[0]


def _root(session: Session, node: _Spot) -> _Spot:
    """Return the node at the top of a node's thread, the way its page is ordered."""
    rows = _spots(session, Node.thread_id == node.thread)
    dates = session.execute(
        select(Message.hash, Message.date).where(Message.thread_id == node.thread)
    )
    claims = {row.hash: row.parent for row in rows}
    parents = cut_loops(claims, {row.hash: (row.date, row.hash) for row in dates})
    here = node.hash
    while (above := parents[here]) is not None:
        here = above
    return next(row for row in rows if row.hash == here)


def _say(
    session: Session, lst: MailList, node: _Spot, parent: str, subject: str, now: float
) -> MoveBefore:
    row = session.get(MovedMail, (lst.id, node.hash))
    before = MoveBefore()
    if row is not None:
        before = MoveBefore(said=True, parent=row.parent, subject=row.subject)
        row.parent, row.subject, row.at = parent, subject[:SUBJECT], now
    else:
        session.add(
            MovedMail(
                list_id=lst.id, hash=node.hash, parent=parent, subject=subject[:SUBJECT],
                was=node.parent or "", at=now,
            )
        )  # fmt: skip
    _stand(session, lst, node.hash, parent or None)
    return before


def _stand(session: Session, lst: MailList, hash_: str, parent: str | None) -> None:
    session.flush()
    mail_threading.stand(session, lst, hash_, parent)
    session.expire_all()  # rows were written past the objects that stand for them
