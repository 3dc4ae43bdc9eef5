"""Know what was taken out of an archive, and take it out of every text: pure functions.

What was removed is remembered as keyed digests of runs of words, so that the table which takes a
name out of pages does not itself hold the name. Case, punctuation, line breaks, how an accent is
coded and characters that nobody sees make no difference; quotes of a removed message in others'
replies lose its words as well.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

MARK = "[\u2026]"  # stands where something was
DIGEST = 16  # bytes that stand for a run of words
RUN = 5  # words of a removed message that are enough to know it by
# With accents that are characters of their own, and soft hyphens and joiners, inside of a word.
_INSIDE = "\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff"
_WORD = re.compile(rf"\w[\w{_INSIDE}]*")
_PIECE = re.compile(rf"[^\W_](?:[^\W_]|[{_INSIDE}])*")  # of the name of a file: plan_by_anna
_UNSEEN = dict.fromkeys((0xAD, *range(0x200B, 0x200E), 0x2060, 0xFEFF))


@dataclass(frozen=True, slots=True)
class Removed:
    """Hold what is in no view of one list's archive; ``key`` is secret, so digests tell nothing."""

    revision: int = 0
    key: bytes = b""
    messages: frozenset[str] = frozenset()  # permalink hashes
    authors: frozenset[str] = frozenset()  # permalink hashes of mails that lose their name
    files: frozenset[str] = frozenset()  # keys of contents
    phrases: frozenset[tuple[int, bytes]] = field(default=frozenset())  # (words, digest)
    quotes: frozenset[tuple[int, bytes]] = field(default=frozenset())  # in quotes alone
    titles: frozenset[tuple[int, bytes]] = field(default=frozenset())  # in subjects, and quotes
    inside: frozenset[tuple[str, int, bytes]] = field(default=frozenset())  # of one mail, by hash
    quoteless: frozenset[str] = frozenset()  # permalink hashes of mails that lose their quotes

    def within(self, hash_: str) -> "Removed":
        """Return what is in no view of the mail ``hash_``: also what was taken out of it alone."""
        own = {(words, made) for one, words, made in self.inside if one == hash_}
        return replace(self, phrases=self.phrases | own) if own else self

    def clean_subject(self, text: str) -> str:
        """Return a subject without what a removed message was called."""
        return self._cut(text, self.phrases | self.titles)

    def clean(self, text: str) -> str:
        """Return ``text`` without the removed phrases."""
        return self._cut(text, self.phrases)

    def clean_quote(self, text: str) -> str:
        """Return a quoted ``text`` without the words of removed messages either."""
        return self._cut(text, self.phrases | self.quotes | self.titles)

    def _cut(self, text: str, wanted: frozenset[tuple[int, bytes]]) -> str:
        if not wanted or not text:
            return text
        spans: list[tuple[int, int]] = []
        lengths = sorted({n for n, _ in wanted})
        for pattern in (_WORD, _PIECE) if "_" in text else (_WORD,):
            words = [(m.start(), m.end(), _plain(m[0])) for m in pattern.finditer(text)]
            for length in lengths:
                for place in range(len(words) - length + 1):
                    run = [word for _, _, word in words[place : place + length]]
                    if (length, digest(self.key, run)) in wanted:
                        spans.append((words[place][0], words[place + length - 1][1]))
        return _without(text, sorted(spans))


def spelled_words(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield each word of ``text``: where it begins, as it is written, as it is compared."""
    return ((m.start(), m[0], _plain(m[0])) for m in _WORD.finditer(text))


def words_of(text: str) -> list[str]:
    """Return the words of ``text`` as they are compared."""
    return [_plain(m[0]) for m in _WORD.finditer(text)]


def phrase(key: bytes, text: str) -> tuple[int, bytes] | None:
    """Return what stands for the phrase ``text``, or None where it has no word."""
    words = words_of(text)
    return (len(words), digest(key, words)) if words else None


def runs(key: bytes, text: str) -> set[tuple[int, bytes]]:
    """Return what stands for the words of a removed message: each run of RUN words."""
    words = words_of(text)
    length = min(RUN, len(words))
    if length < 2:  # noqa: PLR2004 - a lone word is anybody's
        return set()
    return {
        (length, digest(key, words[place : place + length]))
        for place in range(len(words) - length + 1)
    }


def digest(key: bytes, words: Iterable[str]) -> bytes:
    """Return DIGEST bytes that stand for a run of words."""
    return hashlib.blake2b(" ".join(words).encode(), digest_size=DIGEST, key=key).digest()


def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFC", word.translate(_UNSEEN)).casefold()


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Return ``text`` with one mark for each stretch of overlapping or neighbouring ``spans``."""
    out: list[str] = []
    here = 0
    end = -1
    for start, stop in spans:
        if start > end and (end < 0 or _WORD.search(text, end, start)):
            if end >= 0:
                here = end
            out += [text[here:start], MARK]
        end = max(end, stop)
    if end < 0:
        return text
    out.append(text[end:])
    return "".join(out)
