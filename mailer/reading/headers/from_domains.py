"""Say which domains a mail names as its writer's, by every reading that a receiver may have.

    from_domains(head)    # {"example.org"}

Receivers disagree about a From with two addresses, a group, a comment, a source route, an
encoded word, a letter that nobody sees or a second From line, and a forger chooses the reading.
So this is no parser: each domain behind an @ in From or Sender counts, wherever it stands.
SECURITY: hostile octets pass here; each value is read a few times from end to end and no further
than ``LONGEST`` octets.
"""

import re
import unicodedata

from mailer.errors import BadInput
from mailer.reading.addresses import domain_key
from mailer.reading.header_words import LONGEST, addresses_of, decode, text_of
from mailer.reading.message import MessageHeader

FIELDS = ("from", "sender")
MOST = 200  # domains of one mail
_BEHIND = re.compile(r"@\s{0,9}([A-Za-z0-9._\-\u0080-\U0010ffff]{1,255})")
_COMMENT = re.compile(r"\([^()]*\)")
_BLANK = re.compile(r"\s+")


def from_domains(head: MessageHeader) -> frozenset[str]:
    """Return the A-label, lower-case form of every domain that From or Sender names."""
    found: set[str] = set()
    for field in FIELDS:
        for value in head.all(field):
            for domain in _of(value[:LONGEST]):
                found.add(domain)
                if len(found) >= MOST:
                    return frozenset(found)
    return frozenset(found)


def domain_of(text: str) -> str:
    """Return the form in which domains are compared, "" for what cannot be one."""
    plain = unicodedata.normalize("NFKC", text).lower().strip(" .\u3002")
    try:
        return domain_key(plain)
    except BadInput:
        return plain if plain.isprintable() else ""  # DNS may hold what no address has: a_b.org


def _of(value: bytes) -> set[str]:
    spelled = [address for _, address in addresses_of(value)]
    raw = unicodedata.normalize("NFKC", decode(value))
    bare = _COMMENT.sub("", raw)
    seen = "".join(letter for letter in bare if letter.isprintable() and letter not in "[]")
    texts = {raw, unicodedata.normalize("NFKC", text_of(value)), bare, _BLANK.sub("", bare), seen}
    named = [text for whole in (*texts, *spelled) for text in _BEHIND.findall(whole)]
    return {domain for domain in map(domain_of, named) if domain}
