"""Read a draft that came by mail: undo what mail programs did to it, and nothing else.

    mailed.read(raw, subject)      a fresh draft: the mail's Subject unless its text names another
    mailed.edited(text, before)    an answer to a proof: the new text under the old front matter

Knows what Gmail, Outlook and Apple Mail do to plain text: no-break blanks, a rule of dashes made
one long dash, a signature below. Quotes in a fresh draft are the editor's own. Pure; what the text
means is for drafts.py. SECURITY: anybody may have written it; the reader of bodies bounds it.
"""

import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass

import templates
from listserv.newsletters.writing import drafts, pasted_html, pictures
from listserv.newsletters.writing.pictures import PictureFile
from mailer.reading import bodies
from mailer.reading.quotes import LineKind, split

_BLANKS = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")
_NOTHING = dict.fromkeys(map(ord, "\u200b\ufeff\u2060"), None)
_FENCE = re.compile(r"\s*(?:-{3,}|[\u2014\u2013\u2012\u2015]+-?)\s*\Z")
_FIELD = re.compile(rf"\s*({'|'.join(drafts.KEYS)})\s*:\s*(.*)", re.IGNORECASE)
_MARKDOWN = re.compile(r"^#{1,6}\s|\]\(\s*\w+:|\*\*\w|^[ \t]*-{3,}[ \t]*$|^```", re.MULTILINE)
_RICH = re.compile(r"<(?:h[1-6]|b|strong|i|em|li|th|img)[\s>]|MsoListParagraph|<a\s", re.IGNORECASE)
_HEAD = 12  # lines of front matter that a mail may have
_MUCH = 30_000_000  # bytes of markup: a web page may hold its pictures in its own text
_INLINE = re.compile(
    r"""src=["']?data:image/[a-z+.-]{1,20};base64,([A-Za-z0-9+/=\s]+)["']?""", re.IGNORECASE
)
_CID = re.compile(r"""src=["']?cid:([^"'\s>]+)""", re.IGNORECASE)
_GMAIL = re.compile(r"\[image: ([^\[\]\n]{1,300})\]")  # what plain texts say where a picture stands
_OUTLOOK = re.compile(r"\[cid:([^\[\]\s]{1,300})\]")
# Where Gmail, Outlook on the web, Outlook, and Apple Mail or Yandex begin to quote.
_QUOTE = re.compile(
    r"<div[^>]{0,200}(?:gmail_quote|divRplyFwdMsg|appendonsend|border-top:\s?solid #E1E1E1)"
    r"|<blockquote",
    re.IGNORECASE,
)
_LINKED = re.compile(r"<https?://[^>\s]*>|\]\([^)\s]*\)")
_LOGO = 10_000  # bytes up to which a picture that nothing names is part of a signature


@dataclass(frozen=True, slots=True)
class Mailed:
    """Hold a draft with front matter, the pictures that came with it, the names of those of
    them that stand nowhere in the text, and those of other files; ``turned`` where it was drawn
    in another order.
    """  # noqa: D205 - one sentence

    source: str
    files: tuple[PictureFile, ...] = ()
    left: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    turned: bool = False


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Hold what a mail is made of: texts, markups, and where among them pictures stand."""

    leaves: list[tuple[str, str, int | None]]  # text, markup, or the number of a picture
    files: list[PictureFile]
    sheet: str = ""  # of MJML that came as a file
    other: tuple[str, ...] = ()  # names of files that nothing can be made of

    def text(self, marked: Collection[int] = ()) -> str:
        """Return the plain text, with a mark for each picture of ``marked``."""
        said = [
            f"![](cid:{self.files[at].cid})" if at is not None else _unsigned(_plain(text))
            for text, _, at in self.leaves
            if (at in marked if at is not None else text.strip())
        ]
        return "\n\n".join(said)

    def markup(self, marked: Collection[int] = ()) -> str:
        """Return the HTML, with a mark for each picture of ``marked``."""
        said = [
            f'<p><img src="cid:{self.files[at].cid}"></p>' if at is not None else markup
            for _, markup, at in self.leaves
            if at is None or at in marked
        ]
        return "\n".join(said)


def read(raw: bytes, subject: str) -> Mailed:
    """Return the draft that a mail holds.

    Markdown is taken from the plain text; where that has none and the HTML has headings, lists or
    links, the HTML says what the editor meant. A picture that neither names stands where it came,
    unless it is one of those that HTML shows by its Content-ID, as in a signature.
    """
    made = _cut(raw)
    markup = made.markup()
    shown = {one.lower() for one in _CID.findall(markup)}
    loose = [at for at, one in enumerate(made.files) if one.cid.lower() not in shown]
    left: list[str] = []
    turned = False
    fields, body = _apart(_plain(made.sheet or made.text()))
    if templates.is_sheet(body):
        above = {} if not made.sheet else _apart(_plain(made.text()))[0]
        title, preview = templates.title_of(body)
        known = {"subject": title or subject, "preheader": preview, **above, **fields}
        return Mailed(compose(known, body), tuple(made.files), other=made.other)
    if markup and _RICH.search(markup) and not _MARKDOWN.search(made.text()):
        text = pasted_html.to_markdown(made.markup(loose))
        turned = pasted_html.is_turned(markup)
    else:
        named = pictures.found(_named(made.text()), made.files)
        text = _named(made.text([at for at in loose if at not in named]))
        left = [
            one.name
            for at, one in enumerate(made.files)
            if at not in named and at not in loose and len(one.data) > _LOGO
        ]
    fields, body = _apart(_plain(text))
    fields.setdefault("subject", subject)
    text = compose(fields, _unsigned(body))
    return Mailed(text, tuple(made.files), tuple(left), made.other, turned)


def files_of(raw: bytes) -> tuple[PictureFile, ...]:
    """Return the pictures that came with an answer."""
    return tuple(_cut(raw).files)


def _cut(raw: bytes) -> _Pieces:
    """Cut a mail into texts and pictures; pictures inside the HTML become files beside it."""
    leaves: list[tuple[str, str, int | None]] = []
    files: list[PictureFile] = []

    def keep(name: str, data: bytes, cid: str = "") -> str:
        files.append(PictureFile(name, data, cid or f"picture-{len(files) + 1}"))
        return f'src="cid:{files[-1].cid}"'

    sheet = ""
    other: list[str] = []
    for leaf in bodies.read_leaves(raw, _MUCH, (".mjml", ".MJML")):
        if leaf.name.lower().endswith(".mjml"):
            sheet = leaf.text
            continue
        if leaf.other:
            other.append(leaf.name)
            continue
        if leaf.picture is not None:
            keep(leaf.name or "picture", leaf.picture.data(), leaf.cid)
            leaves.append(("", "", len(files) - 1))
            continue
        markup = _INLINE.sub(lambda found: keep("picture", _decoded(found[1])), leaf.markup)
        leaves.append((leaf.text, markup, None))
    return _Pieces(leaves, files, sheet, tuple(dict.fromkeys(other)))


def _decoded(coded: str) -> bytes:
    try:
        return binascii.a2b_base64(coded)
    except binascii.Error:
        return b""


def _named(text: str) -> str:
    """Return a text with its picture's names where programs say that one stands."""
    return _OUTLOOK.sub(r"![](cid:\1)", _GMAIL.sub(r"![](\1)", text))


