"""Read what the DKIM signatures of a mail say (RFC 6376); the one file that asks dkimpy.

    read(raw, look_up)   # "pass d=example.net s=k1 aligned", "fail ...", "none", "not checked: ..."
    signatures(raw, head, look_up, "example.net")    # each with its domain, for DMARC

``read`` is a word for the record, never a condition. SECURITY:
hostile bytes and hostile keys. A mail above ``MAX_SIZE`` or with a long run of blanks (dkimpy's
canonical form takes quadratic time there) is not read; three signatures are; a key record above
``MAX_KEY`` is none; DNS has ``PATIENCE`` for each question, and no question is asked without a
signature. What is told of a signature is cut to a domain's letters.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import dkim

from mailer.authentication.dns_records import NoAnswerError
from mailer.authentication.resolver import Resolver
from mailer.errors import BadInput
from mailer.reading import message
from mailer.reading.addresses import parse

MAX_SIZE = 1024 * 1024  # bytes of a mail
MAX_SIGNATURES = 3
MAX_KEY = 1200  # bytes of a key record: RSA with 4096 bits has 750
PATIENCE = 2.0  # seconds for one DNS question
NONE, NOT_CHECKED = "none", "not checked"
_BLANKS = re.compile(rb"[ \t]{200}")
_LETTERS = re.compile(r"[^A-Za-z0-9._-]")

MAX_JUDGED = 16 * 1024 * 1024  # bytes of a mail whose signatures are judged: 10 MB take 0.5 s
MOST_JUDGED = 5  # signatures of one mail, those of the writer's own domain first
_DOMAIN = re.compile(rb"(?:\A|;)\s*d\s*=\s*([A-Za-z0-9._-]{1,253})\s*(?:;|\Z)")
_WEAK = re.compile(rb"(?:\A|;)\s*a\s*=\s*rsa-sha1\s*(?:;|\Z)", re.IGNORECASE)  # RFC 8301

LookUp = Callable[[str], bytes | None]  # a TXT record, None where there is none


def look_up(resolver: Resolver, name: str) -> bytes | None:
    """Ask DNS for a TXT record; raise NoAnswerError where it does not answer."""
    return next(iter(resolver.texts(name, PATIENCE)), None)


def read(raw: bytes, look_up: LookUp) -> str:
    """Return what the signatures of ``raw`` say, the best of them first."""
    head = message.head(raw)
    count = len(head.all("dkim-signature"))
    if not count:
        return NONE
    if len(raw) > MAX_SIZE or message.check_limits(raw) or _BLANKS.search(raw):
        return f"{NOT_CHECKED}: too large or too strange"
    sender = _domain(head)
    found = [_one(raw, place, look_up, sender) for place in range(min(count, MAX_SIGNATURES))]
    return min(found, key=_rank)


@dataclass(frozen=True, slots=True)
class Signature:
    """Hold what one signature comes to: pass, fail or temperror.

    ``whole`` tells that nothing of the body lies beyond it (no ``l=``).
    """

    result: str
    domain: str
    whole: bool = True


def signatures(
    raw: bytes, head: message.MessageHeader, look_up: LookUp, author: str
) -> tuple[Signature, ...]:
    """Judge the signatures of ``raw``, those that could be aligned with ``author`` first."""
    values = head.all("dkim-signature")
    if not values:
        return ()
    claimed = [_claimed(value) for value in values]
    order = sorted(range(len(values)), key=lambda at: not _covers(claimed[at], author))
    if len(raw) > MAX_JUDGED or message.check_limits(raw) or _BLANKS.search(raw):
        return (Signature("temperror", ""),)  # not judged, so it speaks neither for nor against
    judged = []
    for place in order[:MOST_JUDGED]:
        if _WEAK.search(values[place]):
            judged.append(Signature("fail", claimed[place]))
            continue
        result = _one(raw, place, look_up, author)
        word = "temperror" if result.startswith(NOT_CHECKED) else result.partition(" ")[0]
        judged.append(Signature(word, claimed[place], whole=not result.endswith(" partly")))
    return tuple(judged)


def _claimed(value: bytes) -> str:
    found = _DOMAIN.search(value)
    return found[1].decode("ascii").lower().strip(".") if found else ""


def _one(raw: bytes, place: int, look_up: LookUp, sender: str) -> str:
    def get_txt(name: bytes | str, timeout: float = PATIENCE) -> bytes | None:
        del timeout  # the one who looks has its own
        text = look_up(name.decode("ascii", "replace") if isinstance(name, bytes) else name)
        return None if text is None or len(text) > MAX_KEY else text

    try:
        reader = dkim.DKIM(raw, minkey=1024)  # which refuses a header with a line that is no field
        good = reader.verify(idx=place, dnsfunc=get_txt)
    except NoAnswerError:
        return f"{NOT_CHECKED}: DNS did not answer"
    except (dkim.DKIMException, ValueError, LookupError, TypeError, ArithmeticError) as error:
        return f"fail {type(error).__name__}"
    domain, selector = _told(reader.domain), _told(reader.selector)
    own = "." in domain and _covers(domain.lower(), sender)
    part = " partly" if b"l" in reader.signature_fields else ""
    return f"{'pass' if good else 'fail'} d={domain} s={selector}{' aligned' if own else ''}{part}"


def _covers(domain: str, sender: str) -> bool:
    """Tell whether one is the other or stands below it (RFC 7489 section 3.1.1, no suffix list)."""
    return f".{sender}".endswith(f".{domain}") or f".{domain}".endswith(f".{sender}")


def _rank(result: str) -> tuple[int, int]:
    kinds = ("pass", NOT_CHECKED, "fail")
    kind = next(place for place, name in enumerate(kinds) if result.startswith(name))
    return kind, 0 if result.endswith("aligned") else 1


def _told(value: bytes | str | None) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value or ""
    return _LETTERS.sub("?", text)[:80]


def _domain(head: message.MessageHeader) -> str:
    for value in head.all("from"):
        for _, spelled in message.addresses_of(value):
            try:
                return parse(spelled).domain
            except BadInput:
                continue
    return "."
