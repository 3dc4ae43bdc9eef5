"""One source forges thousands of writers to each address of a list: fifty mails leave at most."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select

from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.rehearsal.sink import Caught
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import Address, Membership, get_list
from subscriptions.permission.budget import SOURCE
from tests.journeys.letters import send, settled, wait_mail
from tests.raw_client import RawClient
from tests.tree import Krets, running

LIST = "friends@lists.example.org"
NEWS = "news@lists.example.org"
MALLORY = "mallory@evil.example"
LONG = 1200.0  # seconds: two thousand letters on a busy machine
STANDING = [one for one in TokenPurpose if one is not TokenPurpose.READ]


def at(suffix: str, of: str = LIST) -> str:
    return of.replace("@", f"-{suffix}@")


# What is asked: where to, and in which words.
PLAIN = {
    "join": (at("join"), "join"),
    "leave": (at("leave"), "leave"),
    "help": (at("help"), ""),
    "request-join": (at("request"), "join"),
    "request-nothing": (at("request"), "flurb the wibble"),
    "request-leave": (at("request"), "leave"),
    "request-data": (at("request"), "data"),
    "request-forget": (at("request"), "forget me"),
    "request-language": (at("request"), "language sv"),
    "request-address": (at("request"), "address v@other.example"),
    "request-daily": (at("request"), "daily"),
    "request-owner-order": (at("request"), "add bob@example.net"),
    "owner": (at("owner"), "Please help me"),
    "post": (LIST, "I am no member"),
    "post-news": (NEWS, "I am no editor"),
    "post-leave": (LIST, "unsubscribe"),
    "issue": (at("issue", NEWS), "# A draft"),
    "postmaster": ("postmaster@lists.example.org", "Hello"),
    "abuse": ("abuse@lists.example.org", "Hello"),
}


class Attack:
    """Write as many people from one source, and count what leaves."""

    def __init__(self, krets: Krets, outbox: list[Caught], victims: int) -> None:
        self.krets, self.outbox, self.victims = krets, outbox, victims
        self._number = 0

    def left(self, to: str, words: str, *, tagged: bool = False, once: str = "") -> int:
        """Return how many mails leave for strangers when one new source writes as many people."""
        self._number += 1
        source = f"127.0.{self._number // 200 + 1}.{self._number % 200 + 1}"
        before = self.strangers()
        for begun in range(0, self.victims, 50):
            with RawClient(("127.0.0.1", self.krets.smtp_port), source=source) as client:
                client.ask(b"EHLO evil.example")
                for number in range(begun, min(begun + 50, self.victims)):
                    domain = (
                        f"d{self._number}.example"
                        if tagged
                        else f"d{number}.x{self._number}.example"
                    )
                    who = once or (f"v+{number}@{domain}" if tagged else f"v@{domain}")
                    self._letter(client, who, to, words)
        settled(self.krets, LONG)
        return self.strangers() - before

    def strangers(self) -> int:
        """Return how many mails have left for whoever was forged."""
        return sum(to.startswith("v") for one in self.outbox for to in one.recipients)

    def _letter(self, client: RawClient, who: str, to: str, words: str) -> None:
        if client.ask(f"MAIL FROM:<{who}>".encode())[:1] != b"2":
            return
        if client.ask(f"RCPT TO:<{to}>".encode())[:1] != b"2":
            client.ask(b"RSET")
            return
        client.ask(b"DATA")
        client.ask(f"From: {who}\r\nTo: {to}\r\nSubject: hello\r\n\r\n{words}\r\n.".encode())


@pytest.fixture
def lists(krets: Krets) -> Iterator[Krets]:
    """Make two lists with owners, and the attacker a member of both."""
    krets.settings |= {
        "KRETS_MAILER__SOURCE_MESSAGES": "0",
        "KRETS_MAILER__LIST_MESSAGES": "0",
        "KRETS_LISTSERV__STRANGERS_PER_MINUTE": "100000",
        "KRETS_LISTSERV__OPERATOR": "op@example.net",
    }
    krets.krets("list", "create", LIST)
    krets.krets("list", "create", NEWS, "--kind", "newsletter")
    for name in (LIST, NEWS):
        krets.krets("member", "add", name, "olga@example.se", "--role", "owner", "--consent", "x")
        krets.krets("member", "add", name, MALLORY, "--consent", "asked")
    with running(krets):
        yield krets


def tokens_of(krets: Krets) -> dict[str, str]:
    """Return an address of each kind of token that the attacker may have."""
    settings = {name: value for name, value in krets.env.items() if name.startswith("KRETS_")}
    with closing(App(load(settings))) as app, app.store.read() as session:
        lst = get_list(session, LIST)
        wanted = select(Membership.id).join(Address, Membership.address_id == Address.id)
        wanted = wanted.where(Membership.list_id == lst.id, Address.key == MALLORY)
        member = session.scalars(wanted).one()
        made = {
            f"{purpose}-{suffix}": at(f"{suffix}+{app.keyring.standing(purpose, LIST, member)}")
            for purpose in STANDING
            for suffix in ("reply", "from", "leave", "bounces")
        }
        pairs = {
            f"{purpose}-pair": at(f"reply+{app.keyring.pair_maker(purpose, LIST)(member, 1)}")
            for purpose in STANDING
        }
    return made | pairs


SAMPLE = ("owner", "post")
CASES = [
    *(pytest.param(kind, 60, id=f"{kind}-60") for kind in SAMPLE),
    *(pytest.param(kind, 2000, id=f"{kind}-2000", marks=pytest.mark.journey) for kind in PLAIN),
]


@pytest.mark.timeout(2 * LONG)
@pytest.mark.parametrize(("kind", "victims"), CASES)
def test_one_source_has_fifty_mails_sent_through_any_address(
    lists: Krets, outbox: list[Caught], kind: str, victims: int
) -> None:
    attack = Attack(lists, outbox, victims)
    assert attack.left(*PLAIN[kind]) <= SOURCE
    send(lists, "bo@example.net", at("join"), "join")
    assert wait_mail(outbox, "bo@example.net")["Subject"]


@pytest.mark.timeout(20 * LONG)
@pytest.mark.parametrize("victims", [4, pytest.param(2000, marks=pytest.mark.journey)])
def test_forged_answers_to_ones_own_tokens_mail_no_stranger(
    lists: Krets, outbox: list[Caught], victims: int
) -> None:
    attack = Attack(lists, outbox, victims)
    for kind, address in tokens_of(lists).items():
        attack.left(address, "yes")
        assert attack.strangers() == 0, kind


def test_all_tags_of_one_mailbox_are_one(lists: Krets, outbox: list[Caught]) -> None:
    assert Attack(lists, outbox, 60).left(at("join"), "join", tagged=True) == 1
