"""Read the body of a mail: its text, its markup where that says more, and what is attached.

Knows alternatives, nested mails, pictures that markup names (RFC 2392), wrong labels; how a mail is
cut into parts is mime.py's business. SECURITY: everything here is hostile. Depth, parts and decoded
size are capped; the walk is iterative; nothing raises; what cannot be read is shown as the
bytes look, and markup that is too large or too deep as text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mailer.reading import attachments as files
from mailer.reading import unseen
from mailer.reading.attachments import Attachment
from mailer.reading.charsets import clean, decode
from mailer.reading.flowed import unflow
from mailer.reading.headers.head_facts import read_author
from mailer.reading.html_text import html_to_text
from mailer.reading.language import language_of
from mailer.reading.markup import Safe, make_safe, plain_words, shape
from mailer.reading.message import head, text_of
from mailer.reading.mime import MimePart, cut
from mailer.reading.quotes import LineKind, Quoted, split

VERSION = 6  # of what is read out of a mail; a higher one makes old rows be read anew
MAX_DEPTH = 100
MAX_PARTS = 1_000
MAX_TEXT = 500_000  # bytes of text that are decoded and shown: a novel; the raw holds all
MAX_ATTACHMENTS = 100
LIKE = 0.6  # a text with this share of the markup's words says the same
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature"}
_SIGNATURES |= {"application/x-pkcs7-signature"}
_SIDE = {*_SIGNATURES, "text/vcard", "text/x-vcard", "application/pgp-keys", "text/calendar"}
_HEADINGS = ("h1", "h2", "h3", "h4")
_PLAIN_MARKUP = {"html", "head", "body", "meta", "title", "style", "p", "div", "span", "br", "font"}
_PLAIN_MARKUP |= {"o", "link", "script", "center"}  # o: Word's o:p


@dataclass(frozen=True, slots=True)
class MailBody:
    """Hold a mail's body as a reader sees it.

    ``markup`` is safe HTML, "" where the text says the same; ``rest`` is the text beside it.
    """

    quoted: Quoted
    attachments: tuple[Attachment, ...] = ()
    cut: bool = False  # the text is longer than MAX_TEXT
    markup: str = ""
    rest: str = ""
    remote: int = 0  # pictures of other hosts that ``markup`` leaves out
    language: str = ""  # one of the six; "" where it is none of them or nothing tells


@dataclass(slots=True)
class _Walk:
    """Collect what the parts of one mail say."""

    texts: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    made: dict[MimePart, Attachment] = field(default_factory=dict)
    pictures: dict[str, MimePart] = field(default_factory=dict)  # by Content-ID, as parts
    markups: list[tuple[int, str, str | None]] = field(default_factory=list)
    # (its place among ``texts``, the source, the plain alternative)
    left: int = MAX_TEXT

    def take(self, text: str) -> None:
        self.left -= len(text)
        if text.strip():
            self.texts.append(text.strip("\n"))


def read(raw: bytes) -> MailBody:
    """Read the mail ``raw``."""
    mail = cut(raw)
    return _reading(_walk(mail), mail.fields.get("language", b"").decode("ascii", "replace"))


def read_text(raw: bytes) -> tuple[str, tuple[Attachment, ...]]:
    """Return (the text of ``raw``, its attachments)."""
    walk = _walk(cut(raw))
    return _joined(walk), tuple(walk.attachments)


def read_markup(raw: bytes) -> str:
    """Return the markup of ``raw`` as it came, "" where there is none: nothing to be shown."""
    return "\n".join(source for _, source, _ in _walk(cut(raw)).markups)


def read_seen(raw: bytes) -> tuple[Quoted, Quoted] | None:
    """Return (a mail's words as its markup has them, the same without what is struck or hidden).

    None where nothing of the writer's own is struck or hidden, in any of its markups. What a
    plain text beside the markup says cannot be struck, and so does not count.
    """
    walk = _walk(cut(raw))
    if not walk.markups:
        return None
    whole, seen = list(walk.texts), list(walk.texts)
    for place, source, _ in walk.markups:
        left = unseen.without(source)
        if left != source:
            whole[place], seen[place] = html_to_text(source), html_to_text(left)
    if whole == seen:
        return None
    both = split("\n\n".join(whole)[:MAX_TEXT]), split("\n\n".join(seen)[:MAX_TEXT])
    return None if both[0].text.split() == both[1].text.split() else both


@dataclass(frozen=True, slots=True)
class BodyPart:
    """Hold one part of a mail in reading order: words, with their markup, or a picture."""

    text: str = ""
    markup: str = ""
    picture: MimePart | None = None
    name: str = ""
    cid: str = ""
    other: bool = False  # a file that is neither text nor a picture; ``name`` is all that is read


def read_leaves(raw: bytes, limit: int = MAX_TEXT, endings: tuple[str, ...] = ()) -> list[BodyPart]:
    """Return what an editor wrote and showed, in the order of the mail, at most ``limit`` of it.

    A file whose name has one of ``endings`` is text, with its name.
    """
    found: list[BodyPart] = []
    taken: set[int] = set()
    for part, plain in _shown(cut(raw)):
        kind = part.kind
        if _is_text(part, kind):
            markup = _source(part, limit) if kind == "text/html" else ""
            most = min(limit, MAX_TEXT)  # markup may hold pictures, and words may not
            words = _text(part, kind, most) if plain is None else ""
            if plain is not None and id(plain) not in taken:  # markup in pieces has one plain text
                words = _text(plain, "text/plain", most)
                taken.add(id(plain))
            found.append(BodyPart(words, markup))
            limit -= len(markup) or len(words)
        elif kind.startswith("image/") or files.attachment("", "", part.data()[:64]).picture:
            cid = _decoded(part.fields.get("id", b"")).strip().strip("<>")
            found.append(BodyPart(picture=part, name=_words(part.filename), cid=cid))
        elif (name := _words(part.filename)).endswith(endings):
            found.append(BodyPart(_source(part, limit), name=name))
        elif kind == "application/ms-tnef" or (name and kind not in _SIDE):
            found.append(BodyPart(name=name or "winmail.dat", other=True))
    return found


def read_files(raw: bytes, *, masked: bool) -> dict[str, bytes]:
    """Return the bytes of the attachments of ``raw``, by their keys."""
    found: dict[str, bytes] = {}
    walk = _walk(cut(raw), found if masked else None, None if masked else found)
    _reading(walk, "", found)
    return found


def _joined(walk: _Walk) -> str:
    return "\n\n".join(walk.texts)[:MAX_TEXT]


def _reading(walk: _Walk, said: str, kept: dict[str, bytes] | None = None) -> MailBody:
    """Judge what was collected: which view says most, which pictures stand in it."""
    text = _joined(walk)
    reading = MailBody(
        split(text),
        tuple(walk.attachments),
        cut=walk.left <= 0 or len(text) >= MAX_TEXT,
    )
    reading = replace(reading, language=language_of(reading.quoted.text, said))
    if len(walk.markups) != 1:
        return reading  # none, or markup in pieces, which no reader shows as one
    place, source, plain = walk.markups[0]
    if not says_more(source, plain, reading.quoted):
        return reading
    safe, files_kept = _safe(source, walk)
    if safe is None or (plain_words(safe.markup) == 0 and "<img" not in safe.markup):
        return reading
    if kept is not None:
        kept.update({one.key: data for one, data in files_kept})
    shown = {walk.made[walk.pictures[cid]].key for cid in safe.used}
    attachments = tuple(replace(a, shown=a.key in shown) for a in walk.attachments)
    rest = "\n\n".join(t for n, t in enumerate(walk.texts) if n != place)
    return replace(
        reading,
        markup=safe.markup,
        rest=rest,
        remote=safe.remote,
        attachments=(*attachments, *(replace(one, shown=True) for one, _ in files_kept)),
    )


def _safe(source: str, walk: _Walk) -> tuple[Safe | None, list[tuple[Attachment, bytes]]]:
    kept: list[tuple[Attachment, bytes]] = []

    def picture(cid: str) -> str:
        part = walk.pictures.get(cid)
        found = None if part is None else walk.made.get(part)
        return f"../../f/{found.path}" if found and found.picture else ""

    def keep(data: bytes) -> str:
        made = files.attachment("", "", data)
        if not made.picture:
            return ""
        kept.append((made, data))
        return f"../../f/{made.path}"

    return make_safe(source, picture, keep), kept


def says_more(source: str, plain: str | None, quoted: Quoted) -> bool:
    """Decide whether markup is shown instead of the text: it must say more, and quote openly.

    A reply whose quotes are marked only in the text is shown as text, where they can be folded.
    """
    counts = shape(source)
    if any(b.kind in {LineKind.QUOTE, LineKind.ATTRIBUTION} for b in quoted.blocks):
        opened = "blockquote" in counts
        if not opened or plain is not None:
            return False
    rich = counts.get("td", 0) > 1 or any(h in counts for h in _HEADINGS)
    if rich or "cid:" in source or counts.get("img", 0) > 1:
        return True
    if plain is not None:
        return len(plain.split()) < LIKE * plain_words(source)
    return not counts.keys() <= _PLAIN_MARKUP


def _walk(
    mail: MimePart,
    masked: dict[str, bytes] | None = None,
    whole: dict[str, bytes] | None = None,
) -> _Walk:
    """Walk the parts; ``masked`` and ``whole`` take the bytes of attachments where given."""
    walk = _Walk()
    for part, plain in _shown(mail):
        kind = part.kind
        cid = _decoded(part.fields.get("id", b"")).strip().strip("<>")
        if cid and kind.startswith("image/"):
            walk.pictures.setdefault(cid, part)
        if part.mail is not None:
            walk.take(_forwarded(part.mail, walk.left))
        elif _is_text(part, kind):
            _take_text(walk, part, kind, plain)
        elif kind not in _SIGNATURES and len(walk.attachments) < MAX_ATTACHMENTS:
            data = part.data()
            made = walk.made[part] = files.attachment(_words(part.filename), kind, data)
            walk.attachments.append(made)
            if whole is not None:
                whole[made.key] = data
            if masked is not None:
                masked[made.masked] = files.masked_bytes(made, data)
    return walk


def _take_text(walk: _Walk, part: MimePart, kind: str, plain: MimePart | None) -> None:
    """Take a text; markup is kept beside its text, or beside the plain text that came with it."""
    if kind != "text/html":
        walk.take(_text(part, kind, walk.left))
        return
    source = _source(part, walk.left)
    words = None if plain is None else _text(plain, "text/plain", walk.left)
    place = len(walk.texts)
    walk.take(html_to_text(source) if words is None else words)
    if len(walk.texts) > place:
        walk.markups.append((place, source, words))


def _shown(mail: MimePart) -> Iterator[tuple[MimePart, MimePart | None]]:
    """Yield the leaves that a reader should see, of alternatives the best one.

    Markup comes with the plain text that is its alternative, where there is one.
    """
    stack: list[tuple[MimePart, int, MimePart | None]] = [(mail, 0, None)]
    seen = 0
    while stack and seen < MAX_PARTS:
        part, depth, plain = stack.pop()
        seen += 1
        parts = part.parts
        if part.mail is not None or not parts or depth >= MAX_DEPTH:
            yield part, plain
            continue
        if part.kind == "multipart/alternative":
            parts, plain = _best(parts)
        stack.extend((p, depth + 1, plain) for p in reversed(parts[:MAX_PARTS]))


def _best(parts: list[MimePart]) -> tuple[list[MimePart], MimePart | None]:
    """Return (the alternative to look at and calendars beside it, its plain text)."""
    plain = [p for p in parts if p.kind == "text/plain" and p.data().strip()]
    others = [p for p in parts if p not in plain and p.kind == "text/calendar"]
    rich = [p for p in parts if p.kind == "text/html" or _holds_markup(p)]
    if plain and not rich:
        other = [p for p in parts if p.parts]  # pictures beside a plain text
        return plain[:1] + others + other, None
    if rich:
        return rich[-1:] + others, plain[0] if plain else None
    return parts[:1] + others, None


def _holds_markup(part: MimePart) -> bool:
    """Tell whether a multipart begins with markup (multipart/related, RFC 2387)."""
    here = part
    for _ in range(MAX_DEPTH):
        if not here.parts:
            break
        here = here.parts[0]
    return here is not part and here.kind == "text/html"


def _words(said: str | tuple[str, str]) -> str:
    """Return a parameter as text, whatever way it was written (RFC 2231, RFC 2047)."""
    if isinstance(said, tuple):
        said = decode(said[1].encode("latin-1", "replace"), said[0])
    return text_of(_octets(said)) if said else ""


def _is_text(part: MimePart, kind: str) -> bool:
    if kind not in {"text/plain", "text/html", "text/enriched"} and not kind.startswith("text/x-"):
        return False
    return not part.attached


def _source(part: MimePart, limit: int) -> str:
    data = part.data()[: max(0, limit)]
    text = decode(data, _words(part.parameter("charset"))).replace("\r\n", "\n")
    return clean(text, "\n\t\r").replace("\r", "\n")


def _text(part: MimePart, kind: str, limit: int) -> str:
    text = _source(part, limit)
    if kind == "text/html":
        return html_to_text(text)
    if _words(part.parameter("format")).lower() == "flowed":
        return unflow(text, delsp=_words(part.parameter("delsp")).lower() == "yes")
    return text


def _forwarded(mail: MimePart, limit: int) -> str:
    """Return a nested mail in the words of a forwarded one, so that it reads as quoted."""
    found = head(mail.raw[mail.head : mail.body])
    author, _ = read_author(found.first("from") or b"")
    lines = ["---------- Forwarded message ----------"]
    lines += [f"From: {author}", f"Subject: {found.text('subject')}", ""]
    for leaf, plain in _shown(mail):
        leaf = leaf if plain is None else plain  # noqa: PLW2901 - the text is enough here
        if limit > 0 and _is_text(leaf, leaf.kind):
            lines.append(_text(leaf, leaf.kind, limit))
            limit -= len(lines[-1])
    return "\n".join(lines)


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _octets(text: str) -> bytes:
    """Return what stdlib made text of; a charset such as UTF-7 can make halves of characters."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
