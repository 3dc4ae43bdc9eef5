"""Find who is called by name in a text: "@Anna", "@Anna Berg", "@anna.berg".

Pure. An address is nobody's name, and a name behind a letter or digit is part of an address.
"""

import re
from collections.abc import Sequence

from templates.lexicon import fold

MOST = 200  # names of one text
_CALL = re.compile(
    r"(?<![\w.@+-])@([^\W\d_][\w'\u2019.-]{0,60}(?: [^\W\d_][\w'\u2019-]{0,60}){0,2})"
)


def called(text: str) -> frozenset[str]:
    """Return what follows each @, folded, as one, two and three words."""
    found: set[str] = set()
    for number, call in enumerate(_CALL.finditer(text)):
        if number == MOST:
            break
        words = fold(call[1].replace(".", " ")).split()
        found |= {" ".join(words[:length]) for length in range(1, len(words) + 1)}
    return frozenset(found - {""})


def is_called(name: str, address: str, calls: frozenset[str]) -> bool:
    """Tell whether somebody of this name, or who has none and this address, is called."""
    return not calls.isdisjoint(_spellings(name or address.partition("@")[0]))


def _spellings(name: str) -> Sequence[str]:
    words = fold(name.replace(".", " ")).split()
    if not words:
        return ()
    return (words[0], " ".join(words), "".join(words), "-".join(words), "_".join(words))
