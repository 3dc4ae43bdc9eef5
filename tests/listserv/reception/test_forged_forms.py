"""However a From is spelled, it acts for no member and carries no domain's name unproven."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from listserv.moderation import holds
from listserv.reception import sorter
from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.reading import message
from mailer.reading.header_words import decode
from mailer.reading.headers.from_domains import from_domains
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, Incoming
from subscriptions.lists import roster
from subscriptions.lists.policies import PostPolicy
from tests.place import LIST, Place, make_place
from tests.zone import Zone, serving

BANK, EVIL, OURS = "bank.example", "evil.example", "example.org"
CLARA = f"clara@{BANK}"
REQUEST = LIST.replace("@", "-request@")
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in BANK)  # as NFKC reads them: the same
CLIENT = "203.0.113.66"  # whom evil.example's SPF vouches for

# How a stranger spells a letter as Clara's; in each, some reader sees her address.
FORMS = {
    "plain": f"From: Clara <{CLARA}>",
    "case": "FROM: Clara <CLARA@BANK.EXAMPLE>",
    "dot": f"From: clara@{BANK}.",
    "below": f"From: clara@mail.{BANK}",
    "two": f"From: {CLARA}, x@{EVIL}",
    "two-other-way": f"From: x@{EVIL}, {CLARA}",
    "two-same-domain": f"From: x@{EVIL}, y@{EVIL}\r\nSender: {CLARA}",
    "group": f"From: Friends: {CLARA};",
    "group-both": f"From: Friends: {CLARA}, x@{EVIL};",
    "group-empty": f"From: {CLARA}:;",
    "encoded-whole": "From: =?utf-8?q?clara=40bank=2Eexample?=",
    "encoded-name": f"From: =?utf-8?q?clara=40bank=2Eexample?= <x@{EVIL}>",
    "encoded-angle": f"From: =?utf-8?b?PGNsYXJhQGJhbmsuZXhhbXBsZT4=?= <x@{EVIL}>",
    "encoded-comma": f"From: =?utf-8?q?clara=40bank=2Eexample=2C?= <x@{EVIL}>",
    "quoted-name": f'From: "{CLARA}" <x@{EVIL}>',
    "bare-name": f"From: {CLARA} <x@{EVIL}>",
    "two-angles": f"From: <{CLARA}> <x@{EVIL}>",
    "two-angles-other-way": f"From: <x@{EVIL}> <{CLARA}>",
    "comment": f"From: x@{EVIL} ({CLARA})",
    "comment-address": f"From: {CLARA} (x@{EVIL})",
    "comment-inside": f"From: clara@(x@{EVIL})bank.example",
    "route": f"From: <@{EVIL}:{CLARA}>",
    "quoted-local": f'From: "clara"@{BANK}',
    "quoted-at": f'From: "clara@bank.example"@{EVIL}',
    "blanks": "From: clara @ bank . example",
    "folded": "From: clara@\r\n bank.example",
    "colon": f"From : {CLARA}",
    "two-lines": f"From: {CLARA}\r\nFrom: x@{EVIL}",
    "two-lines-other-way": f"From: x@{EVIL}\r\nFrom: {CLARA}",
    "second-with-blank": f"From: x@{EVIL}\r\nFrom : {CLARA}",
    "sender": f"From: x@{EVIL}\r\nSender: {CLARA}",
    "sender-alone": f"Sender: {CLARA}",
    "resent": f"From: x@{EVIL}\r\nResent-From: {CLARA}",
    "resent-first": f"Resent-From: x@{EVIL}\r\nFrom: {CLARA}",
    "reply-to": f"From: x@{EVIL}\r\nReply-To: {CLARA}",
    "null": "From: <>",
    "none": f"X-From: {CLARA}",
    "wide": f"From: clara@{WIDE}",
    "wide-dot": "From: clara@bank\u3002example",
    "cyrillic": "From: clara@b\u0430nk.example",
    "nul": f"From: clara@bank.example\0@{EVIL}",
    "bare-cr": f"From: x@{EVIL}\rFrom: {CLARA}",
    "percent": f"From: clara%bank.example@{EVIL}",
    "bang": f"From: bank.example!clara@{EVIL}",
    "backslash": f"From: clara\\@bank.example@{EVIL}",
    "soft-hyphen": "From: clara@ba\u00adnk.example",
    "zero-width": "From: clara@bank\u200b.example",
    "from-right": f"From: \u202e{CLARA}\u202c",
    "delete": "From: clara@bank.ex\x7fample",
    "brackets": f"From: clara@[{BANK}]",
    "semicolon": f"From: x@{EVIL};{CLARA}",
    "tab-and-comma": f"From: {CLARA}\r\n\t,x@{EVIL}",
    "encoded-all": f"From: =?utf-8?q?=3Cclara=40bank=2Eexample=3E?= <x@{EVIL}>",
    "mailto": f"From: mailto:{CLARA}",
    "unclosed": f"From: <{CLARA}",
    "two-ats": f"From: {CLARA}@{EVIL}",
    "quoted-first": f'From: "x@{EVIL}" {CLARA}',
    "next-line": f"From:\r\n {CLARA}",
    "hard-blank": f"From: \u00a0{CLARA}\u00a0",
    "hard-blank-before-colon": f"From\u00a0: {CLARA}",
    "return-path": f"Return-Path: <{CLARA}>\r\nFrom: x@{EVIL}",
    "resent-both": f"Resent-Sender: {CLARA}\r\nResent-From: {CLARA}\r\nFrom: x@{EVIL}",
    "utf-7": "From: =?utf-7?Q?clara+AEA-bank.example?=",
    "mailbox-line": f"From {CLARA} Mon Nov 30\r\nFrom: x@{EVIL}",
    "quoted-mailbox-line": f">From: {CLARA}\r\nFrom: x@{EVIL}",
    "folded-first": f" From: {CLARA}\r\nFrom: x@{EVIL}",
    "after-no-field": f"From: x@{EVIL}\r\nno field\r\nFrom: {CLARA}",
    "with-language": "From: =?utf-8*en?q?clara=40bank=2Eexample?=",
    "quoted-pair": f'From: "cl\\ara"@{BANK}',
    "quoted-domain": f'From: clara@"{BANK}"',
    "wide-at": f"From: clara\uff20{BANK}",
    "deep-comments": "From: (a(b))clara(c)@(d)bank(e).(f)example(g)",
    "route-of-two": f"From: <@{BANK},@{EVIL}:{CLARA}>",
    "route-by-bank": f"From: <@{BANK}:x@{EVIL}>",
    "last-of-many": "From: " + f"x@{EVIL}, " * 300 + CLARA,
    "html": f"From: &lt;{CLARA}&gt; <x@{EVIL}>",
}


@pytest.fixture
def zone() -> Iterator[Zone]:
    """Serve a bank that rejects what is not its own, and a stranger's domain that passes."""
    made = Zone()
    made.add(BANK, ("TXT", "v=spf1 -all"))
    made.add(f"_dmarc.{BANK}", ("TXT", "v=DMARC1; p=reject; adkim=s; aspf=s"))
    made.add(EVIL, ("TXT", f"v=spf1 ip4:{CLIENT} -all"))
    made.add(f"_dmarc.{EVIL}", ("TXT", "v=DMARC1; p=reject"))
    with serving(made) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, database_url: str, zone: Zone) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    made.app.settings.mailer.__dict__["resolver"] = (zone.server,)
    made.app.__dict__.pop("resolver", None)
    made.add(CLARA)
    yield made
    made.end()


