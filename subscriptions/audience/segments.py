"""A segment: some of a list's members, in a small language that executes nothing. Pure.

    read("language in (sv, nl) and tag = board", scope)    -> a tree; BadSegment names the place

    language = sv       affiliation = partner    place != Lund     tag in (board, choir)
    role = editor       domain = example.org     on friends@example.org
    joined since 2026-01-01    joined before 2026-06-01    joined within 30 days
    any attribute that members of the list have; a saved segment by its name; all;
    and, or, not, parentheses; quotation marks around a value with blanks

The same words hold in a draft's front matter, in a mail, on the command line. ``write`` gives a
tree back as text that reads as the same tree. What it means in the database stands in
segment_query.py. SECURITY: text, depth and number of tests are bounded, and nothing recurses past
that.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NoReturn

from mailer.errors import BadInput
from mailer.reading.addresses import domain_key
from subscriptions.lists.attributes import MAX_VALUE, USUAL, check_key
from subscriptions.lists.naming import read_list_address
from subscriptions.lists.roster import LANGUAGES, Role

MAX_LENGTH = 1000  # characters
MAX_DEPTH = 12  # parentheses, "not" and saved names within each other
MAX_TESTS = 60
MAX_NAME = 40  # characters of a saved segment's
FIXED = ("language", "role", "domain")
_EVERYBODY = "all"
_WORDS = frozenset({"and", "or", "not", "in", "joined", "on", _EVERYBODY})
_NAME = re.compile(r"[^\W\d_][\w-]*\Z")
_TOKEN = re.compile(
    r"""\s*(?:"(?P<plain>[^"]*)"|'(?P<single>[^']*)'|[\u201c\u201d\u201e](?P<curly>[^\u201c\u201d]*)
    [\u201c\u201d]|\u00ab(?P<angle>[^\u00bb]*)\u00bb|(?P<mark>!=|[=(),])
    |(?P<word>[^\s(),=!"'\u201c\u201d\u201e\u00ab\u00bb]+))""",
    re.VERBOSE,
)


# What a value may stand between, and what ends it.
_PAIRS = (('"', '"'), ("'", "'"), ("\u00ab", "\u00bb"), ("\u201c", "\u201d\u201c"))


class BadSegment(BadInput):
    """Say why and where a segment cannot be read, with a key for templates beside the words."""

    def __init__(self, at: int, key: str, what: str, fix: str = "", **values: str) -> None:
        super().__init__(f"In the segment, at character {at}: {what}", fix)
        self.at = at
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True)
class Everybody:
    """Choose everybody."""


@dataclass(frozen=True, slots=True)
class Is:
    """Choose who has one of these values of a word."""

    word: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JoinedWhen:
    """Choose who joined on that side of a moment: a date (UTC), or days before now."""

    how: str  # since, before, within
    day: date | None = None
    days: int = 0


@dataclass(frozen=True, slots=True)
class On:
    """Choose who is a member of another list too."""

    address: str


@dataclass(frozen=True, slots=True)
class Not:
    """Choose all others."""

    of: "Tree"


@dataclass(frozen=True, slots=True)
class Several:
    """Choose whom all of these choose, or any of them."""

    how: str  # and, or
    parts: tuple["Tree", ...]


Tree = Everybody | Is | JoinedWhen | On | Not | Several


@dataclass(frozen=True, slots=True)
class Scope:
    """Say what can be named on one list; None of ``keys`` or ``lists`` lets any name pass."""

    saved: Mapping[str, str] = field(default_factory=dict)
    keys: frozenset[str] | None = None
    lists: frozenset[str] | None = None


ANY = Scope()


def read(text: str, scope: Scope = ANY) -> Tree:
    """Read an expression; raise BadSegment for what it is not."""
    if not text.strip():
        raise BadSegment(1, "grammar", "there is nothing.", 'Everybody is "all".')
    return _Reader(text, scope, depth=0, count=[0]).whole()


def read_written(text: str) -> Tree:
    """Read what ``write`` wrote: several saved segments in one may have made it long."""
    return _Reader(text, ANY, depth=0, count=[0], limit=len(text)).whole()


def write(tree: Tree) -> str:  # noqa: PLR0911 - one line a kind
    """Write a tree so that it reads as the same."""
    match tree:
        case Everybody():
            return _EVERYBODY
        case Is(word, values):
            said = ", ".join(map(_quoted, values))
            return f"{word} = {said}" if len(values) == 1 else f"{word} in ({said})"
        case JoinedWhen("within", _, days):
            return f"joined within {days} days"
        case JoinedWhen(how, day):
            return f"joined {how} {day}"
        case On(address):
            return f"on {address}"
        case Not(Is(word, (value,))):
            return f"{word} != {_quoted(value)}"
        case Not(of):
            return f"not {_inside(of)}"
        case Several(how, parts):
            return f" {how} ".join(_inside(part) for part in parts)


