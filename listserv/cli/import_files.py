"""The files of an import at the command line: what is read, and the report that is written."""

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from listserv.actions.member_import import END_OF, Fated
from listserv.cli.terminal import agree
from mailer.errors import Refused
from subscriptions.member_files.csv_rows import neutral


class Report:
    """Write every line's fate as CSV that no spreadsheet takes for formulas."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(("line", "email", "name", "fate", "why", "end"))

    def add(self, fated: Fated) -> None:
        """Write one line."""
        cells = (fated.email, fated.name, fated.fate, fated.why, END_OF[fated.fate])
        self._writer.writerow((fated.line, *(neutral(cell) for cell in cells)))


@contextmanager
def seekable(file: str) -> Iterator[BinaryIO]:
    """Open FILE, or keep standard input aside: its encoding is known only after reading it."""
    if file != "-":
        with Path(file).open("rb") as opened:
            if opened.seekable():
                yield opened
                return
            source = cast("BinaryIO", opened)
            with _copied(source) as copy:
                yield copy
        return
    with _copied(sys.stdin.buffer) as copy:
        yield copy


@contextmanager
def _copied(source: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        yield cast("BinaryIO", copy)


@contextmanager
def report_file(path: str, source: str, *, yes: bool) -> Iterator[TextIO]:
    """Open the report, readable by its owner alone: it is full of addresses."""
    target = Path(path)
    if target.exists():
        if source != "-" and target.samefile(source):
            raise Refused("The report would overwrite the file it reports on.", "Name another.")
        agree(f"Overwrite {path}?", yes=yes)
    number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8", newline="") as opened:
        yield opened
