"""The flight recorder: what one worker has sent and heard, in a local append-only file.

It answers, after a kill, the one question the ledger cannot: for which claimed rows had the
final dot been written? ``D row attempt`` is written before the dot, ``A row attempt code text``
when its answer is read; both by write(2) without fsync, which outlives the process but not the
machine. So the header names the boot of the kernel: after another boot the file says nothing.
The ledger stays the truth; a record counts only for a row that is still claimed by the file's
epoch at the same attempt.

SECURITY: lines hold numbers and a relay's words, which are cut and stripped of controls before
they come here; a torn or foreign line is ignored, and a dot is never written unless its record
was.
"""

import os
import secrets
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from mailer.errors import Temporary
from mailer.reading.addresses import nameless

SUFFIX = ".flight"
MAX_SIZE = 8 * 1024 * 1024  # then what is settled is left out
_HEADER = "krets-flight 1"
_CODE = 3  # digits of a reply's code, RFC 5321 section 4.2


@dataclass(frozen=True, slots=True)
class Flown:
    """Say how far a row came: the dot was written; the answer, where one was read."""

    attempt: int
    dotted: bool
    code: int = 0  # 0: no answer was read
    words: str = ""


class FlightRecorder:
    """Write one worker's records; a new file in ``folder`` for each."""

    def __init__(self, folder: Path, boot: str) -> None:
        self.path = folder / f"{secrets.token_hex(8)}{SUFFIX}"
        self._header = f"{_HEADER} {boot}\n".encode()
        self._size = 0
        self._torn = False  # the last line in the file has no end
        self._pending: list[bytes] = []
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _create(self.path)
        except OSError as error:
            raise self._trouble(error.strerror) from error
        try:
            self._append(self._header)
        except Temporary:
            os.close(self._fd)
            self.path.unlink(missing_ok=True)
            raise

    def answer(self, row: int, attempt: int, code: int, words: str) -> None:
        """Note an answer; it is written at the next ``flush``.

        Addresses in it are left out: no erasure reaches this file, and the row tells whose it is.
        """
        self._pending.append(f"A {row} {attempt} {code} {nameless(words)}\n".encode())

    def fellow(self, row: int, attempt: int) -> None:
        """Note a recipient of the same transaction as the one that ``dot`` will name."""
        self._pending.append(b"D %d %d\n" % (row, attempt))

    def dot(self, row: int, attempt: int) -> None:
        """Write that the final dot is about to leave; raise Temporary if that cannot be kept."""
        self._pending.append(b"D %d %d\n" % (row, attempt))
        self.flush()

    def flush(self) -> None:
        """Write what was noted; raise Temporary if it cannot be kept.

        Answers are then noted still, but no dot: after this it does not leave.
        """
        if self._pending:
            try:
                self._append(b"".join(self._pending))
            except Temporary:
                self._pending = [line for line in self._pending if line.startswith(b"A")]
                raise
            self._pending.clear()

    def trim(self, keep: Container[int]) -> None:
        """Leave out the records of rows not in ``keep``, once the file has grown large."""
        if self._size < MAX_SIZE:
            return
        self.flush()
        fresh = self.path.with_suffix(".trim")
        lines = self.path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines[1:] if _row_of(line) in keep]
        fd = _create(fresh)
        content = self._header + b"".join(kept)
        if os.write(fd, content) != len(content):
            os.close(fd)
            fresh.unlink()
            return  # the disk is full; the long file is still whole
        fresh.rename(self.path)
        os.close(self._fd)
        self._fd, self._size = fd, len(content)

    def close(self, *, remove: bool = False) -> None:
        """Close the file; ``remove`` it where every row in it is settled."""
        if self._fd < 0:
            return
        self.flush()
        os.close(self._fd)
        self._fd = -1
        if remove:
            self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Close and remove a file that nobody will read: its rows were settled by others."""
        self._pending.clear()
        self.close(remove=True)

    def _append(self, lines: bytes) -> None:
        if self._torn:
            lines = b"\n" + lines  # so that the torn line swallows no other
        try:
            written = os.write(self._fd, lines)
        except OSError as error:
            raise self._trouble(error.strerror) from error
        self._size += written
        self._torn = written != len(lines)
        if self._torn:
            raise self._trouble("disk full?")

    def _trouble(self, why: str | None) -> Temporary:
        return Temporary(
            f"The flight recorder {self.path} cannot be written ({why}).",
            "Nothing more is sent until it can.",
        )


def read_record(path: Path, boot: str) -> dict[int, Flown] | None:
    """Return each row's latest record, or None where the file can prove nothing.

    None: the file is gone, is not ours, or was written under another boot of the kernel.
    """
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if not boot or head.decode("ascii", "replace") != f"{_HEADER} {boot}":
        return None
    rows: dict[int, Flown] = {}
    for line in body.split(b"\n")[:-1]:  # what follows the last line end is torn
        _read_line(line, rows)
    return rows


def _read_line(line: bytes, rows: dict[int, Flown]) -> None:
    kind, *fields = line.decode("utf-8", "replace").split(" ", 4)
    try:
        if kind == "D":
            row, attempt = map(int, fields)
            rows[row] = Flown(attempt, dotted=True)
        elif kind == "A":
            row, attempt, code = map(int, fields[:3])
            if len(fields[2]) != _CODE:
                return  # torn
            before = rows.get(row)
            dotted = before is not None and before.dotted and before.attempt == attempt
            rows[row] = Flown(attempt, dotted=dotted, code=code, words=" ".join(fields[3:]))
    except ValueError:
        return


def _row_of(line: bytes) -> int:
    fields = line.split(b" ", 2)
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else -1


def _create(path: Path) -> int:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
