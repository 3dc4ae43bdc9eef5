"""Read a line of an owner's mail that gives the list another address, or only another title.

    read("Please change the address of the list to garden")     # Order("rename", "garden")
    read("rename the list to Riverside Choir")                  # Order("set", "title", ...)

What names an address, or speaks of one, is about the address. What is denied or wondered about is
``unclear``. Knows no list, so it does not know which of two addresses is the new one. Pure.
"""

import re

from listserv.answers import owner_lexicon
from listserv.answers.owner_lexicon import bare, says
from listserv.answers.owner_order import UNCLEAR, Order
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from templates import lexicon
from templates.lexicon import fold

_QUOTED = re.compile(r"[\"«„“”]([^\"»“”]+)[\"»“”]")
_BEFORE = 9  # words up to a title
_QUOTES = "\"'«»„“”"
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)


def read(line: str) -> Order | None:
    """Return what a line calls the list, None where it speaks of something else."""
    words = bare(_ADDRESS.sub(" ", line))
    called = _called(line)
    if called is not None:
        return called
    of_address = says("readdress", words)
    named = _addresses(line)
    renames = says("renaming", words) or (bool(named) and says("to-rename", words))
    if not of_address and not renames:
        return None
    about_address = of_address or bool(named)
    if says("not", words) or says("wonder", words):
        who = named[-1] if named else ""
        return Order(UNCLEAR, who, line=line) if about_address else None
    meaning = "readdress" if of_address else "to-rename" if named else "renaming"
    language = owner_lexicon.language_of(meaning, words)
    if about_address:
        new = named or _names(line)
        if not new:
            return None
        return Order("rename", new[-1], " ".join(new), line=line, language=language)
    title = _quoted(line) or behind_to(line)
    return Order("set", "title", title, line=line, language=language) if title else None


def _called(line: str) -> Order | None:
    """Read "call the list Garden People": what stands behind is the title."""
    words = line.split()
    for place in range(2, min(len(words), _BEFORE)):
        said = bare(" ".join(words[:place]))
        if not says("calling", said):
            continue
        if says("not", said) or says("wonder", bare(line)) or "?" in line:
            return None
        title = _quoted(line) or " ".join(words[place:]).strip(_QUOTES + "?.! ")
        language = owner_lexicon.language_of("calling", said)
        return Order("set", "title", title, line=line, language=language) if title else None
    return None


def behind_to(line: str) -> str:
    """Return what stands behind the first "to" of a renaming, without thanks and marks."""
    words = line.split()
    to = lexicon.phrases("owners", "to")
    for place in range(2, len(words) - 1):
        said = bare(" ".join(words[:place]))
        known = says("renaming", said) or says("readdress", said)
        if fold(words[place]) in to and known:
            return " ".join(words[place + 1 :]).strip(_QUOTES + "?.!")
    return ""


def _quoted(line: str) -> str:
    found = _QUOTED.search(line)
    return found[1].strip() if found else ""


def _addresses(line: str) -> list[str]:
    found: dict[str, None] = {}
    for one in _ADDRESS.findall(line):
        try:
            found[parse(one).key] = None
        except BadInput:
            continue
    return list(found)


def _names(line: str) -> list[str]:
    """Return the bare name that a line gives, behind a colon, in quotes or behind "to"."""
    said = line.partition(":")[2].strip() or _quoted(line) or behind_to(line)
    first = owner_lexicon.without_politeness(bare(said)) if said else ""
    return [first] if _NAME.fullmatch(first) else []
