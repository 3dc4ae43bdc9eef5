"""Rewrite the From of a post to an alias of ours, where mail with its own From would be refused.

    alias = writer_alias.make(session, keyring, lst, head, arrival_id)
    raw = writer_alias.munged(raw, head, alias)   # From: "Anna via Circle" <circle-from+TOKEN@...>

A member's alias is the same in every post; anybody else's belongs to one mail. The writer stays
readable: in the name, in Reply-To where nobody has set one, and in X-Original-From. Whether a post
needs one is for mailings/munging.py to say. SECURITY: the name is a stranger's. No @ of it reaches
the new From, so that nobody reads a domain there that did not vouch for the mail; X-Original-From
and X-Original-Sender that came with the mail go, because here they are our word.
"""

import re
import unicodedata
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

import templates
from listserv.letters.post_headers import phrase
from listserv.wiring import vouching
from listserv.wiring.listserv_tables import Post
from mailer.authentication.dmarc import DmarcPolicy
from mailer.authentication.verdict import Authentication
from mailer.errors import BadInput
from mailer.reading import message
from mailer.reading.addresses import MailAddress, parse
from mailer.reading.headers.from_domains import from_domains
from mailer.reading.message import MessageHeader
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from mailer.storage.tokens import Keyring, TokenPurpose
from subscriptions.lists.roster import MailList, Membership, membership_of
from subscriptions.membership import optin

MAX_NAME = 60  # characters of a writer's name
_OURS = {"x-original-from", "x-original-sender"}
_AT = re.compile(r"\s*@\S*")


class Alias(NamedTuple):
    """Hold an address of ours that stands for a writer, and the name beside it."""

    address: str
    name: str


def make(
    session: Session, keyring: Keyring, lst: MailList, head: MessageHeader, arrival_id: int
) -> Alias:
    """Return the alias of whoever wrote a mail to ``lst``."""
    name, author = writer_of(head)
    member = membership_of(session, lst.id, author.key) if author else None
    ref = member.id * 2 if member else arrival_id * 2 + 1
    token = keyring.standing(TokenPurpose.FROM, lst.address, ref)
    local, _, domain = lst.address.partition("@")
    shown = _clean(name) or (_clean(author.local) if author else "")
    said = templates.mail_part("via", lst.language, writer=shown, title=_clean(lst.title) or local)
    return Alias(f"{local}-from+{token}@{domain}", said)


def needed(head: MessageHeader, found: Authentication, ours: frozenset[str]) -> bool:
    """Tell whether a letter that is handed on as it came needs an alias in its From.

    Its signatures survive; where it has none, a strict domain's policy stands against it.
    """
    strict = found.policy != DmarcPolicy.NONE and found.dkim != "pass"
    return strict or vouching.is_ours(head, ours, found)


def writer_of(head: MessageHeader) -> tuple[str, MailAddress | None]:
    """Return name and address of the first writer in From that has one."""
    for value in head.all("from"):
        for name, spelled in message.addresses_of(value):
            try:
                return name, parse(spelled)
            except BadInput:
                continue
    return "", None


def munged(raw: bytes, head: MessageHeader, alias: Alias) -> bytes:
    """Return the mail with ``alias`` as its one From; ``raw`` has CRLF line ends."""
    fresh = f"From: {phrase(alias.name, 'From')}<{alias.address}>\r\n".encode("ascii")
    kept, written = [], 0
    for (spelled, _), (start, end) in zip(head.fields, head.spans, strict=True):
        name, value = spelled.lower(), raw[start:end].partition(b":")[2]
        if name == "from":
            kept += [] if written else [fresh]
            kept.append(b"X-Original-From:" + value)
            written += 1
        elif name == "sender":
            kept.append(b"X-Original-Sender:" + value)
        elif name not in _OURS:
            kept.append(raw[start:end])
    if not written:
        kept.insert(0, fresh)
    if written == 1 and head.first("Reply-To") is None:
        kept += [b"Reply-To:" + one.partition(b":")[2] for one in kept if _is_original(one)]
    last = head.spans[-1][1] if head.spans else 0
    return b"".join(kept) + (raw[last : head.body] or b"\r\n") + raw[head.body :]


def is_alias(head: MessageHeader, keyring: Keyring, *addresses: str) -> bool:
    """Tell whether a mail's one writer is an alias that we made for a list by one of its names."""
    return any(_is_alias(head, one, keyring) for one in addresses)


def _is_alias(head: MessageHeader, list_address: str, keyring: Keyring) -> bool:
    local, _, domain = list_address.partition("@")
    values = head.all("from")
    found = message.addresses_of(values[0]) if len(values) == 1 else []
    if len(found) != 1 or from_domains(head) != {domain}:
        return False
    spelled = found[0][1].lower()
    token = spelled.removeprefix(f"{local}-from+").removesuffix(f"@{domain}")
    made = spelled == f"{local}-from+{token}@{domain}"
    return made and keyring.read(token, TokenPurpose.FROM, list_address) is not None


def whose(session: Session, keyring: Keyring, lst: MailList, token: str) -> MailAddress | None:
    """Return the address of the writer for whom an alias stands; None where nobody is known."""
    ref = keyring.read(token, TokenPurpose.FROM, *lst.addresses)
    if ref is None:
        return None
    if ref % 2 == 0:
        member = session.get(Membership, ref // 2)
        there = member is not None and member.list_id == lst.id
        return optin.address_of(session, member) if member and there else None
    arrival = session.get(Arrival, ref // 2)
    if arrival is None:
        return None
    raw = get_raw(session, arrival.raw_sha)
    if raw is not None:
        return writer_of(message.head(raw))[1]
    author = session.scalar(select(Post.author).where(Post.arrival_id == arrival.id))
    return parse(author) if author else None


def _is_original(field: bytes) -> bool:
    return field.startswith(b"X-Original-From:")


def _clean(text: str) -> str:
    plain = unicodedata.normalize("NFC", text)
    if "@" in unicodedata.normalize("NFKC", plain):
        plain = _AT.sub("", unicodedata.normalize("NFKC", plain))
    return " ".join(plain.split())[:MAX_NAME].rstrip()
