"""Words and looks: every text that a person reads, in six languages."""

from templates.brand import Brand, brand, contrast, is_colour
from templates.catalogue import LANGUAGES, block_words, translator
from templates.own_mjml import BrokenSheetError, is_sheet, set_sheet, title_of, words_of
from templates.own_mjml import check as check_sheet
from templates.render import (
    MailText,
    day,
    drawn,
    iso,
    mail,
    mail_names,
    mail_page,
    mail_part,
    moment,
    notice,
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
    "BrokenSheetError",
    "BrokenThemeError",
    "MailText",
    "Theme",
    "block_words",
    "brand",
    "check_sheet",
    "contrast",
    "day",
    "drawn",
    "find_theme",
    "is_colour",
    "is_sheet",
    "iso",
    "mail",
    "mail_names",
    "mail_page",
    "mail_part",
    "moment",
    "notice",
    "page",
    "prose",
    "set_issue",
    "set_sheet",
    "static_files",
    "static_name",
    "stencil",
    "theme_names",
    "title_of",
    "translator",
    "words_of",
]
