"""A draft: front matter and Markdown, as an editor writes an issue; read strictly.

Knows the words of the front matter and the slots ``{{ name }}``, ``{{ email }}``, ``{{ list }}``;
refuses to know what Markdown means (manuscript.py) and who reads it. Every refusal names the
line. Nothing in a draft is ever executed: a slot is a word, not an expression.
"""

import difflib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from listserv.newsletters.writing import sources, votes
from listserv.newsletters.writing.blocks import BadBlockError
from mailer.errors import BadInput
from subscriptions.audience.segments import check_name
from subscriptions.lists.roster import LANGUAGES
from templates import BrokenSheetError, is_sheet, title_of

SLOTS = ("name", "email", "list")
PERSONAL = frozenset({"name", "email"})  # the others are the same for every reader
MAX_BYTES = 2_000_000
MAX_SUBJECT = 200  # characters
_FENCE = "---"
KEYS = ("subject", "preheader", "language", "theme", "segment", "series")
_LANGUAGE = re.compile(r"language:[ \t]*\S+[ \t]*", re.IGNORECASE)
_VERSION_FIELD = re.compile(r"(language|subject|preheader):[ \t]*(.*)", re.IGNORECASE)
_SLOT = re.compile(r"(\\?)\{\{([^{}\n]*)\}\}")
_LEFT_OPEN = re.compile(r"(?<!\\)\{\{")
_NAME = r"\{\{[ \t]*name[ \t]*\}\}"
_NAMELESS = (
    (re.compile(rf"(\*\*|__|\*|_){_NAME}\1"), "{{ name }}"),  # emphasis on nobody
    (re.compile(rf"^[ \t]*{_NAME}[,:;]?[ \t]*(\w?)", re.MULTILINE), None),  # begins the line
    # "Ciao, {{ name }}!" is "Ciao!"; a run of blanks is tried once, where it begins.
    (re.compile(rf"(?:(?<!\\),|(?<![ \t\\])|(?<=\\[ \t]))[ \t]*{_NAME}"), ""),
)


