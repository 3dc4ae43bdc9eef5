"""Read an issue that is written in MJML from the first tag to the last.

    check(source)                     raise BrokenSheetError that names the line and the cure
    title_of(source)                  its mj-title and mj-preview
    set_sheet(source, language, ...)  its HTML, with our foot: who sends it, and the way out
    words_of(source)                  its HTML without foot and style, to make plain text of

SECURITY: an editor wrote it, or somebody in an editor's name. Nothing in it is a template: it is
XML that is read whole by expat first, at most ``SIZE`` characters, ``ELEMENTS`` and ``DEEP``; no
DOCTYPE, no include, no script, no form, no address but http, https and mailto; nothing is fetched.
"""

import re
from html import escape, unescape
from xml.parsers import expat
from xml.parsers.expat import errors

from templates.catalogue import FALLBACK, LANGUAGES
from templates.themes import (
    HERE,
    KNOWN,
    BrokenThemeError,
    compile_mjml,
    draw_part,
)

SIZE = 200_000  # characters
TOP = 20_000  # characters at the top, where its head is looked for
ELEMENTS = 4_000
DEEP = 60
_FOLDER = HERE.parent / "sheet"
_VOID = re.compile(r"<(br|hr|img|wbr)\b([^<>]*)>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)\w+;")
_REFUSED = {
    *("script", "iframe", "object", "embed", "form", "input", "button", "base", "link", "meta"),
    *("svg", "video", "audio", "mj-include", "mj-font", "mj-html-attributes"),
}
_ADDRESSES = {"href", "src", "background-url", "background", "action"}
_MAY_LEAD = re.compile(r"\s*(?:https?://|mailto:|#|\Z|[\w][^:]*\Z)", re.IGNORECASE)
_FETCHES = re.compile(r"@import|expression\s*\(|url\s*\(", re.IGNORECASE)
_LANG = re.compile(r"<mjml[^>]*\slang=")
_EMPTY = re.compile(r"<mj-(?:head|button)\b[^<>]*/>")  # for whose end all would be searched
_HEAD = re.compile(r"<mj-head\b.*?</mj-head>", re.DOTALL)
_SIMPLE = (
    (re.compile(r"<mj-button\b([^>]*)>(.*?)</mj-button>", re.DOTALL), r"<p><b><a\1>\2</a></b></p>"),
    (re.compile(r"<mj-image\b([^>]*?)/?>(?:\s*</mj-image>)?"), r"<p><img\1></p>"),
    (re.compile(r"<mj-divider\b[^>]*?/?>"), "<hr>"),
    (re.compile(r"<(/?)mj-table\b"), r"<\1table"),
    (re.compile(r"<(/?)mj-(?:text|section|column|hero|wrapper|group)\b"), r"<\1div"),
)
_TAGS = {  # what expat says of a tag without its end
    errors.codes[errors.XML_ERROR_TAG_MISMATCH],
    errors.codes[errors.XML_ERROR_NO_ELEMENTS],
    errors.codes[errors.XML_ERROR_UNCLOSED_TOKEN],
}
_TITLE = re.compile(r"<mj-title>([^<]{0,1000})</mj-title>")
_PREVIEW = re.compile(r"<mj-preview>([^<]{0,1000})</mj-preview>")


class BrokenSheetError(ValueError):
    """Say why an MJML template cannot be used: ``line`` (from 1), what is wrong, and the cure."""

    def __init__(
        self, line: int, what: str, fix: str = "", *, key: str = "", said: str = ""
    ) -> None:
        super().__init__(what)
        self.key = key  # by which mails say it in six languages, "" where they have no words
        self.said = said
        self.line = line
        self.what = what
        self.fix = fix


def is_sheet(text: str) -> bool:
    """Tell whether a text is a sheet of its own."""
    return text.lstrip("\ufeff \t\r\n")[:6].lower().rstrip(">") == "<mjml"


def title_of(source: str) -> tuple[str, str]:
    """Return what a sheet says in its head: (title, preview)."""
    found = [pattern.search(source, 0, TOP) for pattern in (_TITLE, _PREVIEW)]
    title, preview = (" ".join(unescape(one[1]).split()) if one else "" for one in found)
    return title, preview


