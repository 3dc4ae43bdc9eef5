"""What makes a copy personal, and who must not get one any more: the roof's word to the sender."""

import time
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from listserv import headers
from listserv.app import App
from mailer.ledger import ClaimedRow
from mailer.mailings import MailingView
from mailer.outgoing import Copy
from mailer.relay import read_relay
from mailer.sender import Sender, SenderSettings
from mailer.tokens import Keyring, Purpose
from subscriptions.audience import still_wanted


def make_sender(app: App) -> Sender:
    """Return a sender for this process, wired to the settings, tokens and memberships."""
    settings = app.settings.mailer
    return Sender(
        app.store,
        SenderSettings(
            relays=tuple(read_relay(url) for url in settings.relays),
            connections=settings.connections,
            hello=app.settings.listserv.domain,
            window=settings.intent_window,
            grace=settings.grace,
        ),
        personal=Personal(app.keyring),
        wanted=wanted,
        flights=app.data / "flight",
    )


class Personal:
    """Make the return path and the tokens of one recipient's copy (VERP, RFC 8058)."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def __call__(self, mailing: MailingView, row: ClaimedRow) -> Copy:
        """Return what is this recipient's own; ``row.ref`` is the membership."""
        name, _, domain = mailing.list_address.partition("@")
        bounce = self._keyring.standing(Purpose.BOUNCE, mailing.list_address, row.ref)
        leave = self._keyring.standing(Purpose.LEAVE, mailing.list_address, row.ref)
        return Copy(
            return_path=f"{name}-bounces+{bounce}@{domain}",
            values={headers.LEAVE: leave.encode("ascii")},
        )


def wanted(session: Session, rows: Sequence[ClaimedRow]) -> Mapping[int, str]:
    """Return the rows that must not be sent to any more, each with its reason."""
    reasons = still_wanted(session, [row.ref for row in rows], time.time())
    return {row.id: reasons[row.ref] for row in rows if row.ref in reasons}
