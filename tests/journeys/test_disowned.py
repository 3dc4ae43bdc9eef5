"""What a From's own domain disowns is held, refused or tagged, as a setting says."""

from collections.abc import Iterator

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import wait_mail
from tests.raw_client import RawClient
from tests.tree import Krets, running, wait_for
from tests.zone import Zone, serving

LIST = "friends@lists.example.org"
MEMBER = "bo@example.net"
FORGED = (
    b"Authentication-Results: mx.lists.example.org;\r\n"
    b" dmarc=%s (p=reject) header.from=bank.example\r\n"
    b"From: Bank <office@bank.example>\r\nTo: friends@lists.example.org\r\n"
    b"Subject: Pay at once\r\nMessage-ID: <%s@bank.example>\r\n\r\nPay.\r\n."
)


@pytest.fixture
def friends(krets: Krets) -> Iterator[Krets]:
    """Make a list that anybody may post to, and a bank that says which mail is its own."""
    zone = Zone()
    zone.add("bank.example", ("TXT", "v=spf1 ip4:192.0.2.1 -all"))
    zone.add("_dmarc.bank.example", ("TXT", "v=DMARC1; p=reject"))
    krets.krets("list", "create", LIST, "--post", "anyone")
    krets.krets("member", "add", LIST, MEMBER, "--consent", "asked")
    with serving(zone):
        krets.settings["KRETS_MAILER__RESOLVER"] = zone.server
        yield krets


def send(krets: Krets, name: bytes, result: bytes = b"pass") -> bytes:
    """Send a mail in the bank's name; return what the door says to its end."""
    with RawClient(("127.0.0.1", krets.smtp_port)) as client:
        client.begin(to=LIST.encode())
        return client.ask(FORGED % (result, name))


def held(krets: Krets) -> str:
    return str(wait_for("the hold", lambda: krets.json("queue", "ls")["held"])[0]["why"])


def test_it_is_held_whoever_else_writes_results_in_a_fronts_name(friends: Krets) -> None:
    friends.settings["KRETS_MAILER__FRONT_RESULTS"] = "mx.lists.example.org"
    with running(friends):
        assert send(friends, b"one").startswith(b"250")
        assert "from-not-theirs" in held(friends)


@pytest.mark.journey
def test_it_is_refused_at_the_door(friends: Krets) -> None:
    friends.settings["KRETS_MAILER__DISOWNED"] = "refuse"
    with running(friends):
        assert send(friends, b"one").startswith(b"550 5.7.26 ")
        assert not friends.json("queue", "ls")["held"]


@pytest.mark.parametrize(("results", "result"), [("", b"pass"), ("mx.lists.example.org", b"fail")])
@pytest.mark.journey
def test_what_a_front_has_taken_is_held_and_never_sent_back(
    friends: Krets, results: str, result: bytes
) -> None:
    friends.settings |= {
        "KRETS_MAILER__DISOWNED": "refuse",
        "KRETS_MAILER__FRONT": "127.0.0.1",
        "KRETS_MAILER__FRONT_RESULTS": results,
    }
    with running(friends):
        assert send(friends, b"one", result).startswith(b"250")
        assert "from-not-theirs" in held(friends)


@pytest.mark.journey
def test_it_passes_tagged_and_under_an_alias(friends: Krets, outbox: list[Caught]) -> None:
    friends.settings["KRETS_MAILER__DISOWNED"] = "tag"
    with running(friends):
        assert send(friends, b"one").startswith(b"250")
        copy = wait_mail(outbox, MEMBER)
    assert copy["Subject"].split() == ["[sender", "not", "confirmed]", "Pay", "at", "once"]
    assert "<friends-from+" in copy["From"]


@pytest.mark.journey
def test_a_front_that_vouches_is_believed(friends: Krets, outbox: list[Caught]) -> None:
    friends.settings |= {
        "KRETS_MAILER__FRONT": "127.0.0.1",
        "KRETS_MAILER__FRONT_RESULTS": "mx.lists.example.org",
    }
    with running(friends):
        assert send(friends, b"one").startswith(b"250")
        assert wait_mail(outbox, MEMBER)["Subject"] == "Pay at once"
