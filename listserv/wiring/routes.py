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


class Kind(StrEnum):
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
    "join": Kind.JOIN,
    "subscribe": Kind.JOIN,
    "leave": Kind.LEAVE,
    "unsubscribe": Kind.LEAVE,
    "confirm": Kind.CONFIRM,
    "request": Kind.REQUEST,
    "help": Kind.HELP,
    "owner": Kind.OWNER,
    "issue": Kind.ISSUE,
    "bounces": Kind.BOUNCES,
    "reply": Kind.REPLY,
    "from": Kind.FROM,
}
_NEEDS_TOKEN = {Kind.CONFIRM, Kind.REPLY, Kind.FROM}
_MAY_HAVE_TOKEN = _NEEDS_TOKEN | {Kind.LEAVE, Kind.BOUNCES}
_SUFFIX = re.compile(
    rf"(?P<list>.+)-(?P<suffix>{'|'.join(SUFFIXES)})(?:[+-](?P<token>[a-z2-7]+))?\Z"
)


@dataclass(frozen=True, slots=True)
class Route:
    """Say what an address means: the list's address (empty for a domain's own) and the token."""

    kind: Kind
    list_address: str
    token: str = ""


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
        return Route(Kind.POST, address.key)
    if local in {"postmaster", "abuse"} and is_domain(domain):
        return Route(Kind(local), "")
    match = _SUFFIX.match(local)
    if match is None or not is_list(f"{match['list']}@{domain}"):
        return None
    kind, token = SUFFIXES[match["suffix"]], match["token"] or ""
    if (token and kind not in _MAY_HAVE_TOKEN) or (not token and kind in _NEEDS_TOKEN):
        return None
    return Route(kind, f"{match['list']}@{domain}", token)
