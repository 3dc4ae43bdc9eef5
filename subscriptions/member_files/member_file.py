"""Understand a file of people: which column is what, and who each line names.

Knows plain header words in English and the six languages, plain lines of addresses, and
what may never be guessed: a role, a rhythm, a consent that says no. Every line gets a fate;
none is dropped. Whether a person may be added is decided in members.py.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice
from typing import BinaryIO, NamedTuple, TypeVar

from mailer.errors import BadInput
from mailer.reading import addresses
from subscriptions.lists.attributes import check_key, values_of
from subscriptions.lists.roster import LANGUAGES, Rhythm, Role
from subscriptions.member_files import evidence, former_state
from subscriptions.member_files.csv_rows import (
    FALLBACKS,
    Row,
    as_meant,
    beginning,
    detect_encoding,
    open_text,
    records,
)
from subscriptions.member_files.exporting import ATTRIBUTE, MAX_WORDING
from subscriptions.member_files.former_state import FormerState
from subscriptions.member_files.headings import Layout, find_layout, is_address
from subscriptions.member_files.row_standing import NO_ANSWERS, Answers
from subscriptions.member_files.state_survey import StateSurvey, survey
from subscriptions.membership.members import Candidate, CandidateOutcome, Fate
from subscriptions.membership.role_accounts import is_role_address
from subscriptions.permission.consent import ConsentNote

_Word = TypeVar("_Word", Role, Rhythm)
MAX_NAME = 200
_NOTED = re.compile(r"([^\s<>(),;]{1,320})[ \t]{1,9}\(([^()@]{1,200})\)")
MAX_PAUSE = 10 * 366 * 86_400  # seconds ahead that a pause may end
_SAID_BY_ALL = {"email", "name", "first", "last"}
_NOES = "no|n|false|0|none|nej|nee|nu|net|нет|never|declined|refused|unsubscribed"
_NO = frozenset(_NOES.split("|"))
_LANGUAGE_NAMES = {
    "swedish": "sv",
    "svenska": "sv",
    "italian": "it",
    "italiano": "it",
    "romanian": "ro",
    "română": "ro",
    "romana": "ro",
    "russian": "ru",
    "русский": "ru",
    "dutch": "nl",
    "nederlands": "nl",
    "english": "en",
}


@dataclass(frozen=True, slots=True)
class Defaults:
    """Say what holds for lines that say nothing themselves."""

    role: Role = Role.MEMBER
    rhythm: Rhythm = Rhythm.EACH
    language: str = ""
    consent: ConsentNote | None = None  # how everybody in this file said yes
    template: ConsentNote | None = None  # source and actor of consent given by columns
    role_addresses: bool = False
    attributes: tuple[tuple[str, str], ...] = ()  # (attribute, the name of its column)
    now: float = 0.0


class MemberLine(NamedTuple):
    """Hold one line: somebody who may be added, or the outcome that is already plain.

    Both where it is somebody who is kept out: the candidate is who.
    """

    number: int
    email: str
    name: str
    candidate: Candidate | None = None
    outcome: CandidateOutcome | None = None
    standing: FormerState = FormerState.MEMBER  # at the service that they come from
    since: float = 0.0  # when they left or were barred there; 0 where it is not told


@dataclass(frozen=True, slots=True)
class MemberFile:
    """Hold an opened file: what was noticed about it, and its lines."""

    encoding: str
    notes: tuple[str, ...]
    lines: Iterator[MemberLine] = field(repr=False)
    survey: StateSurvey


def read_people(
    stream: BinaryIO,
    defaults: Defaults,
    encoding: str = "",
    *,
    name: str = "",
    answers: Answers = NO_ANSWERS,
) -> MemberFile:
    """Open a seekable file; raise BadInput where it is not a file of people at all.

    The whole file has been read once when this returns, so that what stops it (a quotation mark
    that is not closed) stops it before anybody is taken in. ``name`` is the file's.
    """
    chosen = encoding or detect_encoding(stream)
    notes = []
    if chosen in FALLBACKS and not encoding:
        notes.append(
            f"The file is not UTF-8; it was read as {chosen}. If names look wrong, say --encoding."
        )
    layout = find_layout(beginning(stream, chosen))

    def rows() -> Iterator[Row]:
        return islice(records(open_text(stream, chosen), layout.delimiter), layout.skipped, None)

    kept = _kept_columns(layout.header, defaults)
    found = survey(rows, layout, answers, name, defaults.now)
    columns = layout.fields | kept
    spoken = {at for at, _ in found.rules.columns} | {*found.evidence.values()}
    unread = [
        heading[:40]
        for at, heading in enumerate(layout.header)
        if heading and at not in columns.values() and at not in spoken
    ]
    if unread:
        notes.append(f"Not read: the columns {', '.join(unread)}.")
    read = _Reader(layout, columns, defaults, found)
    above = (read.above(row) for row in layout.above if any(map(is_address, row.cells)))
    lines = chain(above, filter(None, map(read.line, rows())))
    return MemberFile(chosen, tuple(notes), lines, found)


_KEPT = "attribute "  # before the name of a column that is kept as an attribute


def _kept_columns(header: Sequence[str], defaults: Defaults) -> dict[str, int]:
    """Return where the columns stand that were named; raise BadInput for one that is not there."""
    places = {cell.strip().casefold(): at for at, cell in reversed(list(enumerate(header)))}
    found = {
        _KEPT + check_key(cell.strip().removeprefix(ATTRIBUTE)): at
        for at, cell in enumerate(header)
        if cell.strip().startswith(ATTRIBUTE)  # as our own export calls them
    }
    for key, column in defaults.attributes:
        at = places.get(column.strip().casefold())
        if at is None:
            known = ", ".join(cell.strip()[:40] for cell in header) or "the file has no header"
            raise BadInput(f"There is no column {column[:40]!r}.", f"There are: {known}.")
        found[_KEPT + key] = at
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Read the rows of a file; ``columns`` are the places of its fields."""

    layout: Layout
    columns: dict[str, int]
    defaults: Defaults
    survey: StateSurvey

    def line(self, row: Row) -> MemberLine | None:
        """Return who stands on a row, or why nobody does; None for a remark."""
        if row.fault:
            return _invalid(row.line, row.text[:80], "", row.fault)
        read = self._celled(row) if self.layout.header else self._plain(row)
        if read is None or read.candidate is None:
            return read
        if self.survey.evidence and read.candidate.consent:
            read = read._replace(candidate=self._with_evidence(read.candidate, row.cells))
        return read if self.survey.all_members else self._judged(read, row)

    def above(self, row: Row) -> MemberLine:
        """Return the fate of a row above the heading that has an address."""
        return _invalid(row.line, row.text[:80], "", "it stands above the heading")

    def _with_evidence(self, candidate: Candidate, cells: Sequence[str]) -> Candidate:
        """Keep when and from where they said yes, where the line's own consent does not say it."""
        note = candidate.consent
        told = evidence.told(self.survey.evidence, cells, self.defaults.now)
        if note is None or note.given_at or not (told.yes or told.ip):
            return candidate
        note = replace(note, given_at=told.yes or None, ip=note.ip or told.ip or None)
        return candidate._replace(consent=note)

    def _judged(self, line: MemberLine, row: Row) -> MemberLine:
        """Return the line with how its person stood, the worst of their lines if there are more."""
        if line.candidate is None:
            return line
        key, found = line.candidate.address.key, self.survey
        standing, why = found.rules.standing(row)
        worst = found.worst.get(key)
        since = found.rules.since(row.cells, self.defaults.now)
        if key in found.renewed:
            if not former_state.is_good(standing):
                older = CandidateOutcome(Fate.DUPLICATE, "a newer line of theirs says yes")
                return line._replace(candidate=None, outcome=older)
        elif worst and former_state.is_good(standing):
            standing, since = worst.standing, worst.since
            why = f"line {worst.line} says {worst.standing}"
        if standing is FormerState.MEMBER:
            return line
        if standing is FormerState.PAUSED and line.candidate.consent:
            return line._replace(candidate=line.candidate._replace(paused=True), standing=standing)
        refused = CandidateOutcome(Fate.REFUSED, why)
        return line._replace(outcome=refused, standing=standing, since=since)

    def _celled(self, row: Row) -> MemberLine:
        cells = row.cells
        many, width = len(cells), len(self.layout.header)
        values = {
            name: as_meant(cells[at].strip()) for name, at in self.columns.items() if at < many
        }
        if many > width and any(cell.strip() for cell in cells[width:]):
            why = "more cells than the header has: a cell with the delimiter needs quotation marks"
            return _invalid(row.line, values.get("email", "")[:80], "", why)
        if not values.get("email"):
            return _invalid(row.line, "", values.get("name", "")[:80], "there is no address here")
        if "first" in values or "last" in values:
            both = f"{values.get('first', '')} {values.get('last', '')}".strip()
            values["name"] = values.get("name") or both
        return _person(row.line, values, self.defaults)

    def _plain(self, row: Row) -> MemberLine | None:
        """Read an address, ``Name <address>``, or cells of which one is an address."""
        text = row.text.strip().removeprefix("\ufeff")
        if text.startswith("#") and "@" not in text:
            return None
        noted = _NOTED.fullmatch(text)  # address (Name), as old programs write
        if noted and former_state.judge(noted[2]) is None:
            return _person(row.line, {"email": noted[1], "name": noted[2]}, self.defaults)
        whole = split_named(text) if "\n" not in text else None
        if whole and "@" not in whole[0]:
            return _person(row.line, {"email": whole[1], "name": whole[0]}, self.defaults)
        cells = [cell.strip().removeprefix("\ufeff") for cell in row.cells]
        at = self.layout.address
        if at is None or len(cells) == 1:
            with_at = [cell for cell in cells if "@" in cell]
        else:  # an address in another column is somebody who is written about
            with_at = [cells[at]] if at < len(cells) and "@" in cells[at] else []
        if len(with_at) > 1:
            return _invalid(row.line, text[:80], "", "more than one address on a line")
        if not with_at:
            return _invalid(row.line, text[:80], "", "there is no address on this line")
        beside = next((cell for cell in cells if cell and "@" not in cell), "")
        name, email = split_named(with_at[0]) or (beside, with_at[0])
        return _person(
            row.line, {"email": as_meant(email), "name": as_meant(name or beside)}, self.defaults
        )


