"""Wishes to be forgotten: taken at once, carried out beside other work, whole or again.

    forgetting.ask(session, app.keyring, member_key, how="button", now=now)   # then ring "erase"
    forgetting.carry_out(app, now)                                            # what the bell does

Reading every kept mail takes seconds (person_erasure.py), so a page must not wait for it. The wish
ends every membership in its own transaction, so that nothing more is sent; its row goes in the very
transaction that erases the rest, so a worker that is killed leaves it for the next one.
"""

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.membership import person_erasure
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Erasure
from mailer.errors import KretsError
from mailer.storage import journal
from mailer.storage.journal import JournalWord
from mailer.storage.store import insert_or_ignore
from mailer.storage.tokens import Keyring
from subscriptions.lists.roster import Address, MailList, Membership
from subscriptions.membership import changes
from subscriptions.membership.changes import ChangeContext
from subscriptions.permission.consent import ConsentNote, Source

LATER = 3600.0  # seconds until an erasure that failed is tried again
_log = structlog.get_logger("krets.forgetting")


def ask(session: Session, keyring: Keyring, key: str, *, how: str, now: float) -> None:
    """Take the wish of whoever owns the address ``key``, and send them nothing more from now on."""
    row = {"address_key": key, "how": how, "asked_at": now, "due": now}
    session.execute(insert_or_ignore(session, Erasure), [row])
    journal.note(session, JournalWord.FORGOTTEN, key)
    theirs = session.execute(
        select(Membership, MailList)
        .join(MailList, MailList.id == Membership.list_id)
        .join(Address, Address.person_id == Membership.person_id)
        .where(Address.key == key)
    )
    note = ConsentNote("", Source.WEB, confirmed_by=how)
    for member, lst in theirs.all():
        changes.leave(ChangeContext(session, lst, keyring, note, now), member)


def waiting(session: Session, now: float) -> Erasure | None:
    """Return the oldest wish that is due."""
    due = select(Erasure).where(Erasure.due <= now).order_by(Erasure.asked_at).limit(1)
    return session.scalars(due).first()


def carry_out(app: App, now: float) -> None:
    """Forget everybody who has asked for it; one process at a time does this."""
    with app.store.alone("erase") as ours:
        while ours:
            with app.store.read() as session:
                wish = waiting(session, now)
            if wish is None:
                return
            note = ConsentNote("", Source.WEB, confirmed_by=wish.how)
            try:
                person_erasure.forget(app, wish.address_key, note=note, now=now)
            except KretsError:
                raise
            except Exception:  # noqa: BLE001 - a door: one wish must not stop the others
                _log.exception("somebody could not be forgotten yet", asked_at=wish.asked_at)
                _put_off(app, wish.address_key, now + LATER)
            else:
                _log.info("somebody was forgotten", asked_at=wish.asked_at)


def _put_off(app: App, key: str, until: float) -> None:
    with app.store.write() as session:
        row = session.get(Erasure, key)
        if row is not None:
            row.due = until