def edited(text: str, before: str) -> str:
    """Return the draft ``before`` with the text of an answer, and what front matter that names."""
    fields, body = _apart(_plain(text))
    return compose({**fields_of(before), **fields}, body)


def own_words(raw: bytes, own: str) -> str:
    """Return an answer's own words with the links, headings and lists that its HTML gives them.

    ``own`` are those words as its plain text has them. They stay as they are where they are
    Markdown, where the HTML says no more, and where what stands above its quote says otherwise.
    """
    markup = _cut(raw).markup()
    above = markup[: found.start()] if (found := _QUOTE.search(markup)) else markup
    if _MARKDOWN.search(own) or not _RICH.search(above):
        return own
    rich = _unsigned(_plain(pasted_html.to_markdown(above)))
    return rich if _bare(rich) == _bare(own) else own


def _bare(text: str) -> str:
    """Return the letters of a text, without what programs put around links."""
    return "".join(re.findall(r"[^\W_]", _LINKED.sub(" ", text)))


def with_fields(draft: str, changed: dict[str, str]) -> str:
    """Return a draft that ``compose`` has written with other front matter."""
    fields, body = _apart(draft)
    return compose({**fields, **changed}, body)


def fields_of(draft: str) -> dict[str, str]:
    """Return the front matter of a draft that ``compose`` has written."""
    return _apart(draft)[0]


def text_of(draft: str) -> str:
    """Return the text of a draft that ``compose`` has written."""
    return _apart(draft)[1]


def compose(fields: dict[str, str], body: str) -> str:
    """Write a draft: every value in quotation marks, so that no value can be taken for syntax."""
    lines = [f'{key}: "{" ".join(value.split())}"' for key, value in fields.items() if value]
    return "\n".join(["---", *lines, "---", body.strip("\n"), ""])


def _plain(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").translate(_BLANKS | _NOTHING)
    return lines.strip("\n")


def _apart(text: str) -> tuple[dict[str, str], str]:
    """Return (front matter, the text below it); a mail may leave out the rules around it."""
    lines = text.split("\n")
    del lines[: next((at for at, line in enumerate(lines) if line.strip()), len(lines))]
    fenced = bool(lines) and _FENCE.match(lines[0]) is not None
    fields: dict[str, str] = {}
    at = 1 if fenced else 0
    for at in range(at, min(len(lines), _HEAD)):  # noqa: B020 - where it ends is wanted
        found = _FIELD.match(lines[at])
        if found is not None:
            fields[found[1].lower()] = _value(found[2])
        elif fields and lines[at].strip() and not _FENCE.match(lines[at]):
            if not fenced:
                break
            last = next(reversed(fields))  # a long line that a mail program has wrapped
            fields[last] = f"{fields[last]} {lines[at].strip()}"
        else:
            break
    if not fields:
        return {}, "\n".join(lines)
    ended = at < len(lines) and _FENCE.match(lines[at]) is not None
    return fields, "\n".join(lines[at + 1 if ended else at :]).strip("\n")


def _value(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return text


def _unsigned(text: str) -> str:
    """Return ``text`` without the signature at its end."""
    blocks = list(split(text).blocks)
    cut = 0
    while len(blocks) > 1 and blocks[-1].kind is LineKind.SIGNATURE:
        cut += len(blocks.pop().text.split("\n"))
    return "\n".join(text.split("\n")[: -cut or None])