def _person(line: int, values: dict[str, str], defaults: Defaults) -> MemberLine:
    email, shown = values["email"], values.get("name", "")
    try:
        named = split_named(email) if "<" in email else None
        inside, bare = named or ("", email.removeprefix("mailto:"))
        address = addresses.parse(bare)
        name = clean_name(shown or inside)
        candidate = _candidate(address, name, values, defaults)
    except BadInput as error:
        return _invalid(line, email[:254], shown[:80], error.what)
    if not defaults.role_addresses and is_role_address(address.key):
        outcome = CandidateOutcome(Fate.ROLE_ADDRESS, "nobody in particular reads it")
        return MemberLine(line, address.given, name, outcome=outcome)
    if candidate.consent is None and values.get("consent"):
        return MemberLine(
            line, address.given, name, outcome=CandidateOutcome(Fate.NO_CONSENT, "the file says no")
        )
    return MemberLine(line, address.given, name, candidate)


def _attributes(values: dict[str, str]) -> tuple[tuple[str, str], ...]:
    told = [
        (name.removeprefix(_KEPT), text)
        for name, text in values.items()
        if text and name.startswith(_KEPT)
    ]
    for key, text in told:
        values_of(key, text)  # raises what is wrong with this line
    return tuple(told)


def _candidate(
    address: addresses.MailAddress, name: str, values: dict[str, str], defaults: Defaults
) -> Candidate:
    if values.keys() <= _SAID_BY_ALL:  # most files say no more, and each of these costs its time
        language, role, rhythm = defaults.language, defaults.role, defaults.rhythm
        return Candidate(address, name, language, role, rhythm, defaults.consent)
    return Candidate(
        address,
        name,
        _language(values.get("language", ""), defaults.language),
        _choice(Role, values.get("role", ""), defaults.role),
        _choice(Rhythm, values.get("rhythm", ""), defaults.rhythm),
        _consent(values, defaults),
        _attributes(values),
        paused_until=_until(values.get("paused_until", ""), defaults.now),
    )


