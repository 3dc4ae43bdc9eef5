"""Render pages and mails from templates: HTML always escaped, an unknown name an error.

SECURITY: what is shown may be hostile; autoescape is on for all but plain text. Four filters
make markup: ``linked`` and ``prose`` escape everything and link http and https only; ``folded``
takes what mailer/reading/markup.py has cleaned, ``drawn`` what these templates have made before.
These templates are our own files, so there is no sandbox around them (it would double the time of a
page); templates that an owner may write need one.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_datetime, format_interval, format_skeleton
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from markupsafe import escape as escape_markup

from templates import mail_layout
from templates.catalogue import FALLBACK, LANGUAGES, translator

HERE = Path(__file__).parent
_URL = re.compile(r"\bhttps?://[^\s<>\"'\u00ab\u00bb]{3,2000}")
_TRAILING = ".,;:!?*_'\u2026"


def page(name: str, language: str, **context: object) -> str:
    """Render ``page/NAME`` (``.html`` unless said) in ``language``; an unknown one is English."""
    known = language if language in LANGUAGES else FALLBACK
    file = name if "." in name else f"{name}.html"
    return _environment(known).get_template(f"page/{file}").render(lang=known, **context)


_HOLE, _END = "\x01", "\x02"  # around a hole's name; no mail can write them


@dataclass(frozen=True, slots=True)
class Stencil:
    """Hold a template that was rendered once, with holes for what differs each time.

    What is filled in is escaped unless it is Markup; ``pieces`` are text and holes in turn.
    """

    pieces: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the template with ``values`` in its holes."""
        parts = list(self.pieces)
        for place in range(1, len(parts), 2):
            parts[place] = str(escape_markup(values[parts[place]]))
        return "".join(parts)


@lru_cache(maxsize=1_000)
def stencil(name: str, language: str, holes: tuple[str, ...], **shape: object) -> Stencil:
    """Return the stencil of ``page/NAME``; ``shape`` is what its conditions look at.

    For pieces of which an archive has thousands: filling one costs a fiftieth of rendering it.
    """
    marks = {hole: Markup(f"{_HOLE}{hole}{_END}") for hole in holes}  # noqa: S704 - ours
    text = page(name, language, **marks, **shape)
    return Stencil(tuple(re.split(f"{_HOLE}([a-z_]+){_END}", text)))


