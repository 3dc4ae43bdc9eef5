"""Hear a post in which whoever asked says that it is solved ("Thanks Bo, solved!").

The post goes out as any other; its thread is marked, and its writer is told how to take that back.
SECURITY: a From line is enough, as for all that touches one thread and is undone by its receipt;
where SPF, DKIM or DMARC says "fail", nothing is marked.
"""

from sqlalchemy.orm import Session

from listserv.answers import own_words, solved_words
from listserv.conversations import solving, thread_lookup
from listserv.letters.visit import Visit
from listserv.mailings import thread_ways
from listserv.mailings.thread_ways import PostThread
from listserv.posts.facts import PostReading
from listserv.wiring.app import App
from mailer.authentication.verdict import Authentication
from mailer.reading.bodies import read
from subscriptions.lists.roster import MailList, membership_of
from subscriptions.permission import budget

LONGEST = 200_000  # bytes of a mail that is read for it


def says(reading: PostReading, found: Authentication) -> bool:
    """Tell whether a post says that it is solved."""
    if reading.trouble or len(reading.raw) > LONGEST:
        return False
    doubted = not found.aligned and "fail" in {found.spf, found.dkim, found.dmarc}
    return not doubted and solved_words.says_solved(own_words.read(read(reading.raw).quoted))


def heard(
    app: App,
    session: Session,
    lst: MailList,
    reading: PostReading,
    key: str,
    now: float,
) -> bool:
    """Mark the thread of the mail ``key`` where the post's writer asked; tell whether it was."""
    visit = Visit(session, app, lst, now, in_reply_to=reading.message_id)
    author = reading.authors[0] if len(reading.authors) == 1 else ""
    member = membership_of(visit.session, visit.lst.id, author) if author else None
    thread = PostThread(key, thread_ways.row_of(session, lst.id, key))
    found = thread_lookup.named(session, lst, thread)
    if member is None or not found.hash:
        return False
    if not solving.wrote(visit.session, member, thread.row, found.hash):
        return False
    if not budget.allow_thread(visit.session, author, now=visit.now):
        return False
    undo = solving.solve(visit, found, member)
    solving.tell(visit, member, found, "solved", undo)
    return True
