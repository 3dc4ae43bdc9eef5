"""Find how a person is spelled: the names beside their address, and the ways to write both.

Knows the fields of a mail that name people, and the lines that say who is quoted; an address in
words ("anna at example dot org"), a name with its parts turned round and without its accents.
Pure functions. SECURITY: mail is hostile; lines are bounded, and a name is a few capitalised words.
"""

import re
import unicodedata
from collections.abc import Collection
from contextlib import suppress

from archive.visibility.removal import digest, words_of
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from mailer.reading.bodies import read_text
from mailer.reading.message import addresses_of, head

_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc")
_BEFORE = 200  # characters before an address in which its owner's name may stand
_MOST = 4  # words of a name
_WRAPPED = re.compile(r"[ \t]*\n(?!\s)|[ \t]+")  # a name may go over the end of a line
_OPENS = ("<", "(", "[", "mailto:")
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "ł": "l", "đ": "d"})


def names_beside(raw: bytes, keys: Collection[str], spelled: Collection[str]) -> set[str]:
    """Return the full names that stand beside an address of the person in the mail ``raw``.

    ``keys`` are the addresses as they are compared, ``spelled`` all forms in which one is written.
    """
    found = set()
    fields = head(raw)
    for field in _FIELDS:
        for value in fields.all(field):
            for name, address in addresses_of(value):
                with suppress(BadInput):
                    if parse(address).key in keys and "@" not in name:
                        found.add(name.strip("\"' "))
    text = _WRAPPED.sub(" ", read_text(raw)[0])
    for address in spelled:
        for match in re.finditer(re.escape(address), text, re.IGNORECASE):
            found.add(_name_before(text[max(0, match.start() - _BEFORE) : match.start()]))
    return {name for name in found if len(words_of(name)) > 1}


def _name_before(text: str) -> str:
    """Return the capitalised words at the end of ``text``, where an address in brackets follows."""
    if not text.endswith(_OPENS):
        return ""
    name: list[str] = []
    for word in reversed(text.rstrip("<([ \"'").removesuffix("mailto:").rstrip('<([ "').split(" ")):
        ends = name and not word[-1:].isalnum() and len(word) > len("M.")
        if not word[:1].isupper() or ends or len(name) == _MOST:
            break
        name.insert(0, word)
    return " ".join(name)


def name_phrases(key: bytes, name: str) -> set[tuple[int, bytes]]:
    """Return what stands for ``name``: as it is, turned round, and without accents."""
    words = words_of(name)
    forms = {tuple(words), tuple(words[::-1])}
    if len(words) > 1:  # a lone word without its accents may be another word
        forms |= {tuple(_bare(word) for word in form) for form in forms}
    pieces = words_of(name.replace("_", " "))
    return {(len(form), digest(key, form)) for form in (*forms, tuple(pieces)) if form}


def address_phrases(key: bytes, address: str) -> set[tuple[int, bytes]]:
    """Return what stands for ``address``: with its signs, and with words for them."""
    local, _, domain = address.rpartition("@")
    host = domain.split(".")
    forms = {
        tuple(words_of(address)),
        tuple(words_of(address.replace("_", " "))),
        tuple(words_of(f"{local} at {domain}")),
        tuple(words_of(f"{local} at {' dot '.join(host)}")),
        tuple(words_of(f"{' dot '.join(local.split('.'))} at {' dot '.join(host)}")),
    }
    return {(len(form), digest(key, form)) for form in forms if form}


def _bare(word: str) -> str:
    """Return ``word`` without accents."""
    parts = unicodedata.normalize("NFD", word.translate(_LETTERS))
    return "".join(char for char in parts if not unicodedata.combining(char))
