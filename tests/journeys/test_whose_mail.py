"""Whose mail it is decides what a From may do: over real SMTP, with a zone of our own."""

import email
import re
from collections.abc import Iterator
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.authentication import verdict
from mailer.authentication.resolver import Resolver
from mailer.authentication.verdict import Envelope
from mailer.reading import message
from mailer.rehearsal.sink import Caught
from tests.journeys.letters import header, mails_to, post, settled, text_of, wait_mail
from tests.tree import Krets, running, wait_for
from tests.zone import Zone, serving

LIST = "friends@lists.example.org"
MEMBER = "bo@example.net"
RAW = (
    b"From: Olga <olga@example.org>\r\nTo: friends@lists.example.org\r\nSubject: Monday\r\n"
    b"Date: Sun, 29 Nov 2026 10:00:00 +0100\r\nMessage-ID: <one@example.org>\r\n\r\nText\r\n"
)


@cache
def key() -> tuple[bytes, str]:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem, "v=DKIM1; p=" + b"".join(public.splitlines()[1:-1]).decode()


def signed(raw: bytes, domain: bytes = b"example.org") -> bytes:
    return bytes(dkim.sign(raw, b"k", domain, key()[0])) + raw


@pytest.fixture
def zone() -> Iterator[Zone]:
    """Publish what an association and a bank publish; the bank says that nobody here is theirs."""
    made = Zone()
    for domain in ("example.org", "bank.example"):
        made.add(f"k._domainkey.{domain}", ("TXT", key()[1]))
        made.add(f"_dmarc.{domain}", ("TXT", "v=DMARC1; p=reject"))
        made.add(domain, ("TXT", "v=spf1 ip4:192.0.2.1 -all"), ("A", "192.0.2.1"))
    with serving(made):
        yield made


@pytest.fixture
def friends(krets: Krets, zone: Zone) -> Iterator[Krets]:
    """Serve a list that anybody may post to, signed and over https."""
    krets.settings |= {
        "KRETS_LISTSERV__BASE_URL": "https://lists.example.org",
        "KRETS_MAILER__RESOLVER": zone.server,
    }
    krets.krets("list", "create", LIST, "--post", "anyone")
    krets.krets("dkim", "new", "lists.example.org")
    krets.krets("member", "add", LIST, MEMBER, "--consent", "asked")
    with running(krets):
        yield krets


def explained(krets: Krets, raw: bytes, *words: str) -> dict[str, object]:
    path = krets.folder / "mail.eml"
    path.write_bytes(raw)
    return dict(krets.json("explain", "post", LIST, str(path), *words))


