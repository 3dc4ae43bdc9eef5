"""Look through a file before anybody is taken in, for what it says of how people stood.

Knows which columns speak of a state, and what they hold; row_standing.py says what that makes of a
row. Refuses to know the database. Whoever stands in the file twice is what they are on the worse
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
from subscriptions.member_files.former_state import Column, FormerState, Says
from subscriptions.member_files.headings import Layout, known
from subscriptions.member_files.row_standing import (
    SEVERAL,
    Answers,
    Rules,
    is_plain,
    plain_states,
    same_heading,
)

MAX_VALUES = 40  # distinct values of a column that are told one by one
_SHORT = 3  # words; a longer cell is a remark
_FEW = 12  # distinct values of a column whose cells may be states


@dataclass(frozen=True, slots=True)
class StateCount:
    """Count the cells of one column that say the same: a row of the mapping that is shown."""

    column: str
    value: str
    count: int
    standing: FormerState


class Worst(NamedTuple):
    """Say how somebody stood on the worst of their lines, and since when (0: not told)."""

    standing: FormerState
    line: int
    since: float


@dataclass(slots=True)
class StateSurvey:
    """Hold what a file says, before anything is done."""

    rules: Rules
    evidence: Mapping[str, int]  # where the columns of it stand
    rows: int = 0
    standings: Counter[FormerState] = field(default_factory=Counter)
    said: list[StateCount] = field(default_factory=list)
    worst: dict[str, Worst] = field(default_factory=dict)  # by the key of the address
    renewed: set[str] = field(default_factory=set)  # keys whose newest line is a yes
    newest: float = 0.0  # day of the newest yes or change that is told; 0 where none is

    @property
    def unknown(self) -> list[StateCount]:
        """Return what nobody can tell the meaning of."""
        return [one for one in self.said if one.standing is FormerState.UNKNOWN]

    @property
    def all_members(self) -> bool:
        """Tell whether every row is simply a member's."""
        return self.standings.keys() <= {FormerState.MEMBER}

    @property
    def kept_out(self) -> int:
        """Count the rows that do not make a member."""
        return sum(n for one, n in self.standings.items() if not former_state.is_good(one))


def survey(
    rows: Callable[[], Iterator[Row]], layout: Layout, answers: Answers, name: str, now: float
) -> StateSurvey:
    """Read all rows, twice where they speak of states or days; ``name`` is the file's.

    Raise BadInput for what stops the file.
    """
    found = StateSurvey(_rules(rows, layout, answers, name), evidence.find(layout.header))
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
        if answers.column and same_heading(one, answers.column):
            columns[at] = Column(Says.WORD)
    if answers.column and not any(same_heading(one, answers.column) for one in header):
        there = ", ".join(one[:40] for one in layout.header) or "the file has no heading"
        raise BadInput(f"There is no column {answers.column[:40]!r}.", f"There are: {there}.")
    places = {layout.fields.get("email", layout.address), *layout.fields.values()}
    held = [
        at
        for at, one in enumerate(header)
        if not (at in columns or at in places or former_state.is_beside(one))
        and not former_state.is_of_money(one, header)
    ]
    remarks = {at for at in held if layout.header and former_state.is_of_remarks(header[at])}
    seen = _Seen([*columns, *held], remarks)
    at_address = layout.fields.get("email", layout.address or 0)
    sections = [found for row in layout.above if (found := _section(row))]
    for row in rows():
        if "@" not in row.text and not row.fault:
            _stop_at_heading(row, layout, at_address)
            heading = _section(row)
            sections += [heading] if heading else []
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
        remarks=frozenset(at for at in seen.remarked if at not in columns),
        of_file=former_state.of_file(name) if name else None,
        sections=tuple(sections),
        answers=answers,
    )


def _section(row: Row) -> tuple[int, FormerState] | None:
    """Read a line that is one word of a state, as a heading of those who stand below it."""
    cells = [cell.strip(" \t#*=-:.") for cell in row.cells if cell.strip()]
    alone = len(cells) == 1 and known(cells[0]) is None  # "email" is a heading again, and no state
    said = former_state.judge(cells[0]) if alone else None
    return (row.line, said) if said else None


