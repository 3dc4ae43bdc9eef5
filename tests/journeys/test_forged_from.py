"""A stranger's mail in our own name is held, and our name never stands under it."""

import email
from collections.abc import Iterator

import pytest

from mailer.reading import message
from mailer.reading.headers.from_domains import from_domains
from mailer.rehearsal.sink import Caught
from tests.journeys.letters import post, settled, text_of, wait_mail
from tests.tree import Krets, running, wait_for

LIST = "friends@lists.example.org"
MEMBER = "bo@example.net"
MODERATOR = "mod@example.com"
FORGED = (
    b"{from}\r\nTo: friends@lists.example.org\r\nSubject: Pay at once\r\n"
    b"Message-ID: <{id}@forger.example>\r\n"
    b"Authentication-Results: lists.example.org; dkim=pass header.d=example.org\r\n"
    b"Authentication-Results : (we) EXAMPLE.org 1;\r\n dmarc=pass\r\n"
    b"Authentication-Results: mx.other.example; spf=fail\r\n"
    b"Authentication-Results: mx.lists.example.org; dmarc=pass\r\n"
    b"ARC-Authentication-Results: i=1; lists.example.org; dkim=pass\r\n"
    b"Received-SPF: pass (lists.example.org: domain of ceo) receiver=lists.example.org\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; d=lists.example.org; s=x; h=from; bh=AA==; b=AA==\r\n"
    b"\r\nPay.\r\n"
)


@pytest.fixture
def friends(krets: Krets) -> Iterator[Krets]:
    """Serve a list that anybody may post to, signed, over https, with a moderator."""
    krets.settings["KRETS_LISTSERV__BASE_URL"] = "https://lists.example.org"
    krets.krets("list", "create", LIST, "--post", "anyone")
    krets.krets("dkim", "new", "lists.example.org")
    for address, role in ((MEMBER, "member"), (MODERATOR, "moderator")):
        krets.krets("member", "add", LIST, address, "--role", role, "--consent", "asked")
    with running(krets):
        yield krets


def copies(outbox: list[Caught], what: bytes) -> list[Caught]:
    return [one for one in outbox if what in one.raw and one.recipients == (MEMBER,)]


def held(krets: Krets) -> list[dict[str, object]]:
    return list(krets.json("queue", "ls")["held"])


def forged(sender: bytes, name: bytes = b"one") -> bytes:
    return FORGED.replace(b"{from}", sender).replace(b"{id}", name)


@pytest.mark.parametrize(
    "sender",
    [
        b"From: CEO <ceo@example.org>",
        b"From: ceo@LISTS.Example.org.",
        b"From: a@b.net, ceo@mail.example.org",
        b"From: a@b.net\r\nSender: ceo@example.org",
    ],
)
def test_a_forged_writer_is_held_and_released_under_an_alias_of_ours(
    friends: Krets, outbox: list[Caught], sender: bytes
) -> None:
    told = friends.json("explain", "post", LIST, _file(friends, forged(sender)))
    assert told["decision"] == "hold"
    assert told["munge"] is True
    assert "from-is-ours" in told["rules"]
    post(friends, forged(sender), "stranger@forger.example", LIST)
    (one,) = wait_for("the hold", lambda: held(friends))
    assert "from-is-ours" in str(one["why"])
    asked = text_of(wait_mail(outbox, MODERATOR))
    assert "own domain, but nothing proves it" in " ".join(asked.split())
    friends.krets("queue", "release", str(one["id"]), "--yes")
    (copy,) = wait_for("the copy", lambda: copies(outbox, b"Pay at once"))
    fields = email.message_from_bytes(copy.raw)
    (writer,) = fields.get_all("From", [])
    assert "<friends-from+" in writer
    assert from_domains(message.head(copy.raw)) == {"lists.example.org"}
    assert b"X-Original-" + sender.splitlines()[-1] in copy.raw
    assert fields["Sender"] is None
    assert "d=lists.example.org" in fields["DKIM-Signature"]
    assert fields["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert fields.get_all("Authentication-Results") == ["mx.other.example; spf=fail"]
    assert fields["ARC-Authentication-Results"] is fields["Received-SPF"] is None
    assert "s=x;" not in str(fields.get_all("DKIM-Signature"))
    assert b"dmarc=pass" not in copy.raw


def test_a_writer_elsewhere_is_signed_as_before(friends: Krets, outbox: list[Caught]) -> None:
    post(friends, forged(b"From: Anna <anna@example.net>"), "anna@example.net", LIST)
    (copy,) = wait_for("the copy", lambda: copies(outbox, b"Pay at once"))
    fields = email.message_from_bytes(copy.raw)
    signatures = fields.get_all("DKIM-Signature", [])
    assert len(signatures) == 2
    assert all("d=lists.example.org;" in one for one in signatures)
    assert fields["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert b"dmarc=pass" not in copy.raw
    settled(friends)


def _file(krets: Krets, raw: bytes) -> str:
    path = krets.folder / "forged.eml"
    path.write_bytes(raw)
    return str(path)
