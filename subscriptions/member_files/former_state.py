"""Understand what a former service says of a person: the words of a state, in many languages.

Knows words and headings; refuses to know files (importing.py) and the database (members.py).
Everything here is pure. The rule: only a word that is known to be good makes a member. Whoever
left, was blocked, bounced, complained, never confirmed or was switched off stays out, and no
option changes that; a word that nobody knows is asked about.

    judge("Unsubscribed by admin")     # Verdict(LEFT)
    judge("aktiv")                     # Verdict(MEMBER)
    judge("platinum")                  # None: not a word of a state
    about("UNSUB_TIME")                # Column(FLAG, LEFT): filled, it says that they left
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from subscriptions.member_files.former_state_words import (
    BAD,
    BESIDES,
    CANCELLED,
    DIGESTS,
    FALSY,
    GOOD,
    INVISIBLE,
    MIXED,
    MONEY,
    NAMES,
    NEGATIONS,
    NOMAIL,
    NOMAIL_BY,
    OTHER_CHANNELS,
    PAUSES,
    PLAIN,
    PREFIXES,
    REFUSALS,
    REFUSED,
    REFUSING,
    REMARKS,
    STATES,
    STATISTICS,
    SWITCHED,
    TAGS,
    TIMES,
    TRUTHY,
    YES,
)


class FormerState(StrEnum):
    """Say how a person stood at the service that they come from, from the best to the worst."""

    MEMBER = "member"
    PAUSED = "paused"
    UNKNOWN = "unknown"
    UNCONFIRMED = "unconfirmed"
    INACTIVE = "inactive"
    BOUNCED = "bounced"
    LEFT = "left"
    BLOCKED = "blocked"
    COMPLAINED = "complained"


_ORDER = {standing: place for place, standing in enumerate(FormerState)}
# What a flag says by a no.
_DENIED = {"confirmed": FormerState.UNCONFIRMED, "subscribed": FormerState.LEFT}


def worse(one: FormerState, other: FormerState) -> FormerState:
    """Return the worse of two: a row that contradicts itself is not given the benefit."""
    return max(one, other, key=_ORDER.__getitem__)


def is_good(standing: FormerState) -> bool:
    """Tell whether such a person may be on a list: as a member, or a paused one."""
    return standing in {FormerState.MEMBER, FormerState.PAUSED}


class Says(StrEnum):
    """Say how the cells of a column speak of a state."""

    WORD = "word"  # the cell names a state
    FLAG = "flag"  # the heading names a bad state; a cell that is not empty or "no" says it is so
    GOOD = "good"  # the heading names a good state; yes or no, or the day since when
    NOMAIL = "nomail"  # the switch that stops mail to a member, and who turned it
    SINCE = "since"  # the day since when; an empty cell says that it never came to be


@dataclass(frozen=True, slots=True)
class Column:
    """Say what a column tells: how, and of which state."""

    says: Says
    standing: FormerState = FormerState.MEMBER
    sense: Says | None = None  # of yes and no in a column of words, where its heading has one
    sure: bool = True  # its heading says so; else its cells alone, and an empty one says nothing


def plain_words(text: str) -> str:
    """Return a heading or a cell in small letters with single spaces, camelCase taken apart."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", INVISIBLE.sub("", text.strip()))
    return " ".join(
        re.sub(r"[\s_.:;/\-\u2010-\u2015\[\](){}\"'\u2019]+", " ", apart.casefold()).split()
    )


@lru_cache(maxsize=4096)
def judge(cell: str) -> FormerState | None:
    """Return the standing that a cell names, None where it is no word of a state."""
    words = PREFIXES.sub("", plain_words(cell))
    tokens = words.split()
    if not tokens or len(tokens) > 6:  # noqa: PLR2004 - a sentence is a note
        return None
    if words in PAUSES:
        return FormerState.PAUSED
    if NOMAIL_BY.fullmatch(words):
        return _switched(words)
    if words in GOOD or words in DIGESTS:
        return FormerState.MEMBER
    return _bad(words) or _denied(tokens) or (FormerState.MEMBER if _all_good(tokens) else None)


