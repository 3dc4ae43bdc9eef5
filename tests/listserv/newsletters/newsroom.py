"""A newsroom: a newsletter with two editors and two readers, and what they write to each other."""

import email
import email.policy
from email.message import EmailMessage, Message

from sqlalchemy import select

from listserv.wiring.listserv_tables import DraftUnderReview
from mailer.ledger.mailings import Mailing
from mailer.reading import addresses
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source
from tests.place import Place, bare

NEWS, FRIENDS = "news@example.org", "friends@example.org"
ISSUE = "news-issue@example.org"
OLGA, MIA, ANNA, BO, EVE = (
    "olga@example.org", "mia@example.net", "anna@example.net", "bo@example.com", "eve@example.com",
)  # fmt: skip
NOTE = ConsentNote("asked", Source.CLI)
DRAFT = """preheader: Leaves, tea and a new tap.

# November

Hello {{ name }},

leave the *leaves* where they are. [Why](https://garden.example/leaves)
"""


def add(place: Place, who: str, name: str, role: Role = Role.MEMBER, language: str = "") -> None:
    candidate = Candidate(
        addresses.parse(who), name=name, role=role, language=language, consent=NOTE
    )
    with place.app.store.write() as session:
        lst = roster.get_list(session, NEWS)
        add_member(session, lst, candidate, keyring=place.app.keyring, now=1e9)


def draft(place: Place, words: str = DRAFT, sender: str = OLGA, title: str = "November") -> None:
    place.write(sender, ISSUE, words, subject=title)


def mails(place: Place, who: str = OLGA) -> tuple[list[Message], list[Message]]:
    """Return (proofs, all else) that went to ``who``."""
    found = place.mails(who)
    proofs = [one for one in found if one["Message-ID"].startswith("<proof.")]
    return proofs, [one for one in found if one not in proofs]


def answer(place: Place, words: str, report: Message | None = None, sender: str = OLGA) -> Message:
    """Answer the newest report (or ``report``); return what came back."""
    place.reply(report if report is not None else mails(place)[1][-1], words, sender)
    return mails(place, bare(sender))[1][-1]


def edition(place: Place) -> DraftUnderReview:
    with place.app.store.read() as session:
        return session.scalars(
            select(DraftUnderReview).order_by(DraftUnderReview.id.desc()).limit(1)
        ).one()


def issues_of(place: Place) -> list[Mailing]:
    with place.app.store.read() as session:
        return list(session.scalars(select(Mailing).where(Mailing.kind == "issue")))


def decoded(message: Message, kind: str) -> str:
    whole = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    assert isinstance(whole, EmailMessage)
    found = whole.get_body((kind,))
    assert found is not None
    return str(found.get_content())
