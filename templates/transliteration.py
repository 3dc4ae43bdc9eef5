"""Write a Russian word that somebody typed in Latin letters as Cyrillic: "otpishite menya".

    list(cyrillic("udalite"))               # ["удалите"]

People transliterate by several habits, so that a word has several readings; soft signs are left
out, and the lexicon's forgiven typing error finds the word all the same. Knows letters and no
words. Pure.
"""

import itertools
import re
from collections.abc import Iterator

from templates import lexicon

_MOST = 6  # readings of one word
_LETTERS = lexicon.tables("spelling")["cyrillic"]
_PIECE = re.compile("|".join(sorted(_LETTERS, key=len, reverse=True)))


def cyrillic(word: str) -> Iterator[str]:
    """Yield the folded Cyrillic readings of a folded Latin word; none for another alphabet."""
    pieces = _PIECE.findall(word)
    if "".join(pieces) != word:
        return
    readings = itertools.product(*(_LETTERS[piece] for piece in pieces))
    for reading in itertools.islice(readings, _MOST):
        yield "".join(reading)