def _until(text: str, now: float) -> float | None:
    return evidence.when(text, now + MAX_PAUSE) or None if text else None


def _invalid(line: int, email: str, name: str, why: str) -> MemberLine:
    return MemberLine(line, email, name, outcome=CandidateOutcome(Fate.INVALID, why))


def split_named(text: str) -> tuple[str, str] | None:
    """Read ``Name <address>`` as (name, address); by hand, since a pattern backtracks."""
    name, opened, tail = text.rpartition("<")
    email, closed, rest = tail.partition(">")
    if not opened or not closed or rest.strip(" \t,;") or "<" in name:
        return None
    return name.strip(' \t"'), email.strip()


def clean_name(text: str) -> str:
    """Return a person's name on one line; raise BadInput where it cannot be one."""
    name = " ".join(text.split())
    if name.isascii() and name.isprintable() and len(name) <= MAX_NAME:
        return name
    name = unicodedata.normalize("NFC", name)
    if len(name) > MAX_NAME:
        raise BadInput(f"The name is longer than {MAX_NAME} characters.")
    if not name.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs"} for c in name):
        raise BadInput("The name has control characters.")
    return name


@lru_cache(maxsize=256)
def _language(text: str, default: str) -> str:
    """Return a language we speak, or the default: a wrong guess here does no harm."""
    word = text.casefold().strip()
    short = _LANGUAGE_NAMES.get(word, re.split(r"[-_]", word)[0])
    return short if short in LANGUAGES else default


