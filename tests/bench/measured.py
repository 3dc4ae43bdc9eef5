"""The table of measurements: one line of JSON a row, and the page that shows the latest of each."""

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "docs" / "explanation" / "measured.jsonl"
PAGE = ROWS.with_suffix(".md")
BEGIN, END = "<!-- made by make bench -->\n", "<!-- end -->\n"
HEAD = ("what", "many", "figure", "against", "CPU", "first, last", "memory", "load", "commit")
_WIDTHS = (46, 9, 12, 38, 8, 15, 7, 4, 8)


def _load() -> float:
    return round(os.getloadavg()[0], 1)


def commit() -> str:
    """Return the checkout's commit, with a + where files differ from it."""
    words = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=9", "--dirty=+"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one row as people read it, and its ``numbers`` as programs do."""

    what: str
    many: int
    figure: str
    against: str = ""
    cpu: str = ""  # CPU seconds for a thousand, of the sending process
    times: str = ""  # until the first answer and the last
    memory: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    load: float = field(default_factory=_load)  # of the last minute, when the row was done
    cores: int = field(default_factory=lambda: os.cpu_count() or 0)
    commit: str = field(default_factory=commit)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def cells(self) -> tuple[str, ...]:
        """Return what stands in the table."""
        head = (self.what, f"{self.many:,}", self.figure, self.against)
        return (*head, self.cpu, self.times, self.memory, f"{self.load:.0f}", self.commit)


def read(path: Path = ROWS) -> list[Row]:
    """Return the rows, oldest first."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def append(row: Row, path: Path = ROWS) -> None:
    """Add a row and write the page again."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
    if path == ROWS:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), read(path)), encoding="utf-8")


def line(cells: Sequence[str]) -> str:
    """Return one line of the table for a terminal."""
    placed = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return " ".join(placed).rstrip()


def page(text: str, rows: Iterable[Row]) -> str:
    """Return the page with its table made anew: the latest of each row."""
    latest = {(row.what, row.many): row for row in rows}
    before, _, rest = text.partition(BEGIN)
    table = [_cells(HEAD), f"|{'---|' * len(HEAD)}", *(_cells(r.cells) for r in latest.values())]
    return before + BEGIN + "\n" + "\n".join(table) + "\n" + END + rest.partition(END)[2]


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
