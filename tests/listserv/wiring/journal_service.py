"""A service with a journal, opened, backed up and restored."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy.orm import Session

from listserv.cli.main import krets
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage import journal
from subscriptions.lists.roster import Address, find_list, membership_of
from subscriptions.membership import bouncing
from subscriptions.membership.bouncing import BounceReport
from subscriptions.membership.changes import ChangeContext
from subscriptions.permission import suppression
from subscriptions.permission.consent import ConsentNote, Source
from subscriptions.permission.suppression import Reason

LIST = "friends@lists.example.org"
NAMES = ("anna", "boris", "chiara", "dora", "elena", "frans")
DAY = 86400.0
NOTE = ConsentNote("yes", Source.MAIL, confirmed_by="reply")
Opened = Callable[[str], "Service"]


class Service:
    """One data folder, worked on by commands and by what the doors call."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.place = {"KRETS_MAILER__DATA": str(folder), "KRETS_MAILER__DATABASE": database}
        self.folder = folder
        self.app = App(load(self.place))
        self.journal = folder / journal.NAME

    def run(self, *words: str) -> Result:
        self.app.close()
        return CliRunner().invoke(krets, words, env=self.place)

    def done(self, *words: str) -> Result:
        told = self.run(*words)
        assert told.exit_code == 0, told.output
        return told

    def desk(self, session: Session, now: float) -> ChangeContext:
        lst = find_list(session, LIST)
        assert lst is not None
        return ChangeContext(session, lst, self.app.keyring, NOTE, now)

    def put(self, name: str, state: str) -> None:
        words = ("--consent", "told us") if state == "active" else ()
        self.done("member", "set", LIST, f"{name}@x.org", "--state", state, *words)

    def complain(self, name: str, now: float) -> str:
        return self.bounce(name, BounceKind.COMPLAINT, now)

    def bounce(self, name: str, kind: BounceKind, now: float) -> str:
        with self.app.store.write() as session:
            desk = self.desk(session, now)
            member = membership_of(session, desk.lst.id, f"{name}@x.org")
            assert member is not None
            return bouncing.take(desk, member, BounceReport(kind, "5.1.1"))

    def give_up(self, name: str, now: float) -> None:
        with self.app.store.write() as session:
            desk = self.desk(session, now)
            member = membership_of(session, desk.lst.id, f"{name}@x.org")
            assert member is not None
            address = session.get_one(Address, member.address_id)
            assert bouncing.give_up(desk, address, BounceReport(BounceKind.DEAD, "5.1.1"))

    def states(self) -> dict[str, str]:
        told = json.loads(self.done("member", "ls", LIST, "--json").stdout)
        return {one["email"].partition("@")[0]: one["state"] for one in told}

    def barred(self, name: str) -> set[Reason]:
        with self.app.store.read() as session:
            key = f"{name}@x.org"
            hashed = suppression.hashed(self.app.keyring, key)
            return {
                reason
                for reason in Reason
                for one in (key, hashed)
                if suppression.has(session, one, reason)
            }
