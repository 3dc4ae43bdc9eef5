"""A member's own page: what is set, what is kept, and the way out, by a link that was mailed.

It offers how often mail comes (on a list where people write), a pause, and another address. What
each button does, and whom a link shows, is told in listserv/actions/own/own_membership.py.

SECURITY: the page is shown to nobody but whoever has the link (no cache, no referrer); asking for
a link answers the same whoever asks.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from starlette.responses import Response

from listserv.actions.call import Call
from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.own import own_membership
from listserv.actions.own.mailed_links import LinkKind
from listserv.actions.own.own_membership import OwnMembership, PauseOwn, SetOwn
from listserv.membership import reviving
from listserv.web.forms import field
from listserv.web.headers import PRIVATE
from listserv.web.link_requests import Way
from listserv.web.page_context import Caller, answer, here, told
from mailer.errors import BadInput, Refused
from subscriptions.lists.rhythms import THE_LISTS, DigestForm
from subscriptions.lists.roster import ArchivePolicy, Rhythm
from subscriptions.membership.changes import DigestChange
from subscriptions.permission.asks import Trouble

_DAY = 86400.0
_DIGITS = 15  # of a row's number


WAY = Way(LinkKind.ME)


def show_me(caller: Caller) -> Response:
    """Show the page; change nothing."""
    try:
        return _page(caller, "")
    except DeadLink as error:
        return _gone(caller, error)


def me(caller: Caller, form: Mapping[str, str]) -> Response:
    """Do what one of the page's buttons says."""
    call, link = caller.call(), caller.link
    try:
        match field(form, "act"):
            case "export":
                return _export(call, link)
            case "forget" if field(form, "sure") == "yes":
                return told(caller, "forgotten", own_membership.forget(call, link))
            case "forget":
                return _page(caller, "sure")
            case "leave":
                return told(caller, "left", own_membership.leave(caller.call("page"), link))
        return _page(caller, _change(call, link, form))
    except DeadLink as error:
        return _gone(caller, error)


def _change(call: Call, link: MailedLink, form: Mapping[str, str]) -> str:
    """Change what a button asks for; return what the page says of it."""
    button = _BUTTONS.get(field(form, "act"))
    if button is None:
        return "bad"
    try:
        button(call, link, form)
    except BadInput:
        return "bad"
    except Refused as error:
        if error.key != "address-used":
            raise
        return "used"
    return "asked" if button is _add else "saved"


def _save(call: Call, link: MailedLink, form: Mapping[str, str]) -> None:
    rhythm = field(form, "rhythm")
    wanted = SetOwn(
        link,
        name=field(form, "name"),
        zone=field(form, "zone") if "zone" in form else None,
        language=field(form, "language"),
        rhythm=Rhythm(rhythm) if rhythm in set(Rhythm) else None,
        digest=_digest(form),
    )
    own_membership.set_(call, wanted)


def _digest(form: Mapping[str, str]) -> DigestChange:
    """Return how somebody wants digests; what their page does not say stays."""
    hour, written = field(form, "hour"), field(form, "digest")
    chosen = int(hour) if hour in map(str, range(24)) else None if hour else THE_LISTS
    return DigestChange(
        chosen if "hour" in form else None,
        field(form, "weekends") != "on" if "hour" in form else None,
        DigestForm(written) if written in set(DigestForm) else None,
    )


def _page_of_theirs(call: Call, link: MailedLink, form: Mapping[str, str]) -> None:
    own_membership.set_(call, SetOwn(link, page=field(form, "wanted") == "on"))


def _pause(call: Call, link: MailedLink, form: Mapping[str, str]) -> None:
    own_membership.pause(call, PauseOwn(link, _day(field(form, "until"))))


def _resume(call: Call, link: MailedLink, _form: Mapping[str, str]) -> None:
    own_membership.resume(call, link)


def _again(call: Call, link: MailedLink, _form: Mapping[str, str]) -> None:
    own_membership.revive(call, link)


def _add(call: Call, link: MailedLink, form: Mapping[str, str]) -> None:
    own_membership.ask_address(call, link, field(form, "address"))


def _receive(call: Call, link: MailedLink, form: Mapping[str, str]) -> None:
    own_membership.receive_at(call, link, _number(form))


def _take(call: Call, link: MailedLink, form: Mapping[str, str]) -> None:
    own_membership.take_away(call, link, _number(form))


_BUTTONS: Mapping[str, Callable[[Call, MailedLink, Mapping[str, str]], None]] = {
    "save": _save,
    "page": _page_of_theirs,
    "pause": _pause,
    "resume": _resume,
    "again": _again,
    "add": _add,
    "receive": _receive,
    "take": _take,
}


def _number(form: Mapping[str, str]) -> int:
    text = field(form, "which")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0


def _gone(caller: Caller, error: DeadLink) -> Response:
    if error.key == Trouble.UNKNOWN:
        return told(caller, "unknown", here(caller), status=404)
    return told(caller, "me-expired", here(caller), status=410)


def _page(caller: Caller, said: str) -> Response:
    own = own_membership.show(caller.call(), caller.link)
    lst = own.list
    return answer(
        caller,
        "me",
        lst,
        who=own.given,
        addresses=own.addresses,
        called=own.name,
        chosen=own.language or caller.language(lst),
        since=own.joined,
        given_up=_given_up(own),
        paused=own.paused,
        rhythms=own.rhythms,
        rhythm=own.rhythm.value,
        forms=tuple(DigestForm),
        digest=own.digest,
        list_hour=f"{lst.digest_hour}:00",
        in_zone=own.hours_zone,
        until=own.paused_until,
        earliest=datetime.fromtimestamp(caller.now + _DAY, UTC).date().isoformat(),
        known=own.known,
        zone=own.zone,
        said=said,
        own_page=f"/{lst.address}/p/{own.page}/" if own.page else "",
        archived=lst.archive is not ArchivePolicy.NONE,
    )


def _given_up(own: OwnMembership) -> object:
    """Return since when and why the member's address is not mailed, None where it is."""
    if own.given_up is None:
        return None
    return reviving.told(own.given_up, own.given)["given_up"]


def _export(call: Call, link: MailedLink) -> Response:
    key, found = own_membership.export(call, link)
    text = json.dumps({"email": key, **asdict(found)}, ensure_ascii=False, indent=1)
    return Response(
        text + "\n",
        media_type="application/json",
        headers={**PRIVATE, "content-disposition": 'attachment; filename="krets.json"'},
    )


def _day(text: str) -> float | None:
    """Return the end of a pause, None for "until further notice"."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
