"""Tell owners and writer that many servers refused a post, and send it once more on request.

    look(app, now)                       what nobody has heard of yet; the clock calls it
    resend(visit, ask, member, proof)    an owner has said yes

They hear which provider said what, and never about whom. Sent again it goes to those alone whose
servers refused it, with the list as its sender (writer_alias): their own domain's policy, which is
what servers enforce, speaks of the writer. A kill between two mails repeats none: the row says who
was told, in the transaction of the mails.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from listserv.letters import writer_alias
from listserv.letters.request import AnswerProof, Visit, language_of, question, tell
from listserv.letters.writer_alias import Alias
from listserv.membership import relay_refusals
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Post
from mailer.client.smtp_transaction import UNCARRIED
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, Recipient, RecipientState
from mailer.ledger.splice import Segments
from mailer.reading import message
from mailer.reading.addresses import MailAddress, nameless, parse
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from subscriptions.audience.audience import still_wanted
from subscriptions.lists.roster import Membership, MembershipState, Role, find_list, membership_of
from subscriptions.membership import optin, refused_mailings
from subscriptions.membership.bouncing import Bounced
from subscriptions.membership.refused_mailings import RefusedMailing
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskPurpose

EVERY = 30  # seconds between two looks
SAID = 8  # different answers that a mail quotes
EXPIRES = 5 * 86400.0
_LOOKS_AFTER = (Role.OWNER, Role.MODERATOR)
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


@dataclass(frozen=True, slots=True)
class RefusedCopy:
    """Say whose copy of a post was refused, by which provider, in which words."""

    row: Recipient
    said: str


def look(app: App, now: float) -> int:
    """Tell of every post that many refused; return of how many."""
    with app.store.read() as session:
        found = refused_mailings.waiting(session, now)
    for mailing_id in found:
        with app.store.write() as session:
            _tell(session, app, mailing_id, now)
    if found:
        app.ring("deliver")
    return len(found)


def refused_copies(session: Session, mailing_id: int) -> list[RefusedCopy]:
    """Return the copies that servers refused for the post's words or its sender."""
    rows = session.scalars(
        select(Recipient)
        .where(Recipient.mailing_id == mailing_id, Recipient.state == RecipientState.REFUSED)
        .order_by(Recipient.id)
    )
    found = {}
    for row in rows:
        judged = relay_refusals.judge(row.code, row.reason)
        if judged.kind in refused_mailings.OURS and not row.reason.startswith(UNCARRIED):
            found[row.ref] = RefusedCopy(row, f"{row.code} {row.reason}")
    back = session.execute(
        select(Bounced.said, Recipient)
        .join(
            Recipient,
            (Recipient.ref == Bounced.membership_id) & (Recipient.mailing_id == mailing_id),
        )
        .where(Bounced.mailing_id == mailing_id, Bounced.kind.in_(refused_mailings.OURS))
        .order_by(Bounced.id)
    )
    for said, row in back:
        found.setdefault(row.ref, RefusedCopy(row, said))
    return list(found.values())


def _tell(session: Session, app: App, mailing_id: int, now: float) -> None:
    row = session.get(RefusedMailing, mailing_id, with_for_update=True)
    if row is None or row.told_at is not None:
        return
    row.told_at = now
    mailing = session.get_one(Mailing, mailing_id)
    post = session.scalar(select(Post).where(Post.mailing_id == mailing_id))
    lst = find_list(session, mailing.list_address)
    found = refused_copies(session, mailing_id)
    if post is None or lst is None or len(found) < refused_mailings.MANY:
        return
    visit = Visit(session, app, lst, now)
    head = _head_of(session, post)
    context: dict[str, object] = {
        "subject": message.text_of(head.first("subject") or b"")[:200],
        "author": writer_alias.writer_of(head)[0] or post.author,
        "refusals": len(found),
        "said": _said(found),
        "offered": not _is_munged(visit, mailing_id),
    }
    for owner in optin.owners_of(session, lst):
        _tell_owner(visit, owner, mailing_id, context)
    author = membership_of(session, lst.id, post.author) if post.author else None
    if author is not None and author.state in _HERE:
        to = optin.address_of(session, author)
        if budget.allow(session, to.key, kind="member-many-refused", now=now):
            language = language_of(visit, to)
            tell(visit, to, "member-many-refused", language, author.id, **context)


def _tell_owner(
    visit: Visit, owner: Membership, mailing_id: int, context: dict[str, object]
) -> None:
    to = optin.address_of(visit.session, owner)
    if not context["offered"]:
        tell(visit, to, "owner-many-refused", language_of(visit, to), owner.id, **context)
        return
    question(
        visit,
        AskPurpose.RESEND,
        to=to,
        name="owner-many-refused",
        language=language_of(visit, to),
        ref=mailing_id,
        member=owner.id,
        context=context,
    )


