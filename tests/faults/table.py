"""The table of faults: one line of JSON a scenario, and the page that sums them up."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "faults" / "chaos.jsonl"
PAGE = ROOT / "docs" / "explanation" / "chaos.md"
BEGIN, END = "<!-- made by make chaos -->\n", "<!-- end -->\n"
Row = dict[str, Any]  # as JSON has it
_QUIET = 8  # load of the machine, two cores: above it, other programs had most of them
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_PROMISES = {
    "lost_posts": "posts with a 250 that somebody never got",
    "lost_copies": "copies owed or called accepted that the relay never took",
    "doubled_never_twice": "copies of *never-twice* mailings taken twice",
    "doubled_unsaid": "copies taken more often than the ledger knows attempts",
}


def read(path: Path = TABLE) -> list[Row]:
    """Return the rows, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def append(row: Row, path: Path) -> None:
    """Add a row and write the page again."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    if path == TABLE:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), read(path)), encoding="utf-8")


def page(text: str, rows: Sequence[Row]) -> str:
    """Return the page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return before + BEGIN + "\n" + "\n".join(_tables(rows)) + "\n" + END + after


def one_line(row: Row) -> str:
    """Return a row for people."""
    wrong = "; ".join(what[:300] for what in row["wrong"])
    load = max((fault["load"] for fault in row["faults"]), default=0)
    return (
        f"{_DATABASES[row['database']]}, seed {row['seed']}: {len(row['faults'])} faults in"
        f" {row['seconds']} s at load {load}: {wrong or 'every promise kept'}"
    )


def _tables(rows: Sequence[Row]) -> list[str]:
    faults = [(row, fault) for row in rows for fault in row["faults"]]
    return [
        *_table(
            ("", *_DATABASES.values()),
            [
                ("faults", *_each(rows, lambda row: len(row["faults"]))),
                ("scenarios", *_each(rows, lambda _row: 1)),
                ("posts answered with 250", *_each(rows, lambda row: _number(row, "posts"))),
                ("other mailings", *_each(rows, lambda row: _number(row, "mailings"))),
                ("copies taken by the relay", *_each(rows, lambda row: _number(row, "copies"))),
                (
                    "of them again, after an answer that was lost",
                    *_each(rows, lambda row: _number(row, "twice")),
                ),
                ("samples of the sum of states", *_each(rows, lambda row: row["samples"])),
                *(
                    (words, *_each(rows, lambda row, name=name: _number(row, name)))
                    for name, words in _PROMISES.items()
                ),
                (
                    "scenarios with anything else that was wrong",
                    *_each(rows, lambda row: bool(row["wrong"])),
                ),
            ],
        ),
        "",
        *_table(
            (
                *("fault", "times", "unsure in all", "most in one (allowed)"),
                *("half on after", f"all after, at load {_QUIET} or less", "all after"),
            ),
            list(_kinds(faults)),
        ),
        "",
        *_commits(rows),
    ]


def _kinds(faults: Sequence[tuple[Row, Row]]) -> Iterable[tuple[str, ...]]:
    known: defaultdict[str, list[Row]] = defaultdict(list)
    for _, fault in faults:
        known[fault["fault"]].append(fault)
    for name in sorted(known):
        some = known[name]
        worst = max(some, key=lambda fault: fault["unsure"])
        resumed = [fault["resumed"] for fault in some]
        quiet = [fault["resumed"] for fault in some if fault["load"] <= _QUIET]
        yield (
            name,
            f"{len(some)}",
            f"{sum(fault['unsure'] for fault in some)}",
            f"{worst['unsure']} ({worst['most_unsure']})",
            f"{statistics.median(resumed):.1f} s",
            f"{max(quiet):.1f} s" if quiet else "",
            f"{max(resumed):.1f} s",
        )


def _commits(rows: Sequence[Row]) -> list[str]:
    by_commit: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_commit[row["commit"]].append(row)
    cells = []
    for commit, some in by_commit.items():
        wrong = [what for row in some for what in row["wrong"]]
        cells.append(
            (
                f"`{commit}`",
                f"{sum(len(row['faults']) for row in some)}",
                " ".join(f"{row['database'][0]}{row['seed']}" for row in some),
                f"{len(wrong)}",
            )
        )
    return _table(("commit", "faults", "seeds (s SQLite, p PostgreSQL)", "wrong"), cells)


def _each(rows: Sequence[Row], count: Any) -> list[str]:  # noqa: ANN401 - a function of a row
    return [
        f"{sum(count(row) for row in rows if row['database'] == database):,}"
        for database in _DATABASES
    ]


def _number(row: Row, name: str) -> int:
    return (row["audit"] or {}).get(name, 0)  # early rows have fewer


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
