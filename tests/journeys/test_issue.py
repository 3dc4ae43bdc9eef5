"""An issue: from a Markdown file to every reader once, to a page, and out of the list."""

import base64
import email
import email.policy
import re
import smtplib
from email.header import decode_header, make_header
from email.message import Message

from mailer.sink import Caught
from tests.journeys import letters
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
    return home if status == 200 and b"Nyheter" in home else b""


def test_a_draft_mailed_by_an_editor_is_proved_sent_by_one_word_and_reported(
    krets: Krets, outbox: list[Caught]
) -> None:
    """One walk: Gmail's draft, a stranger at the door, Apple Mail's answer, readers, the end."""
    krets.krets(
        "list", "create", LIST, "--kind", "newsletter", "--title", "Il Giardino", "--language", "it"
    )
    people = "Anna <anna@example.net>\nOlga <olga@example.org>"
    krets.krets("member", "import", LIST, "-", "--consent", "Chiesto", "--yes", stdin=people)
    krets.krets("member", "set", LIST, "olga@example.org", "--role", "editor")
    draft = (
        b"From: Olga <olga@example.org>\r\nTo: news-issue@example.org\r\nSubject: Novembre\r\n"
        b"Message-ID: <draft@mail.example>\r\n" + _gmail("# Foglie\n\nCiao {{ name }}.\n")
    )
    with running(krets):
        with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=20) as client:
            client.ehlo()
            client.mail("eve@example.com")
            assert client.rcpt("news-issue@example.org")[0] == 550
        letters.post(krets, draft, "olga@example.org", "news-issue@example.org")
        letters.wait_mail(outbox, "olga@example.org", 2)
        two = letters.mails_to(outbox, "olga@example.org")
        proof, report = sorted(two, key=lambda mail: mail["Message-ID"], reverse=True)
        assert proof["Message-ID"].startswith("<proof.")
        assert report["Subject"] == 'Il Giardino: resoconto su "Novembre"'
        assert not letters.mails_to(outbox, "anna@example.net")
        answer = _apple("Invia") % (b"olga@example.org", letters.reply_to(report).encode())
        letters.post(krets, answer, "olga@example.org", letters.reply_to(report))
        anna = letters.wait_mail(outbox, "anna@example.net")
        permalink = anna["Archived-At"].strip("<>").removeprefix(krets.url)
        assert krets.get(permalink)[0] == 200
        mine = wait_for("Olga's own copy", lambda: _issues(outbox, "olga@example.org"))[0]
        # The body that was sent is the body that was proved, but for the way out.
        assert _bare(proof) == _bare(mine)
        assert "Ciao Anna." in letters.text_of(anna)
        end = wait_for("the report at the end", lambda: _reports(outbox))[0]
        assert "- Lettori: 2" in letters.text_of(end)


def _gmail(text: str) -> bytes:
    rows = "".join(f"<div>{line or '<br>'}</div>" for line in text.split("\n"))
    parts = b"\r\n--=b\r\n".join(
        b"Content-Type: text/" + kind + b"; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
        b"\r\n" + base64.encodebytes(words.encode()).replace(b"\n", b"\r\n")
        for kind, words in ((b"plain", text), (b"html", f'<div dir="ltr">{rows}</div>'))
    )
    kind = b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="=b"\r\n\r\n'
    return kind + b"--=b\r\n" + parts + b"\r\n--=b--\r\n"


def _apple(words: str) -> bytes:
    return (
        b"From: Olga <%b>\r\nTo: %b\r\nSubject: Re: Novembre\r\nMessage-ID: <a@mail.example>\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"
        b"\r\n\r\n" + words.encode() + b"\r\n\r\nInviato da iPhone\r\n\r\n"
        b"> Il giorno 1 dic 2026, alle ore 10:00, Il Giardino ha scritto:\r\n> \r\n> stop\r\n"
    )


def _issues(outbox: list[Caught], address: str) -> list[Message]:
    return [m for m in letters.mails_to(outbox, address) if m["Message-ID"].startswith("<issue.")]


def _reports(outbox: list[Caught]) -> list[Message]:
    found = letters.mails_to(outbox, "olga@example.org")
    return [
        mail for mail in found if "com'è andata" in str(make_header(decode_header(mail["Subject"])))
    ]


def _bare(mail: Message) -> list[bytes]:
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    return [
        re.sub(rb"leave[/+][a-z2-7]{26}", b"", part) for part in parts if isinstance(part, bytes)
    ]
