"""Real mail, signed anew as its own signers sign, leaves whole or under an alias: never broken."""

import base64
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from sqlalchemy import select

from listserv.reception import sorter
from mailer.authentication import verdict
from mailer.ledger.mailings import Mailing, composition
from mailer.reading import message
from mailer.reading.mbox import open_mail_file, read_mbox
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from subscriptions.lists.policies import PostPolicy
from tests.place import LIST, Place, make_place
from tests.zone import Zone, serving

KEY = ed25519.Ed25519PrivateKey.generate()
ADDED = {
    "list-id", "list-post", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-owner",
    "list-subscribe", "list-archive", "archived-at", "precedence", "sender",
}  # fmt: skip
_VALUE = rb"[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*"
SIGNATURE = re.compile(rb"(?im)^dkim-signature" + _VALUE)
OF_A_LIST = re.compile(rb"(?im)^(?:list-[a-z-]+|archived-at|message-id)" + _VALUE)
MOST = 60  # in the short form


def raw_key() -> bytes:
    whole, raw = serialization.Encoding.Raw, serialization.PrivateFormat.Raw
    return base64.b64encode(KEY.private_bytes(whole, raw, serialization.NoEncryption()))


def record() -> str:
    whole, raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    public = base64.b64encode(KEY.public_key().public_bytes(whole, raw)).decode()
    return f"v=DKIM1; k=ed25519; p={public}"


def signed_mails(corpora: Path, most: int | None) -> Iterator[tuple[str, bytes, list[str]]]:
    """Yield (author's domain, the mail signed anew, what is signed) of a community's mails."""
    found = 0
    with open_mail_file(corpora / "community" / "speakup.mbox.xz") as file:
        for number, one in enumerate(read_mbox(file)):
            raw = message.with_crlf(one.raw)
            head, _, body = raw.partition(b"\r\n\r\n")
            old = SIGNATURE.search(head + b"\r\n")
            domain = verdict.author_domain(message.head(raw))
            if old is None or not domain:
                continue
            bare = OF_A_LIST.sub(b"", SIGNATURE.sub(b"", head + b"\r\n"))
            raw = b"Message-ID: <%d@corpus.example>\r\n%b\r\n%b" % (number, bare, body)
            yield domain, *signed(raw, domain, old[0])
            found += 1
            if found == most:
                return


def signed(raw: bytes, domain: str, old: bytes) -> tuple[bytes, list[str]]:
    """Sign as an older signature did: the same fields, in the same form."""
    tags = dict(
        pair.split("=", 1)
        for pair in re.sub(r"\s+", "", old.decode("latin-1").partition(":")[2]).split(";")
        if "=" in pair
    )
    fields = tags["h"].lower().split(":")
    forms = [*tags.get("c", "simple").split("/"), "simple"][:2]
    signer = dkim.DKIM(raw, signature_algorithm=b"ed25519-sha256")
    signer.should_not_sign = set()  # some sign Received and more
    made = signer.sign(
        b"k",
        domain.encode(),
        raw_key(),
        include_headers=[one.encode() for one in fields],
        canonicalize=(forms[0].encode(), forms[1].encode()),
    )
    return bytes(made) + raw, fields


def oversigned(raw: bytes, fields: list[str]) -> bool:
    """Tell whether a signature says that there is no more of a field which a list adds."""
    head = message.head(raw)
    counted = Counter(fields)
    return any(counted[name] > len(head.all(name)) for name in ADDED)


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone()) as served:
        yield served


@pytest.fixture
def place(tmp_path: Path, database_url: str, zone: Zone) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    made.app.settings.mailer.__dict__["resolver"] = (zone.server,)
    made.app.__dict__.pop("resolver", None)
    made.change(post=PostPolicy.ANYONE)
    yield made
    made.end()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "most", [pytest.param(MOST, id="some"), pytest.param(None, id="all", marks=pytest.mark.journey)]
)
def test_what_leaves_verifies_unless_it_leaves_under_an_alias(
    place: Place, zone: Zone, corpora: Path, most: int | None
) -> None:
    expected: dict[str, bool] = {}
    came = []
    for domain, raw, fields in signed_mails(corpora, most):
        if domain not in zone.records:
            zone.add(domain, ("TXT", "v=spf1 -all"))
            zone.add(f"_dmarc.{domain}", ("TXT", "v=DMARC1; p=reject; psd=n"))
            zone.add(f"k._domainkey.{domain}", ("TXT", record()))
        expected[message.message_id(message.head(raw)) or ""] = oversigned(raw, fields)
        came.append(Incoming("x@evil.example", (LIST,), raw, "203.0.113.9", "h", "ESMTP", 1e9))
    for at in range(0, len(came), 200):
        with place.app.store.write() as session:
            arrivals.keep(session, came[at : at + 200])
        sorter.sort(place.app, lambda: False)

    def answer(name: bytes, **_: object) -> bytes:
        del name
        return record().encode()

    seen = Counter[str]()
    with place.app.store.read() as session:
        for number in session.scalars(select(Mailing.id).where(Mailing.kind == "post")):
            found = composition(session, number, 0)
            assert found is not None
            copy = found.join(dict.fromkeys(found.slots, b"x"))
            head = message.head(copy)
            name = message.message_id(head) or ""
            aliased = "friends-from+" in head.text("from")
            whole = dkim.verify(copy, dnsfunc=answer)
            assert whole is not aliased, name
            assert expected[name] or not aliased, name
            seen["alias" if aliased else "whole"] += 1
    assert seen["whole"] > len(came) // 2
