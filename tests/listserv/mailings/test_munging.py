"""When a post's From is rewritten: every policy by what survives of the bytes that leave."""

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from listserv.letters.post_headers import Trace
from listserv.mailings import munging
from listserv.mailings.munging import Why
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.authentication import dkim_keys, verdict
from mailer.authentication.resolver import Resolver
from mailer.authentication.verdict import Envelope
from mailer.reading import message
from mailer.storage.store import Store
from subscriptions.lists.roster import create_list, get_list
from tests.zone import Zone, serving

LIST = "circle@c.example"
MX, ELSEWHERE = "192.0.2.1", "198.51.100.9"
KEY = ed25519.Ed25519PrivateKey.generate()
FIELDS = (b"from", b"to", b"subject", b"date", b"message-id")
TRACE = Trace("", "", "ESMTP", 1, 1.0, "c.example")


def mail(author: str = "anna@a.example", more: str = "") -> bytes:
    return (
        f"From: Anna <{author}>\r\nTo: {LIST}\r\nSubject: Tea\r\n{more}"
        "Date: Sun, 29 Nov 2026 10:00:00 +0100\r\nMessage-ID: <t@a.example>\r\n\r\nAt four.\r\n"
    ).encode()


def signed(raw: bytes, domain: str, fields: tuple[bytes, ...] = FIELDS) -> bytes:
    pem = KEY.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    made = dkim.sign(
        raw, b"k", domain.encode(), base64.b64encode(pem),
        include_headers=list(fields), signature_algorithm=b"ed25519-sha256",
    )  # fmt: skip
    return bytes(made) + raw


def publish(zone: Zone, domain: str, policy: str = "") -> None:
    public = KEY.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    zone.add(f"k._domainkey.{domain}", ("TXT", f"v=DKIM1; k=ed25519; p={_text(public)}"))
    zone.add(domain, ("TXT", f"v=spf1 ip4:{MX} -all"), ("A", MX))
    if policy:
        zone.add(f"_dmarc.{domain}", ("TXT", f"v=DMARC1; {policy}"))


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@pytest.fixture
def app(store: Store, tmp_path: Path) -> App:
    made = App(load({"KRETS_MAILER__DATA": str(tmp_path)}))
    made.__dict__["store"] = store
    with store.write() as session:
        create_list(session, LIST, now=1.0)
    return made


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone()) as served:
        yield served


def why(app: App, zone: Zone, raw: bytes, client: str = ELSEWHERE) -> Why:
    """Judge a mail as it comes in, and then its From as it would leave."""
    resolver = Resolver([zone.server])
    head = message.head(raw)
    author = verdict.author_domain(head) or "a.example"
    found = verdict.judge(raw, head, Envelope(client, "h", f"x@{author}"), resolver)
    with app.store.read() as session:
        lst = get_list(session, LIST)
        asked = munging.ask(session, app, lst, raw, head, found, TRACE, answers="", now=2.0)
    return munging.decide(asked, resolver)


STRICT = {"quarantine", "reject"}
TAGS = [
    # what the organisation publishes, from where its person writes, what that asks for
    *[(f"p={p}", "a.example", p) for p in ("none", "quarantine", "reject")],
    *[
        (f"p={p}; sp={sp}", "sub.a.example", sp)
        for p, sp in itertools.product(("none", "quarantine", "reject"), repeat=2)
    ],
    ("p=reject", "sub.a.example", "reject"),
    ("p=none", "sub.a.example", "none"),
    ("p=none; sp=none; np=reject", "gone.a.example", "reject"),
    ("p=reject; sp=reject; np=none", "gone.a.example", "none"),
    ("p=none; sp=none; np=reject", "sub.a.example", "none"),
    ("p=reject; t=y", "a.example", "quarantine"),
    ("p=quarantine; t=y", "a.example", "none"),
    ("p=none; t=y", "a.example", "none"),
    ("p=reject; sp=quarantine; t=y", "sub.a.example", "none"),
]


@pytest.mark.parametrize(("policy", "domain", "asked"), TAGS)
@pytest.mark.parametrize("spf", [True, False])
@pytest.mark.parametrize("dkim_", ["whole", "oversigned", "foreign", "none"])
def test_a_from_is_rewritten_only_where_its_domain_is_strict_and_nothing_survives(
    app: App, zone: Zone, policy: str, domain: str, asked: str, *, spf: bool, dkim_: str
) -> None:
    """SPF of the writer survives no list; a signature that we do not touch survives every list."""
    publish(zone, "a.example", policy)
    publish(zone, "sub.a.example")
    publish(zone, "b.example")
    raw = mail(f"anna@{domain}")
    if dkim_ != "none":
        by = "b.example" if dkim_ == "foreign" else "a.example"
        more = (b"list-id",) if dkim_ == "oversigned" else ()
        raw = signed(raw, by, FIELDS + more)
    expected = asked in STRICT and dkim_ != "whole"
    assert bool(why(app, zone, raw, MX if spf else ELSEWHERE)) is expected