def forge_all(place: Place, to: str, body: str) -> None:
    """Let a stranger's letters in, one in each form, whose own domain vouches for the envelope."""
    came = []
    for form, head in FORMS.items():
        raw = f"{head}\r\nTo: {to}\r\nSubject: hello\r\nMessage-ID: <{form}@e>\r\n\r\n{body}\r\n"
        came += [Incoming(f"x@{EVIL}", (to,), raw.encode(), CLIENT, f"mx.{EVIL}", "ESMTP", 1e9)]
    with place.app.store.write() as session:
        arrivals.keep(session, came)
    sorter.sort(place.app, lambda: False)


def test_no_spelling_posts_as_a_member(place: Place) -> None:
    forge_all(place, LIST, "Pay at once")
    assert "accept" not in place.decisions()
    with place.app.store.read() as session:
        assert session.scalars(select(Hold.id)).all()


@pytest.mark.parametrize(
    "wish",
    ["pause", *(pytest.param(w, marks=pytest.mark.journey) for w in ("leave", "daily"))],
)
def test_no_spelling_changes_what_a_member_has(place: Place, wish: str) -> None:
    forge_all(place, REQUEST, wish)
    assert place.state(CLARA) == "active"
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, CLARA)
        assert member is not None
        assert member.rhythm.value == "each"


