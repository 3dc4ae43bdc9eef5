"""An issue: from a Markdown file to every reader once, to a page, and out of the list."""

import email
import email.policy
import re

from mailer.rehearsal.sink import Caught
from tests.tree import Krets, running, wait_for

LIST = "news@example.org"
DRAFT = """---
subject: Nyheter från {{ list }}
---
# November

Hej {{ name }}, läs [mer](https://a.example/?e={{ email }}).
"""


def test_an_issue_reaches_every_reader_once_stands_in_the_archive_and_lets_go(
    krets: Krets, outbox: list[Caught]
) -> None:
    krets.krets(
        "list", "create", LIST, "--kind", "newsletter", "--title", "Nytt", "--language", "sv"
    )
    people = "Anna <anna@example.net>\nbo@example.com\nOlga <olga@example.net>"
    krets.krets("member", "import", LIST, "-", "--consent", "Asked", "--yes", stdin=people)
    (krets.folder / "november.md").write_text(DRAFT, encoding="utf-8")
    file = str(krets.folder / "november.md")
    refused = krets.run("newsletter", "send", LIST, file)
    assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
    # Returns with the ledger committed although no worker runs.
    mailing = str(krets.json("newsletter", "send", LIST, file, "--yes")["mailing"])
    assert krets.json("newsletter", "status", mailing)["ready"] == 3
    with running(krets):
        wait_for("three copies", lambda: len(outbox) >= 3)
        krets.krets("newsletter", "status", mailing, "--watch")
        status = krets.json("newsletter", "status", mailing)
        assert (status["state"], status["accepted"]) == ("done", 3)
        copies = {
            caught.recipients[0]: email.message_from_bytes(caught.raw, policy=email.policy.default)
            for caught in outbox
        }
        anna = copies["anna@example.net"]
        assert anna["Subject"] == "Nyheter från Nytt"
        text = anna.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "Hej Anna, läs mer [1]." in text
        assert "https://a.example/?e=anna@example.net" in text
        archived = anna["Archived-At"].strip("<>")
        path = archived.removeprefix(krets.url)
        assert krets.get(path)[0] == 200
        link = re.search(rf"{re.escape(krets.url)}(/\S+/leave/[a-z2-7]{{26}})", text)
        assert link is not None
        assert krets.get(link[1])[0] == 200
        assert wait_for("the page", lambda: _page(krets))


def _page(krets: Krets) -> bytes:
    status, home = krets.get(f"/{LIST}/")
    assert "Ännu utan svar".encode() not in home  # an issue waits for none
    return home if status == 200 and b"Nyheter" in home else b""
