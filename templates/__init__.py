"""Words and looks: every text that a person reads, in six languages."""

from templates.brand import Brand, brand, is_colour
from templates.catalogue import LANGUAGES, block_words, translator
from templates.render import (
    MailText,
    day,
    drawn,
    iso,
    mail,
    mail_names,
    moment,
    page,
    prose,
    static_files,
    static_name,
    stencil,
)
from templates.themes import DEFAULT, BrokenThemeError, Theme, find_theme, set_issue, theme_names

__all__ = [
    "DEFAULT",
    "LANGUAGES",
    "Brand",
    "BrokenThemeError",
    "MailText",
    "Theme",
    "block_words",
    "brand",
    "day",
    "drawn",
    "find_theme",
    "is_colour",
    "iso",
    "mail",
    "mail_names",
    "moment",
    "page",
    "prose",
    "set_issue",
    "static_files",
    "static_name",
    "stencil",
    "theme_names",
    "translator",
]