def check_name(text: str) -> str:
    """Return the name of a saved segment; raise BadInput where an expression could not say it."""
    name = text.strip().casefold()
    if not _NAME.match(name) or len(name) > MAX_NAME or name in _WORDS:
        raise BadInput(
            f"{text[:MAX_NAME]!r} cannot be the name of a segment.",
            f"Use one word of letters, digits, - and _, at most {MAX_NAME} characters.",
        )
    return name


def _inside(tree: Tree) -> str:
    said = write(tree)
    return f"({said})" if isinstance(tree, Several) else said


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w.@+-]+", value):
        return value
    # Whatever could be read stood between one of these pairs, so one of them does not end in it.
    begins, ends = next(one for one in _PAIRS if not set(one[1]) & set(value))
    return f"{begins}{value}{ends[0]}"


@dataclass(frozen=True, slots=True)
class _Token:
    at: int  # 1 for the first character
    text: str
    mark: str = ""  # "(", ")", ",", "=", "!=" or "quoted"

    @property
    def word(self) -> str:
        """Return the word without case, "" for a mark or a quoted value."""
        return "" if self.mark else self.text.casefold()


def _tokens(text: str, limit: int) -> Iterator[_Token]:
    if len(text) > limit:
        raise BadSegment(
            limit,
            "long",
            f"it is longer than {limit} characters.",
            "Save a part of it under a name.",
            size=str(limit),
        )
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            said = text[place]
            raise BadSegment(
                place + 1, "grammar", f"{said!r} has no meaning, or no end.", said=said
            )
        kind = found.lastgroup or ""
        where, said = found.start(kind) + 1, found[kind]
        if kind == "word":
            yield _Token(where, said)
        elif kind == "mark":
            yield _Token(where, said, said)
        else:
            yield _Token(where, said, "quoted")
        at = found.end()