def test_whom_the_own_domain_vouches_for_is_the_member_and_may_do_all_this(
    place: Place, zone: Zone
) -> None:
    zone.records[BANK] = [("TXT", f"v=spf1 ip4:{CLIENT} -all")]
    raw = f"From: {CLARA}\r\nTo: {{}}\r\nSubject: x\r\nMessage-ID: <{{}}@b>\r\n\r\npause\r\n"
    for to in (LIST, REQUEST):
        came = Incoming(CLARA, (to,), raw.format(to, to[:9]).encode(), CLIENT, "mx", "ESMTP", 1e9)
        with place.app.store.write() as session:
            arrivals.keep(session, [came])
        sorter.sort(place.app, lambda: False)
    assert place.decisions() == ["accept"]
    assert place.state(CLARA) == "paused"


def release_all(place: Place) -> int:
    """Let a moderator release what waits; return how many that were."""
    with place.app.store.write() as session:
        waiting = session.scalars(select(Hold.arrival_id).where(Hold.state == HoldState.WAITING))
        found = [session.get(Arrival, one) for one in waiting.all()]
        for arrival in found:
            assert arrival is not None
            holds.decide(session, arrival, HoldState.RELEASED, by="mats@example.net", now=1e9)
    sorter.sort(place.app, lambda: False)
    return len(found)


BASE64 = "PGNsYXJhQGJhbmsuZXhhbXBsZT4=", "PGNsYXJhQGV4YW1wbGUub3JnPg=="  # <clara@...>


def ours(form: str) -> str:
    """Return a form that names our own domain instead of the bank's."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in OURS)
    for spelled, instead in (
        (BANK, OURS),
        (BANK.upper(), OURS.upper()),
        (WIDE, wide),
        ("bank=2Eexample", "example=2Eorg"),
        ("bank . example", "example . org"),
        BASE64,
    ):
        form = form.replace(spelled, instead)
    return form


def test_no_spelling_leaves_under_our_own_name(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.change(post=PostPolicy.ANYONE)
    for form in list(FORMS):
        monkeypatch.setitem(FORMS, form, ours(FORMS[form]))
    forge_all(place, LIST, "Pay at once")
    assert release_all(place) > len(FORMS) // 2
    copies = place.mails("mats@example.net", kind="post")
    assert len(copies) > len(FORMS) // 2
    for copy in copies:
        if "friends-from+" in str(copy["From"]):
            continue
        values = message.head(copy.as_bytes()).all("from")
        seen = unicodedata.normalize("NFKC", " ".join(map(decode, values))).lower()
        assert OURS not in "".join(letter for letter in seen if letter.isalnum() or letter in "@.-")
        assert not {one for one in from_domains(message.head(copy.as_bytes())) if OURS in one}
        assert copy["Sender"] is None or OURS not in copy["Sender"]