def _denied(tokens: list[str]) -> FormerState | None:
    """Return what "not confirmed" or "no longer subscribed" says; None where nothing is denied."""
    denials = [token for token in tokens if token in NEGATIONS]
    rest = " ".join(token for token in tokens if token not in NEGATIONS)
    if not denials or not (rest in GOOD or _good_stem(rest)):
        return None
    if "longer" in denials:
        return FormerState.LEFT
    return FormerState.UNCONFIRMED if _good_stem(rest) == "confirmed" else FormerState.INACTIVE


def _bad(text: str) -> FormerState | None:
    """Return the worst of the bad states that some words name."""
    words = plain_words(text)
    found = [FormerState(kind) for kind, pattern in BAD.items() if pattern.search(words)]
    return max(found, key=_ORDER.__getitem__) if found else None


def _all_good(tokens: list[str]) -> bool:
    """Tell whether every word is that of a good state; "un,subscribed" is one, and is not."""
    return all(token in GOOD or (token.isalpha() and _good_stem(token)) for token in tokens)


def _good_stem(words: str) -> str:
    """Return which good state a heading or cell is about: confirmed, subscribed, ..., or ""."""
    for kind, pattern in YES.items():
        if pattern.search(words):
            return kind
    return ""


def _denial(words: str) -> FormerState:
    return _DENIED.get(_good_stem(words), FormerState.INACTIVE)


def is_falsy(cell: str) -> bool:
    """Tell whether a cell says no, or nothing."""
    words = cell.strip().casefold()
    return words in FALSY or words.startswith("0000-00-00")


def is_truthy(cell: str) -> bool:
    """Tell whether a cell says yes."""
    return cell.strip().casefold() in TRUTHY


@lru_cache(maxsize=1024)
def is_beside(heading: str) -> bool:
    """Tell whether a column counts mails, or is about money or another channel than mail."""
    words = plain_words(heading)
    if OTHER_CHANNELS.search(words) and "mail" not in words:
        return True
    return bool(STATISTICS.search(words) or MONEY.search(words))


@lru_cache(maxsize=1024)
def about(heading: str) -> Column | None:
    """Return what a column with this heading tells of a state; None where it tells of none."""
    words = plain_words(heading)
    bad, kind = _bad(words), _good_stem(words)
    if is_beside(heading) or not words:
        return None
    if NOMAIL.search(words):
        return Column(Says.NOMAIL)
    if words in REFUSED or REFUSING.search(words):
        return Column(Says.FLAG, FormerState.BLOCKED)
    if STATES.search(words):
        sense = Says.FLAG if bad else Says.GOOD if kind else None
        return Column(Says.WORD, bad or _denial(words), sense)
    if bad or words in PAUSES:
        return Column(Says.FLAG, bad or FormerState.PAUSED)
    return _good_column(words, kind) if kind and not BESIDES.search(words) else None


def _good_column(words: str, kind: str) -> Column | None:
    if TAGS.search(words):
        return None  # newsletter topics: names, and not yes or no
    if TIMES.search(words):
        return Column(Says.SINCE, _denial(words)) if kind == "confirmed" else None
    return Column(Says.GOOD, _denial(words))


def read_cell(column: Column, cell: str) -> FormerState | None:
    """Return what one cell says; None where it says nothing, UNKNOWN where nobody can tell."""
    said = cell.strip()
    if not said:
        return None
    says = column.says
    if says is Says.WORD:
        found = judge(said)
        if found or column.sense is None:
            return found or FormerState.UNKNOWN
        says = column.sense
    if says is Says.FLAG:
        return None if is_falsy(said) else worse(column.standing, _bad(said) or column.standing)
    if says is Says.NOMAIL:
        return _switched(said)
    return _yes_or_no(column, said)


