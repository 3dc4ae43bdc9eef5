"""One SMTP transaction: a letter, what a relay offers to carry, and the commands they make.

Knows RFC 5321 and the extensions that a letter may need; opens no socket. What a relay lacks is
told per recipient, in the words of the refusal that it would have given itself. SECURITY: an
envelope address that could break its line is refused here, whatever was checked before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from mailer.client.seven_bit import has_high_header, rewrite
from mailer.client.smtp_answers import Reply

_UNSAFE = re.compile(r"[\x00-\x20<>\x7f]")
QUIT_CODE = 421  # the relay is closing (RFC 5321 section 3.8)
GO_AHEAD = 354
FULL = (452, 552)  # at RCPT: too many recipients (RFC 5321 section 4.5.3.1.10)
# How a refusal of ours begins where the relay lacks 8BITMIME or SMTPUTF8 for the content.
UNCARRIED = ("5.6.3 the relay takes no ", "5.6.9 the relay takes no ")
_TOO_BIG = 552  # at MAIL: concerns this message, not everyone


class Stage(IntEnum):
    """Name the step of a session or a transaction that a reply belongs to."""

    GREETING = 0
    EHLO = 1
    TLS = 2
    AUTH = 3
    MAIL = 4
    RCPT = 5
    DATA = 6
    DOT = 7  # or BDAT LAST, which is the same promise
    VOID = 8  # the lone dot that ends a DATA which should have been refused
    RSET = 9


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Hold how long each answer may take, in seconds (RFC 5321 section 4.5.3.2)."""

    connect: float = 60.0
    greeting: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    dot: float = 600.0

    def of(self, stage: Stage) -> float:
        """Return the limit for the answer at ``stage``."""
        if stage is Stage.DOT:
            return self.dot
        if stage is Stage.DATA:
            return self.data
        if stage is Stage.RCPT:
            return self.rcpt
        return self.mail if stage is not Stage.GREETING else self.greeting


@dataclass(frozen=True, slots=True)
class Offers:
    """Hold what a relay's answer to EHLO says it can do."""

    pipelining: bool = False  # RFC 2920
    chunking: bool = False  # RFC 3030
    eight_bit: bool = False  # RFC 6152
    utf8: bool = False  # RFC 6531
    size: int | None = None  # RFC 1870; bytes, 0 where no limit is told

    @classmethod
    def read(cls, words: Mapping[str, str]) -> Self:
        """Read the keywords of an EHLO answer."""
        limit = words.get("SIZE", "").strip()
        number = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 20 else 0  # noqa: PLR2004 - RFC 1870 section 3
        return cls(
            pipelining="PIPELINING" in words,
            chunking="CHUNKING" in words and "PIPELINING" in words,
            eight_bit="8BITMIME" in words,
            utf8="SMTPUTF8" in words,
            size=number if "SIZE" in words else None,
        )


@dataclass(slots=True)
class OutgoingLetter:
    """Hold one transaction: ``data`` is stuffed and ends with the final dot."""

    rows: tuple[int, ...]
    sender: str
    recipients: tuple[str, ...]
    data: bytes
    failure: tuple[Stage, Reply] | None = None  # of MAIL or DATA: everybody's
    refused: dict[int, Reply | None] = field(default_factory=dict)  # None: not with so many
    heard: int = 0  # answers to RCPT
    doubled: bool = True  # whether a line of ``data`` may begin with a doubled dot
    utf8: bool = False  # whether a header of ``data`` is not ASCII

    @property
    def void(self) -> bool:
        """Tell whether nobody is left to send it to."""
        return self.failure is not None or len(self.refused) == len(self.rows)

    def chunk(self) -> bytes:
        """Return ``data`` as BDAT takes it: no doubled dots, no final one (RFC 3030)."""
        content = self.content()
        return b"BDAT %d LAST\r\n%b" % (len(content), content)

    def content(self) -> bytes:
        """Return ``data`` without what DATA needs: the doubled dots and the final one."""
        content = self.data[:-3] if self.data.endswith(b".\r\n") else self.data
        if not self.doubled:
            return content
        if content.startswith(b".."):
            content = content[1:]
        if b"\r\n.." in content:
            content = content.replace(b"\r\n..", b"\r\n.")
        return content


