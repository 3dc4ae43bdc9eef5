"""Cut what a person wrote into clauses, and tell which of them turn round what they say.

    parts = cut(words.read("No, please don't remove me"))
    parts[1].heads, parts[1].negated        # ("remove",), True

One clause says one thing; "but" and commas end it, "that" behind a comma does not. Knows the
grammar of six languages as far as answers need it, and nothing of what was asked. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from listserv.answers.known_words import LexiconHit, TextWord, WordedText
from templates.lexicon import fold, phrases

_HARD = frozenset(".!?;:()\u2013\u2014-\u2026")
# What goes on behind a comma.
_GOES_ON = {
    "en": {"that", "to", "because", "which"},
    "sv": {"att", "som", "eftersom", "for"},
    "it": {"che", "di", "perche", "ma non"},
    "ro": {"ca", "sa", "care", "pentru"},
    "ru": {"что", "чтобы", "чтоб", "который", "как"},
    "nl": {"dat", "om", "omdat", "die", "te"},
}
_AND = {
    "en": {"and"}, "sv": {"och"}, "it": {"e", "ed"}, "ro": {"si", "iar"}, "ru": {"и"},
    "nl": {"en"},
}  # fmt: skip
# Doubts that are one only where a clause begins with them: "om" is "about" elsewhere.
_OPENING = frozenset(("om", "se", "of", "als", "or", "o", "sau"))
# "Schrijf me maar in": no "but".
_PARTICLES = frozenset(
    ("", "in", "aan", "uit", "af", "op", "toe", "weg", "eraf", "binnen", "erbij")
)
# They take the list for their object, and no person.
_OBJECTLESS = ("leav", "join", "quit", "lamna", "lasci", "paras", "покид", "покин", "verla")
_FIRST = frozenset(("first", "forst", "först", "eerst"))
# What "no" turns round right before it: "no interest", "no mail".
_NOUNS = frozenset(("interest", "list", "more", "want", "receive", "asked", "join", "stay"))
_ACTS = frozenset(("leave", "remove", "join", "undo", "stay"))
_FILLING = frozenset(("plain", "please", "thanks", "greeting", "bye", "spoken", "me", "friendly"))
_YES = frozenset(("yes", "weak", "confirm"))
_LOOKS = frozenset(("help", "lost", "archive", "count", "settings", "data"))
_CLEAR = _YES - {"weak"}
_FAINT = frozenset(("plain", "third", "receive", "more", "weak"))
_WARM = frozenset(("please", "thanks", "join", "want", "me"))  # said beside a yes that is meant
# "Ok for Bo" is no yes of one's own.
_FOR = frozenset(("for", "till", "at", "to", "per", "a", "pentru", "для", "voor", "aan"))
_CONCORD = frozenset(("it", "ro", "ru"))  # two negations are one
_LINE = 60  # letters of a line that a mail program has wrapped
_FEW = 3  # words of a line that may be a name
_POLITE = frozenset(
    (
        "can you", "could you", "would you", "will you", "can i ask", "may i ask",
        "kan du", "kan ni", "skulle du", "skulle ni", "vill du", "vill ni", "kunde du", "kunde ni",
        "puoi", "potete", "puo", "potreste", "potresti", "potrebbe", "e possibile", "vuoi",
        "volete", "puteti", "poti", "ati putea", "ai putea", "se poate", "pot sa va rog",
        "vreti", "vrei",
        "можете", "можешь", "могли бы", "не могли бы", "можно", "не могли", "не можете",
        "kunt u", "kun je", "kunnen jullie", "wilt u", "wil je", "zou u", "zou je", "zouden jullie",
        "kan u", "willen jullie", "is it possible", "gar det att", "kan man",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clause:
    """Hold one clause: what it speaks of, and how."""

    hits: tuple[LexiconHit, ...]
    tags: frozenset[str]
    negated: bool
    asks: bool  # it ends in a question mark
    polite: bool  # "could you ...": a wish, in the shape of a question
    turned: bool  # it begins with "but"
    unknown: tuple[str, ...]  # words that nobody knows, names left out
    email: bool
    text: str
    plain_no: bool = False  # "no" stands for itself
    named: bool = False  # what is to be done is to be done to somebody who is named
    double: bool = False  # two negations in a language where they cancel out
    hollow: bool = False  # a yes only in its shape: "jo hej du", "Accepted: Lunch"
    sent_off: bool = False  # hollow, but for a farewell behind a yes

    def has(self, *tags: str) -> bool:
        """Tell whether the clause speaks of one of ``tags``."""
        return not self.tags.isdisjoint(tags)

    def told(self) -> "Clause":
        """Return the clause as if it did not ask."""
        return replace(self, asks=False)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing but greetings and small words stands here."""
        return not (self.tags - _FILLING) and not self.unknown and not self.email


def cut(said: WordedText) -> tuple[Clause, ...]:
    """Return the clauses of what was said, in their order."""
    by_place = {place: hit for hit in said.hits for place in hit.places}
    return tuple(
        _clause(said, group, by_place, asks=asks) for group, asks in _groups(said, by_place)
    )


