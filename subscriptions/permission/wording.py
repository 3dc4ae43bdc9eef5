"""Keep the very words that somebody was asked in, once for each wording, so that a consent shows.

An entry of the ledger names its wording (``stranger-confirm/0f3a...``); the text stands here.
Knows texts and their digests; what was asked of whom is in asks.py and consent.py. SECURITY: no
token and nothing that a person wrote is kept (``bare``), so an erasure has nothing to do here.
"""

import hashlib
import re
from collections.abc import Collection, Iterable

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base, insert_or_ignore

_TOKEN = re.compile(r"(?<=[+/])[a-z2-7]{26}\b")
_DIGITS = 24  # hexadecimal digits: 96 bits
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


class Wording(Base):
    """Keep one text that people were asked in; ``name`` is the mail's name and a digest."""

    __tablename__ = "wording"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    language: Mapped[str] = mapped_column(String(8))
    text: Mapped[str]
    since: Mapped[float]


def bare(text: str, hide: Iterable[str] = ()) -> str:
    """Return ``text`` without tokens and without the lines of ``hide``."""
    for value in hide:
        for line in filter(None, map(str.strip, value.splitlines())):
            text = text.replace(line, _ELLIPSIS)
    return _TOKEN.sub(_ELLIPSIS, text)


def name_of(mail: str, text: str) -> str:
    """Return what tells this wording of ``mail`` from every other."""
    return f"{mail}/{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def keep(session: Session, mail: str, language: str, text: str, now: float) -> str:
    """Keep a bare text and return its name; a known one costs nothing."""
    name = name_of(mail, text)
    row = {"name": name, "language": language, "text": text, "since": now}
    session.execute(insert_or_ignore(session, Wording), [row])
    return name


def texts(session: Session, names: Collection[str]) -> dict[str, str]:
    """Return the texts of these wordings, where they were kept."""
    rows = session.execute(select(Wording.name, Wording.text).where(Wording.name.in_(names)))
    return {row.name: row.text for row in rows}
