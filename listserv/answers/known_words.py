"""Find known words in what a person wrote: six languages, their forms, and one typing error.

    said = read("Ja tack, skriv gärna in mig")
    said.hits[0].tags                       # {"yes"}: headings of words/answers.toml

Which language somebody writes is told by all their words together, because "nu", "mai" and "da"
mean other things elsewhere; English is understood inside any. Knows nothing of sentences and of
what was asked. Pure. SECURITY: a stranger's text; at most ``MAX_WORDS`` of its words are looked at.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from templates import lexicon
from templates.catalogue import LANGUAGES
from templates.lexicon import fold
from templates.transliteration import cyrillic

MAX_WORDS = 400  # of an answer; nobody says yes in more
MAX_WORD = 40  # letters
GAP = 3  # words that "..." may stand for
_SHORTEST = 5  # letters of a word in which one typing error is forgiven
_SPELT = 2  # letters of a Latin word that may be Russian
_STEM = 3  # letters that every stem has at least
_NEAR = 0.8  # of the best language's score: as good as it
_HINT = 0.6  # score of the language that the question was asked in
# What may stand between the words of a phrase: "ta inte bort mig", "meld mij aub af".
_SKIPPED = frozenset(
    (
        *("inte", "ej", "niet", "maar", "graag", "nu", "garna", "snalla", "tack", "aub"),
        *("please", "genast", "direct"),
    )
)
_PIECE = re.compile(
    r"(?P<email>[^\s@<>()\",;:]{1,64}@[^\s@<>()\",;:]{1,200}\.[^\W\d_]{2,})"
    r"|(?P<url>https?://\S{1,300})"
    r"|(?P<word>[^\W_]+(?:['\u2019\u02bc`][^\W_]+)*|[\u2705\u2714\u2611\U0001f44c\U0001f44d\U0001f44e\u274c\U0001f6ab\U0001f644\U0001f921\U0001f595\U0001f602\U0001f923"
    r"\U0001f4a9\U0001f92e\U0001f621\U0001f92c\U0001f612\U0001f643\U0001f60f\U0001f914])"
    r"|(?P<mark>[.!?;,:()\n\u2013\u2014\u2026]|(?<=\s)-+(?=\s)|(?<=\s)/)"
)
_DRAWN = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_JOINED = re.compile(r"\b(un|re|e)[-\u2010\u2011](?=[^\W\d_])", re.IGNORECASE)
_ELISION = re.compile(
    r"^(l|d|un|dell|all|nell|sull|dall|quest|quell|c|s|m|t|v|n|dev|com|cos|dov)'(?=\w)"
)


@dataclass(frozen=True, slots=True)
class TextWord:
    """Hold one word; ``stop`` are the marks behind it, "\\n" among them."""

    text: str  # folded
    given: str
    kind: str  # word, email, url
    stop: str = ""


@dataclass(frozen=True, slots=True)
class LexiconHit:
    """Hold a phrase of the lexicon found in the text, and what it may mean."""

    places: tuple[int, ...]  # of its words
    tags: frozenset[str]
    text: str
    mended: bool = False  # a typing error was forgiven


@dataclass(frozen=True, slots=True)
class WordedText:
    """Hold a text as words and hits; every word is in at most one hit."""

    words: tuple[TextWord, ...]
    hits: tuple[LexiconHit, ...]
    languages: frozenset[str]  # that the words are taken for
    cut: bool = False  # there were more words


@dataclass(slots=True)
class _Pattern:
    """Hold one phrase; ``pieces`` are words, stems ("dezabon*") and gaps ("")."""

    pieces: tuple[str, ...]
    size: int  # words and stems
    meant: set[tuple[str, str]] = field(default_factory=set)  # (tag, language)


@dataclass(slots=True)
class _Found:
    places: tuple[int, ...]
    pattern: _Pattern
    mended: bool


ANSWERS = ("answers", "wishes")  # what is known of an answer to any question


def read(text: str, hint: str = "", tables: tuple[str, ...] = ANSWERS) -> WordedText:
    """Find what is known of ``text``; ``hint`` is the language that the question was asked in.

    ``tables`` are the files of words that may be meant.
    """
    words, cut = _words(text)
    found = list(_search(words, _lexis(tables)))
    languages = _languages(found, hint)
    hits: list[LexiconHit] = []
    taken: set[int] = set()
    # "Sì, grazie mille": what stands together wins over what a comma parts.
    found.sort(key=lambda one: (-one.pattern.size, one.mended, _is_parted(one, words), one.places))
    for one in found:
        if not taken.isdisjoint(one.places):
            continue
        tags = _tags(one.pattern, languages)
        taken.update(one.places)
        said = " ".join(words[place].given for place in one.places)
        hits.append(LexiconHit(one.places, tags, said, one.mended))
    hits.sort(key=lambda hit: hit.places)
    return WordedText(tuple(words), tuple(hits), languages, cut=cut)


def _words(text: str) -> tuple[list[TextWord], bool]:
    words: list[TextWord] = []
    text = _JOINED.sub(r"\1", text.replace("\u2019", "'").replace("\u02bc", "'"))
    drawn = _DRAWN.search(text) is not None
    for match in _PIECE.finditer(text):
        kind, given = match.lastgroup or "", match.group()
        if kind == "mark":
            if words:
                last = words[-1]
                words[-1] = TextWord(last.text, last.given, last.kind, last.stop + given[0])
            continue
        if len(words) >= MAX_WORDS:
            return words, True
        if drawn and len({*given}) > 1:  # "pleeease", and not "xxx"
            given = _DRAWN.sub(r"\1", given)
        bare = fold(given[:MAX_WORD]) if kind == "word" else given.lower()
        elided = _ELISION.match(bare)
        if elided:
            words.append(TextWord(elided[1], given[: elided.end() - 1], kind))
            bare, given = bare[elided.end() :], given[elided.end() :]
        words.append(TextWord(bare, given, kind))
    return words, False


def _search(words: list[TextWord], lexis: "_Lexis") -> Iterator[_Found]:
    """Yield every phrase of the lexicon that stands in ``words``."""
    forms: list[tuple[str, bool]] = []
    for word in words:
        known = word.kind != "word" or lexis.knows(word.text)
        mended = "" if known else _mended(word.text, lexis)
        forms.append((mended or word.text, bool(mended)))
    for at, (form, _) in enumerate(forms):
        for pattern in lexis.beginning(form):
            places = _match(pattern, words, forms, at)
            if places:
                yield _Found(places, pattern, any(forms[place][1] for place in places))


def _mended(word: str, lexis: "_Lexis") -> str:
    """Return the known word that an unknown one is meant for, "" for none."""
    russian = list(cyrillic(word)) if len(word) >= _SPELT else []
    exact = next((one for one in russian if lexis.knows(one)), "")
    return exact or lexis.mend(word) or next(filter(None, map(lexis.mend, russian)), "")


def _match(
    pattern: _Pattern, words: list[TextWord], forms: list[tuple[str, bool]], at: int
) -> tuple[int, ...]:
    """Return the places of the pattern's words from ``at`` on, () where it does not stand there."""
    if len(pattern.pieces) == 1:
        return (at,)
    if not _begins_so(pattern.pieces[1], words, forms, at + 1):
        return ()
    places = [at]
    gap = False
    here = at
    for piece in pattern.pieces[1:]:
        if not piece:
            gap = True
            continue
        skipped = GAP if gap else 0
        if not gap and here + 1 < len(words) and words[here + 1].text in _SKIPPED:
            skipped = 1
        for place in range(here + 1, min(len(words), here + 2 + skipped)):
            if set(words[place - 1].stop) & set(".!?;:\n") and not _wraps(words[place - 1]):
                return ()
            if words[place].kind == "word" and _is(piece, forms[place][0]):
                places.append(place)
                here = place
                break
        else:
            return ()
        gap = False
    return tuple(places)


