"""The page about Caddy, with Debian's: who asks is known, and slow visitors keep nobody out."""

import contextlib
import http.client
import os
import re
import select
import socket
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select as chosen

from listserv.web.connections import WebLimits
from mailer.rehearsal.sink import Caught
from mailer.storage.store import Store
from subscriptions.permission.consent import Consent
from tests.conftest import missing
from tests.journeys.letters import post, wait_mail
from tests.tree import ROOT, Krets, free_port, running, wait_for

LIST = "friends@example.org"
ANNA, BO = "anna@example.net", "bo@example.com"
VISITOR, SLOW = "127.0.0.9", "127.0.0.66"
PAGE = (ROOT / "docs/how-to/behind-caddy.md").read_text("utf-8")
HOST = "lists.example.org"

pytestmark = pytest.mark.journey


@pytest.fixture
def caddy(krets: Krets, tmp_path: Path) -> Iterator[int]:
    """Run the file of the page, without a certificate, before an installation; give its port."""
    program = ROOT / ".tools/caddy/usr/bin/caddy"
    if not program.is_file():
        missing("Caddy is not unpacked (JOURNEYS=yes tools/test-parts does it).")
    found = re.search(r"(?m)^( +\{\n(?: .*\n|\n)+?)(?=\n   Then )", PAGE)
    assert found is not None
    port = free_port()
    text = textwrap.dedent(found[1]).replace("127.0.0.1:8080", f"127.0.0.1:{krets.http_port}")
    text = text.replace(f"{HOST} {{", f"http://{HOST}:{port} {{").replace(
        "{", "{\n    admin off", 1
    )
    (tmp_path / "Caddyfile").write_text(text)
    krets.settings |= {
        "KRETS_LISTSERV__BASE_URL": f"https://{HOST}",
        "KRETS_LISTSERV__PROXIES": "127.0.0.1",
        "KRETS_MAILER__SIGN": "relay",
    }
    words = [str(program), "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with (tmp_path / "caddy.log").open("wb") as log, running(krets):
        ran = subprocess.Popen(
            words, stderr=log, stdout=log, env={**os.environ, "HOME": str(tmp_path)}
        )
        try:
            wait_for("Caddy", lambda: _page(port, "/")[0] == 200)
            yield port
        finally:
            ran.terminate()
            ran.wait(20)


def _page(
    port: int, path: str, form: bytes | None = None, source: str = VISITOR
) -> tuple[int, bytes]:
    """Ask the proxy, as a visitor from elsewhere who lies about who he is."""
    asking = http.client.HTTPConnection("127.0.0.1", port, 30, source_address=(source, 0))
    fields = {"Host": HOST, "X-Forwarded-For": "192.0.2.66"}
    if form:
        fields["Content-Type"] = "application/x-www-form-urlencoded"
    with contextlib.closing(asking):
        try:
            asking.request("POST" if form else "GET", path, form, fields)
            answer = asking.getresponse()
        except OSError:
            return 0, b""
        return answer.status, answer.read()


def test_who_asks_is_known_and_strangers_see_no_numbers(
    krets: Krets, caddy: int, outbox: list[Caught]
) -> None:
    krets.krets("list", "create", LIST)
    consent = ("--consent", "Said yes at the fence", "--yes")
    krets.krets("member", "import", LIST, "-", *consent, stdin=f"{ANNA}\n{BO}")
    assert _page(caddy, "/metrics")[0] == 404
    letter = (
        f"From: {ANNA}\r\nTo: {LIST}\r\nSubject: One\r\nMessage-ID: <one@example.net>\r\n\r\nx\r\n"
    )
    post(krets, letter.encode(), ANNA, LIST)
    copy = wait_mail(outbox, BO)
    way = str(copy["List-Unsubscribe"]).partition(f"<https://{HOST}")[2].partition(">")[0]
    assert _page(caddy, way, b"List-Unsubscribe=One-Click")[0] == 200
    store = Store(krets.database, krets.folder / "data")
    with contextlib.closing(store), store.read() as session:
        assert VISITOR in set(session.scalars(chosen(Consent.ip))), "neither Caddy's nor a lie"


def test_slow_visitors_keep_nobody_out(krets: Krets, caddy: int) -> None:
    krets.krets("list", "create", LIST)
    form = (
        f"POST /{LIST}/join HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 900\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\nemail="
    )
    most = WebLimits().per_source
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(most + 20):
            one = socket.create_connection(("127.0.0.1", caddy), 30, (SLOW, 0))
            held.append(stack.enter_context(one))
            one.sendall(form.encode())
        refused: set[socket.socket] = set()

        def answered() -> bool:
            refused.update(select.select(held, [], [], 0)[0])
            return len(refused) >= 20

        wait_for("whoever is one too many to be refused", answered)
        assert {one.recv(12)[9:] for one in refused} <= {b"502", b"503"}
        for _ in range(5):
            assert _page(caddy, f"/{LIST}/join")[0] == 200
