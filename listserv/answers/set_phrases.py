"""Find set phrases in what somebody wrote, sentence by sentence, whatever its case and accents.

    said = take_apart(text)                         # a text's sentences, as folded words
    said.find("automatic", "away")                  # where [away] of words/automatic.toml stands

Pure. SECURITY: the text is a stranger's; one pass over a bounded number of words, a few look-ups
for each.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from templates import lexicon
from templates.lexicon import fold

MAX_TEXT = 8_000  # characters that are looked at
GAP = 12  # words that "..." in a phrase stands for at most
_ENDS = range(3, 25)  # letters of a word's beginning
_WRAPPED = 55  # characters; a line as long goes on in the next
# Behind a sentence; "29. November" is none.
_END = re.compile(r"(?<=[^\d\s][.!?:;\u2026\u3002])\s+|(?<=\d\d\d[.!?:;])\s+")
_BULLET = re.compile(r"^[ \t>*\u2022-]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FoundPhrase:
    """Say where a phrase stands: its sentence, at which word of it, and the phrase."""

    sentence: int
    word: int
    phrase: str


@dataclass(frozen=True, slots=True)
class FoldedText:
    """Hold a text as sentences of folded words."""

    sentences: tuple[tuple[str, ...], ...]

    @property
    def words(self) -> int:
        """Return how many words there are."""
        return sum(len(sentence) for sentence in self.sentences)

    @property
    def joined(self) -> "FoldedText":
        """Return all of it as one sentence."""
        return FoldedText((tuple(word for sentence in self.sentences for word in sentence),))

    def find(self, name: str, meaning: str, gap: int = GAP) -> list[FoundPhrase]:
        """Return where a phrase of one meaning stands, the first of each sentence."""
        phrases = lexicon.gapped(name, meaning)
        each = enumerate(self.sentences)
        found = (_first(number, sentence, phrases, gap) for number, sentence in each)
        return [one for one in found if one is not None]

    def with_stem(self, name: str, meaning: str) -> set[int]:
        """Return the sentences that have a word which begins like one of a meaning."""
        stems = lexicon.phrases(name, meaning)
        return {
            number
            for number, sentence in enumerate(self.sentences)
            if any(word[:end] in stems for word in sentence for end in _ENDS[: len(word) - 2])
        }


def take_apart(text: str) -> FoldedText:
    """Return the sentences of a text; lines that a program wrapped are put together."""
    joined: list[str] = []
    goes_on = False
    for line in _BULLET.sub("", text[:MAX_TEXT]).splitlines():
        bare = line.strip()
        if goes_on and bare and joined:
            joined[-1] = f"{joined[-1]} {bare}"
        elif bare:
            joined.append(bare)
        goes_on = len(bare) >= _WRAPPED
    parts = (fold(part).split() for line in joined for part in _END.split(line))
    return FoldedText(tuple(tuple(part) for part in parts if part))


def begins(subject: Sequence[str], name: str, meaning: str) -> int:
    """Return how many folded words of a subject are a phrase of one meaning, 0 for none."""
    if not subject:
        return 0
    for pieces in lexicon.gapped(name, meaning).get(subject[0], ()):
        if tuple(subject[: len(pieces[0])]) == pieces[0]:
            return len(pieces[0])
    return 0


def _first(
    number: int, sentence: tuple[str, ...], phrases: "lexicon.Phrases", gap: int
) -> FoundPhrase | None:
    for place, word in enumerate(sentence):
        for pieces in phrases.get(word, ()):
            if _stands(sentence, place, pieces, gap):
                return FoundPhrase(number, place, " ... ".join(" ".join(piece) for piece in pieces))
    return None


def _stands(
    sentence: tuple[str, ...], place: int, pieces: tuple[tuple[str, ...], ...], gap: int
) -> bool:
    """Tell whether the pieces stand one after the other, the first of them at ``place``."""
    first = pieces[0]
    if sentence[place : place + len(first)] != first:
        return False
    place += len(first)
    for piece in pieces[1:]:
        nearby = range(place, min(place + gap + 1, len(sentence) - len(piece) + 1))
        at = next((here for here in nearby if sentence[here : here + len(piece)] == piece), None)
        if at is None:
            return False
        place = at + len(piece)
    return True
