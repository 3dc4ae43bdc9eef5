"""Find owners' words in folded text: phrases with gaps, politeness, one typing error forgiven.

    hits("remove", "please take @ off the list")  # [OrderHit("remove", "en", (7, 17), 2, ...)]

Knows words/owners.toml and settings.toml, and the shape of their phrases: "..." stands for a few
words, "*" for the rest of a word, "@" for an address. Refuses to know what an order is. Pure.
SECURITY: a stranger's text; every gap is bounded, and so is the line that is looked at.
"""

import re
from dataclasses import dataclass
from functools import cache

from listserv.answers.known_words import Mender
from templates import lexicon
from templates.lexicon import fold

GAP = 6  # words that "..." may stand for
_ELISION = re.compile(r"(?<!\S)([ldcmtvn]|un|dell|all|nell|sull|dall|com|dov|dev)'(?=\w)")
_CLITIC = re.compile(r"(\w{4,}?)(?:lo|la|li|le|mi|gli)")  # Italian: "toglierlo", "levatelo"
_MARKS = re.compile(r"[?!,;:\u2026\u2013\u2014()\"\u00ab\u00bb\u201e\u201c\u201d]")


@dataclass(frozen=True, slots=True)
class OrderHit:
    """Hold a phrase that was found: ``around`` are the words beside its own and in its gaps."""

    meaning: str
    language: str
    span: tuple[int, int]
    weight: int  # words of its own
    around: str


def bare(line: str) -> str:
    """Return the folded words of a line without the marks between them."""
    return _plain(_MARKS.sub(" ", line))


def _plain(words: str) -> str:
    """Return folded words, the Italian article apart from its noun."""
    return " ".join(_ELISION.sub(r"\1 ", fold(words)).split())


def bare_verbs(words: str) -> str:
    """Return folded words without the pronouns that hang on verbs: "levatelo", "puneti-o"."""
    return " ".join(_without_pronoun(word) for word in words.split())


def _without_pronoun(word: str) -> str:
    hyphened = re.fullmatch(r"(\w{4,})-(?:o|l|i|le|mi|ne|ti)", word)
    if hyphened:
        return hyphened[1]
    match = _CLITIC.fullmatch(word)
    if match is None or _mender().knows(word):
        return word
    tried = (match[1], f"{match[1]}e")
    return next((one for one in tried if _mender().knows(one)), word)


def hits(meaning: str, words: str) -> list[OrderHit]:
    """Return where phrases of ``meaning`` stand in folded words."""
    found = []
    for language, pattern in _patterns("owners", meaning).items():
        for match in pattern.finditer(words):
            own = match[0]
            gaps = [match.span(group) for group in range(1, pattern.groups + 1)]
            inside = " ".join(words[a:b] for a, b in gaps if a >= 0)
            around = f"{words[: match.start()]} {inside} {words[match.end() :]}"
            weight = len(own.replace("@", "").split()) - len(inside.replace("@", "").split())
            found.append(
                OrderHit(meaning, language, match.span(), weight, " ".join(around.split()))
            )
    return found


def says(meaning: str, words: str, language: str = "") -> bool:
    """Tell whether a phrase of ``meaning`` stands in folded words of a language, or of any."""
    patterns = _patterns("owners", meaning)
    spoken = {language, "en"} if language else set(patterns)
    return any(patterns[one].search(words) for one in spoken if one in patterns)


def language_of(meaning: str, words: str) -> str:
    """Return the one language whose phrase of ``meaning`` stands there, "" for none or several."""
    found = {
        language
        for language, pattern in _patterns("owners", meaning).items()
        if pattern.search(words)
    }
    return next(iter(found)) if len(found) == 1 else ""


def without(meaning: str, words: str) -> str:
    """Return folded words without the phrases of ``meaning``."""
    for pattern in _patterns("owners", meaning).values():
        words = pattern.sub(lambda match: f" {' '.join(filter(None, match.groups()))} ", words)
    return " ".join(words.split())


def folded(name: str, meaning: str, language: str) -> frozenset[str]:
    """Return the folded phrases of one meaning in one language."""
    return _folded(name, meaning, language)


def without_politeness(words: str) -> str:
    """Return folded words without what is friendly before and behind them."""
    while True:
        for one in _polite():
            if words.startswith(f"{one} "):
                words = words[len(one) + 1 :]
                break
            if words.endswith(f" {one}"):
                words = words[: -len(one) - 1]
                break
        else:
            thanks = next((t for t in _thanks() if f" {words}".endswith(f" {t}")), "")
            if not thanks:
                return words
            words = words[: -len(thanks)].rstrip()


def mended(words: str) -> str:
    """Return folded words with one typing error in each put right, where a known word is meant."""
    return " ".join(_mender().mend(word) or word for word in words.split())


def spoken(name: str, language: str) -> str:
    """Return the first words of a setting or of a value ("value-members") in a language."""
    table = lexicon.tables("settings").get(name, {})
    return table[language][0] if language in table else name.removeprefix("value-")


@cache
def _folded(name: str, meaning: str, language: str) -> frozenset[str]:
    return frozenset(_plain(one) for one in lexicon.tables(name)[meaning].get(language, ()))


@cache
def _polite() -> tuple[str, ...]:
    denials = {_plain(one) for one in _all("owners", "not")}  # Swedish "now" is Romanian "not"
    polite = {_plain(one) for one in _all("owners", "polite")} - denials
    return tuple(sorted(polite, key=len, reverse=True))


def _all(name: str, meaning: str) -> list[str]:
    return [one for phrases in lexicon.tables(name)[meaning].values() for one in phrases]


@cache
def _thanks() -> tuple[str, ...]:
    return tuple(sorted(lexicon.phrases("answers", "thanks"), key=len, reverse=True))


@cache
def _mender() -> Mender:
    return Mender({**lexicon.tables("owners"), **lexicon.tables("settings")})


@cache
def _patterns(name: str, meaning: str) -> dict[str, re.Pattern[str]]:
    """Return a pattern for each language that finds a phrase of ``meaning`` in folded words."""
    table = lexicon.tables(name)[meaning]
    return {language: _pattern(tuple(phrases)) for language, phrases in table.items() if phrases}


def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for phrase in sorted(phrases, key=len, reverse=True):
        pieces = [_piece(piece) for piece in phrase.split("...")]
        parts.append(rf"((?: \S+){{0,{GAP}}}?) ".join(pieces))
    return re.compile(rf"(?<![^\s])(?:{'|'.join(parts)})(?![^\s])")


def _piece(piece: str) -> str:
    """Return the pattern of words that stand together; "*" ends a word's beginning."""
    words = []
    for word in piece.split():
        stem = word.endswith("*")
        words.append(re.escape(_plain(word.rstrip("*"))) + (r"\S*" if stem else ""))
    return " ".join(words)
