"""Compose once, splice per recipient: a message as byte parts with named slots between them.

Knows bytes and slots; what a slot means is for the roof to say. SECURITY: slot values come
from strangers (names, addresses). A value with CR, LF or NUL is refused at the join, so nothing
can grow a header or end the content early; parts are checked once, when they are composed, for
bare CR, bare LF and NUL (RFC 5321 section 2.3.8 and the smuggling that ignoring it allows).
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mailer.errors import BadInput

_MAGIC = b"KS1"
_HEAD = struct.Struct(">3sH")
_SLOT = struct.Struct(">H")
_PART = struct.Struct(">I")
FOLD = b"?=\r\n =?utf-8?q?"  # between encoded words of one value (RFC 2047 section 2)
_BREAK = re.compile(rb"[\r\n\0]")
_STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


@dataclass(frozen=True, slots=True)
class Segments:
    """Hold a message as ``parts`` with a slot between each two: one more part than slots."""

    parts: tuple[bytes, ...]
    slots: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.parts) != len(self.slots) + 1:
            raise BadInput("A composition needs exactly one part more than it has slots.")

    def join(self, values: Mapping[str, bytes]) -> bytes:
        """Return one recipient's copy; raise BadInput for a missing or a multi-line value."""
        pieces = [b""] * (2 * len(self.slots) + 1)
        pieces[::2] = self.parts
        pieces[1::2] = _fill(self.slots, values)
        return b"".join(pieces)

    def pack(self) -> bytes:
        """Return the bytes that ``unpack`` reads."""
        out = [_HEAD.pack(_MAGIC, len(self.slots))]
        for slot in self.slots:
            name = slot.encode()
            out += (_SLOT.pack(len(name)), name)
        for part in self.parts:
            out += (_PART.pack(len(part)), part)
        return b"".join(out)


def unpack(packed: bytes) -> Segments:
    """Read what ``Segments.pack`` wrote; raise BadInput for anything else."""
    try:
        magic, count = _HEAD.unpack_from(packed)
        if magic != _MAGIC:
            raise BadInput("This is not a packed composition.")
        names, at = _fields(packed, _HEAD.size, _SLOT, count)
        parts, at = _fields(packed, at, _PART, count + 1)
        slots = tuple(name.decode() for name in names)
    except (struct.error, UnicodeDecodeError):
        raise BadInput("This packed composition is cut short or damaged.") from None
    if at != len(packed):
        raise BadInput("This packed composition has bytes after its end.")
    return Segments(tuple(parts), slots)


def check_lines(segments: Segments) -> None:
    """Raise BadInput where a part has a bare CR, a bare LF or a NUL.

    Each part by itself, so that no slot value, empty or not, can complete a line end.
    """
    for part in segments.parts:
        stray = _STRAY.search(part)
        if stray:
            raise BadInput(
                f"The message has the byte {stray.group()!r} outside of a CRLF line end.",
                "Normalise its lines to CRLF before it is composed.",
            )


Stamp = Callable[[Mapping[str, bytes]], bytes]


class Wire:
    """Join copies as they stand after DATA: dots doubled (RFC 5321 section 4.5.2), dot at the end.

    ``stamp`` gives the fields that are to stand on top of a copy, such as its signatures.

    The doubling is done once per composition, unless a slot stands at the beginning of a line:
    then its value may begin with a dot and every copy is looked through.
    """

    def __init__(self, segments: Segments, stamp: Stamp | None = None) -> None:
        check_lines(segments)
        self._stamp = stamp
        head, *rest = segments.parts
        self._each = any(_at_line_start(part) for part in segments.parts[:-1] if segments.slots)
        self.end = b".\r\n" if segments.parts[-1].endswith(b"\r\n") else b"\r\n.\r\n"
        if self._each:
            self._segments = segments
            self.doubled = True  # perhaps; of a stamp's fields no line begins with a dot
        else:
            parts = (_double(head, first=True), *(_double(part, first=False) for part in rest))
            self.doubled = parts != segments.parts
            ended = (*parts[:-1], parts[-1] + self.end)
            self._segments = Segments(ended, segments.slots)
        self.personal = bool(segments.slots)
        self.weight = sum(map(len, segments.parts))

    def join(self, values: Mapping[str, bytes]) -> bytes:
        """Return one recipient's copy, ready for the wire, the final dot included."""
        copy = self._segments.join(values)
        if self._each:
            copy = _double(copy, first=True) + self.end
        return copy if self._stamp is None else self._stamp(values) + copy


def _fields(packed: bytes, at: int, length: struct.Struct, count: int) -> tuple[list[bytes], int]:
    fields = []
    for _ in range(count):
        (size,) = length.unpack_from(packed, at)
        at += length.size
        if at + size > len(packed):
            raise BadInput("This packed composition is cut short or damaged.")
        fields.append(packed[at : at + size])
        at += size
    return fields, at


def _at_line_start(part: bytes) -> bool:
    """Tell whether a slot after ``part`` may begin a line; an empty part says 'perhaps'."""
    return not part or part.endswith(b"\r\n")


def _double(text: bytes, *, first: bool) -> bytes:
    doubled = text.replace(b"\r\n.", b"\r\n..")
    return b"." + doubled if first and doubled.startswith(b".") else doubled


def _fill(slots: tuple[str, ...], values: Mapping[str, bytes]) -> list[bytes]:
    """Return the values in the order of their slots; raise BadInput as ``join`` says."""
    try:
        fill = [values[slot] for slot in slots]
    except KeyError as missing:
        raise BadInput(f"The slot {missing} has no value.") from None
    # SECURITY: one break alone is let through, which begins no field: the fold between two words.
    if _BREAK.search(b"".join(fill)) and any(_BREAK.search(one.replace(FOLD, b"")) for one in fill):
        slot = next(slot for slot in slots if _BREAK.search(values[slot].replace(FOLD, b"")))
        raise BadInput(f"The value for {slot!r} has a line break or a NUL in it.")
    return fill