@pytest.mark.parametrize(
    ("setting", "fields", "more", "munged"),
    [
        ({}, FIELDS, "", Why.STAYS),
        ({"subject_tag": "[Tea]"}, FIELDS, "", Why.BREAKS),
        ({"subject_tag": "Tea"}, FIELDS, "", Why.STAYS),  # it stands there
        ({"subject_tag": "[Tea]"}, (b"from", b"date"), "", Why.STAYS),
        ({"footer": "Be kind"}, FIELDS, "", Why.BREAKS),
        ({"reply_to_list": True}, FIELDS, "", Why.STAYS),
        ({"reply_to_list": True}, (*FIELDS, b"reply-to"), "", Why.BREAKS),
        ({}, (*FIELDS, b"reply-to"), "", Why.STAYS),
        ({}, (*FIELDS, b"sender"), "Sender: a@a.example\r\n", Why.STAYS),
        ({}, (*FIELDS, b"list-unsubscribe"), "", Why.BREAKS),
        ({}, (*FIELDS, b"list-unsubscribe-post"), "", Why.STAYS),  # not over plain http
        ({}, (*FIELDS, b"list-id"), "List-Id: <o.example>\r\n", Why.BREAKS),
        ({}, (*FIELDS, b"precedence"), "Precedence: bulk\r\n", Why.BREAKS),
        ({}, (*FIELDS, b"x-mailer"), "X-Mailer: M\r\n", Why.STAYS),
    ],
)
def test_the_signature_is_judged_over_what_the_lists_settings_make_of_the_post(
    app: App,
    zone: Zone,
    setting: dict[str, object],
    fields: tuple[bytes, ...],
    more: str,
    munged: Why,
) -> None:
    publish(zone, "a.example", "p=reject")
    with app.store.write() as session:
        for name, value in setting.items():
            setattr(get_list(session, LIST), name, value)
    assert why(app, zone, signed(mail(more=more), "a.example", fields)) is munged


@pytest.mark.parametrize(
    ("author", "found"),
    [
        ("boss@c.example", Why.OURS),
        ("boss@mail.c.example", Why.OURS),
        ("a@a.example>, B <b@b.example", Why.SEVERAL),
        ("a@nobody.example", Why.STAYS),
    ],
)
def test_who_writes_in_our_name_or_as_several_is_rewritten_whatever_the_policy(
    app: App, zone: Zone, author: str, found: Why
) -> None:
    assert why(app, zone, mail(author)) is found


@pytest.mark.parametrize(
    ("policy", "signs", "spf", "found"),
    [
        ("p=reject", True, False, Why.STAYS),
        ("p=reject", False, True, Why.STAYS),
        ("p=reject", False, False, Why.UNSIGNED),
        ("p=reject; aspf=s; adkim=s", True, True, Why.UNSIGNED),
    ],
)
def test_our_own_people_keep_their_from_where_our_signature_or_return_path_is_aligned(
    app: App, zone: Zone, policy: str, found: Why, *, signs: bool, spf: bool
) -> None:
    zone.add("people.c.example", ("TXT", f"v=spf1 ip4:{MX} -all"), ("A", MX))
    zone.add("_dmarc.c.example", ("TXT", f"v=DMARC1; {policy}"))
    if spf:
        zone.add("c.example", ("TXT", "v=spf1 a -all"))
    if signs:
        with app.store.write() as session:
            dkim_keys.new_keys(session, "c.example", selector="k", now=0.0, starts=0.0)
    assert why(app, zone, mail("anna@people.c.example"), MX) is found


def test_dns_trouble_on_the_way_in_is_asked_about_again(app: App, zone: Zone) -> None:
    """What could not be told then may be told now; what cannot be told leaves a From alone."""
    publish(zone, "a.example", "p=reject")
    zone.broken.add("_dmarc.a.example")
    assert why(app, zone, mail()) is Why.STAYS
    resolver = Resolver([zone.server])
    raw = mail()
    found = verdict.judge(raw, message.head(raw), Envelope(MX, "h", "x@b.example"), resolver)
    assert found.dmarc == "temperror"
    zone.broken.clear()
    with app.store.read() as session:
        lst = get_list(session, LIST)
        asked = munging.ask(
            session, app, lst, raw, message.head(raw), found, TRACE, answers="", now=2.0
        )
    assert munging.decide(asked, Resolver([zone.server])) is Why.UNSIGNED
