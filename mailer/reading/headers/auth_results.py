"""Take results of authentication that bear our own name out of a mail (RFC 8601 section 5).

    without(raw, ours)               # raw, less what a stranger wrote in our name
    without_signatures(raw, names)   # raw, less DKIM-Signatures that bear one of these names

Ours is a name of ours and each below it (mx.example.org). Besides Authentication-Results there are
ARC-Authentication-Results (RFC 8617), X-Authentication-Results, as some filters call it, and
Received-SPF (RFC 7208 section 9.1).

Knows the field and who is said to have written it. SECURITY: hostile octets pass here, and
readers behind us believe what bears our name. So a blank before the colon, a fold, a comment, a
version, a quoted or an encoded name, brackets, a comma for a semicolon change nothing, and neither
does a line that is no field: what some reader may take for the header ends at the first empty line.
What a front says is read the other way round: its name must stand there as programs write it, or a
stranger's spelling that the front has not taken away would count. One pass.
"""

import re
from collections.abc import Callable, Collection, Iterator

from mailer.reading.header_words import text_of
from mailer.reading.headers.from_domains import domain_of

FIELD = re.compile(
    rb"(?:\xef\xbb\xbf)?((?:(?:arc-|x-)?authentication-results)|received-spf)[\0-\x20\x7f]*:",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(rb"dkim-signature[ \t]*:", re.IGNORECASE)
_SPF = b"received-spf"
_INSTANCE = re.compile(r"\A(?:\s*i\s*=\s*\d+\s*;|[\s;])+")  # of a seal
_ASIDE = re.compile(r"\([^()]*\)|[\"'<>\[\]\\]")  # what a reader may pass over in a name
_PLAIN = re.compile(rb"[ \t]*([A-Za-z0-9.\-]+)(?:[ \t]+1)?(?:[ \t]+\([\w .\-]*\))?[ \t]*;")
_TOKEN = re.compile(r"(?<![\w=@.\-])[\w.\-\u0080-\U0010ffff]{1,255}")
# Who has asked: "receiver=mx.example.org", else "(mx.example.org: domain of ...)".
_RECEIVER = re.compile(r"(?<![\w-])receiver\s*=\s*[\"<]*([^\s;\">()]+)", re.IGNORECASE)
_COMMENT = re.compile(r"\(\s*([^\s:()]+)\s*:")
_SIGNER = re.compile(r"(?:\A|;)\s*d\s*=\s*([^;]+)")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_SAYS = 2000  # octets of a value in which its writer's name stands
_NESTED = 3  # comments within comments that are passed over
_HEADER = 256 * 1024  # octets in which the field is looked for


def without(raw: bytes, ours: Collection[str], but: str = "") -> bytes:
    """Return ``raw`` without the results that bear a name of ``ours`` (lower-case A-labels).

    Authentication-Results of ``but``, a front that speaks for itself, stay.

    A result that names nobody goes too, unless it is of SPF, where that is usual. The very same
    bytes come back where none goes.
    """
    return _less(raw, FIELD, lambda field: not _is_of(field, but) and _is_ours(field, ours))


def without_signatures(raw: bytes, names: Collection[str]) -> bytes:
    """Return ``raw`` without the DKIM-Signatures of ``names`` (RFC 6376 section 3.5)."""
    return _less(raw, _SIGNATURE, lambda field: _signer(field) in names) if names else raw


def present(raw: bytes) -> bool:
    """Tell whether ``raw`` may hold such a field at all.

    Words are looked for and no pattern: every mail passes here before its 250.
    """
    head = raw[:_HEADER].lower()
    return b"authentication-results" in head or _SPF in head


def _less(raw: bytes, named: re.Pattern[bytes], goes: Callable[[bytes], bool]) -> bytes:
    """Return ``raw`` without the fields called so that are to go."""
    kept = bytearray()
    done = 0
    for start, end in _fields(raw, named):
        if goes(raw[start:end]):
            kept += raw[done:start]
            done = end
    return bytes(kept + raw[done:]) if done else raw


def _signer(field: bytes) -> str:
    value = re.sub(r"\s+", " ", text_of(field.partition(b":")[2][:_SAYS]))
    found = _SIGNER.search(value)
    return domain_of(found[1].replace(" ", "")) if found else ""


def _is_of(field: bytes, name: str) -> bool:
    spelled, _, value = field.partition(b":")
    whole = spelled.strip().lower() == b"authentication-results"
    return bool(name) and whole and plain_writer(value) == name


def _is_ours(field: bytes, ours: Collection[str]) -> bool:
    name, _, value = field.partition(b":")
    text = text_of(value[:_SAYS])
    if name.strip(b"\xef\xbb\xbf\0 \t\r\n\v\f\x7f").lower() == _SPF:
        named = _receivers(text)
        return any(_is_below(one, ours) for one in named)
    named = {writer(value), *_tokens(text)} - {""}
    return not named or any(_is_below(one, ours) for one in named)


def _tokens(text: str) -> set[str]:
    """Return whatever some reader may take for the name: all that stands before the results."""
    bare = _INSTANCE.sub("", text)
    for _ in range(_NESTED):
        bare = _ASIDE.sub("", bare)
    before = _INSTANCE.sub("", bare).partition(";")[0]
    seen = "".join(letter for letter in before if letter.isprintable())
    return {domain_of(one) for one in _TOKEN.findall(re.sub(r"\s*\.\s*", ".", seen))}


def _is_below(name: str, ours: Collection[str]) -> bool:
    labels = name.split(".")
    return any(".".join(labels[at:]) in ours for at in range(len(labels)))


def _receivers(text: str) -> set[str]:
    seen = "".join(letter for letter in text if letter.isprintable())
    return {domain_of(one) for one in (*_RECEIVER.findall(seen), *_COMMENT.findall(seen))}


def _fields(raw: bytes, named: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    """Yield where each such field stands, its folded lines and last line end included."""
    place, begun = 0, -1
    while place < min(len(raw), _HEADER):
        found = _LINE.match(raw, place)
        if found is None or not found[0].strip(b"\r\n"):
            break
        if found[0][:1] not in b" \t":
            if begun >= 0:
                yield begun, place
            begun = place if named.match(raw, place) else -1
        place = found.end()
    if begun >= 0:
        yield begun, place


def plain_writer(value: bytes) -> str:
    """Return the authserv-id where it is written as programs write it, "" where it is not."""
    found = _PLAIN.match(value.replace(b"\r\n", b"")[:_SAYS])
    return found[1].decode().lower() if found else ""


def writer(value: bytes) -> str:
    """Return the authserv-id of a value (RFC 8601 section 2.2) as domains are compared."""
    text = text_of(value[:_SAYS])
    place, depth = 0, 0
    while place < len(text) and (depth or text[place] in " ("):
        if text[place] == "\\":
            place += 1
        else:
            depth += (text[place] == "(") - (text[place] == ")")
        place += 1
    quoted = text[place : place + 1] == '"'
    name = re.split(r'(?<!\\)"' if quoted else r"[\s;(/]", text[place + quoted :], maxsplit=1)[0]
    return domain_of(name.replace("\\", ""))
