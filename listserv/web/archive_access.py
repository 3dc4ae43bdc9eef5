"""Let members read their archive by a mailed link: ask for it, open it, tell who may read.

SECURITY: the link is an ask for one membership that works for a day; its button sets a cookie for
the list's folder alone (HttpOnly, SameSite=Lax, Secure where ``base_url`` is https). The cookie
holds when it was set, the address that got the link, and a standing token bound to both, to the
list and to the membership; at every request these are looked up, so that leaving, or taking that
address away, ends it at once. Strangers get the same answer for a page that is there and one that
is not. Nothing here opens a file.
"""

import math
import re
import time
from collections.abc import Mapping
from enum import Enum, auto

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from listserv.actions.links import HERE, DeadLink
from listserv.actions.own import archive_reading
from listserv.actions.own.mailed_links import LinkKind
from listserv.web.headers import PRIVATE
from listserv.web.link_requests import Way
from listserv.web.page_context import (
    Caller,
    WebContext,
    answer,
    caller_of,
    here,
    offer,
    told,
)
from listserv.wiring.app import App
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import Address, MailList, Membership, find_list

COOKIE = "krets-reader"
LASTS = 14 * 86400  # seconds
NO_CACHE = {"cache-control": "private, no-store", "vary": "cookie"}
_COOKIE = re.compile(r"([0-9]{1,12})-([0-9]{1,15})-([a-z2-7]{26})")


class Access(Enum):
    """Say what a request may have of the list it names."""

    OTHER = auto()  # no list, or nothing in its archive for members alone
    CLOSED = auto()
    READER = auto()


WAY = Way(LinkKind.READ)


def show_way(caller: Caller) -> Response:
    """Show the button that opens the archive; change nothing."""
    try:
        found = archive_reading.enter(caller.call(), caller.link)
    except DeadLink:
        return told(caller, "read-expired", here(caller), status=410)
    return offer(caller, "read", found.list, "")


def enter(caller: Caller, _form: Mapping[str, str]) -> Response:
    """Let this device read."""
    try:
        found = archive_reading.enter(caller.call(), caller.link)
    except DeadLink:
        return told(caller, "read-expired", here(caller), status=410)
    address = found.list.address
    value = _sealed(caller.app, address, math.ceil(caller.now), found.address, found.membership)
    response = RedirectResponse(f"/{address}/", status_code=303, headers=PRIVATE)
    response.set_cookie(
        COOKIE,
        value,
        max_age=LASTS,
        path=f"/{address}/",
        secure=caller.app.settings.listserv.base_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return response


def access_of(app: App, path: str, scope: Scope) -> Access:
    """Tell what the request for ``path`` (below the root, without ``..``) may have."""
    address = path.partition("/")[0]
    if "@" not in address:
        return Access.OTHER
    with app.store.read() as session:
        lst = find_list(session, address)
        if lst is None or lst.address != address or not lst.closed_part:
            return Access.OTHER
        said = Request(scope).cookies.get(COOKIE, "")
        reads = _reader(session, app, lst, said, time.time())
        return Access.READER if reads else Access.CLOSED


def refuse(site: WebContext, path: str, scope: Scope) -> Response:
    """Answer a stranger: the way in is by mail, whatever was asked for."""
    request = Request({**scope, "path_params": {"list": path.partition("/")[0]}})
    caller = caller_of(site, request)
    return answer(caller, "me-ask", here(caller), status=403, root="/", kind="read")


def _reader(session: Session, app: App, lst: MailList, said: str, now: float) -> bool:
    """Tell whether the cookie was set for somebody who is a member still."""
    match = _COOKIE.fullmatch(said)
    if match is None:
        return False
    at, owner = int(match[1]), int(match[2])
    scopes = [_scope(one, at, owner) for one in lst.addresses]
    ref = app.keyring.read(match[3], TokenPurpose.READ, *scopes)
    member = session.get(Membership, ref) if ref else None
    address = session.get(Address, owner) if member else None
    return (
        member is not None
        and address is not None
        and address.person_id == member.person_id
        and member.list_id == lst.id
        and member.state in HERE
        and member.joined_at <= at <= now + 1
        and now < at + LASTS
    )


def _sealed(app: App, address: str, at: int, owner: int, ref: int) -> str:
    token = app.keyring.standing(TokenPurpose.READ, _scope(address, at, owner), ref)
    return f"{at}-{owner}-{token}"


def _scope(address: str, at: int, owner: int) -> str:
    return f"{address} {at} {owner}"
