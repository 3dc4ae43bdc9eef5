"""Look through a file before anybody is taken in, for what it says of how people stood.

Knows the columns that speak of a state, what they hold and what that makes of each row; refuses
to know the database. ``Rules.standing`` is pure and is asked again when the people are read, so
that what was shown is what is done. Whoever stands in the file twice is what they are on the worse
line, unless the better one is newer.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mailer.errors import BadInput
from mailer.reading import addresses
from subscriptions.member_files import evidence, former_state
from subscriptions.member_files.csv_rows import Row, as_meant
from subscriptions.member_files.former_state import Column, Says, Standing
from subscriptions.member_files.former_state_words import PLAIN
from subscriptions.member_files.headings import Layout, known

MAX_VALUES = 40  # distinct values of a column that are told one by one
_SHORT = 3  # words; a longer cell is a remark
_FEW = 12  # distinct values of a column whose cells may be states
ANSWERS = {
    "member": Standing.MEMBER,
    "paused": Standing.PAUSED,
    "suppressed": Standing.LEFT,
    "refused": Standing.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Hold what was said about a file's states: where they stand, and what values mean."""

    column: str = ""
    values: Mapping[str, Standing] = field(default_factory=dict)  # by former.plain_words


NO_ANSWERS = Answers()


def read_answer(text: str) -> tuple[str, Standing]:
    """Read ``VALUE=FATE``; raise BadInput where it would make a member of who cannot be one."""
    value, sign, fate = text.rpartition("=")
    standing = ANSWERS.get(fate.strip().casefold())
    if not sign or standing is None:
        raise BadInput(
            f"{text[:60]!r} is not VALUE=FATE.", f"A fate is one of {', '.join(ANSWERS)}."
        )
    judged = former_state.judge(value)
    if former_state.is_good(standing) and judged is not None and not former_state.is_good(judged):
        raise BadInput(
            f"{value.strip()[:40]!r} never becomes a member by an import.",
            "Whoever left, was blocked, bounced or never confirmed joins by themselves.",
        )
    return former_state.plain_words(value), standing


@dataclass(frozen=True, slots=True)
class Said:
    """Count the cells of one column that say the same: a row of the mapping that is shown."""

    column: str
    value: str
    count: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class Rules:
    """Say how a row of this file is judged."""

    columns: tuple[tuple[int, Column], ...] = ()
    header: tuple[str, ...] = ()
    watched: frozenset[int] = frozenset()  # other columns: a plain word of a state counts there
    of_file: Standing | None = None
    answers: Answers = field(default_factory=Answers)

    @property
    def silent(self) -> bool:
        """Tell whether nothing in this file can speak of a state."""
        return not (self.columns or self.watched or self.of_file)

    def standing(self, cells: Sequence[str]) -> tuple[Standing, str]:
        """Return how the person on a row stood, the worst that is said, and which words say so."""
        found, why, affirmed = Standing.MEMBER, "", False
        for said, because in self._voices(cells):
            affirmed = affirmed or former_state.is_good(said)
            if former_state.worse(found, said) is not found:
                found, why = said, because
        if found is Standing.MEMBER and not affirmed:
            return self._unsaid(cells)
        return found, why

    def _voices(self, cells: Sequence[str]) -> Iterator[tuple[Standing, str]]:
        """Yield all that a row and the file's name say of how somebody stood."""
        many = len(cells)
        for at, column in self.columns:
            said = self.of_cell(at, column, cells[at]) if at < many else None
            if said is not None:
                yield said, self._because(at, cells[at])
        for at in self.watched:
            if at < many:
                for said in _plain_states(cells[at]):
                    yield said, self._because(at, cells[at])
        if self.of_file:
            yield self.of_file, "the name of the file"

    def _unsaid(self, cells: Sequence[str]) -> tuple[Standing, str]:
        """Judge a row of which no cell says anything."""
        for at, column in self.columns:
            if column.says is Says.SINCE and not (at < len(cells) and cells[at].strip()):
                return Standing.UNCONFIRMED, f"{self.header[at][:40]} is empty"
        for at, column in self.columns:
            if column.sure and column.says in {Says.WORD, Says.GOOD} and not self._muted(at):
                return Standing.UNKNOWN, f"{self.header[at][:40]} is empty"
        return Standing.MEMBER, ""

    def _muted(self, at: int) -> bool:
        """Tell whether another column is said to hold the states."""
        return bool(self.answers.column) and not _same(self.header[at], self.answers.column)

    def since(self, cells: Sequence[str], now: float) -> float:
        """Return when they left or were barred, as a cell of the row says; 0 where none does."""
        days = [
            evidence.when(cells[at], now)
            for at, column in self.columns
            if column.says is Says.FLAG and at < len(cells)
        ]
        return max(days, default=0.0)

    def of_cell(self, at: int, column: Column, cell: str) -> Standing | None:
        """Return what one cell of a column of states says."""
        cell = as_meant(cell.strip())
        said = former_state.read_cell(column, cell)
        answer = self.answers.values.get(former_state.plain_words(cell)) if cell else None
        if answer and (said in {None, Standing.UNKNOWN} or former_state.is_good(said)):
            return answer
        if said is Standing.UNKNOWN and self._muted(at):
            return None  # a bad word here still counts
        return said

    def _because(self, at: int, cell: str) -> str:
        name = self.header[at] if at < len(self.header) else ""
        return f"{name[:40]}: {cell.strip()[:60]}" if name else cell.strip()[:60]


