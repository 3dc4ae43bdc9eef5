"""Choose how a list's issues look: the theme, ours or its own, and the colours.

Knows where own themes stand (``themes`` in the data folder); what a theme is stands in
templates/themes.py. What is wrong with one is said as every bad input is.
"""

from dataclasses import dataclass
from pathlib import Path

import templates
from listserv.newsletters.writing.drafts import BadDraft
from subscriptions.lists.roster import MailList


@dataclass(frozen=True, slots=True)
class IssueLook:
    """Hold how an issue looks."""

    theme: templates.Theme
    brand: templates.Brand


def own_themes(data: Path) -> Path:
    """Return the folder of themes that are not ours."""
    return data / "themes"


def theme_names(data: Path) -> list[str]:
    """Return the names of all themes."""
    return templates.theme_names(own_themes(data))


def find_theme(data: Path, name: str) -> templates.Theme:
    """Return the theme ``name``; raise BadDraft where there is none, or it says nonsense."""
    try:
        return templates.find_theme(name or templates.DEFAULT, own_themes(data))
    except templates.BrokenThemeError as error:
        raise _told(error) from None


def look_of(data: Path, lst: MailList, theme: str = "") -> IssueLook:
    """Return how an issue of ``lst`` looks; ``theme`` is what its draft asks for."""
    found = find_theme(data, theme or lst.theme)
    return IssueLook(found, templates.brand(lst.accent or found.accent, lst.logo))


def set_issue(look: IssueLook, language: str, context: dict[str, object]) -> str:
    """Return the HTML of an issue; raise BadDraft for what its theme cannot do."""
    try:
        return templates.set_issue(look.theme, language, look.brand, **context)
    except templates.BrokenThemeError as error:
        raise _told(error) from None


def plain_look() -> IssueLook:
    """Return the look of a list that has chosen none."""
    theme = templates.find_theme(templates.DEFAULT)
    return IssueLook(theme, templates.brand(theme.accent))


def _told(error: templates.BrokenThemeError) -> BadDraft:
    """Return what a theme's trouble is to an editor, who reads it in their language."""
    return BadDraft(0, error.key, error.what, error.fix, **error.values)
