"""Words and looks: every text that a person reads, in six languages."""

from templates.catalogue import LANGUAGES, translator
from templates.render import (
    MailText,
    mail,
    mail_names,
    page,
    static_files,
    static_name,
)

__all__ = [
    "LANGUAGES",
    "MailText",
    "mail",
    "mail_names",
    "page",
    "static_files",
    "static_name",
    "translator",
]
