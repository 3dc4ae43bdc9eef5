"""Fill the slots of a copy with its reader's values, made safe for where they stand.

Knows one reader's words and no issue. SECURITY: a name and an address were written by strangers.
Each value is made safe for the part it stands in: escaped in HTML, percent-encoded in the address
of a link, quoted-printable in both parts and in the subject; nothing invisible passes.
"""

import binascii
import html
from collections.abc import Callable
from urllib.parse import quote

from mailer.ledger.splice import FOLD
from subscriptions.lists.rhythms import DigestForm
from subscriptions.lists.roster import LANGUAGES

KIND = "issue"  # of a mailing
QUESTION = "question"  # of a mailing that asks members, or tells them how that ended
CALENDAR = "calendar"  # the slot of an address as a calendar file has it
VOTE = "vote"  # the slot of the token that answers an issue's question
TO = "to"  # the slot of a reader's address in the envelope's spelling
WORD = 75 - len("=?utf-8?q??=")  # characters of an encoded word's text
MAX_NAME = 80  # characters of a name in a copy
NAMED, FILLED = 1, 2  # bits of a variant: the reader's name is known; slots are filled
FORM = 5  # bits below those of a digest's form
_JOINERS = "\u200c\u200d"  # invisible, and part of how some names are written
_PLAIN_Q = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")


def variant_of(language: str, *, named: bool, filled: bool) -> int:
    """Return the number under which a reader's composition stands in the ledger."""
    place = LANGUAGES.index(language) if language in LANGUAGES else LANGUAGES.index("en")
    return place << 2 | (FILLED if filled else 0) | (NAMED if named else 0)


def digest_variant(language: str, form: DigestForm) -> int:
    """Return the number of a digest's composition in this language and form."""
    return variant_of(language, named=False, filled=False) | list(DigestForm).index(form) << FORM


def values(name: str, address: str) -> dict[str, bytes]:
    """Return what fills one reader's slots, each made safe for the part where it stands."""
    found = {TO: address.encode()}
    for slot, said in (("name", shown(name)), ("email", shown(address))):
        for form, write in WRITERS.items():
            found[f"{slot}.{form}"] = write(said)
    return found


def shown(name: str) -> str:
    """Return a stranger's words on one line, short, with nothing invisible in them."""
    seen = "".join(c if c.isprintable() or c in _JOINERS else " " for c in name)
    return " ".join(seen.split())[:MAX_NAME].rstrip()


def uri(address: str) -> bytes:
    """Return an address as it stands behind ``mailto:`` in a calendar (RFC 6068 section 2)."""
    return quote(address, safe="@+-._~=&'!$*/").encode("ascii")


def q(text: str) -> bytes:
    """Encode as in an encoded word (RFC 2047 section 4.2), without its frame."""
    return b"".join(
        b"_" if byte == ord(" ") else bytes((byte,)) if byte in _PLAIN_Q else b"=%02X" % byte
        for byte in text.encode()
    )


def qp(text: str) -> bytes:
    """Encode one value on one line, whatever stands around it."""
    coded = binascii.b2a_qp(text.encode(), quotetabs=True, istext=False)
    return coded.replace(b"=\n", b"")


def words(text: str) -> bytes:
    """Encode a header's value as encoded words of at most 75 characters, but for the outer frame.

    Each word holds whole characters (RFC 2047 sections 2 and 5); they are folded into lines.
    """
    found, room = [b""], WORD
    for letter in text:
        coded = q(letter)
        if len(coded) > room:
            found.append(b"")
            room = WORD
        found[-1] += coded
        room -= len(coded)
    return FOLD.join(found)


# How a value is written where it stands: in text, in HTML, in the address of a link, in a header.
WRITERS: dict[str, Callable[[str], bytes]] = {
    "t": qp,
    "h": lambda said: qp(html.escape(said)),
    "u": lambda said: qp(quote(said, safe="@")),
    "q": words,
}
