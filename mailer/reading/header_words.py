"""Turn header values into words: charsets, encoded words (RFC 2047), address lists.

Takes what real mail has: raw 8-bit, unknown or lying charsets, words broken in the middle of a
character, commas inside encoded words. Never raises and never loses text it can guess.
SECURITY: hostile octets pass here. Each function is one pass over at most ``LONGEST`` octets
(the standard library's address parser and header decoder are not: both have quadratic
corners), codecs that are no charsets are not used, and no result holds a control character,
so that nothing decoded can begin a new line in a header that we write.
"""

import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

LONGEST = 100 * 1024  # octets of one value that are read
MOST_ADDRESSES = 1000

_WORD = re.compile(rb"=\?([!-)+->@-~]{1,64})(?:\*[!->@-~]{0,32})?\?([bBqQ])\?([^?]*)\?=")
_FOLDED = re.compile(rb"=[ \t]+(?=[0-9A-Fa-f]{2})")
_FEW = 3  # octets that tell no alphabet
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_BLANK = re.compile(r"\s+")

# Labels in the wild, and what they mean by what they hold (WHATWG Encoding, section 4.2).
_MEANT = {
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-8-i": "iso-8859-8",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "ks_c_5601-1987": "cp949",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "tis-620": "cp874",
    "unicode-1-1-utf-7": "utf-7",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "big5": "big5hkscs",
    "koi8-ru": "koi8-u",
    "x-mac-roman": "mac_roman",
    "x-mac-ukrainian": "mac_cyrillic",
    "dos-874": "cp874",
}
# Codecs of Python that are no charset of mail; the first two take quadratic time.
_FORBIDDEN = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "charmap"}


def decode(octets: bytes, charset: str = "") -> str:
    """Return ``octets`` as text, best effort: as labelled, else UTF-8, else Western European."""
    codec = codec_of(charset[:64].strip().lower())
    for name in (codec, "utf-8"):
        if name:
            try:
                return octets.decode(name)
            except (UnicodeError, ValueError):
                continue
    if codec:  # one byte that is bad or was cut off spoils one character (RFC 2047 section 6.3)
        text = octets.decode(codec, "replace")
        bad, read = text.count("\ufffd"), sum(not letter.isascii() for letter in text)
        if bad * 10 <= len(text) or (codec == "utf-8" and bad * 2 <= read):
            return text
    try:
        return octets.decode(guess(octets))
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def guess(octets: bytes) -> str:
    """Tell Cyrillic from Western bytes by how many letters have the high bit.

    KOI8-R has its small letters at C0-DF and Windows-1251 at E0-FF; prose is mostly small.
    """
    low = sum(1 for byte in octets if 65 <= byte <= 122)  # noqa: PLR2004 - A to z
    first = sum(1 for byte in octets if 0xC0 <= byte <= 0xDF)  # noqa: PLR2004
    second = sum(1 for byte in octets if byte >= 0xE0)  # noqa: PLR2004
    if first + second <= max(low, _FEW):
        return "cp1252"
    return "koi8_r" if first > second else "cp1251"


def text_of(value: bytes, charset: str = "") -> str:
    """Return a header value as one line of text; ``charset`` is the guess for raw 8-bit in it."""
    return one_line("".join(_pieces(value[:LONGEST], charset)))


def one_line(text: str) -> str:
    """Return ``text`` with each run of blanks, controls and line ends as one space."""
    safe = (
        "".join(" " if unicodedata.category(c) in _UNSAFE else c for c in text)
        if (not text.isprintable())
        else text
    )
    return _BLANK.sub(" ", safe).strip()


def addresses_of(value: bytes, charset: str = "") -> list[tuple[str, str]]:
    """Return (display name, address) of each mailbox in a From, To or Cc value.

    An address is as it was spelled, not judged: ``mailer.reading.addresses.parse`` does that. What
    has a name and no address has "" for an address.
    """
    found = []
    for name, address in _mailboxes(value[:LONGEST]):
        shown = text_of(name, charset)
        bare = "".join(decode(address, charset).split())
        spelled = bare if bare.isprintable() else ""
        if shown or spelled:
            found.append((shown, spelled))
        if len(found) >= MOST_ADDRESSES:
            break
    return found