def _groups(said: WordedText, by_place: dict[int, LexiconHit]) -> Iterator[tuple[list[int], bool]]:
    """Yield the places of each clause's words, and whether its sentence asks."""
    group: list[int] = []
    sentence: list[list[int]] = []
    for at, word in enumerate(said.words):
        hit = by_place.get(at)
        inside = hit is not None and any(place < at for place in hit.places)
        if group and not inside and _begins(said, at, group, by_place):
            sentence.append(group)
            group = []
        group.append(at)
        if _ends(said.words, at):
            sentence.append(group)
            group = []
            asks = "?" in word.stop
            yield from ((one, asks) for one in sentence)
            sentence = []
    if group:
        sentence.append(group)
    yield from ((one, False) for one in sentence)


def _ends(words: tuple[TextWord, ...], at: int) -> bool:
    """Tell whether a sentence ends behind the word at ``at``: a wrapped line is no end."""
    stop = words[at].stop
    if set(stop) & _HARD:
        return True
    if stop.count("\n") > 1:
        return True
    return "\n" in stop and at + 1 < len(words) and not _is_wrapped(words, at)


def _is_wrapped(words: tuple[TextWord, ...], at: int) -> bool:
    begin = at
    while begin > 0 and "\n" not in words[begin - 1].stop:
        begin -= 1
    length = sum(len(word.given) + 1 for word in words[begin : at + 1])
    return length >= _LINE and not words[at + 1].given[:1].isupper()


def _begins(said: WordedText, at: int, group: list[int], by_place: dict[int, LexiconHit]) -> bool:
    """Tell whether a new clause begins at ``at``."""
    word = said.words[at]
    hit = by_place.get(at)
    if hit is not None and "but" in hit.tags:
        following = said.words[at + 1].text if at + 1 < len(said.words) else ""
        return word.text != "maar" or following not in _PARTICLES
    if any(word.text in _AND[language] for language in said.languages):
        return at + 1 < len(said.words) and word.given.lower() != "\u00e8"  # it is, not and
    if "," in said.words[at - 1].stop:
        return not any(word.text in _GOES_ON[language] for language in said.languages)
    # "No I do not want that": the no stands for itself.
    first = by_place.get(group[0])
    return (
        len(group) == len(first.places if first else ())
        and first is not None
        and bool({"no", "yes"} & first.tags)
        and "not" not in first.tags
        and not _turns(first)
        and not (hit is not None and hit.tags & (_NOUNS | {"not"}))
        and first.places[-1] == at - 1
    )


def _clause(
    said: WordedText, group: list[int], by_place: dict[int, LexiconHit], *, asks: bool
) -> Clause:
    hits = tuple(dict.fromkeys(by_place[place] for place in group if place in by_place))
    text = " ".join(said.words[place].given for place in group)
    bare = f" {' '.join(said.words[place].text for place in group)} "
    tags: set[str] = set()
    negations = 0
    content = [hit for hit in hits if hit.tags - _FILLING]
    for hit in hits:
        found = set(hit.tags)
        if found & {"doubt"} and hit.text.lower() in _OPENING and hit.places[0] != group[0]:
            found.discard("doubt")
        if hit.text.lower() in _FIRST and hit.places[0] != group[0] and hit.places[-1] != group[-1]:
            found.discard("doubt")  # "the first letter", not "first I want to know"
        if "but" in found and hit.places[0] != group[0]:
            found.discard("but")
        if {"no", "not"} <= found or ("never" in found and "not" in found):
            # "nu", "please don't": a no by itself, a negation beside other words
            found -= {"no", "never"} if len(content) > 1 else {"not"}
        if "no" in found and len(content) > 1 and _turns(hit):
            found = (found - {"no"}) | {"not"}
        if found & _LOOKS and fold(hit.text).split()[0] in phrases("answers", "ask"):
            found.add("ask")  # "what do I do now" is no yes, whatever else it asks for
        negations += "not" in found
        tags |= found
    if "no" in tags and any(hit.tags & _NOUNS for hit in hits) and len(group) > 1:
        tags.add("not")
        negations += 1
    if any("stop" in hit.tags and _turns(hit) for hit in hits) and said.languages & _CONCORD:
        negations = 0  # "ne prisylajte mne nichego": one negation, said twice
    unknown = tuple(
        said.words[place].given
        for place in group
        if place not in by_place and _is_unknown(said, place, group, by_place)
    )
    tags = _with_letter(tags, alone=not unknown and len(content) == 1 and not group[0])
    shape = _hollow(said, group, by_place)
    return Clause(
        hits=hits,
        tags=frozenset(tags),
        negated=negations > 0,
        asks=asks,
        polite=any(f" {phrase} " in bare for phrase in _POLITE),
        turned=bool(hits) and "but" in hits[0].tags and hits[0].places[0] == group[0],
        unknown=unknown,
        email=any(said.words[place].kind == "email" for place in group),
        text=text,
        plain_no="no" in tags,
        named="me" not in tags and _names(said, group, hits),
        double=negations > 1 and not said.languages & _CONCORD,
        hollow=bool(shape),
        sent_off=shape == "bye",
    )