def adapted(letter: OutgoingLetter, offers: Offers) -> OutgoingLetter:
    """Return ``letter`` as this relay can carry it; as it is where nothing is to be done.

    Where a signature would break, it stays too, and ``problems`` says why it cannot be carried.
    """
    if letter.data.isascii():
        return letter
    high = has_high_header(letter.data)
    if offers.eight_bit and (offers.utf8 or not high):
        letter.utf8 = high
        return letter
    written = rewrite(letter.content(), body=not offers.eight_bit)
    if written is None:
        letter.utf8 = high
        return letter
    stuffed = written.replace(b"\r\n.", b"\r\n..")
    stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
    data = stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
    return OutgoingLetter(letter.rows, letter.sender, letter.recipients, data)


def problems(letter: OutgoingLetter, offers: Offers) -> dict[int, Reply]:
    """Return which recipients (by place) this relay cannot be asked to carry, and why."""
    both = letter.sender + "".join(letter.recipients)
    size = len(letter.data)
    plain = both.isascii() and not _UNSAFE.search(both) and (offers.utf8 or not letter.utf8)
    if plain and (offers.eight_bit or letter.data.isascii()) and size <= (offers.size or size):
        return {}
    found = {}
    for place, recipient in enumerate(letter.recipients):
        why = _problem(letter, recipient, offers)
        if why is not None:
            found[place] = why
    return found


def _problem(letter: OutgoingLetter, recipient: str, offers: Offers) -> Reply | None:
    if _UNSAFE.search(recipient) or _UNSAFE.search(letter.sender):
        return Reply(553, ("5.1.3 not an address that SMTP can carry",))
    if not offers.utf8 and not (recipient.isascii() and letter.sender.isascii()):
        # RFC 6531 section 3.2
        return Reply(553, ("5.6.7 the relay takes no addresses beyond ASCII (no SMTPUTF8)",))
    if not offers.eight_bit and not letter.data.isascii():
        # RFC 6152 section 3: never sent as it is; ``adapted`` has found it signed, or odd.
        return Reply(554, ("5.6.3 the relay takes no 8-bit content (no 8BITMIME)",))
    if not offers.utf8 and letter.utf8:  # RFC 6531 section 3.4
        return Reply(554, ("5.6.9 the relay takes no headers beyond ASCII (no SMTPUTF8)",))
    if offers.size and len(letter.data) > offers.size:
        why = f"5.3.4 {len(letter.data)} bytes; the relay takes {offers.size} (SIZE)"
        return Reply(552, (why,))
    return None


def without(letter: OutgoingLetter, places: Mapping[int, Reply]) -> OutgoingLetter | None:
    """Return the letter for the recipients not in ``places``, or None where nobody is left."""
    kept = [place for place in range(len(letter.rows)) if place not in places]
    if not kept:
        return None
    rows = tuple(letter.rows[place] for place in kept)
    to = tuple(letter.recipients[place] for place in kept)
    return OutgoingLetter(
        rows, letter.sender, to, letter.data, doubled=letter.doubled, utf8=letter.utf8
    )


def envelope(letter: OutgoingLetter, offers: Offers) -> list[bytes]:
    """Return MAIL and each RCPT, to be written one by one or in one go."""
    extra = ""
    beyond = letter.utf8 and offers.utf8
    if beyond or not (letter.sender.isascii() and all(map(str.isascii, letter.recipients))):
        extra = " SMTPUTF8"
    if offers.size is not None:
        extra += f" SIZE={len(letter.data)}"
    if offers.eight_bit and not letter.data.isascii():
        extra += " BODY=8BITMIME"
    first = f"MAIL FROM:<{letter.sender}>{extra}\r\n".encode()
    return [first, *[f"RCPT TO:<{one}>\r\n".encode() for one in letter.recipients]]


def concerns_everyone(stage: Stage, reply: Reply) -> bool:
    """Tell whether a refusal is about us rather than about this letter.

    A sender refused, or a login demanded, would be refused for the whole audience.
    """
    if reply.code == 530:  # noqa: PLR2004 - RFC 4954 section 6: authentication required
        return True
    return stage is Stage.MAIL and reply.code != _TOO_BIG