_UNSAFE = {"Cc", "Cs", "Zl", "Zp"}


@lru_cache(maxsize=256)
def codec_of(label: str) -> str:
    """Return Python's name for a charset label, or "" where it has none."""
    label = _MEANT.get(label, label)
    if not label.isascii() or "\0" in label:
        return ""
    found = ""
    for spelled in (label, *_other_names(label)):
        try:
            found = codecs.lookup(_MEANT.get(spelled, spelled)).name
        except LookupError:
            continue
        break
    if not found:
        return ""
    if found.replace("_", "-") in _FORBIDDEN:
        return ""
    try:
        b"a".decode(found, "replace")
    except (LookupError, ValueError):  # base64, rot13, zlib: not from octets to text
        return ""
    return _MEANT.get(found, found)


def _other_names(label: str) -> Iterator[str]:
    """Yield what Python may call a label that it does not know as it is spelled."""
    bare = label.removeprefix("x-")
    yield bare
    yield re.sub(r"\A(?:windows|win|dos|ibm|cp|ms)[-_ ]?(?=\d)", "cp", bare)
    yield re.sub(r"\Amac[-_ ]", "mac_", bare)


def _pieces(value: bytes, charset: str) -> Iterator[str]:
    """Yield decoded stretches; octets of neighbouring words with one charset are joined first.

    RFC 2047 section 5 forbids to split a character between words; half the world does it.
    """
    pending, label, end = b"", "", 0
    for word in _WORD.finditer(value):
        between = value[end : word.start()]
        named = word[1].decode("ascii").lower()
        if between.strip() or named != label or not end:
            if pending:
                yield decode(pending, label)
                pending = b""
            if between.strip() or not end:
                yield decode(between, charset)
        label = named
        pending += _unword(word[2], word[3])
        end = word.end()
    if pending:
        yield decode(pending, label)
    yield decode(value[end:], charset)


def _unword(kind: bytes, coded: bytes) -> bytes:
    if kind in b"qQ":
        coded = _FOLDED.sub(b"=", coded)  # a fold within a character
        return _HEX.sub(lambda m: bytes((int(m[1], 16),)), coded.replace(b"_", b" "))
    digits = _NOT_BASE64.sub(b"", coded)
    whole = digits[: len(digits) - 1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


class _Mailbox:
    """Gather one mailbox: the words outside, the angle, the comment."""

    __slots__ = ("angle", "comment", "has_angle", "outside")

    def __init__(self) -> None:
        self.outside = bytearray()
        self.angle = bytearray()
        self.comment = bytearray()
        self.has_angle = False

    def pair(self) -> tuple[bytes, bytes]:
        """Return (name, address)."""
        if self.has_angle:
            name = self.outside if self.outside.strip() else self.comment
            return bytes(name), bytes(self.angle.rpartition(b":")[2])
        if b"@" in self.outside:
            return bytes(self.comment), bytes(self.outside)
        return bytes(self.outside), b""


def _mailboxes(value: bytes) -> Iterator[tuple[bytes, bytes]]:  # noqa: C901 - one octet, one branch
    """Walk once over an address list (RFC 5322 section 3.4) and yield (name, address) octets."""
    box, place, depth, quoted, angled = _Mailbox(), 0, 0, False, False
    while place < len(value):
        octet = value[place : place + 1]
        word = _WORD.match(value, place) if octet == b"=" else None
        step = value[place : word.end()] if word else octet
        if octet == b"\\" and (quoted or depth):
            step = value[place : place + 2]
            (box.comment if depth else box.outside).extend(step[1:])
        elif octet == b'"' and not depth and not angled:
            quoted = not quoted
        elif quoted:
            box.outside += step
        elif octet == b"(":
            depth += 1
        elif depth:
            depth -= octet == b")"
            box.comment += b"" if octet == b")" else step
        elif octet in b"<>":
            angled = octet == b"<"
            box.has_angle = True
        elif angled:
            box.angle += step
        elif octet in b",;":
            yield box.pair()
            box = _Mailbox()
        elif octet == b":":
            box = _Mailbox()  # that was a group's name
        else:
            box.outside += step
        place += len(step)
    yield box.pair()
