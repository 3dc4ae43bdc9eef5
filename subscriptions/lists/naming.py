"""Name lists so that no list can ever answer for another one's addresses.

Knows the grammar of list names and every address that a list ``friends`` owns besides its
own (``friends-join@``, ``friends-owner@``...). Because no list may be called by one of those
suffixes or by a reserved name, two lists never share a route. SECURITY: what arrives may be
hostile; only ``[a-z0-9.-]`` gets through, so a name is safe in a header, a URL and a path.
"""

import re
from dataclasses import dataclass

from mailer.errors import BadInput, Refused
from mailer.reading.addresses import domain_key

MAX_NAME = 28  # LIST-bounces+TOKEN (9 + 26 more) stays within 64 octets, RFC 5321 4.5.3.1.1
SUFFIXES = (
    "-join",
    "-subscribe",
    "-leave",
    "-unsubscribe",
    "-confirm",
    "-request",
    "-help",
    "-owner",
    "-issue",
    "-event",
    "-poll",
    "-bounces",
    "-reply",
    "-from",
)
RESERVED = frozenset(
    (
        # RFC 2142, and what mail servers and cron take for themselves.
        *("postmaster", "abuse", "mailer-daemon", "root", "hostmaster", "webmaster", "usenet"),
        *("uucp", "daemon", "nobody", "noreply", "no-reply", "listserv", "listmaster"),
        *("majordomo", "mailman", "krets"),
    )
)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class ListAddress:
    """Hold a list's name and its A-label domain, both lower case."""

    name: str
    domain: str

    def __str__(self) -> str:
        return f"{self.name}@{self.domain}"


def read_list_address(text: str) -> ListAddress:
    """Read ``friends@example.org`` in any case; raise BadInput where it is not an address."""
    name, at, domain = text.strip().lower().rpartition("@")
    if not at or not name:
        raise BadInput(
            f"{text[:80]!r} is not a list's address.",
            "Write it in full, such as friends@example.org.",
        )
    return ListAddress(name, domain_key(domain))


def check_name(name: str) -> None:
    """Raise Refused, with the reason, where no list may be called ``name``."""
    if len(name) > MAX_NAME:
        raise Refused(
            f"{name[:80]!r} is too long for a list's name.",
            f"Choose one of at most {MAX_NAME} characters.",
        )
    if not _NAME.match(name) or ".." in name:
        raise Refused(
            f"{name[:80]!r} cannot be a list's name.",
            "Use a-z, 0-9, dots and hyphens; begin and end with a letter or a digit.",
        )
    if name in RESERVED:
        raise Refused(
            f"{name}@ is kept for mail that every domain must answer.", "Choose another name."
        )
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            owner = name.removesuffix(suffix)
            raise Refused(
                f"{name}@ would be an address of a list called {owner!r}.",
                f"Choose a name that does not end in {suffix}.",
            )


def is_own_address(lst: ListAddress, key: str) -> bool:
    """Tell whether the address ``key`` is the list itself or one of its routes."""
    local, _, domain = key.rpartition("@")
    base = local.partition("+")[0]
    return domain == lst.domain and (
        base == lst.name or any(base == lst.name + suffix for suffix in SUFFIXES)
    )
