"""Find the thread of an answer that names no mail: by "Re:" and its subject, or by Outlook's marks.

Knows that Outlook writes the topic of a talk into Thread-Topic, and into Thread-Index more than
the 22 bytes of a first mail. A guess: it looks at what is archived here, at talks that were alive
in the ``WITHIN`` before, and never joins a mail that does not say that it answers. The mail
itself, and its copies, stay as they are.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.filing import mail_threading
from archive.filing.mail_threading import Placed
from archive.filing.thread_rows import MailToThread
from archive.threads.archive_tables import Message, Thread
from mailer.reading.headers.head_facts import DAY, clamp_date, read_head
from mailer.reading.headers.header_search import search_header, wanted
from mailer.reading.subjects import is_answer, topic
from subscriptions.lists.roster import MailList

WITHIN = 30 * DAY  # between the last word of a talk and an answer that names none of its mails
THREADS = 400  # of a list that are looked at, the youngest first
FIRST = 22  # bytes of Thread-Index in the first mail of a talk ([MS-OXOMSG] 2.2.1.3)
_WANTED = wanted("thread-topic", "thread-index")


def answers_something(mail: MailToThread) -> bool:
    """Tell whether a mail says that it answers, and not what."""
    return not mail.head.references and bool(_topic(mail))


def with_parent(session: Session, list_id: int, mail: MailToThread) -> MailToThread:
    """Return the mail with the first mail of the talk that it seems to answer, if there is one."""
    said = _topic(mail)
    if mail.head.references or not said:
        return mail
    date = clamp_date(mail.head.date, mail.arrival)
    talks = session.execute(
        select(Thread.hash, Thread.subject)
        .where(
            Thread.list_id == list_id,
            Thread.last >= date - WITHIN,
            Thread.first <= date,
            Thread.size > 0,
        )
        .order_by(Thread.last.desc())
        .limit(THREADS)
    )
    found = next((hash_ for hash_, subject in talks if topic(subject) == said), None)
    first = found and session.scalar(
        select(Message.message_id).where(Message.list_id == list_id, Message.hash == found)
    )
    if not first or first == mail.head.message_id:
        return mail
    return replace(mail, head=replace(mail.head, references=(first,)))


def place(
    session: Session, lst: MailList, raw: bytes, sha: bytes, received_at: float, answers: str = ""
) -> Placed:
    """Place one mail that has just come, below what it seems to answer where it does not say."""
    mail = MailToThread(raw, sha, received_at, read_head(raw))
    return place_all(session, lst, [(mail, answers)])[0]


def place_all(
    session: Session, lst: MailList, mails: Sequence[tuple[MailToThread, str]]
) -> list[Placed]:
    """Place mails that have just come, in their order; return what became of each.

    Beside each stands the Message-ID that it answers by its address, "" where none. They go
    together, but for one that seems to answer: what came before it is looked at.
    """
    placed: list[Placed] = []
    ready: list[MailToThread] = []
    for mail, answers in mails:
        if not answers and answers_something(mail):
            placed += mail_threading.place_many(session, lst, ready)
            ready = [with_parent(session, lst.id, mail)]
        else:
            ready.append(mail_threading.below(mail, answers))
    return placed + mail_threading.place_many(session, lst, ready)


def _topic(mail: MailToThread) -> str:
    """Return the topic that a mail says it answers, "" where it says nothing like that."""
    if is_answer(mail.head.subject):
        return topic(mail.head.subject)
    marks = search_header(mail.raw, _WANTED)
    index = marks.first("thread-index") or b""
    try:
        deep = len(base64.b64decode(b"".join(index.split()), validate=True)) > FIRST
    except binascii.Error:
        return ""
    return topic(marks.text("thread-topic")) if deep else ""