def _said(found: Sequence[RefusedCopy]) -> list[tuple[str, int, str]]:
    """Return the most frequent answers: provider, of how many copies, its words without names."""
    counted = Counter((one.row.bucket, nameless(one.said)[:200]) for one in found)
    return [(provider, many, words) for (provider, words), many in counted.most_common(SAID)]


def _head_of(session: Session, post: Post) -> message.MessageHeader:
    arrival = session.get(Arrival, post.arrival_id)
    raw = get_raw(session, arrival.raw_sha) if arrival is not None else None
    return message.head(raw or b"")


def _is_munged(visit: Visit, mailing_id: int) -> bool:
    copy = _any_composition(visit.session, mailing_id)
    if copy is None:
        return True  # nothing is kept that could be sent again
    head = message.head(b"".join(copy.parts))
    return writer_alias.is_alias(head, visit.app.keyring, *visit.lst.addresses)


def _any_composition(session: Session, mailing_id: int) -> Segments | None:
    variant = session.scalar(
        select(Recipient.variant).where(Recipient.mailing_id == mailing_id).limit(1)
    )
    return None if variant is None else mailings.composition(session, mailing_id, variant)


def resend(visit: Visit, ask: Ask, proof: AnswerProof) -> str:
    """Send a refused post once more to those alone who did not get it, as from the list."""
    session, to = visit.session, parse(ask.given)
    owner = membership_of(session, visit.lst.id, ask.address_key)
    if not asks.spend(session, ask.id, how=proof.how, now=visit.now):
        return "late: used"
    if owner is None or owner.state not in _HERE or owner.role not in _LOOKS_AFTER:
        return "not an owner's"
    row = session.get(RefusedMailing, ask.ref, with_for_update=True)
    post = session.scalar(select(Post).where(Post.mailing_id == ask.ref))
    if row is None or post is None or row.resent_at is not None:
        return "late: sent again"
    row.resent_at = visit.now
    many = _send_again(visit, post, ask.ref)
    for other in asks.supersede(session, AskPurpose.RESEND, ask.ref, now=visit.now):
        _receipt(visit, parse(other.given), many)
    _receipt(visit, to, many)
    return f"sent again to {many}"


def _receipt(visit: Visit, to: MailAddress, many: int) -> None:
    member = membership_of(visit.session, visit.lst.id, to.key)
    number = member.id if member is not None else 0
    tell(visit, to, "owner-resent", language_of(visit, to), number, copies=many)


def _send_again(visit: Visit, post: Post, mailing_id: int) -> int:
    session, lst = visit.session, visit.lst
    before = session.get_one(Mailing, mailing_id)
    found = [one.row for one in refused_copies(session, mailing_id)]
    gone = still_wanted(session, [row.ref for row in found], visit.now)
    rows = [row for row in found if row.ref not in gone]
    alias = writer_alias.make(
        session, visit.app.keyring, lst, _head_of(session, post), post.arrival_id
    )
    copies = {
        variant: _as_from(copy, alias)
        for variant in {row.variant for row in rows}
        if (copy := mailings.composition(session, mailing_id, variant)) is not None
    }
    rows = [row for row in rows if row.variant in copies]
    if not rows:
        return 0
    number = mailings.create_mailing(
        session,
        kind=before.kind,
        list_address=before.list_address,
        message_id=before.message_id,
        policy=before.policy,
        compositions=copies,
        created=visit.now,
        expires_at=visit.now + EXPIRES,
    )
    kept = ("ref", "address", "bucket", "variant")
    again = [{name: getattr(row, name) for name in kept} for row in rows]
    session.execute(
        insert(Recipient), [one | {"mailing_id": number, "due": visit.now} for one in again]
    )
    mailings.open_mailing(session, number, now=visit.now)
    return len(rows)


def _as_from(copy: Segments, alias: Alias) -> Segments:
    """Return a composed copy with ``alias`` in From; its slots stay where they are."""
    marks = [secrets.token_hex(16).encode() for _ in copy.slots]
    whole = copy.parts[0]
    for mark, part in zip(marks, copy.parts[1:], strict=True):
        whole += mark + part
    changed = writer_alias.munged(whole, message.head(whole), alias)
    parts = []
    for mark in marks:
        part, _, changed = changed.partition(mark)
        parts.append(part)
    return Segments((*parts, changed), copy.slots)
