"""One source asks for thousands of strangers through each door: fifty leave, others join."""

import contextlib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from mailer.rehearsal.sink import Caught
from subscriptions.permission.budget import SOURCE
from tests.journeys.letters import mails_to, settled, wait_mail
from tests.raw_client import RawClient
from tests.tree import Krets, running

LIST = "friends@lists.example.org"
JOIN, REQUEST = b"friends-join@lists.example.org", b"friends-request@lists.example.org"
FRONT, PROXY = "127.0.0.9", "127.0.0.8"
ATTACKER, OTHER = "203.0.113.7", "198.51.100.20"
LONG = 1200.0  # seconds: two thousand letters on a busy machine
Ask = Callable[[Krets, str, str], None]  # an installation, whom to mail, who asks


def letter(client: RawClient, who: str, received: str = "") -> None:
    """Ask for ``who``; half of it by a command."""
    to = JOIN if len(who) % 2 else REQUEST
    trace = f"Received: from evil [9.9.9.{len(who)}] (x [{received}]) by front\r\n"
    head = (trace if received else "") + f"From: {who}\r\nSubject: join\r\n"
    for line in (f"MAIL FROM:<{who}>".encode(), b"RCPT TO:<%b>" % to, b"DATA"):
        assert client.ask(line)[:1] in b"23"
    assert client.ask(head.encode() + b"\r\njoin\r\n.").startswith(b"250")


def mail(krets: Krets, peer: str, before: bytes = b"", header: bytes = b"") -> RawClient:
    """Open a session from ``peer``, with a PROXY header or a command of a front before it."""
    client = RawClient(("127.0.0.1", krets.smtp_port), greeted=False, source=peer)
    client.send(header)
    assert client.reply().startswith(b"220")
    assert client.ask(b"EHLO mx.front.example").startswith(b"250")
    if before:
        assert client.ask(before)[:3] in {b"220", b"250"}
        if before.startswith(b"XCLIENT"):
            assert client.ask(b"EHLO mx.front.example").startswith(b"250")
    return client


def direct(krets: Krets, who: str, source: str) -> None:
    with mail(krets, "127.0.0.7" if source == ATTACKER else "127.0.0.1") as client:
        letter(client, who)


def xforward(krets: Krets, who: str, source: str) -> None:
    with mail(krets, FRONT, f"XFORWARD ADDR={source} HELO=evil".encode()) as client:
        letter(client, who)


def xclient(krets: Krets, who: str, source: str) -> None:
    with mail(krets, FRONT, f"XCLIENT ADDR={source}".encode()) as client:
        letter(client, who)


def proxied(krets: Krets, who: str, source: str) -> None:
    with mail(krets, FRONT, header=f"PROXY TCP4 {source} 192.0.2.1 1 25\r\n".encode()) as client:
        letter(client, who)


def received(krets: Krets, who: str, source: str) -> None:
    with mail(krets, FRONT) as client:
        letter(client, who, source)


def lmtp(krets: Krets, who: str, source: str) -> None:
    address = krets.settings["KRETS_MAILER__LMTP"]
    with RawClient(address) as client:
        assert client.ask(b"LHLO front").startswith(b"250")
        letter(client, who, source)


def page(krets: Krets, who: str, peer: str, **headers: str) -> None:
    """Send the form of a list's page from an address of this machine."""
    url = f"{krets.url}/{LIST}/join"
    form = urllib.parse.urlencode({"email": who, "sure": "yes"}).encode()
    request = urllib.request.Request(url, form, headers)  # noqa: S310 - ours

    class From(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> object:  # type: ignore[override]
            import http.client  # noqa: PLC0415

            def made(host: str, **more: object) -> http.client.HTTPConnection:
                return http.client.HTTPConnection(host, source_address=(peer, 0), timeout=30)

            return self.do_open(made, req)  # type: ignore[arg-type]

    with contextlib.suppress(urllib.error.HTTPError):  # 429: too hasty
        urllib.request.build_opener(From).open(request).close()


def web(krets: Krets, who: str, source: str) -> None:
    page(krets, who, "127.0.0.7" if source == ATTACKER else "127.0.0.1")


def declared(krets: Krets, who: str, source: str) -> None:
    page(krets, who, PROXY, **{"X-Forwarded-For": source})


def undeclared(krets: Krets, who: str, source: str) -> None:
    if source == ATTACKER:
        page(krets, who, "127.0.0.6", **{"X-Forwarded-For": f"203.0.113.{len(who) % 200}"})
    else:
        page(krets, who, PROXY, **{"X-Forwarded-For": source})


DOORS: list[Ask] = [
    direct, xforward, xclient, proxied, received, lmtp, web, declared, undeclared,
]  # fmt: skip


@pytest.fixture
def friends(krets: Krets) -> Iterator[Krets]:
    """Make a list behind a front and a proxy, which other addresses are not."""
    krets.settings |= {
        "KRETS_MAILER__FRONT": FRONT,
        "KRETS_LISTSERV__PROXIES": PROXY,
        "KRETS_MAILER__LMTP": str(krets.folder / "lmtp"),
        "KRETS_MAILER__SOURCE_MESSAGES": "0",
        "KRETS_MAILER__LIST_MESSAGES": "0",
        "KRETS_LISTSERV__STRANGERS_PER_MINUTE": "100000",
    }
    krets.krets("list", "create", LIST)
    with running(krets):
        yield krets


SAMPLE = [direct, received, declared]
CASES = [
    *(pytest.param(ask, 60, id=f"{ask.__name__}-60") for ask in SAMPLE),
    *(
        pytest.param(ask, 2000, id=f"{ask.__name__}-2000", marks=pytest.mark.journey)
        for ask in DOORS
    ),
]


@pytest.mark.timeout(2 * LONG)
@pytest.mark.parametrize(("ask", "victims"), CASES)
def test_one_source_has_fifty_strangers_mailed_and_others_join(
    friends: Krets, outbox: list[Caught], ask: Ask, victims: int
) -> None:
    for number in range(victims):
        ask(friends, f"v{number}@d{number}.example", ATTACKER)
    ask(friends, "kai@elsewhere.example", OTHER)  # through the same door, from another source
    with mail(friends, "127.0.0.1") as client:
        letter(client, "bo@example.net")  # for whom SPF vouches
    for real in ("kai@elsewhere.example", "bo@example.net"):
        assert wait_mail(outbox, real)["Subject"]
    settled(friends, LONG)
    mailed = {to for one in outbox for to in one.recipients if to.startswith("v")}
    assert 0 < len(mailed) <= SOURCE
    assert all(len(mails_to(outbox, to)) == 1 for to in mailed)
