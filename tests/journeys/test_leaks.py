"""Neither door tells a stranger who is on a list, who writes it, or what there is."""

import http.client
import re
import urllib.parse

from tests.raw_client import RawClient
from tests.tree import Krets, running

LIST, NEWS = "friends@example.org", "news@example.org"
ANNA, EDITOR, OWNER, STRANGER = (
    "anna@example.net", "ed@example.net", "olga@example.net", "eve@evil.example",
)  # fmt: skip
TOKEN = "a" * 26
FORMS = ("join", "me", "leave")


def asked(krets: Krets, sender: str, to: str) -> bytes:
    """Return what the door says of a recipient to somebody who calls himself ``sender``."""
    with RawClient(("127.0.0.1", krets.smtp_port)) as client:
        client.ask(b"EHLO mx.example")
        client.ask(f"MAIL FROM:<{sender}>".encode())
        return client.ask(f"RCPT TO:<{to}>".encode())


def page(krets: Krets, method: str, path: str, body: str | None = None) -> tuple[int, str, str]:
    """Return status, fields and words of an answer, less what no two answers share."""
    made = http.client.HTTPConnection("127.0.0.1", krets.http_port, timeout=30)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": krets.url}
    made.request(method, path, body, form if body else {})
    answer = made.getresponse()
    text = answer.read().decode()
    fields = "\n".join(f"{name}: {value}" for name, value in answer.getheaders() if name != "date")
    made.close()
    return answer.status, fields, re.sub(r"[0-9a-f]{6,}\.[0-9a-f]{20,}", "STAMP", text)


def test_both_doors_say_the_same_to_everybody(krets: Krets) -> None:
    krets.krets("list", "create", LIST)
    krets.krets("list", "create", NEWS, "--kind", "newsletter")
    for address, role in ((ANNA, "member"), (EDITOR, "editor"), (OWNER, "owner")):
        krets.krets("member", "add", NEWS, address, "--role", role, "--consent", "asked")
        krets.krets("member", "add", LIST, address, "--role", role, "--consent", "asked")
    with running(krets):
        for to in (
            "news-issue", "friends-issue", "news", "news-owner", "nolist", "nolist-issue", "anna",
            *(f"friends-{kind}+{TOKEN}" for kind in ("reply", "bounces", "leave", "from")),
        ):  # fmt: skip
            said = {
                asked(krets, sender, f"{to}@example.org")
                for sender in (ANNA, EDITOR, OWNER, STRANGER, "")
            }
            assert len(said) == 1, (to, said)
        assert asked(krets, STRANGER, ANNA) == asked(krets, STRANGER, "nobody@example.net")

        for form in FORMS:
            answers = set()
            for who in (ANNA, OWNER, STRANGER):
                body = urllib.parse.urlencode({"email": who, "sure": "yes"})
                status, fields, text = page(krets, "POST", f"/{LIST}/{form}", body)
                fields = re.sub(r"(?m)^content-length: \d+$", "", fields)
                answers.add((status, fields, text.replace(who, "WHO")))
            assert len(answers) == 1, form

        nothing = page(krets, "GET", "/nolist@example.org/")
        for path in ("/nope", "/..%2f..%2fetc%2fpasswd", "/%00", "/nolist@example.org/me"):
            found = page(krets, "GET", path)
            assert found[0] == 404
            assert "Traceback" not in found[2]
            assert str(krets.folder) not in found[2]
        assert nothing[0] == 404
        assert "server:" not in nothing[1].lower()
        assert {page(krets, method, "/")[0] for method in ("TRACE", "PUT", "DELETE")} == {405}
