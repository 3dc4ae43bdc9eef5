"""Read the arguments of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 1870, RFC 6152, RFC 6531).

Pure: what comes back is the address, or the reply that says no. Knows nothing of lists.
SECURITY: a recipient that could mean another host (source route, ``%``, ``!``, quoted local
part, address literal) is refused here, whatever the roof would say; so are 8-bit octets in an
address where the client did not say SMTPUTF8. Senders are judged less strictly than
recipients, because real return paths hold ``%`` and local parts over 64 octets: we keep them
as text and never relay to them unread.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from mailer.door.smtp_replies import SmtpReply, too_big
from mailer.errors import BadInput
from mailer.reading import addresses

_MAIL = re.compile(r"FROM: ?<([^<>]*)>(?: +(.*))?\Z", re.IGNORECASE)
_RCPT = re.compile(r"TO: ?<([^<>]*)>(?: +(.*))?\Z", re.IGNORECASE)
_SENDER_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\U0010ffff-]+\Z")
_BARE = {"postmaster", "abuse"}  # written to without a domain
_SIZE_DIGITS = 20  # RFC 1870 section 3

MAIL_SYNTAX = SmtpReply(501, "5.5.4", "Write MAIL FROM:<address>")
RCPT_SYNTAX = SmtpReply(501, "5.5.4", "Write RCPT TO:<address>")
BAD_PARAMETER = SmtpReply(501, "5.5.4", "A parameter is malformed")
UNKNOWN_PARAMETER = SmtpReply(555, "5.5.4", "A parameter is not known here")
BAD_SENDER = SmtpReply(553, "5.1.7", "The sender is not a mail address")
BAD_RECIPIENT = SmtpReply(553, "5.1.3", "The recipient is not a mail address we can have")
NEEDS_UTF8 = SmtpReply(553, "5.6.7", "A non-ASCII address needs SMTPUTF8")
NO_RELAY = SmtpReply(550, "5.7.1", "We relay for nobody")


@dataclass(frozen=True, slots=True)
class MailFrom:
    """Hold an accepted MAIL command: ``sender`` ("" for ``<>``) and whether SMTPUTF8 was said."""

    sender: str
    utf8: bool


@lru_cache(maxsize=4096)
def read_mail(argument: str, *, extended: bool, max_size: int) -> MailFrom | SmtpReply:
    """Return who sends, or the refusal; ``extended`` tells whether the client said EHLO."""
    found = _MAIL.match(argument)
    if found is None:
        return MAIL_SYNTAX
    path, words = found[1], (found[2] or "").upper().split()
    if words and not extended:
        return UNKNOWN_PARAMETER
    given = dict(word.partition("=")[::2] for word in words)
    refusal = _judge_parameters(given, len(words), max_size)
    if refusal is not None:
        return refusal
    utf8 = "SMTPUTF8" in given
    if not path.isascii() and not utf8:
        return NEEDS_UTF8
    return MailFrom(path, utf8) if _is_sender(path) else BAD_SENDER


@lru_cache(maxsize=4096)
def read_rcpt(argument: str, *, utf8: bool, domain: str) -> str | SmtpReply:
    """Return the recipient as given, or the refusal.

    ``domain`` is where a bare ``<postmaster>`` lives (RFC 5321 section 4.5.1), and ``<abuse>``.
    """
    found = _RCPT.match(argument)
    if found is None:
        return RCPT_SYNTAX
    if found[2]:
        return UNKNOWN_PARAMETER
    path = f"{found[1]}@{domain}" if found[1].lower() in _BARE else found[1]
    if not path.isascii() and not utf8:
        return NEEDS_UTF8
    if path.startswith("@") or path.count("@") > 1 or any(c in path for c in '%!"[:'):
        return NO_RELAY
    try:  # no blank stands at an end of a path (RFC 5321 section 4.1.2); elsewhere they are told
        addresses.parse(path if path == path.strip() else "")
    except BadInput:
        return BAD_RECIPIENT
    return path


def _judge_parameters(given: dict[str, str], count: int, max_size: int) -> SmtpReply | None:
    if set(given) - {"SIZE", "BODY", "SMTPUTF8"}:
        return UNKNOWN_PARAMETER
    size = given.get("SIZE", "0")
    digits = size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS
    body = given.get("BODY", "7BIT") in {"7BIT", "8BITMIME"}
    if len(given) != count or not digits or not body or given.get("SMTPUTF8"):
        return BAD_PARAMETER
    return too_big(max_size) if int(size) > max_size else None


def _is_sender(path: str) -> bool:
    """Tell whether ``path`` can stand as a return path: empty, or a name at a real domain."""
    if not path:
        return True
    local, at, domain = path.rpartition("@")
    if not at or len(path.encode()) > addresses.MAX_ADDRESS or not _SENDER_LOCAL.match(local):
        return False
    try:
        addresses.domain_key(domain)
    except BadInput:
        return False
    return True
