"""Render pages from templates: always escaped, and an unknown name is an error.

SECURITY: what is shown may be hostile; autoescape is always on, and ``linked`` is the only
filter that makes markup: it escapes everything and links http and https only. These templates
are our own files, so there is no sandbox around them (it would double the time of a page);
templates that an owner may write need one.
"""

import hashlib
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel.dates import format_date, format_datetime, format_interval, format_skeleton
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from templates.catalogue import FALLBACK, LANGUAGES, translator

HERE = Path(__file__).parent
_URL = re.compile(r"\bhttps?://[^\s<>\"'\u00ab\u00bb]{3,2000}")
_TRAILING = ".,;:!?*_'\u2026"


def page(name: str, language: str, **context: object) -> str:
    """Render ``page/NAME.html`` in ``language``; an unknown language is English."""
    known = language if language in LANGUAGES else FALLBACK
    return _environment(known).get_template(f"page/{name}.html").render(lang=known, **context)


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


def linked(text: str) -> Markup:
    """Escape ``text`` and make links of its http and https addresses."""
    parts: list[Markup] = []
    last = 0
    for match in _URL.finditer(text):
        address = match[0].rstrip(_TRAILING)
        while address.endswith((")", "]")) and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(_TRAILING)
        address = address.rstrip("]") if "[" not in address else address
        end = match.start() + len(address)
        parts.append(escape(text[last : match.start()]))
        parts.append(Markup('<a href="{0}" rel="nofollow ugc noopener">{0}</a>').format(address))
        last = end
    parts.append(escape(text[last:]))
    return Markup("").join(parts)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translator(language), newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    environment.filters["linked"] = linked
    environment.filters["day"] = lambda at: format_date(_utc(at), "long", locale=language)
    environment.filters["days"] = lambda first, last: _days(first, last, language)
    environment.filters["moment"] = lambda at: _moment(at, language)
    environment.filters["month"] = lambda at: _month(at, language)
    environment.filters["iso"] = lambda at: _utc(at).strftime("%Y-%m-%dT%H:%MZ")
    environment.globals["static"] = static_name
    return environment


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _moment(at: float, language: str) -> str:
    day = format_date(_utc(at), "long", locale=language)
    return f"{day}, {format_datetime(_utc(at), 'HH:mm', locale=language)}"


def _days(first: float, last: float, language: str) -> str:
    """Return a span of days as people write it: 24-28 August 2022."""
    if _utc(first).date() == _utc(last).date():
        return format_date(_utc(first), "long", locale=language)
    return str(format_interval(_utc(first).date(), _utc(last).date(), "yMMMMd", locale=language))


def _month(at: float, language: str) -> str:
    return str(format_skeleton("yMMMM", _utc(at), locale=language))