def _choice(kind: type[_Word], text: str, default: _Word) -> _Word:
    if not text:
        return default
    try:
        return kind(text.casefold())
    except ValueError:
        known = ", ".join(word.value for word in kind)
        raise BadInput(f"{text[:40]!r} is not one of {known}.") from None


def _consent(values: dict[str, str], defaults: Defaults) -> ConsentNote | None:
    """Return how this person said yes: by the line's own columns, else as the whole file did."""
    if not ("consent" in values or "consent_date" in values or "consent_ip" in values):
        return defaults.consent
    said, when, ip = (values.get(n, "") for n in ("consent", "consent_date", "consent_ip"))
    if said.casefold() in _NO or _denies(said):
        return None
    note = defaults.consent
    if said and defaults.template and not (note and former_state.is_truthy(said)):
        if len(said) > MAX_WORDING or any(unicodedata.category(c) == "Cc" for c in said):
            raise BadInput("The consent is too long, or has control characters.")
        note = replace(defaults.template, wording=said)
    if note is None or not (when or ip):
        return note
    given = read_date(when, defaults.now) if when else None
    return replace(note, given_at=given, ip=ip[:64] or None)


def _denies(said: str) -> bool:
    """Tell whether a consent is the word of a bad state: pending, withdrawn, unsubscribed."""
    judged = former_state.judge(said) if said and len(said.split()) <= 2 else None  # noqa: PLR2004
    return judged is not None and not former_state.is_good(judged)


def read_date(text: str, now: float) -> float:
    """Read an ISO 8601 date or time (UTC where it names no zone) that is not in the future."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a date such as 2026-05-03.") from None
    stamp = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    if stamp > now + 86_400 or stamp < 0:
        raise BadInput(f"{text[:40]!r} is not a day on which anybody can have agreed.")
    return stamp