def _switched(said: str) -> FormerState:
    """Return what a switch says; "on [B]" names the worst last."""
    words = " ".join(said.casefold().replace("[", " ").replace("]", " ").split())
    if is_falsy(words) or words in {"off", "enabled", "by_unknown"}:
        return FormerState.MEMBER
    found = [
        FormerState(kind) for kind, one in SWITCHED.items() if one.search(words) or words == "?"
    ]
    return max(found, key=_ORDER.__getitem__) if found else judge(said) or FormerState.UNKNOWN


_MEMBERS = re.compile(r'"([\w ]{2,40})"\s*:\s*(?:"([^"]{1,60})"|(true|false|\d{1,12}))')


def in_json(cell: str) -> FormerState | None:
    """Return the worst that the members of a JSON object in a cell say; None where none does."""
    found = []
    for name, text, bare in _MEMBERS.findall(cell):
        column = about(name)
        said = read_cell(column, text or bare) if column else None
        if said is not None and said is not FormerState.UNKNOWN and not is_good(said):
            found.append(said)
    return max(found, key=_ORDER.__getitem__) if found else None


def is_of_names(heading: str) -> bool:
    """Tell whether words of a state are names, places or remarks in a column."""
    return NAMES.search(plain_words(heading)) is not None


def is_of_remarks(heading: str) -> bool:
    """Tell whether people write down in a column whatever there is to say."""
    words = plain_words(heading)
    return not words or REMARKS.search(words) is not None


_REMARKED = [BAD[kind] for kind in ("left", "blocked", "complained")]


def read_remark(cell: str) -> FormerState | None:
    """Return UNKNOWN where a remark speaks of leaving, refusing or bouncing; else None.

    Nobody can tell of whom or when ("was removed from the board"), and a person may have been
    written off nowhere else.
    """
    words = plain_words(cell)
    speaks = any(one.search(words) for one in (*_REMARKED, REFUSALS))
    return FormerState.UNKNOWN if speaks or words in REFUSED - _NO_REMARK else None


_NO_REMARK = frozenset(("nej", "nee", "nein", "нет", "non", "ej", "inte", "niet", "niente"))


def is_of_tags(heading: str) -> bool:
    """Tell whether the cells of a column hold several words each."""
    return TAGS.search(plain_words(heading)) is not None


def is_of_money(heading: str, all_of_them: Sequence[str]) -> bool:
    """Tell whether a column says when a payment ended, as others beside it are about money."""
    words = plain_words(heading)
    if not CANCELLED.search(words) or "mail" in words:
        return False
    return any(MONEY.search(plain_words(one)) for one in all_of_them)


def _yes_or_no(column: Column, said: str) -> FormerState:
    if is_truthy(said) or _looks_dated(said):
        return FormerState.MEMBER
    if is_falsy(said):
        return column.standing
    return judge(said) or FormerState.UNKNOWN


_DATED = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{9,13}$|\w{3,9}\.? \d{1,2},? \d{4}|\d{8}t\d"
)


def _looks_dated(said: str) -> bool:
    return _DATED.match(said.casefold()) is not None


def looks_like_state(cell: str) -> bool:
    """Tell whether a cell of a column that nobody knows looks like the word of a state."""
    words = plain_words(cell)
    if len(words.split()) > 3:  # noqa: PLR2004 - a sentence is a note
        return False
    if words in PLAIN or NOMAIL_BY.fullmatch(words):
        return True
    return bool(_bad(words)) or _good_stem(words) in {"confirmed", "active"}


def is_plain_state(cell: str) -> bool:
    """Tell whether a cell is such a word beyond doubt, wherever it stands."""
    return plain_words(cell) in PLAIN


def of_file(name: str) -> FormerState | None:
    """Return the standing that a file's name says of all in it; UNKNOWN where it says several."""
    words = plain_words(name.rpartition(".")[0] or name)
    found = _bad(words)
    if found is None:
        return FormerState.PAUSED if NOMAIL.search(words) else None
    mixed = MIXED.search(words)
    return FormerState.UNKNOWN if mixed else found
