"""The seeded community: its lists and people, and the letters that went through the real door.

What they say stands in seeds.toml. Lists and people are written like an owner's commands write
them; every letter is handed to the SMTP door, so that all that follows is the real thing.
"""

import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from typing import Any

from sqlalchemy import select

from listserv.newsletters.sending import issue_sending
from listserv.wiring.app import App
from mailer.client.submit import submit
from mailer.ledger.mailings import UnsurePolicy
from mailer.reading.addresses import parse
from subscriptions.lists.roster import (
    Address,
    ListKind,
    Membership,
    MembershipState,
    Person,
    Role,
    create_list,
    find_list,
    get_list,
)
from subscriptions.membership.members import Candidate, enrol
from subscriptions.permission.consent import ConsentNote, Source

DOMAIN = "krets.example"
LIST = f"garden@{DOMAIN}"
NEWSLETTER = f"letter@{DOMAIN}"
OWNER = "ingrid@bladverk.example"
STRANGER = "tom@brickyard.example"  # who writes without being a member, and waits
CONSENT = "made up for krets try"
_SEEDS = Path(__file__).with_name("seeds.toml")
_ISSUE = Path(__file__).with_name("issue.md")


@dataclass(frozen=True, slots=True)
class SeededLetter:
    """Hold one letter of the example community, ready to be sent."""

    sender: str
    recipient: str
    raw: bytes


def settle(app: App, language: str) -> None:
    """Make the lists and their members, unless they are there.

    Whoever of them speaks the visitor's ``language`` helps to moderate, so that the visitor can
    read what a moderator is asked.
    """
    seeds = _read()
    now = time.time()
    people = [
        Candidate(
            parse(one["email"]),
            name=one["name"],
            language=one["language"],
            role=Role(one.get("role", "moderator" if one["language"] == language else "member")),
            consent=ConsentNote(CONSENT, Source.CLI, confirmed_by="statement"),
        )
        for one in seeds["person"]
    ]
    with app.store.write() as session:
        for one in seeds["list"]:
            address = f"{one['name']}@{DOMAIN}"
            if find_list(session, address) is None:
                lst = create_list(
                    session,
                    address,
                    now=now,
                    kind=ListKind(one["kind"]),
                    title=one["title"],
                    description=one["description"],
                )
                enrol(session, lst, people, keyring=app.keyring, now=now)


def people() -> list[str]:
    """Return who is a member from the beginning."""
    return [one["email"] for one in _read()["person"]]


def subject_of(sender: str) -> str:
    """Return the subject of the first letter that ``sender`` wrote."""
    return next(str(one["subject"]) for one in _read()["mail"] if one["from"] == sender)


def deciders(app: App) -> dict[str, str]:
    """Return who decides about the list's mail, by the language they read."""
    with app.store.read() as session:
        rows = session.execute(
            select(Person.language, Address.given)
            .join(Membership, Membership.person_id == Person.id)
            .join(Address, Address.id == Membership.address_id)
            .where(Membership.list_id == get_list(session, LIST).id)
            .where(Membership.role.in_([Role.MODERATOR, Role.OWNER]))
            .where(Membership.state == MembershipState.ACTIVE)
            .order_by(Membership.id.desc())
        )
        return {row.language: row.given for row in rows}


def _send_issue(app: App, now: float) -> None:
    """Send the newsletter's first issue, as its editor's command would."""
    text = _ISSUE.read_text(encoding="utf-8").replace("http://krets.example/", _home(app))
    found = issue_sending.survey(app, NEWSLETTER, text.encode(), now)
    mailing = issue_sending.begin(
        app, found.lst, found.ready, policy=UnsurePolicy.NEVER_TWICE, now=now, by="krets try"
    )
    for _ in issue_sending.freeze(app, mailing):
        pass


def _home(app: App) -> str:
    return f"{app.settings.listserv.base_url}/{LIST}/"


def letters(now: float) -> list[SeededLetter]:
    """Return the seeded letters, oldest first, dated back from ``now``."""
    seeds = _read()
    names = {one["email"]: one["name"] for one in seeds["person"]}
    return [_letter(one, names, now) for one in seeds["mail"]]


def talk(app: App, door: tuple[str, int], done: Path) -> None:
    """Send the issue and hand every letter to the SMTP door, once; ``done`` counts what went."""
    if not done.exists():
        _send_issue(app, time.time())
        done.write_text("0")
    gone = int(done.read_text()) if done.exists() else 0
    for number, one in enumerate(letters(time.time()), start=1):
        if number > gone:
            submit(door, one.sender, one.recipient, one.raw)
            done.write_text(str(number))


def _letter(one: Mapping[str, Any], names: Mapping[str, str], now: float) -> SeededLetter:
    mail = EmailMessage(policy=SMTP)
    sender = one["from"]
    mail["From"] = f"{names[sender]} <{sender}>" if sender in names else sender
    mail["To"] = LIST
    mail["Subject"] = one["subject"]
    mail["Date"] = formatdate(now - one["days"] * 86400)
    mail["Message-ID"] = _id(one["id"])
    if "answers" in one:
        mail["In-Reply-To"] = mail["References"] = _id(one["answers"])
    mail.set_content(one["text"].strip() + "\n", cte="8bit")
    return SeededLetter(sender, LIST, mail.as_bytes())


def _id(name: str) -> str:
    return f"<{name}@talk.{DOMAIN}>"


def _read() -> dict[str, Any]:
    return tomllib.loads(_SEEDS.read_text(encoding="utf-8"))