def _plain_states(cell: str) -> list[Standing]:
    """Return the bad states that a cell of any other column names beyond doubt."""
    words = [cell.strip().casefold()]
    if "," in cell or ";" in cell or "|" in cell:
        words += [word.strip(" '\"[]") for word in re.split("[,;|]", words[0])]
    found = [former_state.judge(word) for word in words if word in PLAIN]
    if '":' in cell or '" :' in cell:
        found.append(former_state.in_json(cell))
    return [one for one in found if one and not former_state.is_good(one)]


def _same(heading: str, told: str) -> bool:
    return heading.strip().casefold() == told.strip().casefold()


class Worst(NamedTuple):
    """Say how somebody stood on the worst of their lines, and since when (0: not told)."""

    standing: Standing
    line: int
    since: float


@dataclass(slots=True)
class Survey:
    """Hold what a file says, before anything is done."""

    rules: Rules
    evidence: Mapping[str, int]  # where the columns of it stand
    rows: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    said: list[Said] = field(default_factory=list)
    worst: dict[str, Worst] = field(default_factory=dict)  # by the key of the address
    renewed: set[str] = field(default_factory=set)  # keys whose newest line is a yes
    newest: float = 0.0  # day of the newest yes or change that is told; 0 where none is

    @property
    def unknown(self) -> list[Said]:
        """Return what nobody can tell the meaning of."""
        return [one for one in self.said if one.standing is Standing.UNKNOWN]

    @property
    def kept_out(self) -> int:
        """Count the rows that do not make a member."""
        return sum(n for one, n in self.standings.items() if not former_state.is_good(one))


def survey(
    rows: Callable[[], Iterator[Row]], layout: Layout, answers: Answers, name: str, now: float
) -> Survey:
    """Read all rows, twice where they speak of states or days; ``name`` is the file's.

    Raise BadInput for what stops the file.
    """
    found = Survey(_rules(rows, layout, answers, name), evidence.find(layout.header))
    if not found.rules.silent or found.evidence:
        _count(found, rows(), layout, now)
    if found.worst and found.evidence:
        _renew(found, rows(), layout, now)
    return found


def _rules(rows: Callable[[], Iterator[Row]], layout: Layout, answers: Answers, name: str) -> Rules:
    header = layout.header or tuple(f"column {at + 1}" for at in range(layout.width))
    columns = {
        at: column
        for at, one in enumerate(layout.header)
        if (column := _known(one)) and not former_state.is_of_money(one, header)
    }
    for at, one in enumerate(header):
        if answers.column and _same(one, answers.column):
            columns[at] = Column(Says.WORD)
    if answers.column and not any(_same(one, answers.column) for one in header):
        there = ", ".join(one[:40] for one in layout.header) or "the file has no heading"
        raise BadInput(f"There is no column {answers.column[:40]!r}.", f"There are: {there}.")
    places = {layout.fields.get("email", layout.address), *layout.fields.values()}
    held = [
        at
        for at, one in enumerate(header)
        if not (at in columns or at in places or former_state.is_beside(one))
        and not former_state.is_of_money(one, header)
    ]
    seen = _Seen([*columns, *held])
    for row in rows():
        seen.add(row.cells)
    for at in held:
        if _speaks(header[at], seen.values[at], answers):
            columns[at] = _column_of(header[at], seen.values[at])
    used = tuple(
        (at, columns[at])
        for at in sorted(columns)
        if seen.filled(at) and not _is_place(header, at, seen.values[at])
    )
    return Rules(
        columns=used,
        header=header,
        watched=frozenset(at for at in held if at in seen.plain and at not in columns),
        of_file=former_state.of_file(name) if name else None,
        answers=answers,
    )


def _known(heading: str) -> Column | None:
    return former_state.about(heading) if known(heading) is None else None


class _Seen:
    """Gather the values of columns: few of each, and whether a plain word of a state is there."""

    def __init__(self, places: Iterable[int]) -> None:
        self.values: dict[int, Counter[str]] = {at: Counter() for at in places}
        self.plain: set[int] = set()

    def add(self, cells: Sequence[str]) -> None:
        """Look at one row."""
        many = len(cells)
        for at, values in self.values.items():
            if at < many and (cell := cells[at]):
                word = cell.strip().casefold()
                if at not in self.plain and (word in PLAIN or _plain_states(cell)):
                    self.plain.add(at)
                if len(values) < MAX_VALUES or word in values:
                    values[word] += 1

    def filled(self, at: int) -> bool:
        """Tell whether any cell of a column has anything."""
        return any(self.values[at])


