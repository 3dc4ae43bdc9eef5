"""Read a file as an answer: a whole mail, or bare text, for `krets explain`.

    understand(letter_words(raw), "confirm", today)

Knows how a mail is told from bare text, and which reader answers which question. Pure. SECURITY:
hostile bytes; archive's readers bound them.
"""

import re
from dataclasses import dataclass, replace
from datetime import date

from listserv.answers import automatic, dates, mailed_commands, meaning, own_words
from listserv.answers.machine_kinds import Judgement, MachineKind, MailRole
from listserv.answers.own_words import OwnWords
from mailer.reading import message
from mailer.reading.bodies import MAX_TEXT, read
from mailer.reading.charsets import clean, decode
from mailer.reading.headers.header_repair import mend
from mailer.reading.quotes import Quoted, split

_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:")
# One of them makes a head: "Note: call me" begins a text.
_KNOWN = {b"from", b"to", b"cc", b"date", b"subject", b"message-id", b"mime-version", b"received"}
_KNOWN |= {b"return-path", b"content-type", b"delivered-to", b"in-reply-to", b"references"}
_PEOPLE = {b"from", b"to", b"cc"}
ASKED = (*meaning.READERS, "command", "date")


@dataclass(frozen=True, slots=True)
class Understood:
    """Show what was understood of a file, whatever was asked; ``means`` is a word of its reader."""

    means: str
    sure: float
    why: tuple[str, ...] = ()
    until: str | None = None  # a day, where one was asked for


def understand(own: OwnWords, asked: str, today: date) -> Understood:
    """Return what ``own`` words mean to a question of this kind, read on the day ``today``."""
    if asked == "date":
        named = dates.read(own.text or own.subject, today)
        if named is None:
            return Understood("unclear", 0.3)
        return Understood("until", 0.95, (own.text.strip()[:100],), named.day.isoformat())
    if asked == "command":
        if own.automatic:
            return Understood("automatic", 1.0)
        said = mailed_commands.read(own, today)
        return Understood(said.means, said.sure, said.why, said.until)
    found = meaning.READERS[asked](own)
    return Understood(found.means.value, found.sure, found.why)


def letter_words(raw: bytes, role: MailRole = MailRole.ANSWER) -> OwnWords:
    """Return a person's own words; ``raw`` is a message, or bare text, written as ``role``."""
    said = quoted(raw)
    text = _without_separator(raw)
    if not _has_head(text):
        found = own_words.read(said)
        machine = automatic.of_words("", said, [], role)
        return replace(found, automatic=_is_machine(machine, role, answers=False))
    found = own_words.read_mail(said, text)
    whole = text.replace(b"\n", b"\r\n")
    head = message.head(whole)
    sender = head.first("return-path")
    machine = automatic.judge(whole, None if sender is None else message.text_of(sender), role)
    found = found.under(message.text_of(head.first("subject") or b""))
    answers = bool(head.first("in-reply-to") or head.first("references"))
    return replace(found, automatic=_is_machine(machine, role, answers=answers))


def _is_machine(found: Judgement, role: MailRole, *, answers: bool) -> bool:
    """Tell whether a machine wrote a mail: "vacation until 1 May" by itself is a member's wish."""
    wish = role is MailRole.COMMAND and found.kind is MachineKind.ABSENCE and not answers
    return bool(found) and (found.sure or not wish)


def quoted(raw: bytes) -> Quoted:
    """Return what a reply is made of; ``raw`` is a message, or bare text."""
    text = _without_separator(raw)
    return read(text).quoted if _has_head(text) else split(clean(decode(text[:MAX_TEXT])))


def is_mail(raw: bytes) -> bool:
    """Tell whether ``raw`` is a message and no bare text."""
    text = raw[:MAX_TEXT].replace(b"\r\n", b"\n")
    return text.startswith(b"From ") or _has_head(text)


def _without_separator(raw: bytes) -> bytes:
    text = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    separator, _, rest = text.partition(b"\n")
    whole = rest if separator.startswith(b"From ") and _has_head(rest) else text
    return mend(whole) if _FIELD.match(whole) else whole


def _has_head(text: bytes) -> bool:
    """Tell whether ``text`` begins with header fields, up to a blank line or its end."""
    known = False
    for number, line in enumerate(text.partition(b"\n\n")[0].split(b"\n")):
        if number and line[:1] in {b" ", b"\t"}:
            continue
        field = _FIELD.match(line)
        if field is None:
            return False
        name = field[1].lower()
        # "From: the car park" begins a text, too.
        known = known or (name in _KNOWN and (name not in _PEOPLE or b"@" in line))
    return known