class _Reader:
    """Read one text from left to right; ``count`` is shared with the texts of saved names."""

    def __init__(
        self, text: str, scope: Scope, *, depth: int, count: list[int], limit: int = MAX_LENGTH
    ) -> None:
        self._tokens = list(_tokens(text, limit))
        self._scope = scope
        self._depth = depth
        self._count = count
        self._next = 0
        self._end = _Token(len(text.rstrip()) + 1, "", "end")

    def whole(self) -> Tree:
        tree = self._either()
        if self._seen.mark != "end":
            self._lost(self._seen, "Put and, or, or not between two conditions.")
        return tree

    @property
    def _seen(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self) -> _Token:
        token = self._seen
        self._next += 1
        return token

    def _either(self) -> Tree:
        return self._chain("or", lambda: self._chain("and", self._one))

    def _chain(self, how: str, one: Callable[[], Tree]) -> Tree:
        parts = [one()]
        while self._seen.word == how:
            self._take()
            parts.append(one())
        return parts[0] if len(parts) == 1 else Several(how, _flat(how, parts))

    def _one(self) -> Tree:
        token = self._take()
        if token.mark == "(" or token.word == "not":
            self._deeper(token)
            tree = self._enclosed() if token.mark else _other_than(self._one())
            self._depth -= 1
            return tree
        self._count[0] += 1
        if self._count[0] > MAX_TESTS:
            raise BadSegment(
                token.at, "long", f"it has more than {MAX_TESTS} conditions.", size=str(MAX_TESTS)
            )
        if token.mark:
            self._lost(token, "A condition begins with a word, such as language = sv.")
        if token.word == _EVERYBODY:
            return Everybody()
        if token.word == "joined":
            return self._joined()
        if token.word == "on":
            return self._on()
        if self._seen.mark in {"=", "!="} or self._seen.word == "in":
            return self._test(token)
        return self._saved(token)

    def _enclosed(self) -> Tree:
        tree = self._either()
        closed = self._take()
        if closed.mark != ")":
            self._lost(closed, "A parenthesis is open here.")
        return tree

    def _deeper(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadSegment(
                token.at, "deep", f"more than {MAX_DEPTH} within each other.", size=str(MAX_DEPTH)
            )

    def _test(self, token: _Token) -> Tree:
        word = self._word(token)
        sign = self._take()
        values = [self._value(word)] if sign.mark else self._values(word)
        found = Is(word, tuple(dict.fromkeys(values)))
        return Not(found) if sign.mark == "!=" else found

    def _word(self, token: _Token) -> str:
        word = token.word
        if word in FIXED:
            return word
        keys = self._scope.keys
        try:
            word = check_key(token.text)
        except BadInput:
            keys = keys or frozenset()
        if keys is not None and word not in keys and word not in USUAL:
            known = sorted({*FIXED, *USUAL, *keys, "joined", "on"})
            raise _unknown(token, "unknown-word", "is not known of these members", known)
        return word

    def _values(self, word: str) -> list[str]:
        opened = self._take()
        if opened.mark != "(":
            self._lost(opened, "Behind in stand values in parentheses: tag in (board, choir).")
        values = [self._value(word)]
        while self._seen.mark == ",":
            self._take()
            values.append(self._value(word))
        closed = self._take()
        if closed.mark != ")":
            self._lost(closed, "Values stand between commas, and a parenthesis closes them.")
        return values

    def _value(self, word: str) -> str:
        token = self._take()
        if token.mark and token.mark != "quoted":
            self._lost(token, f"Behind {word} stands a value.")
        value = " ".join(token.text.split())
        if not value or len(value) > MAX_VALUE or not value.isprintable():
            self._lost(token, f"A value has 1 to {MAX_VALUE} characters.")
        if word == "language":
            return _known(token, value.casefold(), LANGUAGES)
        if word == "role":
            return _known(token, value.casefold(), [role.value for role in Role])
        if word == "domain":
            try:
                return domain_key(value)
            except BadInput:
                raise _bad_value(token, "a domain, such as example.org") from None
        return value

    def _joined(self) -> Tree:
        how = self._take()
        if how.word == "within":
            number, unit = self._take(), self._take()
            digits = number.word
            if not (digits.isascii() and digits.isdecimal() and 0 < len(digits) < 6):  # noqa: PLR2004 - 273 years
                raise _bad_value(number, "a number of days")
            if unit.word not in {"days", "day"}:
                self._lost(unit, "Write joined within 30 days.")
            return JoinedWhen("within", days=int(digits))
        if how.word not in {"since", "before"}:
            self._lost(how, "Write joined since 2026-01-01, before 2026-06-01 or within 30 days.")
        day = self._take()
        try:
            found = datetime.strptime(day.text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            raise _bad_value(day, "a day, such as 2026-01-31") from None
        return JoinedWhen(how.word, found)

    def _on(self) -> Tree:
        token = self._take()
        try:
            address = str(read_list_address(token.text))
        except BadInput:
            raise _bad_value(token, "a list's address") from None
        lists = self._scope.lists
        if lists is not None and address not in lists:
            raise _unknown(token, "unknown-name", "is no list of this domain", sorted(lists))
        return On(address)

    def _saved(self, token: _Token) -> Tree:
        text = self._scope.saved.get(token.word)
        if text is None:
            names = sorted({*self._scope.saved, *FIXED, *USUAL, "joined", "on", _EVERYBODY})
            raise _unknown(token, "unknown-name", "is no saved segment", names)
        self._deeper(token)
        inner = _Reader(text, self._scope, depth=self._depth, count=self._count)
        try:
            tree = inner.whole()
        except BadSegment as error:
            what = f"the segment {token.word} cannot be read: {error.what}"
            raise BadSegment(token.at, error.key, what, error.fix, **error.values) from None
        self._depth -= 1
        return tree

    def _lost(self, token: _Token, fix: str) -> NoReturn:
        said = token.text[:40]
        what = f"{said!r} was not expected here." if said else "it ends too early."
        raise BadSegment(token.at, "grammar", what, fix, said=said)


def _other_than(tree: Tree) -> Tree:
    return tree.of if isinstance(tree, Not) else Not(tree)


def _flat(how: str, parts: Sequence[Tree]) -> tuple[Tree, ...]:
    """Return the parts, those of a part that is joined in the same way instead of it."""
    return tuple(
        one
        for part in parts
        for one in (part.parts if isinstance(part, Several) and part.how == how else (part,))
    )


def _known(token: _Token, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise _bad_value(token, f"one of {', '.join(known)}")
    return value


def _bad_value(token: _Token, wanted: str) -> BadSegment:
    said = token.text[:40]
    return BadSegment(token.at, "value", f"{said!r} is not {wanted}.", said=said, wanted=wanted)


def _unknown(token: _Token, key: str, what: str, known: Sequence[str]) -> BadSegment:
    said = token.text[:40]
    near = difflib.get_close_matches(token.word, known, n=1, cutoff=0.5)
    shown = ", ".join(known[:30])
    fix = f"Did you mean {near[0]}?" if near else f"Known are {shown}."
    return BadSegment(
        token.at,
        key,
        f"{said!r} {what}.",
        fix,
        said=said,
        near=near[0] if near else "",
        known=shown,
    )
