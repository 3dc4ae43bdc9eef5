"""Words and looks: every text that a person reads, in six languages."""

from templates.brand import Brand, brand, is_colour
from templates.catalogue import LANGUAGES, translator
from templates.render import (
    MailText,
    mail,
    mail_names,
    page,
    static_files,
    static_name,
)
from templates.themes import DEFAULT, BrokenThemeError, Theme, find_theme, set_issue, theme_names

__all__ = [
    "DEFAULT",
    "LANGUAGES",
    "Brand",
    "BrokenThemeError",
    "MailText",
    "Theme",
    "brand",
    "find_theme",
    "is_colour",
    "mail",
    "mail_names",
    "page",
    "set_issue",
    "static_files",
    "static_name",
    "theme_names",
    "translator",
]