def _begins_so(
    piece: str, words: list[TextWord], forms: list[tuple[str, bool]], place: int
) -> bool:
    """Tell whether a phrase's second word may stand here: most share only their first one."""
    if not piece:
        return True
    return place < len(words) and (words[place].text in _SKIPPED or _is(piece, forms[place][0]))


def _is_parted(found: _Found, words: list[TextWord]) -> bool:
    return any("," in words[place].stop for place in found.places[:-1])


def _wraps(word: TextWord) -> bool:
    return word.stop == "\n"


def _is(piece: str, form: str) -> bool:
    return form.startswith(piece[:-1]) if piece[-1] == "*" else form == piece


def _languages(found: list[_Found], hint: str) -> frozenset[str]:
    """Return the languages that the words of a text speak for most."""
    best: dict[tuple[int, str], float] = {}
    for one in found:
        spoken = {language for _, language in one.pattern.meant}
        for language in spoken:
            worth = one.pattern.size * (0.5 if one.mended else 1.0) / len(spoken) ** 0.5
            for place in one.places:
                key = (place, language)
                best[key] = max(best.get(key, 0.0), worth)
    scores = dict.fromkeys(LANGUAGES, 0.0)
    for (_, language), worth in best.items():
        scores[language] += worth
    if hint in scores:
        scores[hint] += _HINT
    top = max(scores.values())
    return frozenset(language for language, score in scores.items() if score >= top * _NEAR)