def test_who_writes_from_our_own_organisation_and_proves_it_is_neither_held_nor_unsigned(
    friends: Krets, outbox: list[Caught]
) -> None:
    told = explained(friends, signed(RAW))
    assert (told["decision"], told["rules"]) == ("accept", [])
    assert told["authentication"] == {
        "spf": "none",
        "dkim": "pass",
        "dmarc": "pass",
        "aligned": True,
    }
    post(friends, signed(RAW), "olga@example.org", LIST)
    (copy,) = wait_for("the copy", lambda: [m for m in outbox if m.recipients == (MEMBER,)])
    fields = email.message_from_bytes(copy.raw)
    ours = [one for one in fields.get_all("DKIM-Signature", []) if "d=lists.example.org" in one]
    assert len(ours) == 2
    assert fields["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert fields["From"] == "Olga <olga@example.org>"
    assert told["munge"] is False


@pytest.mark.parametrize(
    ("raw", "rules"),
    [
        (RAW, ["from-is-ours", "from-not-theirs"]),
        (signed(RAW, b"bank.example"), ["from-is-ours", "from-not-theirs"]),
        (signed(RAW.replace(b"From: Olga", b"Sender: ceo@mail.example.org\r\nFrom: B")), []),
        (RAW.replace(b"@example.org>", b"@bank.example>"), ["from-not-theirs"]),
        (signed(RAW.replace(b"olga@example.org", b"olga@bank.example")), ["from-not-theirs"]),
        (signed(RAW.replace(b"olga@example.org", b"b@bank.example"), b"bank.example"), []),
    ],
)
@pytest.mark.journey
def test_what_is_not_its_writers_is_held_by_name(
    friends: Krets, raw: bytes, rules: list[str]
) -> None:
    told = explained(friends, raw)
    assert told["rules"] == rules
    assert told["decision"] == ("hold" if rules else "accept")
    if rules:
        post(friends, raw, "stranger@evil.example", LIST)
        (one,) = wait_for("the hold", lambda: friends.json("queue", "ls")["held"])
        assert all(rule in str(one["why"]) for rule in rules)


@pytest.mark.journey
def test_a_client_whom_spf_names_proves_it_too(friends: Krets) -> None:
    words = ("--client", "192.0.2.1", "--helo", "mx.example.org")
    told = explained(friends, RAW, *words)
    assert told["decision"] == "accept"
    assert told["authentication"] == {
        "spf": "pass",
        "dkim": "none",
        "dmarc": "pass",
        "aligned": True,
    }
    other = explained(friends, RAW, "--client", "192.0.2.2", "--helo", "mx.example.org")
    assert other["decision"] == "hold"
    assert other["authentication"]["spf"] == "fail"  # type: ignore[index]


@pytest.mark.journey
def test_a_mail_that_was_held_for_dns_trouble_is_judged_once(
    friends: Krets, zone: Zone, outbox: list[Caught]
) -> None:
    """Released when DNS is well again, it leaves as what it was found to be: under our alias."""
    zone.broken.add("k._domainkey.example.org")
    post(friends, signed(RAW), "olga@example.org", LIST)
    (one,) = wait_for("the hold", lambda: friends.json("queue", "ls")["held"])
    zone.broken.clear()
    friends.krets("queue", "release", str(one["id"]), "--yes")
    (copy,) = wait_for("the copy", lambda: [m for m in outbox if m.recipients == (MEMBER,)])
    assert "<friends-from+" in str(email.message_from_bytes(copy.raw)["From"])


@pytest.mark.journey
def test_a_writer_whom_their_domain_disowns_hears_nothing_and_the_queue_says_why(
    friends: Krets, outbox: list[Caught]
) -> None:
    """A notice to a forged address would be one more unwanted mail."""
    boss, moderator = "boss@bank.example", "mod@example.com"
    friends.krets("member", "add", LIST, boss, "--consent", "asked")
    friends.krets("member", "add", LIST, moderator, "--role", "moderator", "--consent", "asked")
    forged = RAW.replace(b"olga@example.org", boss.encode())
    post(friends, forged, "stranger@evil.example", LIST)
    asked = wait_mail(outbox, moderator)
    assert "does not come from there" in " ".join(text_of(asked).split())
    (one,) = friends.json("queue", "ls")["held"]
    shown = friends.json("queue", "show", str(one["id"]))
    assert shown["authentication"]["dmarc"] == "fail"
    assert "dmarc fail" in friends.krets("queue", "show", str(one["id"]))
    friends.krets("queue", "refuse", str(one["id"]), "--reason", "Not yours", "--yes")
    settled(friends)
    assert mails_to(outbox, boss) == []


@pytest.mark.journey
def test_a_strict_domains_post_leaves_as_ours_where_its_signature_does_not_survive(
    friends: Krets, zone: Zone, outbox: list[Caught]
) -> None:
    """Receivers judge the copy by DMARC: ours passes for us, and proves nothing about the bank."""
    for name, value in re.findall(
        r"^(\S+)\. IN TXT \((.*)\)", friends.krets("dkim", "dns", "lists.example.org"), re.MULTILINE
    ):
        zone.add(name, ("TXT", "".join(re.findall(r'"([^"]*)"', value))))
    raw = signed(
        RAW.replace(b"Olga <olga@example.org>", b"=?utf-8?q?B=C3=B6?= <b@bank.example>"),
        b"bank.example",
    )
    assert explained(friends, raw)["munge"] is False
    friends.krets("list", "set", LIST, "--footer", "Be kind", "--yes")
    assert explained(friends, raw)["munge"] is True
    assert "its signature does not fit" in friends.krets(
        "explain", "post", LIST, str(friends.folder / "mail.eml")
    )
    post(friends, raw, "b@bank.example", LIST)
    (copy,) = wait_for("the copy", lambda: [m for m in outbox if m.recipients == (MEMBER,)])
    fields = email.message_from_bytes(copy.raw)
    assert header(fields, "From").startswith("Bö via friends <friends-from+")
    assert header(fields, "Reply-To") == header(fields, "X-Original-From") == "Bö <b@bank.example>"
    judged = verdict.judge(
        copy.raw, message.head(copy.raw), Envelope("", "", ""), Resolver([zone.server])
    )
    assert judged.aligned
    settled(friends)
    friends.krets("archive", "export", LIST, str(friends.folder / "out"))
    pages = [one.read_bytes() for one in (friends.folder / "out").rglob("*") if one.is_file()]
    assert any(b"Monday" in one for one in pages)
    assert not any(b"friends-from+" in one for one in pages)
