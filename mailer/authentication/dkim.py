"""Sign copies as they leave: DKIM with every key of a domain side by side (RFC 6376, 8463).

Knows the two relaxed canonical forms; keys are in mailer/authentication/dkim_keys.py, and whether a
relay signs instead is for the roof to say. What many copies share is worked out once per
composition: a body without slots is hashed once, one with slots from its first slot on. SECURITY:
never ``l=`` (a stranger could add to the body); From, Subject and Date are named once more than
they stand there, so that a second one breaks the signature; both one-click fields are covered (RFC
8058 section 4).
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailer.authentication.dkim_keys import SigningKey
from mailer.ledger.splice import Segments, Stamp

SIGNED = (
    "from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version",
    "content-type", "content-transfer-encoding", "in-reply-to", "references", "list-id",
    "list-post", "list-help", "list-subscribe", "list-owner", "list-archive", "archived-at",
    "list-unsubscribe", "list-unsubscribe-post", "auto-submitted",
)  # fmt: skip
# Nobody adds one of these behind us: another From, a Reply-To, a way out that is not ours.
OVERSIGNED = frozenset({
    "from", "subject", "date", "reply-to", "list-id", "list-post", "list-help", "list-subscribe",
    "list-owner", "list-archive", "list-unsubscribe", "list-unsubscribe-post",
})  # fmt: skip
_SPACES = re.compile(rb"[ \t]+")
_FOLDS = re.compile(rb"[ \t\r\n]+")

Values = Mapping[str, bytes]


def stamp(segments: Segments, keys: Sequence[SigningKey], clock: Callable[[], float]) -> Stamp:
    """Return what makes the DKIM-Signature fields of one recipient's copy of ``segments``.

    Each ends with CRLF and is to stand on top of the copy. ``clock`` gives seconds since 1970.
    """
    recipe = _read(segments)
    if recipe is not None:
        return _Press(recipe, keys, clock)

    def each(values: Values) -> bytes:
        # A slot where a field might begin: only the whole copy says what is what.
        whole = _read(Segments((segments.join(values),)))
        return _Press(whole, keys, clock)({}) if whole is not None else b""

    return each


Piece = bytes | Segments


@dataclass(frozen=True, slots=True)
class _Recipe:
    """Hold a composition in canonical form: fields from top to bottom, and the body."""

    fields: tuple[tuple[str, Piece], ...]
    body: tuple[Piece, ...]


class _Press:
    """Make the signatures of one composition's copies."""

    def __init__(
        self, recipe: _Recipe, keys: Sequence[SigningKey], clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        names, pieces = _chosen(recipe.fields)
        first, *more = _joined(pieces)
        self._begun = hashlib.sha256(first if isinstance(first, bytes) else b"")
        self._pieces = [piece if isinstance(piece, bytes) else _Field(piece) for piece in more]
        self._body = _Body(recipe.body)
        listed = b":\r\n ".join(_rows(names))
        self._keys = [(key, *_own_field(key, listed)) for key in keys]

    def __call__(self, values: Values) -> bytes:
        """Return the signature fields for the copy with ``values``."""
        covered = self._begun.copy()
        for piece in self._pieces:
            covered.update(piece if isinstance(piece, bytes) else piece.relaxed(values))
        body = base64.b64encode(self._body.digest(values))
        when = b"%d" % self._clock()
        made = b""
        for key, field, relaxed in self._keys:
            said = covered.copy()
            said.update(relaxed % (when, body))
            signature = base64.b64encode(key.private(said.digest()))
            made += field % (when, body) + b"\r\n  ".join(_slices(signature)) + b"\r\n"
        return made


class _Field:
    """Hold a field with slots, relaxed before their values are known."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._parts = _relaxed_field(b"\0".join(segments.parts)).split(b"\0")  # no part has a NUL

    def relaxed(self, values: Values) -> bytes:
        """Return the field with ``values``, as RFC 6376 section 3.4.2 wants it."""
        fill = [values[slot] for slot in self._segments.slots]
        if not all(fill) or _FOLDS.search(b"".join(fill)):
            # Blanks of theirs and those around them are one.
            return _relaxed_field(self._segments.join(values))
        pieces = [b""] * (2 * len(fill) + 1)
        pieces[::2] = self._parts
        pieces[1::2] = fill
        return b"".join(pieces)


class _Body:
    """Hash the body in relaxed form (RFC 6376 section 3.4.4), from the first slot on."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        fixed = 0
        while fixed < len(pieces) and isinstance(pieces[fixed], bytes):
            fixed += 1
        head = b"".join(piece for piece in pieces[:fixed] if isinstance(piece, bytes))
        begin = head.rstrip(b"\r\n")
        self._begun = bool(begin)
        self._hash = hashlib.sha256(begin)
        # Empty lines count only if something follows them.
        self._rest = (head[len(begin) :], *pieces[fixed:])
        self._digest = None if fixed < len(pieces) else self._finish({})

    def digest(self, values: Values) -> bytes:
        """Return the SHA-256 of the body with ``values``."""
        return self._finish(values) if self._digest is None else self._digest

    def _finish(self, values: Values) -> bytes:
        rest = b"".join(
            piece if isinstance(piece, bytes) else _relaxed_lines(piece.join(values))
            for piece in self._rest
        ).rstrip(b"\r\n")
        found = self._hash.copy()
        if rest or self._begun:
            found.update(rest + b"\r\n")
        return found.digest()


def _read(segments: Segments) -> _Recipe | None:
    """Take a composition apart; None where a slot's value would decide what is a field."""
    fields: list[Segments] = []
    body: list[Piece] = []
    within = False
    for chunk in _chunks(segments):
        if within:
            body.append(chunk if chunk.slots else _relaxed_lines(chunk.parts[0]))
            continue
        if chunk.slots:
            if not _add_field(fields, chunk):
                return None
            continue
        head, blank, rest = _split(chunk.parts[0])
        for line in head.splitlines(keepends=True):
            _add_field(fields, Segments((line,)))
        within = blank
        if rest:
            body.append(_relaxed_lines(rest))
    canonical = []
    for field in fields:
        name, colon, _ = field.parts[0].partition(b":")
        if colon:
            text = name.strip(b" \t").lower().decode("latin-1")
            canonical.append((text, field if field.slots else _relaxed_field(field.parts[0])))
        elif field.slots:
            return None
    return _Recipe(tuple(canonical), tuple(body))


def _chunks(segments: Segments) -> Iterator[Segments]:
    """Cut a composition at line ends: whole lines without a slot, and lines with slots."""
    parts: list[bytes] = []  # of a line with slots that has not ended yet
    slots: list[str] = []
    for part, slot in zip(segments.parts, (*segments.slots, None), strict=True):
        rest = part
        if slots:
            end = part.find(b"\r\n") + 2
            if end == 1:
                parts.append(part)
                rest = b""
            else:
                yield Segments((*parts, part[:end]), tuple(slots))
                parts, slots, rest = [], [], part[end:]
        if slot is None:
            break
        if not slots:
            begin = rest.rfind(b"\r\n") + 2 if b"\r\n" in rest else 0
            if begin:
                yield Segments((rest[:begin],))
            parts = [rest[begin:]]
        slots.append(slot)
    if slots:
        yield Segments(tuple(parts), tuple(slots))
    elif rest:
        yield Segments((rest,))


def _split(text: bytes) -> tuple[bytes, bool, bytes]:
    """Return the fields, whether the blank line came, and the body behind it."""
    if text.startswith(b"\r\n"):
        return b"", True, text[2:]
    at = text.find(b"\r\n\r\n")
    return (text, False, b"") if at < 0 else (text[: at + 2], True, text[at + 4 :])


def _add_field(fields: list[Segments], line: Segments) -> bool:
    """Add a line to the header; False where nobody can tell how it will begin."""
    if line.slots and not line.parts[0]:
        return False
    if line.parts[0][:1] in {b" ", b"\t"} and fields:
        last = fields.pop()
        middle = last.parts[-1] + line.parts[0]
        parts = (*last.parts[:-1], middle, *line.parts[1:])
        line = Segments(parts, last.slots + line.slots)
    fields.append(line)
    return True


def _chosen(fields: Sequence[tuple[str, Piece]]) -> tuple[list[str], list[Piece]]:
    """Return what ``h=`` names, and the fields it covers (RFC 6376 section 5.4.2: from below)."""
    names: list[str] = []
    pieces: list[Piece] = []
    for name in SIGNED:
        found = [piece for known, piece in reversed(fields) if known == name]
        pieces += found
        names += [name] * (len(found) + (name in OVERSIGNED))
    return names, pieces


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Join what stands side by side without a slot."""
    fixed: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            fixed.append(piece)
            continue
        yield b"".join(fixed)
        yield piece
        fixed = []
    yield b"".join(fixed)


def _relaxed_field(field: bytes) -> bytes:
    """Return a field as RFC 6376 section 3.4.2 wants it, its CRLF included."""
    name, _, value = field.partition(b":")
    return name.strip(b" \t").lower() + b":" + _FOLDS.sub(b" ", value).strip(b" ") + b"\r\n"


def _relaxed_lines(lines: bytes) -> bytes:
    """Return body lines without superfluous blanks; the last one may lack its CRLF."""
    text = lines if lines.endswith(b"\r\n") else lines + b"\r\n"
    return _SPACES.sub(b" ", text).replace(b" \r\n", b"\r\n")


def _own_field(key: SigningKey, listed: bytes) -> tuple[bytes, bytes]:
    """Return a signature's field without time, body hash and signature; raw, and relaxed."""
    opening = (
        f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n"
        f" d={key.domain}; s={key.selector}; t="
    ).encode("ascii")
    field = b"%s%%s;\r\n h=%s;\r\n bh=%%s;\r\n b=" % (opening, listed)
    return field, _relaxed_field(field)[:-2]


def _rows(names: Sequence[str], width: int = 72) -> Iterator[bytes]:
    """Yield the names with colons between them, in rows that fit a line."""
    row = ""
    for name in names:
        longer = f"{row}:{name}" if row else name
        if len(longer) > width:
            yield row.encode("ascii")
            longer = name
        row = longer
    yield row.encode("ascii")


def _slices(text: bytes, width: int = 72) -> Iterator[bytes]:
    for at in range(0, len(text), width):
        yield text[at : at + width]
