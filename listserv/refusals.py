"""Weigh what relays refuse as bounces are weighed: a 5xx at the relay is a bounce, too.

Reads the rows that stand beside the ledger's marks (mailer/refusals.py) and knows whose copy it
was. Only what speaks of the address counts; policy and content speak of us. A deferral that
expired counts too, but kills nobody: its last answer was "later".
"""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.app import App
from listserv.visit import Proof, Visit
from mailer import bounces, refusals
from mailer.addresses import parse
from mailer.mailings import Mailing, Recipient
from mailer.reasons import Kind
from mailer.refusals import Told
from subscriptions import bouncing
from subscriptions.consent import Source
from subscriptions.optin import address_of
from subscriptions.roster import Membership, find_list

CHUNK = 20  # refusals a transaction: some 10 ms on SQLite
_EXPIRED = "expired: "


def weigh(app: App, until: Callable[[], bool]) -> bool:
    """Weigh what was refused until ``until`` says stop; return whether more waits."""
    while not until():
        with app.store.write() as session:
            taken = refusals.take(session, CHUNK)
            for told in taken:
                _weigh(session, app, told)
        if len(taken) < CHUNK:
            return False
    return True


def judge(code: int, reason: str) -> bounces.Bounce:
    """Read a relay's answer, as it stands in the ledger; one that was put off is never dead."""
    late = reason.startswith(_EXPIRED)
    found = bounces.said(f"{code} {reason.removeprefix(_EXPIRED)}")
    if late and found.kind is Kind.DEAD:
        return bounces.Bounce(Kind.TEMPORARY, found.recipient, found.status, found.text)
    return found


def _weigh(session: Session, app: App, told: Told) -> str:
    bounce = judge(told.code, told.reason)
    if bounce.kind not in bouncing.WEIGHTS:
        return "not-counted"
    row = session.execute(
        select(Recipient.ref, Recipient.address, Mailing.list_address, Mailing.message_id)
        .join(Mailing, Mailing.id == Recipient.mailing_id)
        .where(Recipient.id == told.recipient)
    ).one_or_none()
    member = session.get(Membership, row.ref) if row is not None and row.ref > 0 else None
    lst = find_list(session, row.list_address) if row is not None else None
    if row is None or member is None or lst is None or member.list_id != lst.id:
        return "nobody"
    if parse(address_of(session, member).given).wire != row.address:
        return "another-address"  # theirs of before, or a letter about them to somebody else
    visit = Visit(session=session, app=app, lst=lst, now=told.at)
    note = Proof(Source.BOUNCE, f"{bounce.kind} at the relay").note()
    return bouncing.take(
        visit.desk(note),
        member,
        bounce.kind,
        status=bounce.status or str(told.code),
        about=row.message_id,
        raw_sha=None,
    )