def _with_letter(tags: set[str], *, alone: bool) -> set[str]:
    """Return the tags with what a single letter says where nothing else is said: "y", "n"."""
    letters = {"alone-yes": "yes", "alone-no": "no"}
    said = {meant for letter, meant in letters.items() if letter in tags and alone}
    return (tags - letters.keys()) | said


def _names(said: WordedText, group: list[int], hits: tuple[LexiconHit, ...]) -> bool:
    """Tell whether a name stands where what is to be removed or added stands."""
    for hit in hits:
        if not hit.tags & _ACTS or fold(hit.text).startswith(_OBJECTLESS):
            continue
        inside = range(group[0], hit.places[-1] + 2)
        for place in inside:
            if place in group and place not in hit.places and _is_name(said.words[place]):
                taken = any(place in other.places for other in hits)
                if not taken:
                    return True
    return False


def _is_name(word: TextWord) -> bool:
    return word.kind == "word" and word.given[:1].isupper() and not word.given.isupper()


def _turns(hit: LexiconHit) -> bool:
    """Tell whether a no has a negation in it ("please don't", "не надо")."""
    words = hit.text.lower().replace("\u2019", "'").split()
    return not {
        "don't", "dont", "not", "inte", "non", "nu", "не", "niet",
    }.isdisjoint(words)  # fmt: skip


def _is_unknown(
    said: WordedText, place: int, group: list[int], by_place: dict[int, LexiconHit]
) -> bool:
    word = said.words[place]
    if _makes_a_title(said, place, by_place):
        return True
    if word.kind != "word" or word.text.isdecimal():
        return False
    name = word.given[:1].isupper() and (place != group[0] or len(group) <= _FEW)
    return not name and len(word.text) > 1


def _makes_a_title(said: WordedText, place: int, by_place: dict[int, LexiconHit]) -> bool:
    """Tell whether a word goes on from a yes without a mark: "Yes Minister", "ok for Bo"."""
    for before in range(place - 1, -1, -1):
        if said.words[before].stop:
            return False
        hit = by_place.get(before)
        if hit is not None and fold(hit.text) not in _FOR:
            return _is_curt_yes(hit)
    return False


def _is_curt_yes(hit: LexiconHit) -> bool:
    """Tell whether a yes ends without a word that a name may follow: not "ja tack" Anna."""
    last = fold(hit.text).split()[-1]  # a thumb is no word
    return bool(hit.tags & _YES) and last[-1].isalpha() and last not in _friendly()


@cache
def _friendly() -> frozenset[str]:
    kinds = ("please", "thanks", "me")
    return frozenset(word for kind in kinds for word in phrases("answers", kind))


def _hollow(
    said: WordedText, group: list[int], by_place: dict[int, LexiconHit]
) -> Literal["", "bye", "talk"]:
    """Tell whether a clause has a yes only in its shape, and whether a farewell makes it so."""
    if _is_heading(said, group, by_place):
        return "talk"
    return _sent_off(said, group, by_place)


def _sent_off(
    said: WordedText, group: list[int], by_place: dict[int, LexiconHit]
) -> Literal["", "bye", "talk"]:
    """Tell whether a curt yes goes on as a farewell or a title: "jo hej", "Yes Man", "OK. Bye."."""
    for place in group:
        hit, before = by_place.get(place), by_place.get(place - 1)
        if hit is None or before is None or hit is before or not _is_curt_yes(before):
            continue
        stop = set(said.words[place - 1].stop)
        titled = not stop and _is_name(said.words[place]) and not hit.tags - _FAINT
        called = "vocative" in hit.tags and not stop - {","}
        parted = "spoken" in hit.tags and (not stop - {","} or not before.tags & _CLEAR)
        if (titled or called or parted) and not any(one.tags & _WARM for one in said.hits):
            return "bye" if parted and before.tags & _CLEAR else "talk"
    return ""


def _is_heading(said: WordedText, group: list[int], by_place: dict[int, LexiconHit]) -> bool:
    """Tell whether a yes is the name of what follows it: "Accepted: Lunch", "Accepted Lunch"."""
    first, second = by_place.get(group[0]), group[0] + 1
    begins = first is not None and "confirm" in first.tags and not said.words[group[0]].stop
    if begins and second in group and second not in by_place and _is_name(said.words[second]):
        return not any(hit.tags & _WARM for hit in said.hits)
    last = by_place.get(group[-1])
    stop = said.words[group[-1]].stop
    following = group[-1] + 1
    if last is None or not last.tags & _YES or ":" not in stop or "\n" in stop:
        return False
    return following < len(said.words) and not any(
        hit.tags & (_YES | _WARM) and hit.places[0] >= following for hit in said.hits
    )
