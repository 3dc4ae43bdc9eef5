"""Mail whoever posts: a welcome to a newcomer's first post, and solved questions like a new one.

Both are off unless the list says otherwise, go to the post's writer alone, once, in the
transaction that lets the post go, and are held by the writer's budget. SECURITY: nothing answers a
From that its own domain disowns; the mail goes to a member's address, and says what the archive
says.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.answers import own_words
from listserv.conversations import similar_questions
from listserv.letters.notices import face_of
from listserv.letters.request import language_of, write
from listserv.letters.visit import Visit
from listserv.reception.post_judging import JudgedPost
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Post
from mailer.reading.bodies import read
from mailer.reading.headers.head_facts import permalink_hash
from mailer.reading.message import text_of
from mailer.reading.subjects import bare_subject
from subscriptions.lists.roster import (
    Address,
    ArchivePolicy,
    MailList,
    Membership,
    MembershipState,
    membership_of,
)
from subscriptions.membership import optin

NEWCOMER = 90 * 86400.0  # seconds for which a member is one
LONGEST = 200_000  # bytes of a mail that is read for a question
SHOWN = 160  # characters of a subject


def say(app: App, session: Session, lst: MailList, judged: JudgedPost) -> None:
    """Mail the writer of a post that goes out what the list wants them told."""
    if not (lst.first_posts_welcomed or lst.answers_suggested) or judged.found.disowned:
        return
    if judged.arrival.handed_by is not None:  # the umbrella has said it, in its own name
        return
    author = judged.reading.authors[0] if len(judged.reading.authors) == 1 else ""
    member = membership_of(session, lst.id, author) if author else None
    if member is None or member.state is not MembershipState.ACTIVE:
        return
    visit = Visit(session, app, lst, judged.now, in_reply_to=judged.reading.message_id)
    if lst.first_posts_welcomed and _is_first(session, member, judged):
        _write(visit, member, judged, "member-first-post")
    if lst.answers_suggested and judged.begins:
        _suggest(visit, member, judged)


def _is_first(session: Session, member: Membership, judged: JudgedPost) -> bool:
    """Tell whether a newcomer has had no post on the list before this one."""
    if member.joined_at < judged.now - NEWCOMER:
        return False
    keys = select(Address.key).where(Address.person_id == member.person_id)
    before = select(Post.id).where(
        Post.list_id == member.list_id,
        Post.author.in_(keys),
        Post.mailing_id.is_not(None),
        Post.arrival_id != judged.arrival.id,
    )
    return session.scalar(before.limit(1)) is None


def _suggest(visit: Visit, member: Membership, judged: JudgedPost) -> None:
    """Name solved questions to whoever asks a new one."""
    reading = judged.reading
    if reading.trouble or len(reading.raw) > LONGEST or visit.lst.archive is ArchivePolicy.NONE:
        return
    text = own_words.read(read(reading.raw).quoted).whole
    subject = _subject(judged)
    if "?" not in text and "?" not in subject:
        return
    found = similar_questions.of_words(visit.session, visit.lst, subject, text)
    if found:
        page = face_of(visit.app, visit.lst).page
        similar = [{"subject": one.subject, "url": f"{page}t/{one.hash}/"} for one in found]
        _write(visit, member, judged, "member-similar", similar=similar)


def _write(visit: Visit, member: Membership, judged: JudgedPost, name: str, **more: object) -> None:
    to = optin.address_of(visit.session, member)
    if not visit.allow(to.key, name):
        return
    archived = visit.lst.archive is not ArchivePolicy.NONE
    hash_ = permalink_hash(judged.reading.message_id)
    context = {
        "subject": _subject(judged),
        "post_url": f"{face_of(visit.app, visit.lst).page}m/{hash_}/" if archived else "",
        **more,
    }
    write(visit, to, name, language_of(visit, to), member.id, context=context)


def _subject(judged: JudgedPost) -> str:
    subject = text_of(judged.reading.head.first("subject") or b"")
    return " ".join((bare_subject(subject) or subject).split())[:SHOWN]
