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

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from listserv.membership import wishes
from listserv.web.headers import PRIVATE
from listserv.web.link_requests import HERE, Way
from listserv.web.page_context import (
    Caller,
    NoList,
    WebContext,
    answer,
    caller_of,
    list_of,
    offer,
    told,
)
from listserv.wiring.app import App
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import Address, MailList, Membership, find_list
from subscriptions.permission import asks
from subscriptions.permission.asks import AskPurpose

COOKIE = "krets-reader"
LASTS = 14 * 86400  # seconds
NO_CACHE = {"cache-control": "private, no-store", "vary": "cookie"}
_COOKIE = re.compile(r"([0-9]{1,12})-([0-9]{1,15})-([a-z2-7]{26})")


class Access(Enum):
    """Say what a request may have of the list it names."""

    OTHER = auto()  # no list, or nothing in its archive for members alone
    CLOSED = auto()
    READER = auto()


def _closed_list(session: Session, caller: Caller) -> MailList:
    """Return the list of this visit; raise NoList where its archive needs no link."""
    lst = list_of(session, caller)
    if not lst.closed_part:
        raise NoList(f"{lst.address} has no archive for members alone.", key="no-list")
    return lst


WAY = Way("read", _closed_list, wishes.way_in)


def show_way(caller: Caller) -> Response:
    """Show the button that opens the archive; change nothing."""
    with caller.app.store.read() as session:
        lst = _closed_list(session, caller)
        if _asked(session, caller, lst) is None:
            return told(caller, "read-expired", lst, status=410)
        return offer(caller, "read", lst, "")


def enter(caller: Caller, _form: Mapping[str, str]) -> Response:
    """Let this device read."""
    with caller.app.store.read() as session:
        lst = _closed_list(session, caller)
        found = _asked(session, caller, lst)
        if found is None:
            return told(caller, "read-expired", lst, status=410)
        member, asked = found
        address = lst.address
        value = _sealed(caller.app, address, math.ceil(caller.now), asked.id, member.id)
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
    with site.app.store.read() as session:
        lst = list_of(session, caller)
        return answer(caller, "me-ask", lst, status=403, root="/", kind="read")


def _reader(session: Session, app: App, lst: MailList, said: str, now: float) -> bool:
    """Tell whether the cookie was set for somebody who is a member still."""
    match = _COOKIE.fullmatch(said)
    if match is None:
        return False
    at, owner = int(match[1]), int(match[2])
    ref = app.keyring.read(match[3], TokenPurpose.READ, _scope(lst.address, at, owner))
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


def _asked(session: Session, caller: Caller, lst: MailList) -> tuple[Membership, Address] | None:
    """Return whom the link was mailed to and where, None where it does not hold any more."""
    found = asks.look(session, caller.token, AskPurpose.READ, list_id=lst.id, now=caller.now)
    if found.ask is None or found.trouble is not None:
        return None
    member = session.get(Membership, found.ask.ref)
    address = session.scalar(select(Address).where(Address.key == found.ask.address_key))
    if member is None or address is None or address.person_id != member.person_id:
        return None
    here = member.list_id == lst.id and member.state in HERE
    return (member, address) if here else None
