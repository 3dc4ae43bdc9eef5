"""Weigh what relays refuse as bounces are weighed: a 5xx at the relay is a bounce, too.

Reads the rows that stand beside the ledger's marks (mailer/ledger/refusals.py) and knows whose copy
it was. Only what speaks of the address counts; policy and content speak of us. A deferral that
expired counts too, but kills nobody: its last answer was "later".
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.letters.notices import PROBE
from listserv.letters.request import AnswerProof, Visit
from listserv.wiring.app import App
from mailer.client.smtp_transaction import UNCARRIED
from mailer.ledger import refusals
from mailer.ledger.mailings import Mailing, Recipient
from mailer.ledger.refusals import RelayRefusal
from mailer.reading import bounces
from mailer.reading.addresses import parse
from mailer.reading.bounce_reasons import BounceKind
from subscriptions.lists.roster import Address, MailList, Membership, get_list
from subscriptions.membership import bouncing, refused_mailings
from subscriptions.membership.bouncing import BounceReport
from subscriptions.permission.consent import Source

CHUNK = 50  # refusals a transaction: 7 ms of work
_EXPIRED = "expired: "


class Whose(NamedTuple):
    """Say whose copy was refused, where that member is still mailed at that address."""

    recipient: int
    mailing: int
    list_address: str
    member: int
    at: int  # the row of the address
    kind: str  # of the mailing


def weigh(app: App, until: Callable[[], bool]) -> bool:
    """Weigh what was refused until ``until`` says stop; return whether more waits."""
    while not until():
        with app.store.write() as session:
            taken = refusals.take(session, CHUNK)
            _weigh(session, app, taken)
        if len(taken) < CHUNK:
            return False
    return True


def judge(code: int, reason: str) -> bounces.Bounce:
    """Read a relay's answer, as it stands in the ledger; one that was put off is never dead."""
    late = reason.startswith(_EXPIRED)
    found = bounces.said(f"{code} {reason.removeprefix(_EXPIRED)}")
    if late and found.kind is BounceKind.DEAD:
        return bounces.Bounce(BounceKind.TEMPORARY, found.recipient, found.status, found.text)
    return found


def _weigh(session: Session, app: App, taken: Sequence[RelayRefusal]) -> None:
    """Enter those that count, all at once; an address that was asked itself is given up."""
    judged = [(told, judge(told.code, told.reason)) for told in taken]
    _note_ours(session, judged)
    counting = [(told, found) for told, found in judged if found.kind in bouncing.WEIGHTS]
    if not counting:
        return
    whose = {one.recipient: one for one in _whose(session, [t.recipient for t, _ in counting])}
    rows = []
    for told, found in counting:
        one = whose.get(told.recipient)
        if one is None:
            continue
        report = BounceReport(found.kind, found.status or str(told.code), found.said)
        if one.kind == PROBE:
            visit = Visit(session, app, get_list(session, one.list_address), told.at)
            note = AnswerProof(Source.BOUNCE, f"{found.kind} at the relay").note()
            member = session.get_one(Membership, one.member)
            bouncing.take_answer(visit.desk(note), member, report)
        else:
            rows.append(bouncing.row(one.member, one.at, told.at, report, one.mailing))
    bouncing.enter(session, rows)
    bouncing.doubt(session, rows, max(told.at for told in taken))


def _note_ours(session: Session, judged: Sequence[tuple[RelayRefusal, bounces.Bounce]]) -> None:
    """Count what was refused for a post's own sake, whoever it was for."""
    ours = [
        told
        for told, found in judged
        if found.kind in refused_mailings.OURS and not told.reason.startswith(UNCARRIED)
    ]
    if not ours:
        return
    posts = dict(
        session.execute(
            select(Recipient.id, Recipient.mailing_id)
            .join(Mailing, Mailing.id == Recipient.mailing_id)
            .where(Recipient.id.in_([told.recipient for told in ours]), Mailing.kind == "post")
        ).all()
    )
    found = Counter(posts[told.recipient] for told in ours if told.recipient in posts)
    refused_mailings.note(session, found, max(told.at for told in ours))


def _whose(session: Session, recipients: Sequence[int]) -> Iterator[Whose]:
    """Leave out letters to no member, and to an address that is not the member's (any more)."""
    found = session.execute(
        select(
            Recipient.id, Mailing.id, Mailing.list_address, Membership.id, Recipient.address,
            Address.given, Address.id, Mailing.kind,
        )
        .join(Mailing, Mailing.id == Recipient.mailing_id)
        .join(Membership, Membership.id == Recipient.ref)
        .join(Address, Address.id == Membership.address_id)
        .join(MailList, MailList.id == Membership.list_id)
        .where(
            Recipient.id.in_(recipients),
            MailList.name + "@" + MailList.domain == Mailing.list_address,
        )
    )  # fmt: skip
    for recipient, mailing, list_address, member, address, given, row, kind in found:
        if parse(given).wire == address:
            yield Whose(recipient, mailing, list_address, member, row, kind)
