"""Routes: which address of ours means what (DESIGN.md, "Addresses and tokens").

Pure: whether a list exists is asked through a callable. A mail server in front may fold local
parts to lower case, drop ``+TOKEN`` or write ``-TOKEN`` instead: the grammar survives all three.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

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
    """Say what an address means: the list's address (empty for a domain's own) and the token."""

    kind: RouteKind
    list_address: str
    token: str = ""


def folded(recipient: str) -> str:
    """Return the address of the list that ``recipient`` seems to be about, by its letters alone."""
    local, _, domain = recipient.lower().rpartition("@")
    match = _SUFFIX.match(local)
    return f"{match['list'] if match else local.partition('+')[0]}@{domain}"


def find(
    recipient: str, is_list: Callable[[str], bool], is_domain: Callable[[str], bool]
) -> Route | None:
    """Return what ``recipient`` means here, or None where it is not ours.

    ``is_list`` is asked with a list's full address in lower case, ``is_domain`` with a domain.
    """
    try:
        address = parse(recipient)
    except BadInput:
        return None
    local, _, domain = address.key.rpartition("@")
    if is_list(address.key):
        return Route(RouteKind.POST, address.key)
    if local in {"postmaster", "abuse"} and is_domain(domain):
        return Route(RouteKind(local), "")
    match = _SUFFIX.match(local)
    if match is None or not is_list(f"{match['list']}@{domain}"):
        return None
    kind, token = SUFFIXES[match["suffix"]], match["token"] or ""
    if (token and kind not in _MAY_HAVE_TOKEN) or (not token and kind in _NEEDS_TOKEN):
        return None
    return Route(kind, f"{match['list']}@{domain}", token)
