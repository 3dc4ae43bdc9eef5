"""One installation without sockets: letters come in, are read, and answers stand in the ledger."""

import email
import email.header
import itertools
import re
from email.message import Message
from pathlib import Path

from sqlalchemy import select

from listserv.moderation import moderator_mail
from listserv.reception import sorter
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from listserv.wiring.listserv_tables import Hold
from listserv.wiring.listserv_tables import Post as Decided
from mailer.ledger.mailings import Mailing, Recipient, composition
from mailer.reading import addresses
from mailer.reading.flowed import unflow
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source
from tests.zone import people_zone

LIST = "friends@example.org"
OWNER, MODERATOR, ANNA, EVE = (
    "olga@example.se", "mats@example.net", "anna@example.net", "eve@example.com",
)  # fmt: skip
NOTE = ConsentNote("Signed the paper list at the door.", Source.CLI)


class Place:
    """One installation without sockets: what comes in, and what would go out."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._numbers = itertools.count(1)

    def add(
        self, address: str, role: Role = Role.MEMBER, language: str = "", lst: str = LIST
    ) -> None:
        who = Candidate(addresses.parse(address), role=role, language=language, consent=NOTE)
        with self.app.store.write() as session:
            on = roster.get_list(session, lst)
            add_member(session, on, who, keyring=self.app.keyring, now=1e9)

    def change(self, **values: object) -> None:
        with self.app.store.write() as session:
            roster.change_list(roster.get_list(session, LIST), **values)  # type: ignore[arg-type]

    def role(self, address: str, role: Role) -> None:
        with self.app.store.write() as session:
            lst = roster.get_list(session, LIST)
            member = roster.membership_of(session, lst.id, address)
            assert member is not None
            member.role = role

    def post(
        self,
        sender: str,
        text: str = "Hello all.",
        more: str = "",
        *,
        fronted: bool = False,
    ) -> None:
        raw = (
            f"From: {sender}\r\nTo: {LIST}\r\nSubject: News\r\n{more}"
            f"Message-ID: <post-{next(self._numbers)}@mail.example>\r\n\r\n{text}\r\n"
        )
        self.take(raw.encode(), bare(sender), LIST, fronted=fronted)

    def write(
        self, sender: str, to: str, text: str = "", *, subject: str | None = None, more: str = ""
    ) -> None:
        """Let a plain letter come in; an answer's subject says nothing."""
        if subject is None:
            subject = "Re: Hello" if "+" in to else "Hello"
        raw = (
            f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n{more}"
            f"Message-ID: <letter-{next(self._numbers)}@mail.example>\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        )
        self.take(raw.encode(), bare(sender), to)

    def reply(self, mail: Message, text: str, sender: str = MODERATOR, more: str = "") -> None:
        subject = f"Re: {mail['Subject']}"
        self.write(sender, reply_to(mail), text, subject=subject, more=more)

    def state(self, address: str, lst: str = LIST) -> str:
        """Return where the membership of ``address`` stands, "" where there is none."""
        with self.app.store.read() as session:
            number = roster.get_list(session, lst).id
            member = roster.membership_of(session, number, addresses.parse(address).key)
        return member.state.value if member is not None else ""

    def take(self, raw: bytes, sender: str, to: str, *, fronted: bool = False) -> None:
        came = Incoming(sender, (to,), raw, "192.0.2.9", "h", "ESMTP", 1e9, fronted=fronted)
        with self.app.store.write() as session:
            arrivals.keep(session, [came])
        sorter.sort(self.app, lambda: False)

    def mails(self, to: str, *, kind: str = "notice") -> list[Message]:
        """Return what was put into the ledger for ``to``, oldest first."""
        with self.app.store.read() as session:
            ids = session.scalars(
                select(Mailing.id)
                .join(Recipient, Recipient.mailing_id == Mailing.id)
                .where(Recipient.address == to, Mailing.kind == kind)
                .order_by(Mailing.id)
            ).all()
            found = [composition(session, one, 0) for one in ids]
        raws = [f.join(dict.fromkeys(f.slots, b"x")) for f in found if f is not None]
        return [email.message_from_bytes(raw) for raw in raws]

    def hold(self) -> Hold:
        with self.app.store.read() as session:
            return session.scalars(select(Hold).order_by(Hold.id.desc()).limit(1)).one()

    def decisions(self) -> list[str]:
        with self.app.store.read() as session:
            return list(session.scalars(select(Decided.decision).order_by(Decided.id)))

    def end(self) -> None:
        self.app.__dict__.pop("bells")
        self.app.close()

    def later(self, seconds: float) -> None:
        moderator_mail.attend(self.app, lambda: False, now=(self.hold().asked_at or 0.0) + seconds)


def make_place(folder: Path, database: str, **listserv: object) -> Place:
    """Make a list with an owner, a moderator who speaks Swedish, and a member; ``end`` it."""
    given = {"domain": "example.org", "base_url": "http://localhost:8080", **listserv}
    settings = Settings(
        listserv=ListservSettings(**given),  # type: ignore[arg-type]
        mailer=MailerSettings(data=folder, database=database, resolver=(people_zone(),)),
    )
    app = App(settings)
    app.__dict__["bells"] = Silent()
    with app.store.write() as session:
        roster.create_list(session, LIST, now=1.0, title="Friends")
    made = Place(app)
    made.add(OWNER, Role.OWNER)
    made.add(MODERATOR, Role.MODERATOR, language="sv")
    made.add(ANNA)
    return made


class Silent:
    """Ring no bell: nobody listens here."""

    def ring(self, _name: str) -> bool:
        return True


def text(mail: Message) -> str:
    """Return the plain part as a mail program shows it: paragraphs, not lines."""
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    flows = part.get_param("format") == "flowed"
    return unflow(payload.decode()) if flows else payload.decode()


def subject(mail: Message) -> str:
    return str(email.header.make_header(email.header.decode_header(mail["Subject"])))


def bare(sender: str) -> str:
    """Return the address of ``Name <address>``."""
    return sender.rpartition("<")[2].rstrip(">")


def reply_to(mail: Message) -> str:
    return str(mail["Reply-To"]).strip("<>")


def link(mail: Message, word: str) -> str:
    """Return the path of the page that a mail links to."""
    found = re.search(rf"/\S+/{word}/[a-z2-7]{{26}}", text(mail).partition("localhost:8080")[2])
    assert found is not None, text(mail)
    return found[0]