def check(source: str) -> None:
    """Raise BrokenSheetError for the first thing that cannot stand in a sheet."""
    if len(source) > SIZE:
        raise BrokenSheetError(0, f"The sheet has more than {SIZE:,} characters.")
    if "<![CDATA[" in source or "<!--" in source:
        line = source[
            : min(at for at in (source.find("<![CDATA["), source.find("<!--")) if at >= 0)
        ]
        raise BrokenSheetError(line.count("\n") + 1, "It has a comment or CDATA.", "Take it away.")
    seen = _Seen()
    parser = seen.parser
    try:
        # MRML knows every entity by name, expat five: what is judged is what will be read.
        named = _ENTITY.sub(lambda one: escape(unescape(one[0])), _closed(source))
        parser.Parse(named.encode(), True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise BrokenSheetError(
            error.lineno,
            f"{said}.",
            "Each tag needs its end, as in <mj-text>...</mj-text>.",
            key="tags" if error.code in _TAGS else "",
        ) from None
    if seen.bodies != 1:
        raise BrokenSheetError(1, "It has no <mj-body>, or two.", "Put all sections into one.")


class _Seen:
    """Judge a sheet element by element."""

    def __init__(self) -> None:
        self.bodies = 0
        self._elements = 0
        self._open: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.CharacterDataHandler = self._words

    @property
    def _line(self) -> int:
        return self.parser.CurrentLineNumber

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._open.append(name)
        self.bodies += name == "mj-body"
        if self._elements == 1 and name != "mjml":
            raise BrokenSheetError(self._line, f"It begins with <{name}>.", "Begin with <mjml>.")
        if self._elements > ELEMENTS or len(self._open) > DEEP:
            raise BrokenSheetError(self._line, "It has too many elements, or too deep.")
        _check_element(self._line, name, attributes)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _doctype(self, *_: object) -> None:
        raise BrokenSheetError(self._line, "It has a DOCTYPE.", "Begin with <mjml>.")

    def _words(self, text: str) -> None:
        if self._open[-1] in {"mj-style", "style"} and _FETCHES.search(text):
            raise BrokenSheetError(
                self._line, "a style names an address.", "Take @import and url() away."
            )


def set_sheet(source: str, language: str, **context: object) -> str:
    """Return a sheet's HTML, our foot in ``language`` below it."""
    known = language if language in LANGUAGES else FALLBACK
    foot = draw_part(_FOLDER, "foot.mjml", known, {"lang": known, **context})
    head, _, tail = _closed(source).rpartition("</mj-body>")
    sheet = f"{head}{foot}</mj-body>{tail}"
    if not _LANG.match(sheet.lstrip()):
        said = escape(str(context.get("body_language", known)))
        sheet = sheet.replace("<mjml", f'<mjml lang="{said}"', 1)
    try:
        return compile_mjml(sheet, "")
    except BrokenThemeError as error:
        raise BrokenSheetError(0, error.what, error.fix) from None


def words_of(source: str) -> str:
    """Return what a sheet says as simple HTML, to make text of it."""
    html = _HEAD.sub("", _EMPTY.sub("", _closed(source)))
    for pattern, instead in _SIMPLE:
        html = pattern.sub(instead, html)
    return html


def _closed(source: str) -> str:
    """Close tags that HTML leaves open, on the lines where they stand."""
    return _VOID.sub(
        lambda tag: f"<{tag[1]}{tag[2].rstrip().removesuffix('/')} />", source.lstrip("\ufeff")
    )


def _check_element(line: int, name: str, attributes: dict[str, str]) -> None:
    lower = name.lower()
    if lower in _REFUSED:
        what = f"<{name}> cannot stand in a mail here."
        raise BrokenSheetError(line, what, "Take it away.", key="refused", said=name)
    if lower.startswith("mj-") and not KNOWN.fullmatch(lower):
        raise BrokenSheetError(
            line,
            f"MJML has no <{name}>.",
            "https://documentation.mjml.io/ lists what it has.",
            key="unknown",
            said=name[:40],
        )
    for key, value in attributes.items():
        if key.lower().startswith("on"):
            raise BrokenSheetError(line, f"{key} would run a script.", "Take it away.")
        if key.lower() in _ADDRESSES and not _MAY_LEAD.match(value):
            shown = escape(value[:40], quote=False)
            raise BrokenSheetError(line, f"{key} leads to {shown!r}.", "Write https://...")
        if key.lower() == "style" and _FETCHES.search(value):
            raise BrokenSheetError(line, "a style names an address.", "Take url() away.")