class BadDraft(BadInput):
    """Say why a draft cannot be read: a key for templates, and words for the command line."""

    def __init__(self, line: int, key: str, what: str, fix: str = "", **values: str) -> None:
        super().__init__(f"Line {line}: {what}" if line else what, fix)
        self.line = line
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold an issue as it was written; slots still stand in ``subject`` and ``text``."""

    subject: str
    text: str
    preheader: str = ""
    language: str = ""  # "" is the list's
    theme: str = ""  # "" is the list's
    also: tuple["Draft", ...] = ()  # the same issue in other languages
    segment: str = ""  # who gets it; "" is everybody
    segment_at: int = 0  # its line
    theme_at: int = 0
    series: str = ""  # goes to whoever has had none of this name yet

    @property
    def versions(self) -> tuple["Draft", ...]:
        """Return the issue in each of its languages, the first one first."""
        return (self, *self.also)

    def version(self, language: str) -> "Draft":
        """Return what a reader of ``language`` reads: their own version, else the first."""
        return next((one for one in self.also if one.language == language), self)

    @property
    def whole(self) -> str:
        """Return all its words, in every language."""
        return "\n".join(f"{one.subject}\n{one.preheader}\n{one.text}" for one in self.versions)

    @property
    def slots(self) -> frozenset[str]:
        """Return the slots that are used anywhere, in any language."""
        found = _SLOT.finditer(self.whole)
        return frozenset(match[2].strip() for match in found if not match[1])

    @property
    def digest(self) -> bytes:
        """Return what tells this issue from another: the same words give the same digest."""
        said = "\0".join(
            f"{one.subject}\0{one.preheader}\0{one.text.strip()}" for one in self.versions
        )
        return hashlib.sha256(said.encode()).digest()

    def nameless(self) -> "Draft":
        """Return the draft for a reader whose name is not known: "Hi {{ name }}," is "Hi,"."""
        return replace(
            self,
            subject=_without_name(self.subject).strip() or self.subject,
            text=_without_name(self.text),
            preheader=_without_name(self.preheader),
            also=tuple(one.nameless() for one in self.also),
        )


def read(data: bytes) -> Draft:
    """Read a draft; raise BadDraft that names the line."""
    lines = _lines(data)
    fields, body = _front_matter(lines)
    for number, line in enumerate(lines, start=1):
        _check_slots(number, line)
    at, language = fields.get("language", (0, ""))
    _check_language(at, language)
    segment_at, segment = fields.get("segment", (0, ""))
    parts = list(_parts(lines, body))
    first = Draft(
        subject=_subject(fields),
        text=_text(lines, *parts[0][1:]),
        preheader=fields.get("preheader", (0, ""))[1],
        language=language,
        theme=fields.get("theme", (0, ""))[1],
        segment=segment,
        segment_at=segment_at,
        theme_at=fields.get("theme", (0, ""))[0],
        series=_series(fields),
    )
    also: list[Draft] = []
    for found, start, end in parts[1:]:
        at, language = found["language"]
        _check_language(at, language)
        if language in {first.language, *(one.language for one in also)}:
            raise BadDraft(at, "key-twice", f"{language} stands there twice.", said=language)
        also.append(
            Draft(
                subject=found.get("subject", (0, first.subject))[1],
                text=_text(lines, start, end),
                preheader=found.get("preheader", (0, ""))[1],
                language=language,
                theme=first.theme,
            )
        )
    asked = [(one.text, votes.find(one.text)) for one in (first, *also)]
    if len({len(question.answers) if question else 0 for _, question in asked}) > 1:
        what = "the vote differs from language to language."
        raise BadDraft(0, "vote", what, "Write it in each, with as many answers in one order.")
    return replace(first, also=tuple(also))


def _series(fields: dict[str, tuple[int, str]]) -> str:
    at, name = fields.get("series", (0, ""))
    try:
        return check_name(name) if name else ""
    except BadInput as error:
        raise BadDraft(at, "series", error.what.replace("segment", "series"), error.fix) from None


def _text(lines: list[str], start: int, end: int) -> str:
    text = "\n".join(lines[start:end]).strip("\n")
    try:
        votes.find(text)
    except BadInput as error:
        at = start + votes.line_of("\n".join(lines[start:end]))
        raise BadDraft(at, "vote", error.what, error.fix) from None
    if not text.strip():
        raise BadDraft(end or 1, "no-text", "the issue has no text below its front matter.")
    try:
        sources.check("\n".join(lines[start:end]))
    except BadBlockError as bad:
        raise BadDraft(start + bad.line + 1, bad.key, bad.what, bad.fix, **bad.values) from None
    except BrokenSheetError as bad:
        at = start + bad.line if bad.line else 0
        key = f"sheet-{bad.key}" if bad.key else "sheet"
        raise BadDraft(at, key, bad.what, bad.fix, at=str(bad.line), said=bad.said) from None
    return text


def _check_language(at: int, language: str) -> None:
    if language and language not in LANGUAGES:
        raise BadDraft(
            at,
            "language",
            f"{language[:40]!r} is not a language of Krets.",
            f"Known are {', '.join(LANGUAGES)}.",
            said=language[:40],
            known=", ".join(LANGUAGES),
        )


def _parts(lines: list[str], body: int) -> Iterator[tuple[dict[str, tuple[int, str]], int, int]]:
    """Yield (fields, first line, line behind the last) of each language's text.

    A paragraph that begins with "language: sv" begins a text; subject and preheader may follow it.
    """
    fields: dict[str, tuple[int, str]] = {}
    start = at = body
    while at < len(lines):
        begins = _LANGUAGE.fullmatch(lines[at]) and (at == body or not lines[at - 1].strip())
        if not begins:
            at += 1
            continue
        yield fields, start, at
        fields = {}
        while at < len(lines) and (found := _VERSION_FIELD.fullmatch(lines[at])):
            fields[found[1].lower()] = at + 1, _value(at + 1, found[2].strip())
            at += 1
        start = at
    yield fields, start, at


def fill(text: str, put: Callable[[str], str]) -> str:
    """Replace each slot by ``put(slot)``, once; ``\\{{`` is two braces and no slot."""

    def one(match: re.Match[str]) -> str:
        return match[0][1:] if match[1] else put(match[2].strip())

    return _SLOT.sub(one, text).replace("\\{{", "{{")


def text_of(data: bytes) -> str:
    """Return a draft as text, one kind of line ends; raise BadDraft for what is none."""
    return "\n".join(_lines(data))


def _lines(data: bytes) -> list[str]:
    if len(data) > MAX_BYTES:
        size = MAX_BYTES // 1_000_000
        raise BadDraft(0, "large", f"The draft is larger than {size} MB.", size=str(size))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadDraft(line, "text", "the draft is not UTF-8.", "Save it as UTF-8.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadDraft(line, "text", "the draft has a NUL in it.", "Save it as plain text.")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _front_matter(lines: list[str]) -> tuple[dict[str, tuple[int, str]], int]:
    """Return {key: (line, value)} and the index of the first line behind the front matter."""
    example = 'Begin with a line "---", then "subject: ...", then "---", then the text.'
    if is_sheet("\n".join(lines)):  # its head says what front matter would
        title, preview = title_of("\n".join(lines))
        return {"subject": (1, title), "preheader": (1, preview)}, 0
    if lines[0].rstrip() != _FENCE:
        raise BadDraft(1, "front", "a draft begins with its front matter.", example)
    fields: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == _FENCE:
            return fields, number
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, colon, value = line.partition(":")
        key = key.strip()
        if not colon:
            said = line.strip()[:40]
            raise BadDraft(number, "front", f"{said!r} is not KEY: VALUE.", example, said=said)
        if key not in KEYS:
            what = f"{key[:40]!r} is not known here."
            raise BadDraft(number, "key", what, _near(key, KEYS), said=key[:40])
        if key in fields:
            what = f"{key} stands in line {fields[key][0]} already."
            raise BadDraft(number, "key-twice", what, said=key)
        fields[key] = number, _value(number, value.strip())
    raise BadDraft(1, "front", 'the front matter has no end; a line "---" ends it.', example)


def _value(number: int, text: str) -> str:
    """Return a value without its quotation marks."""
    if text[:1] in {'"', "'"}:
        if len(text) < 2 or text[-1] != text[0]:  # noqa: PLR2004 - an opening and a closing mark
            raise BadDraft(number, "quote", "the quotation mark is not closed.")
        text = text[1:-1]
    if not text.isprintable():
        raise BadDraft(number, "text", "the value has control characters in it.")
    return " ".join(text.split())


def _subject(fields: dict[str, tuple[int, str]]) -> str:
    at, subject = fields.get("subject", (0, ""))
    if not subject:
        what = "the subject is empty." if at else "there is no subject."
        fix = "Write a line such as subject: News in November"
        raise BadDraft(at or 1, "no-subject", what, fix)
    if len(subject) > MAX_SUBJECT:
        what = f"the subject is longer than {MAX_SUBJECT} characters."
        raise BadDraft(at, "subject-long", what, size=str(MAX_SUBJECT))
    return subject


def _check_slots(number: int, line: str) -> None:
    for match in _SLOT.finditer(line):
        slot = match[2].strip()
        if not match[1] and slot not in SLOTS:
            raise BadDraft(
                number,
                "slot",
                f"there is no slot {{{{ {slot[:40]} }}}}.",
                _near(slot, SLOTS),
                said=slot[:40],
                known=", ".join(SLOTS),
            )
    if _LEFT_OPEN.search(_SLOT.sub("", line)):
        raise BadDraft(
            number,
            "slot-open",
            "a slot is opened and not closed.",
            "Write {{ name }}; for the braces themselves write \\{{.",
        )


def _near(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word.casefold(), known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."


def _without_name(text: str) -> str:
    for pattern, instead in _NAMELESS:
        if instead is None:
            text = pattern.sub(lambda match: match[1].upper(), text)
        else:
            text = pattern.sub(instead, text)
    return text
