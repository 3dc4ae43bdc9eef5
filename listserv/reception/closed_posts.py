"""Tell whoever answers a closed thread that their mail did not go out, and how to say it anyway.

SECURITY: the answer goes to the address in From, within its budget, and never to a machine nor to
an address whose own domain disowns the mail.
"""

from sqlalchemy.orm import Session

from listserv.letters.incoming_letter import author_of
from listserv.letters.request import language_of, write
from listserv.letters.visit import Visit
from listserv.membership import joining
from listserv.moderation.decisions import HERE
from listserv.posts.rules import Decision
from listserv.reception.post_judging import JudgedPost
from listserv.wiring.app import App
from mailer.door.callers import source_of
from mailer.reading.message import text_of
from mailer.reading.subjects import bare_subject
from subscriptions.lists.roster import MailList, membership_of
from subscriptions.permission import budget


def tell(app: App, session: Session, lst: MailList, judged: JudgedPost) -> None:
    """Mail a post's writer that its thread is closed, where that is what refused it."""
    if not judged.known.thread_closed or judged.verdict.decision is not Decision.REFUSE:
        return
    _, to = author_of(judged.reading.head)
    silent = judged.known.automatic or judged.found.disowned
    if to is None or silent or lst.owns(to.key):
        return
    vouched = to.key if judged.found.aligned else ""
    visit = Visit(
        session, app, lst, judged.now, source=source_of(judged.arrival.client) or budget.NOBODY,
        in_reply_to=judged.reading.message_id, vouched=vouched,
    )  # fmt: skip
    if not visit.allow(to.key, "poster-closed"):
        return
    subject = bare_subject(text_of(judged.reading.head.first("subject") or b""))
    context: dict[str, object] = {"subject": " ".join(subject.split())[:160]}
    member = membership_of(session, lst.id, to.key)
    if member is not None and member.state in HERE:
        write(visit, to, "poster-closed", language_of(visit, to), member.id, context=context)
    else:
        joining.offer(visit, to, "poster-closed", context=context)
