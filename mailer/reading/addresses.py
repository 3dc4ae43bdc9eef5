"""Read and compare mail addresses (RFC 5321 section 4.1.2, RFC 6531, RFC 5891).

Knows spelling only; whether an address exists is nobody's business here. What arrives is
hostile: lengths are checked first, and nothing with a control character, a quoted local
part, a route or an address literal is an address to us.
"""

import re
import unicodedata
from dataclasses import dataclass
from sys import intern

import idna

from mailer.errors import BadInput

MAX_LOCAL = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 253  # characters, RFC 1035 section 2.3.4
MAX_ADDRESS = 254  # octets, RFC 5321 section 4.5.3.1.3 less the angle brackets

_ATEXT = r"[A-Za-z0-9!#$&'*+/=?^_`{|}~\u0080-\U0010ffff-]"
# What nearly every address looks like; all of it is valid, so that the long way is not needed.
_PLAIN = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\Z"
)
_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*\Z")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_WITHIN = re.compile(r"<?[^\s<>@]{1,64}@[^\s<>]{1,255}>?")  # in a server's words
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """Hold one address: the spelling ``given``, the matching ``key``, the A-label ``domain``."""

    given: str
    key: str
    domain: str

    @property
    def local(self) -> str:
        """Return the local part as it was spelled."""
        return self.given.rpartition("@")[0]

    @property
    def ascii(self) -> bool:
        """Tell whether the address can travel without SMTPUTF8 (RFC 6531)."""
        return self.given.rpartition("@")[0].isascii()

    @property
    def wire(self) -> str:
        """Return the spelling for an SMTP envelope: A-label domain, local part as given."""
        return f"{self.local}@{self.domain}"


def nameless(words: str) -> str:
    """Return a server's words without the addresses in them: they outlive whom they name."""
    return _WITHIN.sub("<...>", words) if "@" in words else words


def domain_key(domain: str) -> str:
    """Return the A-label, lower-case form of ``domain``; raise BadInput where there is none."""
    text = unicodedata.normalize("NFC", domain).lower().removesuffix(".")
    if not text or len(text) > MAX_DOMAIN:
        raise BadInput(f"{domain[:80]!r} is not a domain name.")
    try:
        ascii_form = text if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise BadInput(f"{domain[:80]!r} is not a domain name.") from None
    labels = ascii_form.split(".")
    if not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise BadInput(f"{domain[:80]!r} is not a domain name.")
    return ascii_form


def parse(text: str) -> MailAddress:
    """Read a bare address (``anna@example.org``); raise BadInput that says what is wrong.

    ``%`` in a local part is refused: it is a source route in disguise (RFC 5321 section F.2).
    """
    if len(text) <= MAX_ADDRESS and _PLAIN.match(text):
        key = text.lower()
        local, _, domain = key.partition("@")
        if len(local) <= MAX_LOCAL and len(domain) <= MAX_DOMAIN:
            # One string where there is one spelling: files of people are kept by the million.
            return MailAddress(text, text if key == text else key, intern(domain))
    return parse_slowly(text)


def parse_slowly(text: str) -> MailAddress:
    """Read any address, in any script (14 us instead of 2); raise BadInput as ``parse`` does."""
    spelled = unicodedata.normalize("NFC", text.strip(" \t"))
    if spelled.endswith(".") and not spelled.endswith(".."):
        spelled = spelled[:-1]  # the root's: no mail server takes it (RFC 5321 section 2.3.5)
    local, at, domain = spelled.rpartition("@")
    if not at or not local or not domain:
        raise BadInput(f"{text[:80]!r} is not a mail address: it needs a name, an @ and a domain.")
    if len(local.encode("utf-8", "replace")) > MAX_LOCAL or len(spelled) > MAX_ADDRESS:
        raise BadInput(f"{text[:80]!r} is too long for a mail address.")
    if any(unicodedata.category(c) in _UNSAFE for c in spelled) or not _LOCAL.match(local):
        raise BadInput(f"{text[:80]!r} has a character that a mail address cannot have.")
    a_label = domain_key(domain)
    # Small letters, and no case folding: that makes one mailbox of "straße" and "strasse".
    small = unicodedata.normalize("NFC", local.lower())
    return MailAddress(given=spelled, key=f"{small}@{a_label}", domain=a_label)