def _stop_at_heading(row: Row, layout: Layout, at_address: int) -> None:
    """Raise BadInput where another heading begins another file in this one."""
    if not layout.header or at_address >= len(row.cells):
        return
    cells = tuple(cell.strip() for cell in row.cells)
    if any(known(cell) == "email" for cell in cells) and cells != layout.header:
        raise BadInput(
            f"Line {row.line} is a heading again, and another than the first.",
            "Import each file by itself. Nothing was imported.",
        )


def _known(heading: str) -> Column | None:
    return former_state.about(heading) if known(heading) is None else None


class _Seen:
    """Gather the values of columns: few of each, and whether a word of a state is there."""

    def __init__(self, places: Iterable[int], remarks: set[int]) -> None:
        self.values: dict[int, Counter[str]] = {at: Counter() for at in places}
        self.plain: set[int] = set()
        self.remarked: set[int] = set()
        self._remarks = remarks

    def add(self, cells: Sequence[str]) -> None:
        """Look at one row."""
        many = len(cells)
        for at, values in self.values.items():
            if at < many and (cell := cells[at]):
                word = cell.strip().casefold()
                if is_plain(word) or (SEVERAL.search(cell) and plain_states(cell)):
                    self.plain.add(at)
                if at in self._remarks and at not in self.remarked:
                    self.remarked |= {at} if former_state.read_remark(cell) else set()
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
    json = any(value[0] == "{" or value[:2] == "[{" for value in told)
    if json or former_state.is_of_names(heading) or former_state.is_of_tags(heading):
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
    beside = [value for value in told if value not in alike and former_state.judge(value)]
    return bool(alike) and 2 * (len(alike) + len(beside)) >= len(told)


def _about_mail(heading: str) -> bool:
    return _MAIL.search(former_state.plain_words(heading)) is not None


_MAIL = re.compile(
    "mail|post|utskick|рассыл|письм|invio|mejl|news|letter|brev|kontaktas|contact me"
)


def _is_bool(value: str) -> bool:
    return former_state.is_truthy(value) or former_state.is_falsy(value)


def _column_of(heading: str, values: Mapping[str, int]) -> Column:
    if _about_mail(heading) and all(_is_bool(value) for value in values if value):
        return Column(Says.GOOD, FormerState.INACTIVE, sure=False)
    return Column(Says.WORD, sure=False)


def _count(found: StateSurvey, rows: Iterator[Row], layout: Layout, now: float) -> None:
    """Judge every row once, and remember the worst of whoever is kept out."""
    rules = found.rules
    mapping: Counter[tuple[str, str, FormerState]] = Counter()
    for row in rows:
        if row.fault:
            continue
        found.rows += 1
        told = evidence.told(found.evidence, row.cells, now)
        since = rules.since(row.cells, now)
        found.newest = max(found.newest, told.yes, told.changed, since)
        if rules.silent:
            continue
        standing, why = rules.standing(row)
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
        StateCount(heading, value, count, standing)
        for (heading, value, standing), count in mapping.most_common()
    ]


def _renew(found: StateSurvey, rows: Iterator[Row], layout: Layout, now: float) -> None:
    """Let a good line stand for whoever said yes after they had left."""
    for row in rows:
        key = _key(row, layout)
        worst = found.worst.get(key)
        if worst is None or not worst.since or worst.line == row.line:
            continue
        if evidence.told(found.evidence, row.cells, now).yes <= worst.since:
            continue
        if former_state.is_good(found.rules.standing(row)[0]):
            found.renewed.add(key)


def _shown(column: Column, cell: str) -> str:
    if column.says is Says.WORD or _is_bool(cell):
        return cell[:60]
    return "(filled)"


def _remember(found: StateSurvey, row: Row, layout: Layout, worst: Worst) -> None:
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