_STATES_OF_A_COUNTRY = re.compile(r"(?<!\w)(?:city|town|zip|postal|country|street|region)(?!\w)")


def _is_place(header: Sequence[str], at: int, values: Mapping[str, int]) -> bool:
    """Tell whether a column called State holds parts of a country, as its neighbours say."""
    if former_state.plain_words(header[at]) not in {"state", "estado", "stato"}:
        return False
    if not any(_STATES_OF_A_COUNTRY.search(former_state.plain_words(one)) for one in header):
        return False
    return not any(former_state.judge(value) for value in values)


def _speaks(heading: str, values: Mapping[str, int], answers: Answers) -> bool:
    """Tell whether a column that nobody knows holds states: most of its few values do."""
    told = [value for value in values if value]
    if former_state.is_of_names(heading) or former_state.is_of_tags(heading):
        return False
    if not told or len(told) > _FEW or any(len(value.split()) > _SHORT for value in told):
        return False
    if _about_mail(heading) and all(_is_bool(value) for value in told):
        return any(former_state.is_falsy(value) for value in told)
    alike = [
        value
        for value in told
        if former_state.looks_like_state(value) or former_state.plain_words(value) in answers.values
    ]
    return 2 * len(alike) >= len(told)


def _about_mail(heading: str) -> bool:
    return _MAIL.search(former_state.plain_words(heading)) is not None


_MAIL = re.compile("mail|post|utskick|рассыл|письм|invio|news|letter|brev|contact|kontakt")


def _is_bool(value: str) -> bool:
    return former_state.is_truthy(value) or former_state.is_falsy(value)


def _column_of(heading: str, values: Mapping[str, int]) -> Column:
    if _about_mail(heading) and all(_is_bool(value) for value in values if value):
        return Column(Says.GOOD, Standing.INACTIVE, sure=False)
    return Column(Says.WORD, sure=False)


def _count(found: Survey, rows: Iterator[Row], layout: Layout, now: float) -> None:
    """Judge every row once, and remember the worst of whoever is kept out."""
    rules = found.rules
    mapping: Counter[tuple[str, str, Standing]] = Counter()
    for row in rows:
        if row.fault:
            continue
        found.rows += 1
        told = evidence.told(found.evidence, row.cells, now)
        since = rules.since(row.cells, now)
        found.newest = max(found.newest, told.yes, told.changed, since)
        if rules.silent:
            continue
        standing, why = rules.standing(row.cells)
        found.standings[standing] += 1
        for at, column in rules.columns:
            cell = row.cells[at].strip() if at < len(row.cells) else ""
            said = rules.of_cell(at, column, cell)
            if said is not None:
                mapping[rules.header[at], _shown(column, cell), said] += 1
        if not former_state.is_good(standing):
            _remember(found, row, layout, Worst(standing, row.line, since or told.changed))
            if not any(why.startswith(rules.header[at][:40]) for at, _ in rules.columns):
                mapping[why, "", standing] += 1
    found.said = [
        Said(heading, value, count, standing)
        for (heading, value, standing), count in mapping.most_common()
    ]


def _renew(found: Survey, rows: Iterator[Row], layout: Layout, now: float) -> None:
    """Let a good line stand for whoever said yes after they had left."""
    for row in rows:
        key = _key(row, layout)
        worst = found.worst.get(key)
        if worst is None or not worst.since or worst.line == row.line:
            continue
        if evidence.told(found.evidence, row.cells, now).yes <= worst.since:
            continue
        if former_state.is_good(found.rules.standing(row.cells)[0]):
            found.renewed.add(key)


def _shown(column: Column, cell: str) -> str:
    if column.says is Says.WORD or _is_bool(cell):
        return cell[:60]
    return "(filled)"


def _remember(found: Survey, row: Row, layout: Layout, worst: Worst) -> None:
    key = _key(row, layout)
    before = found.worst.get(key)
    if key and (
        before is None or former_state.worse(before.standing, worst.standing) is not before.standing
    ):
        found.worst[key] = worst


def _key(row: Row, layout: Layout) -> str:
    at = layout.fields.get("email", layout.address or 0)
    if at >= len(row.cells):
        return ""
    try:
        return addresses.parse(bare_address(row.cells[at])).key
    except BadInput:
        return ""


def bare_address(cell: str) -> str:
    """Return the address of ``Name <address>`` or ``mailto:address``, or the cell itself."""
    inside = cell.rpartition("<")[2].partition(">")[0] if "<" in cell else cell
    return as_meant(inside.strip()).removeprefix("mailto:")
