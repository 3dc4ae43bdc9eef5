"""Routes: which address of ours means what (DESIGN.md, "Addresses and tokens").

Pure: which list an address is, or was, one of is asked through a callable. A mail server in front
may fold local parts to lower case, drop ``+TOKEN`` or write ``-TOKEN`` instead: the grammar
survives all three.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from mailer.errors import BadInput
from mailer.reading.addresses import parse


class RouteKind(StrEnum):
    """Name what mail to an address of ours asks for."""

    POST = "post"
    JOIN = "join"
    LEAVE = "leave"
    CONFIRM = "confirm"
    REQUEST = "request"
    HELP = "help"
    OWNER = "owner"
    ISSUE = "issue"
    EVENT = "event"
    POLL = "poll"
    BOUNCES = "bounces"
    REPLY = "reply"
    FROM = "from"
    POSTMASTER = "postmaster"
    ABUSE = "abuse"


SUFFIXES = {
    "join": RouteKind.JOIN,
    "subscribe": RouteKind.JOIN,
    "leave": RouteKind.LEAVE,
    "unsubscribe": RouteKind.LEAVE,
    "confirm": RouteKind.CONFIRM,
    "request": RouteKind.REQUEST,
    "help": RouteKind.HELP,
    "owner": RouteKind.OWNER,
    "issue": RouteKind.ISSUE,
    "event": RouteKind.EVENT,
    "poll": RouteKind.POLL,
    "bounces": RouteKind.BOUNCES,
    "reply": RouteKind.REPLY,
    "from": RouteKind.FROM,
}
_NEEDS_TOKEN = {RouteKind.CONFIRM, RouteKind.REPLY, RouteKind.FROM}
_MAY_HAVE_TOKEN = _NEEDS_TOKEN | {RouteKind.LEAVE, RouteKind.BOUNCES}
_SUFFIX = re.compile(
    rf"(?P<list>.+)-(?P<suffix>{'|'.join(SUFFIXES)})(?:[+-](?P<token>[a-z2-7]+))?\Z"
)


@dataclass(frozen=True, slots=True)
class Route:
    """Say what an address means: the list's address (empty for a domain's own) and the token.

    ``scopes`` are all addresses of that list: its tokens were made for one of them.
    """

    kind: RouteKind
    list_address: str
    token: str = ""
    scopes: tuple[str, ...] = field(default=(), compare=False)


class RoutedList(Protocol):
    """Hold what a route knows of a list."""

    @property
    def address(self) -> str:
        """Return the list's full address."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return that and the addresses which the list had before."""


def key_of(recipient: str) -> str:
    """Return what is the same however an address is spelled."""
    try:
        return parse(recipient).key
    except BadInput:
        return recipient.lower()


def folded(recipient: str) -> str:
    """Return the address of the list that ``recipient`` seems to be about, by its letters alone."""
    local, _, domain = key_of(recipient).rpartition("@")
    match = _SUFFIX.match(local)
    return f"{match['list'] if match else local.partition('+')[0]}@{domain}"


def find(
    recipient: str,
    list_at: Callable[[str], RoutedList | None],
    is_domain: Callable[[str], bool],
) -> Route | None:
    """Return what ``recipient`` means here, or None where it is not ours.

    ``list_at`` is asked with a full address in lower case, ``is_domain`` with a domain.
    """
    try:
        address = parse(recipient)
    except BadInput:
        return None
    local, _, domain = address.key.rpartition("@")
    if (lst := list_at(address.key)) is not None:
        return Route(RouteKind.POST, lst.address, scopes=lst.addresses)
    if local in {"postmaster", "abuse"} and is_domain(domain):
        return Route(RouteKind(local), "")
    match = _SUFFIX.match(local)
    lst = list_at(f"{match['list']}@{domain}") if match else None
    if match is None or lst is None:
        return None
    kind, token = SUFFIXES[match["suffix"]], match["token"] or ""
    if (token and kind not in _MAY_HAVE_TOKEN) or (not token and kind in _NEEDS_TOKEN):
        return None
    return Route(kind, lst.address, token, lst.addresses)
