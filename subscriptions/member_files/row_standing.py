"""Judge one row of a file, by all that says how its person stood where they come from.

Knows the columns that speak of a state and what was answered about them, a word of a state in any
other column, the line that a row stands under, and the name of the file.
Pure, and asked twice: when the file is looked through (survey.py) and when it is read, so that
what was shown is what is done.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailer.errors import BadInput
from subscriptions.member_files import evidence, former_state
from subscriptions.member_files.csv_rows import Row, as_meant
from subscriptions.member_files.former_state import Column, FormerState, Says
from subscriptions.member_files.former_state_words import PLAIN

ANSWERS = {
    "member": FormerState.MEMBER,
    "paused": FormerState.PAUSED,
    "suppressed": FormerState.LEFT,
    "refused": FormerState.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Hold what was said about a file's states: where they stand, and what values mean."""

    column: str = ""
    values: Mapping[str, FormerState] = field(default_factory=dict)  # by former.plain_words


NO_ANSWERS = Answers()


def read_answer(text: str) -> tuple[str, FormerState]:
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
class Rules:
    """Say how a row of this file is judged."""

    columns: tuple[tuple[int, Column], ...] = ()
    header: tuple[str, ...] = ()
    watched: frozenset[int] = frozenset()  # other columns: a plain word of a state counts there
    remarks: frozenset[int] = frozenset()  # columns in which somebody wrote that one left
    of_file: FormerState | None = None
    # lines that are headings of those below them
    sections: tuple[tuple[int, FormerState], ...] = ()
    answers: Answers = field(default_factory=Answers)

    @property
    def silent(self) -> bool:
        """Tell whether nothing in this file can speak of a state."""
        told = self.columns or self.watched or self.remarks
        return not (told or self.of_file or self.sections)

    def standing(self, row: Row) -> tuple[FormerState, str]:
        """Return how the person on a row stood, the worst that is said, and which words say so."""
        cells = row.cells
        found, why, affirmed = FormerState.MEMBER, "", False
        for said, because in self._voices(row):
            affirmed = affirmed or former_state.is_good(said)
            if former_state.worse(found, said) is not found:
                found, why = said, because
        if found is FormerState.MEMBER and not affirmed:
            return self._unsaid(cells)
        return found, why

    def _voices(self, row: Row) -> Iterator[tuple[FormerState, str]]:
        """Yield all that a row, the line it stands under and the file's name say of somebody."""
        cells, many = row.cells, len(row.cells)
        for at, column in self.columns:
            said = self.of_cell(at, column, cells[at]) if at < many else None
            if said is not None:
                yield said, self._because(at, cells[at])
        yield from self._asides(cells)
        if self.sections:
            at = bisect_right(self.sections, row.line, key=lambda one: one[0])
            line, said = self.sections[at - 1] if at else (0, FormerState.MEMBER)
            if not former_state.is_good(said) or said is FormerState.PAUSED:
                yield said, f"it stands under line {line}"
        if self.of_file and not (self.of_file is FormerState.UNKNOWN and self.columns):
            yield self.of_file, "the name of the file"

    def _asides(self, cells: Sequence[str]) -> Iterator[tuple[FormerState, str]]:
        """Yield what columns that are about something else say of somebody."""
        for at, cell in enumerate(cells):
            found = plain_states(cell) if at in self.watched else []
            remark = self._of_remark(cell) if at in self.remarks else None
            for said in (*found, remark):
                if said is not None:
                    yield said, self._because(at, cell)

    def _of_remark(self, cell: str) -> FormerState | None:
        said = former_state.read_remark(cell)
        return said and self.answers.values.get(former_state.plain_words(cell), said)

    def _unsaid(self, cells: Sequence[str]) -> tuple[FormerState, str]:
        """Judge a row of which no cell says anything."""
        for at, column in self.columns:
            if column.says is Says.SINCE and not (at < len(cells) and cells[at].strip()):
                return FormerState.UNCONFIRMED, f"{self.header[at][:40]} is empty"
        for at, column in self.columns:
            if column.sure and column.says in {Says.WORD, Says.GOOD} and not self._muted(at):
                return FormerState.UNKNOWN, f"{self.header[at][:40]} is empty"
        return FormerState.MEMBER, ""

    def _muted(self, at: int) -> bool:
        """Tell whether another column is said to hold the states."""
        return bool(self.answers.column) and not same_heading(self.header[at], self.answers.column)

    def since(self, cells: Sequence[str], now: float) -> float:
        """Return when they left or were barred, as a cell of the row says; 0 where none does."""
        days = [
            evidence.when(cells[at], now)
            for at, column in self.columns
            if column.says is Says.FLAG and at < len(cells)
        ]
        return max(days, default=0.0)

    def of_cell(self, at: int, column: Column, cell: str) -> FormerState | None:
        """Return what one cell of a column of states says."""
        cell = as_meant(cell.strip())
        said = former_state.read_cell(column, cell)
        told = self.answers.values
        answer = told.get(former_state.plain_words(cell)) if told and cell else None
        if answer and (said in {None, FormerState.UNKNOWN} or former_state.is_good(said)):
            return answer
        if said is FormerState.UNKNOWN and self._muted(at):
            return None  # a bad word here still counts
        return said

    def _because(self, at: int, cell: str) -> str:
        name = self.header[at] if at < len(self.header) else ""
        return f"{name[:40]}: {cell.strip()[:60]}" if name else cell.strip()[:60]


SEVERAL = re.compile(r'[,;|]|" ?:|^\s*\[')


def plain_states(cell: str) -> list[FormerState]:
    """Return the bad states that a cell of any other column names beyond doubt."""
    words = [cell.strip().casefold()]
    if "," in cell or ";" in cell or "|" in cell or words[0][:1] == "[":
        words += [word.strip(" '\"[]") for word in re.split("[,;|]", words[0])]
    found = [former_state.judge(word) for word in words if is_plain(word)]
    if '":' in cell or '" :' in cell:
        found.append(former_state.in_json(cell))
    return [one for one in found if one and not former_state.is_good(one)]


def is_plain(word: str) -> bool:
    """Tell whether a cell in small letters is a state beyond doubt; "do-not-mail" is one too."""
    return word in PLAIN or (("-" in word or "_" in word) and former_state.is_plain_state(word))


def same_heading(heading: str, told: str) -> bool:
    """Tell whether a heading is the one that was named."""
    return heading.strip().casefold() == told.strip().casefold()
