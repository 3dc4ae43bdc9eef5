"""Write a letter again for a relay that takes seven bits, or no headers beyond ASCII.

Knows RFC 2045 (quoted-printable, base64), RFC 2047, RFC 2231 and the groups of RFC 6857; opens no
socket and knows no relay. What is signed is left alone: a copy whose signature would break is not
made, so whoever asks must refuse it and say so. SECURITY: letters come from strangers. One pass for
each level, at most ``MAX_DEPTH`` of them; nothing non-ASCII and no line end gets into a field.
"""

import base64
import quopri
import re

MAX_DEPTH = 20  # entities inside of entities
_HIGH = re.compile(rb"[\x80-\xff]")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_BOUNDARY = re.compile(
    rb"""\bboundary\s*=\s*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE
)
_SIGNED = re.compile(rb"multipart/(?:signed|encrypted)\b", re.IGNORECASE)
_COVERS = re.compile(rb"(?:\A|;)\s*h\s*=([^;]*)", re.IGNORECASE)
_ADDRESSES = re.compile(rb"(?:resent-)?(?:from|to|cc|bcc|sender|reply-to)\Z", re.IGNORECASE)
_IDS = {b"message-id", b"references", b"in-reply-to"}
_PARAMETERS = {b"content-type", b"content-disposition"}
_PARAMETER = re.compile(r"""([\w-]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.){0,2000})"|([^\s;"]{1,2000}))""")
_ADDRESS = re.compile(
    r"""(?P<phrase>(?:"(?:[^"\\]|\\.){0,1000}"|[^",;:<>@()]){0,50}?)\s*"""
    r"""<\s*(?P<angle>[^<>\s]{1,500})\s*>|(?P<bare>[^\s<>,;:"()]{1,300}@[^\s<>,;:"()]{1,300})"""
)
_WORD = re.compile(r"\s*[^\s]*[^\x00-\x7f][^\s]*(?:\s+[^\s]*[^\x00-\x7f][^\s]*)*")
_ENCODED = 45  # octets in one encoded word: 60 characters of base64 and its frame are below 75
_PLAIN = (b"", b"7bit", b"8bit", b"binary")
_Fields = list[tuple[bytes, bytes]]  # (name, the whole field with its line end)


def has_high_header(message: bytes) -> bool:
    """Tell whether a field of ``message`` holds what is not ASCII."""
    if message.isascii():
        return False
    return _HIGH.search(message, 0, message.find(b"\r\n\r\n") + 1 or len(message)) is not None


def rewrite(message: bytes, *, body: bool) -> bytes | None:
    """Return ``message`` with ASCII headers and, where ``body`` is asked for, an ASCII body.

    None means that it cannot be written so, or that its writer's signature would no longer hold.
    Our own signatures, which stand on top of all other fields, go where they would not hold, and
    the one-click field with them, which needs one (RFC 8058 section 4).
    """
    head, gap, rest = message.partition(b"\r\n\r\n")
    fields = _fields(head)
    changed = {name for name, field in fields if not field.isascii()}
    if body and not rest.isascii():
        changed.add(b"")  # the body itself
    fields = _without_ours(fields, changed)
    if any(_breaks(field, changed) for name, field in fields if name == b"dkim-signature"):
        return None
    message = b"".join(field for _, field in fields)[:-2] + gap + rest
    if not body:
        return b"".join(_ascii(*one) for one in fields)[:-2] + gap + rest
    written = _entity(message, 0)
    return written if written is not None and written.isascii() else None


def _without_ours(fields: _Fields, changed: set[bytes]) -> _Fields:
    """Return the fields without the signatures on top of them, where the change breaks one."""
    ours = 0
    while ours < len(fields) and fields[ours][0] == b"dkim-signature":
        ours += 1
    if not any(_breaks(field, changed) for _, field in fields[:ours]):
        return fields
    return [one for one in fields[ours:] if one[0] != b"list-unsubscribe-post"]


def _breaks(signature: bytes, changed: set[bytes]) -> bool:
    """Tell whether a DKIM signature covers what changes."""
    if b"" in changed:
        return True
    covers = _COVERS.search(signature.partition(b":")[2])
    names = {one.strip().lower() for one in covers[1].split(b":")} if covers else set()
    return bool(names & changed)


def _fields(head: bytes) -> _Fields:
    found: _Fields = []
    for line in head.split(b"\r\n"):
        match = _FIELD.match(line)
        if line[:1] in (b" ", b"\t") and found:
            found[-1] = (found[-1][0], found[-1][1] + line + b"\r\n")
        elif line:
            found.append((match[1].lower() if match else b"", line + b"\r\n"))
    return found


def _value(fields: _Fields, name: bytes) -> bytes:
    return next((f.partition(b":")[2].strip() for n, f in fields if n == name), b"")


def _entity(entity: bytes, depth: int) -> bytes | None:
    """Return one MIME entity in ASCII, or None where its body has to stay."""
    if entity.isascii():
        return entity
    if depth > MAX_DEPTH:
        return None
    if entity.startswith(b"\r\n"):
        fields, body = [], entity[2:]
    else:
        head, _, body = entity.partition(b"\r\n\r\n")
        fields = _fields(head)
    if not body.isascii():
        coding, written = _body(fields, body, depth)
        if written is None:
            return None
        fields, body = _labelled(fields, coding, body, top=depth == 0), written
    return b"".join(_ascii(*one) for one in fields) + b"\r\n" + body


def _body(fields: _Fields, body: bytes, depth: int) -> tuple[bytes, bytes | None]:
    """Return (the encoding, the body in ASCII), or None for a body that has to stay."""
    kind = _value(fields, b"content-type")
    if _SIGNED.match(kind):
        return b"", None
    if kind.lower().startswith(b"multipart/"):
        return b"7bit", _parts(kind, body, depth)
    if kind.lower().startswith(b"message/rfc822"):
        return b"7bit", _entity(body, depth + 1)
    return _leaf(fields, kind.lower(), body)


def _labelled(fields: _Fields, coding: bytes, body: bytes, *, top: bool) -> _Fields:
    """Return the fields with the encoding that the body has now."""
    kept = [one for one in fields if one[0] != b"content-transfer-encoding"]
    if top and not _value(fields, b"mime-version"):
        kept.append((b"mime-version", b"MIME-Version: 1.0\r\n"))
    if not _value(fields, b"content-type"):
        charset = b"utf-8" if _is_utf8(body) else b"unknown-8bit"
        kept.append((b"", b"Content-Type: text/plain; charset=" + charset + b"\r\n"))
    return [*kept, (b"", b"Content-Transfer-Encoding: " + coding + b"\r\n")]


def _parts(kind: bytes, body: bytes, depth: int) -> bytes | None:
    found = _BOUNDARY.search(kind)
    if found is None:
        return None
    mark = re.escape(found[1] or found[2])
    pieces = re.split(rb"((?:\A|\r\n)--" + mark + rb"(?:--)?[ \t]*(?=\r\n|\Z))", body)
    out: list[bytes] = [_HIGH.sub(b"?", pieces[0])]
    for divider, part in zip(pieces[1::2], pieces[2::2], strict=True):
        out.append(divider)
        if divider.rstrip().endswith(b"--" + (found[1] or found[2]) + b"--"):
            out.append(_HIGH.sub(b"?", part))  # after the last part: nobody reads it
            continue
        written = _entity(part[2:], depth + 1)
        if written is None:
            return None
        out.append(part[:2] + written)
    return b"".join(out)


def _leaf(fields: _Fields, kind: bytes, body: bytes) -> tuple[bytes, bytes | None]:
    """Return (the encoding, the body) of text or a file."""
    coding = _value(fields, b"content-transfer-encoding").lower()
    if coding == b"quoted-printable":  # with octets that it forbids
        return coding, _HIGH.sub(lambda m: b"=%02X" % m[0][0], body)
    if coding == b"base64":
        return coding, _HIGH.sub(b"", body)  # a reader skips them (RFC 2045 section 6.8)
    if coding not in _PLAIN:
        return coding, None
    if kind and not kind.startswith(b"text/"):
        return b"base64", base64.encodebytes(body).replace(b"\n", b"\r\n")
    quoted = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return b"quoted-printable", quoted


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ascii(name: bytes, field: bytes) -> bytes:
    """Return one field in ASCII; it keeps its bytes where it is that already."""
    if field.isascii():
        return field
    shown, colon, rest = field.partition(b":")
    text = " ".join((rest.decode() if _is_utf8(rest) else rest.decode("latin-1")).split())
    if not colon or not shown.isascii():
        return b""  # no field that anybody can name
    if name in _IDS:
        shown, value = b"Downgraded-" + shown, _words(text)  # RFC 6857 section 3.1.10
    elif name in _PARAMETERS:
        value = _PARAMETER.sub(_parameter, text)
    elif _ADDRESSES.match(name):
        value = _ADDRESS.sub(_address, text)
    else:
        value = _words(text)
    value = value if value.isascii() else _words(value)
    return b"%b: %b\r\n" % (shown, value.encode("ascii"))


def _parameter(match: re.Match[str]) -> str:
    value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
    if value.isascii():
        return match[0]
    octets = value.encode()
    coded = "".join(chr(o) if chr(o).isalnum() and o < 128 else f"%{o:02X}" for o in octets)  # noqa: PLR2004 - ASCII
    return f"{match[1]}*=utf-8''{coded}"


def _address(match: re.Match[str]) -> str:
    """Return one mailbox; one that ASCII cannot name is a group without members (RFC 6857)."""
    if match[0].isascii():
        return match[0]
    lead = match[0][: len(match[0]) - len(match[0].lstrip())]
    said = match["angle"] or match["bare"]
    local, _, domain = said.rpartition("@")
    phrase = (match["phrase"] or "").strip()
    name = re.sub(r"\\(.)", r"\1", phrase[1:-1]) if phrase[:1] == '"' else phrase
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        local = "\u00ad"
    if not local.isascii():
        return f"{lead}{_encoded(f'{name} {said}'.strip())} :;"
    box = f"{local}@{domain}"
    if not name:
        return f"{lead}<{box}>" if match["angle"] else f"{lead}{box}"
    return f"{lead}{phrase if phrase.isascii() else _encoded(name)} <{box}>"


def _words(text: str) -> str:
    """Encode the words that are not ASCII, those beside each other together."""

    def coded(match: re.Match[str]) -> str:
        blank = " " if match[0][:1].isspace() else ""
        return f"{blank}{_encoded(match[0].strip())}"

    return _WORD.sub(coded, text)


def _encoded(text: str) -> str:
    pieces: list[str] = []
    room = 0
    for char in text:
        size = len(char.encode())
        if size > room:
            pieces.append("")
            room = _ENCODED
        pieces[-1] += char
        room -= size
    coded = (base64.b64encode(one.encode()).decode() for one in pieces)
    return "\r\n ".join(f"=?utf-8?b?{one}?=" for one in coded)