def _tags(pattern: _Pattern, languages: frozenset[str]) -> frozenset[str]:
    """Return what a phrase means in the text's language, else in English, else anywhere."""
    for known in (languages, {"en"}):
        tags = frozenset(tag for tag, language in pattern.meant if language in known)
        if tags:
            return tags
    return frozenset(tag for tag, _ in pattern.meant)


class Mender:
    """Know the words of some tables, and mend one typing error in one of them."""

    def __init__(self, tables: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._lexis = _Lexis(tables)

    def knows(self, word: str) -> bool:
        """Tell whether a folded word is one of the tables'."""
        return self._lexis.knows(word)

    def mend(self, word: str) -> str:
        """Return the known word that a folded ``word`` is with one typing error, "" for none."""
        return "" if self._lexis.knows(word) else self._lexis.mend(word)


class _Lexis:
    """Hold the phrases by their first word, and every word by its forms with a letter missing."""

    def __init__(self, tables: Mapping[str, Mapping[str, list[str]]]) -> None:
        self._exact: dict[str, list[_Pattern]] = {}
        self._stems: dict[str, list[_Pattern]] = {}
        self._words: set[str] = set()
        self._starts: dict[str, list[str]] = {}
        for pattern in _patterns(tables):
            first = pattern.pieces[0]
            if first[-1] == "*":
                self._stems.setdefault(first[:_STEM], []).append(pattern)
            else:
                self._exact.setdefault(first, []).append(pattern)
            for piece in filter(None, pattern.pieces):
                if piece[-1] == "*":
                    self._starts.setdefault(piece[:_STEM], []).append(piece[:-1])
                else:
                    self._words.add(piece)
        self._less: dict[str, list[str]] = {}
        for word in sorted(self._words):
            for form in _shorter(word) if len(word) >= _SHORTEST else ():
                self._less.setdefault(form, []).append(word)

    def knows(self, word: str) -> bool:
        starts = self._starts.get(word[:_STEM], ())
        return word in self._words or any(word.startswith(start) for start in starts)

    def beginning(self, word: str) -> Iterator[_Pattern]:
        """Yield the phrases that may begin with ``word``."""
        yield from self._exact.get(word, ())
        for pattern in self._stems.get(word[:_STEM], ()):
            if word.startswith(pattern.pieces[0][:-1]):
                yield pattern

    def mend(self, word: str) -> str:
        """Return the known word that ``word`` is with one typing error, "" for none."""
        if len(word) < _SHORTEST or len(word) > MAX_WORD or any(c.isdigit() for c in word):
            return ""
        for form in _shorter(word):
            for known in self._less.get(form, ()):
                if known[0] == word[0] and _is_near(word, known):
                    return known
        return ""


def _patterns(tables: Mapping[str, Mapping[str, list[str]]]) -> list[_Pattern]:
    """Return every phrase once, with all that it may mean."""
    found: dict[tuple[str, ...], _Pattern] = {}
    for tag, by_language in tables.items():
        for language, phrases in by_language.items():
            for phrase in phrases:
                pieces = _pieces(phrase)
                size = sum(1 for piece in pieces if piece)
                spoken = LANGUAGES if language == "all" else (language,)
                pattern = found.setdefault(pieces, _Pattern(pieces, size))
                pattern.meant.update((tag, one) for one in spoken)
    return list(found.values())


def _pieces(phrase: str) -> tuple[str, ...]:
    """Return the words of a lexicon's phrase as the words of a text are cut."""
    pieces: list[str] = []
    for part in phrase.split():
        if part == "...":
            pieces.append("")
            continue
        star = "*" if part.endswith("*") else ""
        cut = [word.text for word in _words(part.rstrip("*"))[0]] or [fold(part)]
        pieces += [*cut[:-1], cut[-1] + star]
    return tuple(pieces)


def _shorter(word: str) -> list[str]:
    return [word, *(word[:at] + word[at + 1 :] for at in range(len(word)))]


def _is_near(one: str, other: str) -> bool:
    """Tell whether one letter more, less, other, or two exchanged make ``one`` of ``other``."""
    if one == other:
        return True
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    a, b = one[begin:], other[begin:]
    return (
        a[1:] == b[1:]
        or a[1:] == b
        or a == b[1:]
        or (a[:2] == b[1::-1] and a[2:] == b[2:] and len(a) > 1)
    )


@cache
def _lexis(names: tuple[str, ...]) -> _Lexis:
    known: dict[str, Mapping[str, list[str]]] = {}
    for name in names:
        known |= lexicon.tables(name)
    return _Lexis(known)
