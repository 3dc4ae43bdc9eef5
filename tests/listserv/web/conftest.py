"""The web door itself, called without a socket: an app with two lists and someone on them."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import select
from starlette.types import ASGIApp, Message

from listserv.web.door import build
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.ledger.mailings import Composition, Recipient
from mailer.ledger.splice import unpack
from mailer.reading.addresses import parse
from mailer.storage.store import decompress
from subscriptions.lists import roster
from subscriptions.membership import members
from subscriptions.permission import consent
from subscriptions.permission.consent import ConsentNote

FRIENDS = "friends@lists.example"


@dataclass
class Got:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Web:
    """A visitor who talks to the door."""

    app: App
    site: ASGIApp
    client: str = "192.0.2.7"
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        return self.ask(method, path, b"", headers)

    def post(self, path: str, form: Mapping[str, str] | bytes, **headers: str) -> Got:
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        kind = {"content_type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, body, {**kind, **headers})

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Got:
        sent = {"host": "evil.example", **self.headers, **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path.partition("?")[0],
            "raw_path": path.partition("?")[0].encode(),
            "root_path": "",
            "query_string": path.partition("?")[2].encode(),
            "client": (self.client, 50000),
            "server": ("evil.example", 80),
            "headers": [
                *((k.replace("_", "-").encode(), v.encode()) for k, v in sent.items()),
            ],
        }
        got: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            got.append(message)

        asyncio.run(self.site(scope, receive, send))
        start = next(m for m in got if m["type"] == "http.response.start")
        heads = {k.decode(): v.decode() for k, v in start["headers"]}
        whole = b"".join(m.get("body", b"") for m in got if m["type"] == "http.response.body")
        return Got(start["status"], heads, whole)

    def mails(self, to: str = "") -> list[str]:
        """Return every mail that waits to leave, or those to one address."""
        with self.app.store.read() as session:
            rows = session.execute(
                select(Composition.packed)
                .join(Recipient, Recipient.mailing_id == Composition.mailing_id)
                .where(Recipient.address == to if to else Recipient.id > 0)
                .order_by(Recipient.id)
            )
            packed = [row.packed for row in rows]
        return [unpack(decompress(one)).join({}).decode() for one in packed]

    def link(self, to: str, page: str) -> str:
        """Return the path of the link to ``page`` in the newest mail to ``to``."""
        text = self.mails(to)[-1]
        found = re.search(rf"http://lists\.example/({FRIENDS}/{page}/[a-z2-7]+)", text)
        assert found, text
        return f"/{found[1]}"

    def state(self, who: str) -> str:
        with self.app.store.read() as session:
            lst = roster.get_list(session, FRIENDS)
            member = roster.membership_of(session, lst.id, parse(who).key)
            return member.state.value if member else "none"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Give an installation with one list."""
    settings = load(
        {
            "KRETS_MAILER__DATA": str(tmp_path / "data"),
            "KRETS_LISTSERV__BASE_URL": "http://lists.example",
            "KRETS_LISTSERV__PROXIES": '["10.0.0.0/8"]',
            "KRETS_LISTSERV__CONTROLLER": "The Friends, Inc.",
        }
    )
    made = App(settings)
    made.__dict__["ring"] = lambda _bell: None
    with made.store.write() as session:
        roster.create_list(session, FRIENDS, now=time.time(), title="Friends", language="en")
    yield made
    made.close()


@pytest.fixture
def web(app: App) -> Web:
    """Give a stranger at the door."""
    return Web(app, build(app, dict))


@pytest.fixture
def anna(app: App) -> str:
    """Make a member."""
    with app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        note = ConsentNote("at the summer meeting", consent.Source.CLI)
        someone = members.Candidate(parse("anna@example.org"), consent=note)
        members.add_member(session, lst, someone, keyring=app.keyring, now=time.time())
    return "anna@example.org"
