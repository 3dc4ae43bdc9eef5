"""What makes a copy personal, and who must not get one any more: the roof's word to the sender."""

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv import headers, signing
from listserv.app import App
from listserv.notices import KIND, LAST_WORD
from mailer.addresses import parse
from mailer.ledger import ClaimedRow
from mailer.mailings import Mailing, MailingView
from mailer.outgoing import Copy
from mailer.relay import read_relay
from mailer.sender import Sender, SenderSettings
from mailer.tokens import Keyring, Purpose
from subscriptions import suppression
from subscriptions.audience import still_wanted
from subscriptions.suppression import Reason


def make_sender(app: App, sharing: int = 1) -> Sender:
    """Return a sender for this process, wired to the settings, tokens and memberships.

    ``mailer.connections`` is shared out among the ``sharing`` senders of one process tree.
    """
    settings = app.settings.mailer
    return Sender(
        app.store,
        SenderSettings(
            relays=tuple(read_relay(url) for url in settings.relays),
            connections=max(1, settings.connections // sharing),
            hello=app.settings.listserv.domain,
            window=settings.intent_window,
            grace=settings.grace,
        ),
        personal=Personal(app.keyring),
        wanted=wanted,
        stamping=signing.stamping(app.settings),
        flights=app.data / "flight",
    )


class Personal:
    """Make the return path and the tokens of one recipient's copy (VERP, RFC 8058)."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def __call__(self, mailing: MailingView, row: ClaimedRow) -> Copy:
        """Return what is this recipient's own; ``row.ref`` is the membership."""
        name, _, domain = mailing.list_address.partition("@")
        if row.ref <= 0:  # a notice to somebody who is no member
            return Copy(return_path=f"{name}-bounces@{domain}", values={})
        bounce = self._keyring.standing(Purpose.BOUNCE, mailing.list_address, row.ref)
        leave = self._keyring.standing(Purpose.LEAVE, mailing.list_address, row.ref)
        return Copy(
            return_path=f"{name}-bounces+{bounce}@{domain}",
            values={headers.LEAVE: leave.encode("ascii")},
        )


def wanted(session: Session, rows: Sequence[ClaimedRow]) -> Mapping[int, str]:
    """Return the rows that must not be sent to any more, each with its reason."""
    notices = _notices(session, {row.mailing_id for row in rows})
    letters = [row for row in rows if row.mailing_id in notices]
    copies = [row for row in rows if row.mailing_id not in notices]
    reasons = still_wanted(session, [row.ref for row in copies], time.time()) if copies else {}
    unwanted = {row.id: reasons[row.ref] for row in copies if row.ref in reasons}
    return unwanted | _silenced(session, letters)


def _notices(session: Session, mailing_ids: set[int]) -> set[int]:
    found = select(Mailing.id).where(Mailing.id.in_(mailing_ids), Mailing.kind == KIND)
    return set(session.scalars(found))


def _silenced(session: Session, rows: Sequence[ClaimedRow]) -> dict[int, str]:
    """Return the notices to people who said "never mail me"; a notice asks for no membership."""
    if not rows:
        return {}
    keys = {row.id: parse(row.address).key for row in rows if row.ref != LAST_WORD}
    never = suppression.suppressed(session, set(keys.values()), Reason.NEVER)
    return {row: Reason.NEVER.value for row, key in keys.items() if key in never}