def moment(at: float, language: str) -> str:
    """Return a day and minute (UTC) as people write it."""
    return _minute(int(at // 60) * 60, language if language in LANGUAGES else FALLBACK)


def day(at: float, language: str) -> str:
    """Return a day (UTC) as people write it."""
    return _day(int(at // 86_400), language if language in LANGUAGES else FALLBACK)


def iso(at: float) -> str:
    """Return a minute (UTC) for machines."""
    return _utc(at).strftime("%Y-%m-%dT%H:%MZ")


@dataclass(frozen=True, slots=True)
class MailText:
    """Hold the words of one mail; ``flowed`` and ``html`` are "" where only text was asked for."""

    subject: str
    text: str
    flowed: str = ""  # the text once more, as format=flowed
    html: str = ""


def mail(name: str, language: str, **context: object) -> MailText:
    """Render the plain text of the mail in ``mail/NAME/``: subject.txt and text.txt.

    The subject is one line; paragraphs and items are wrapped, indented lines (links, quotes) kept.
    """
    subject, text = _written(name, language, context)
    return MailText(subject, mail_layout.wrapped(text))


def notice(name: str, language: str, **context: object) -> MailText:
    """Render a mail of ours to one person: its text, the text as format=flowed, and HTML.

    ``button.txt``, where there is one, holds the one thing to do: an address and, on the next
    line, what the button says. Where the address stands in the text, the button takes its place.
    """
    known = language if language in LANGUAGES else FALLBACK
    subject, text = _written(name, language, context)
    values = {"lang": known, **context, "own_subject": subject}
    button = ""
    if (HERE / "mail" / name / "button.txt").exists():
        environment = _environment(known, trim=False)
        button = environment.get_template(f"mail/{name}/button.txt").render(values).strip()
    html = mail_html(known, subject, text, button)
    return MailText(subject, mail_layout.wrapped(text), mail_layout.flowed(text), html)


def mail_page(name: str, language: str, **context: object) -> str:
    """Render ``mail/NAME/page.html``: of the mails that are more than a letter."""
    known = language if language in LANGUAGES else FALLBACK
    values = {"lang": known, **context}
    return _environment(known).get_template(f"mail/{name}/page.html").render(values)


def mail_html(language: str, subject: str, text: str, button: str = "") -> str:
    """Draw the text of a mail as HTML; ``button`` is an address and a line of words, or ""."""
    target, _, label = button.partition("\n")
    parts = mail_layout.blocks(text)
    return (
        _environment(language)
        .get_template("mail/notice.html")
        .render(
            lang=language,
            subject=subject,
            blocks=parts,
            target=target,
            label=label.strip(),
            placed=any(part.lines == (target,) for part in parts),
        )
    )


def _written(name: str, language: str, context: Mapping[str, object]) -> tuple[str, str]:
    """Return the subject and the text of a mail as its templates write them."""
    known = language if language in LANGUAGES else FALLBACK
    environment = _environment(known, trim=False)  # line ends are text here
    values = {"lang": known, **context}
    subject = environment.get_template(f"mail/{name}/subject.txt").render(values)
    text = environment.get_template(f"mail/{name}/text.txt").render(values)
    return " ".join(subject.split()), text


def mail_part(name: str, language: str, **context: object) -> str:
    """Render the text of ``mail/NAME.txt``, which stands within another mail."""
    known = language if language in LANGUAGES else FALLBACK
    environment = _environment(known, trim=False)
    text = environment.get_template(f"mail/{name}.txt").render({"lang": known, **context})
    return mail_layout.plain(text).strip()


def mail_names() -> list[str]:
    """Return the name of every mail there is."""
    return sorted(path.parent.name for path in HERE.glob("mail/*/subject.txt"))


@cache
def static_files() -> dict[str, bytes]:
    """Return the files that pages refer to, by their hashed names (``krets.0a1b2c3d.css``)."""
    files = {}
    for path in sorted((HERE / "static").iterdir()):
        data = path.read_bytes()
        stem, _, suffix = path.name.rpartition(".")
        files[f"{stem}.{hashlib.sha256(data).hexdigest()[:8]}.{suffix}"] = data
    return files


def static_name(name: str) -> str:
    """Return the hashed name of the static file ``name``."""
    stem, _, suffix = name.rpartition(".")
    return next(n for n in static_files() if n.startswith(f"{stem}.") and n.endswith(suffix))


class ParagraphLike(Protocol):
    """Describe what ``prose`` needs to know of a paragraph."""

    @property
    def kind(self) -> str:
        """Return prose, lines or code."""
        ...

    @property
    def text(self) -> str:
        """Return its text; of prose one line."""
        ...


_OPENING = {"code": '<pre tabindex="0">', "lines": '<p class="lines">'}


def prose(paragraphs: Iterable[ParagraphLike]) -> Markup:
    """Escape paragraphs and set each as what it is.

    Not a macro: a macro costs ten times as much, and every mail of an archive passes here.
    """
    parts = []
    for one in paragraphs:
        close = "</pre>" if one.kind == "code" else "</p>"
        parts.append(f"{_OPENING.get(one.kind, '<p>')}{_linked(one.text)}{close}")
    return Markup("\n".join(parts))  # noqa: S704 - each piece is escaped by _linked


def linked(text: str) -> Markup:
    """Escape ``text`` and make links of its http and https addresses."""
    return Markup(_linked(text))  # noqa: S704 - escaped there


def _linked(text: str) -> str:
    if "://" not in text:
        return escape(text, quote=False)
    parts: list[str] = []
    last = 0
    for match in _URL.finditer(text):
        address = match[0].rstrip(_TRAILING)
        while address.endswith((")", "]")) and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(_TRAILING)
        address = address.rstrip("]") if "[" not in address else address
        end = match.start() + len(address)
        shown = escape(address)
        parts.append(escape(text[last : match.start()], quote=False))
        parts.append(f'<a href="{shown}" rel="nofollow ugc">{shown}</a>')
        last = end
    parts.append(escape(text[last:], quote=False))
    return "".join(parts)


def folded(markup: str, fold: str, unfold: str, summary: str) -> Markup:
    """Return markup that mailer/reading/markup.py has made safe, its long quotes folded.

    ``fold`` and ``unfold`` are the marks around a quote, which no mail can write.
    """
    opening = f"<details><summary>{escape(summary)}</summary>"
    return Markup(markup.replace(fold, opening).replace(unfold, "</details>"))  # noqa: S704 - nh3


def drawn(words: str) -> Markup:
    """Return what these templates have drawn before."""
    return Markup(words)  # noqa: S704 - our own output, kept


@cache
def _environment(language: str, *, trim: bool = True) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=select_autoescape(("html",), default=True, disabled_extensions=("txt",)),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=trim,
        lstrip_blocks=trim,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translator(language), newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    environment.filters["linked"] = linked
    environment.filters["mailed"] = mail_layout.linked
    environment.globals["fine"] = mail_layout.FINE
    environment.filters["prose"] = prose
    environment.filters["folded"] = folded
    environment.filters["drawn"] = drawn
    environment.filters["second"] = lambda at: _utc(at).strftime("%Y-%m-%dT%H:%M:%SZ")
    environment.filters["day"] = lambda at, zone="": _day_in(at, zone, language)
    environment.filters["weekday"] = lambda at: _with_weekday(at, language)
    environment.filters["days"] = lambda first, last: _days(first, last, language)
    environment.filters["moment"] = lambda at: moment(at, language)
    environment.filters["local"] = lambda at, zone: _local(at, zone, language)
    environment.filters["span"] = lambda first, last, zone: _span(first, last, zone, language)
    environment.filters["clock"] = lambda at: format_datetime(
        _utc(at), "HH:mm", locale=_locale(language)
    )
    environment.filters["month"] = lambda at: _month(at, language)
    environment.filters["iso"] = iso
    environment.filters["language_name"] = lambda code: _language_name(code, language)
    environment.globals["static"] = static_name
    return environment


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)  # Babel reads a name anew each time it is given one


def _language_name(code: str, language: str) -> str:
    """Return the name of the language ``code``, in ``language``."""
    return Locale.parse(code).get_display_name(language) or code


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _day_in(at: float, zone: str, language: str) -> str:
    """Return the day that it was, or will be, in a zone; one that nobody knows is UTC."""
    return (
        format_date(_in(at, zone)[0], "long", locale=_locale(language))
        if zone
        else day(at, language)
    )


def _in(at: float, zone: str) -> tuple[datetime, str]:
    """Return a moment in a zone, and the zone's name; UTC where this machine knows it no more."""
    try:
        return datetime.fromtimestamp(at, ZoneInfo(zone or "UTC")), zone or "UTC"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _utc(at), "UTC"


def _local(at: float, zone: str, language: str) -> str:
    """Return an hour with its weekday, date and zone: nobody must guess which Friday."""
    when, name = _in(at, zone)
    day = format_date(when, "full", locale=_locale(language))
    hour = format_datetime(when, "HH:mm", locale=_locale(language))
    return f"{day}, {hour} ({name})"


def _span(first: float, last: float, zone: str, language: str) -> str:
    """Return from when to when, the day once where it is the same."""
    begins, name = _in(first, zone)
    ends, _ = _in(last, zone)
    day = format_date(begins, "full", locale=_locale(language))
    hours = [format_datetime(one, "HH:mm", locale=_locale(language)) for one in (begins, ends)]
    if begins.date() == ends.date():
        return f"{day}, {hours[0]}\u2013{hours[1]} ({name})"
    until = format_date(ends, "full", locale=_locale(language))
    return f"{day}, {hours[0]} \u2013 {until}, {hours[1]} ({name})"


def _with_weekday(at: float, language: str) -> str:
    """Return a day with its weekday behind it, where no language bends the name."""
    name = format_date(_utc(at), "EEEE", locale=_locale(language))
    return f"{day(at, language)} ({name})"


@lru_cache(maxsize=10_000)
def _minute(at: int, language: str) -> str:
    clock = format_datetime(_utc(at), "HH:mm", locale=_locale(language))
    return f"{_day(at // 86_400, language)}, {clock}"


@lru_cache(maxsize=10_000)
def _day(number: int, language: str) -> str:
    return format_date(_utc(number * 86_400), "long", locale=_locale(language))


def _days(first: float, last: float, language: str) -> str:
    """Return a span of days as people write it: 24-28 August 2022."""
    if _utc(first).date() == _utc(last).date():
        return _day(int(first // 86_400), language)
    return str(
        format_interval(_utc(first).date(), _utc(last).date(), "yMMMMd", locale=_locale(language))
    )


def _month(at: float, language: str) -> str:
    return str(format_skeleton("yMMMM", _utc(at), locale=_locale(language)))
