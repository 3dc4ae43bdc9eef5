"""A member's own page: what is set, what is kept, and the way out, by a link that was mailed.

It offers how often mail comes (on a list where people write), a pause, and another address.

SECURITY: the link is an ask for this one address that works for three days and is shown to
nobody else (no cache, no referrer); asking for one answers the same whoever asks.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy.orm import Session
from starlette.responses import Response

from archive.pages.member_pages import page_hash
from listserv.letters.request import Visit
from listserv.membership import erasure_requests, reviving, wishes
from listserv.web.forms import field
from listserv.web.headers import PRIVATE
from listserv.web.link_requests import Way
from listserv.web.page_context import Caller, answer, list_of, told
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from subscriptions.lists import attributes
from subscriptions.lists.roster import (
    ArchivePolicy,
    ListKind,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    one_line,
    state_at,
)
from subscriptions.membership import changes, given_up, member_addresses, personal_data
from subscriptions.membership.optin import address_of
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose, Trouble
from templates import LANGUAGES

_DAY = 86400.0
_DIGITS = 15  # of a row's number
RHYTHMS = (Rhythm.EACH, Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.FIRST)  # that can be chosen here


WAY = Way("me", list_of, wishes.settings)


def show_me(caller: Caller) -> Response:
    """Show the page; change nothing."""
    with caller.app.store.read() as session:
        lst = list_of(session, caller)
        found, member = _found(session, caller, lst)
        if isinstance(found, Trouble) or member is None:
            return _gone(caller, lst, found)
        return _page(session, caller, lst, member)


def me(caller: Caller, form: Mapping[str, str]) -> Response:
    """Do what one of the page's buttons says."""
    page: Response
    with caller.app.store.write() as session:
        lst = list_of(session, caller)
        found, member = _found(session, caller, lst)
        if isinstance(found, Trouble) or member is None:
            return _gone(caller, lst, found)
        wanted = field(form, "act")
        if wanted == "export":
            return _export(session, caller, address_of(session, member).key)
        if wanted == "forget":
            if field(form, "sure") != "yes":
                return _page(session, caller, lst, member, said="sure")
            key, keyring = address_of(session, member).key, caller.app.keyring
            erasure_requests.ask(session, keyring, key, how="button", now=caller.now)
            page = told(caller, "forgotten", lst)
        elif wanted == "leave":
            wishes.leave(caller.visit(session, lst), member, caller.proof("page"))
            page = told(caller, "left", lst)
        else:
            said = _change(session, caller, lst, member, form)
            page = _page(session, caller, lst, member, said=said)
    if wanted == "forget":
        caller.app.ring("erase")
    caller.ring()
    return page


def _change(
    session: Session, caller: Caller, lst: MailList, member: Membership, form: Mapping[str, str]
) -> str:
    """Change what a button asks for; return what the page says of it."""
    desk = changes.ChangeContext(
        session, lst, caller.app.keyring, caller.proof().note(), caller.now
    )
    said = "saved"
    match field(form, "act"):
        case "save":
            said = _save(desk, lst, member, form)
        case "pause":
            said = _pause(desk, member, _day(field(form, "until")))
        case "resume":
            changes.change_state(desk, member, MembershipState.ACTIVE)
        case "again":
            given_up.revive(desk, address_of(session, member))
        case "page":
            changes.change_page(desk, member, wanted=field(form, "wanted") == "on")
        case "add":
            said = _add(caller.visit(session, lst), member, field(form, "address"))
        case "receive":
            said = "saved" if member_addresses.receive_at(desk, member, _number(form)) else "bad"
        case "take":
            said = "saved" if member_addresses.take_away(desk, member, _number(form)) else "used"
        case _:
            said = "bad"
    session.flush()
    return said


def _save(
    desk: changes.ChangeContext, lst: MailList, member: Membership, form: Mapping[str, str]
) -> str:
    session = desk.session
    person = session.get_one(Person, member.person_id)
    try:
        name = one_line(field(form, "name"), 200, "name")
        if "zone" in form:
            attributes.put(session, member.id, attributes.ZONE, field(form, "zone"))
        person.name = name
    except BadInput:
        return "bad"
    wanted = field(form, "rhythm")
    if wanted in RHYTHMS and lst.kind is ListKind.DISCUSSION and member.rhythm in RHYTHMS:
        changes.change_rhythm(desk, member, Rhythm(wanted))
    if field(form, "language") in LANGUAGES:
        person.language = field(form, "language")
    return "saved"


def _pause(desk: changes.ChangeContext, member: Membership, until: float | None) -> str:
    if until is not None and until <= desk.now:
        return "bad"
    changes.change_state(desk, member, MembershipState.PAUSED, paused_until=until)
    return "saved"


def _add(visit: Visit, member: Membership, text: str) -> str:
    """Ask at the new address; the page says the same whatever is known about it."""
    try:
        who = parse(text)
    except BadInput:
        return "bad"
    wishes.ask_address(visit, member, who)
    return "asked"


def _number(form: Mapping[str, str]) -> int:
    text = field(form, "which")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0


def _found(
    session: Session, caller: Caller, lst: MailList
) -> tuple[Ask | Trouble, Membership | None]:
    found = asks.look(session, caller.token, AskPurpose.ME, list_id=lst.id, now=caller.now)
    if found.ask is None or found.trouble is not None:
        return found.trouble or Trouble.UNKNOWN, None
    member = session.get(Membership, found.ask.ref)
    if (
        member is None
        or member.list_id != lst.id
        or member.state not in {MembershipState.ACTIVE, MembershipState.PAUSED}
    ):
        return Trouble.EXPIRED, None
    return found.ask, member


def _gone(caller: Caller, lst: MailList, found: Ask | Trouble) -> Response:
    if found is Trouble.UNKNOWN:
        return told(caller, "unknown", lst, status=404)
    return told(caller, "me-expired", lst, status=410)


def _page(
    session: Session, caller: Caller, lst: MailList, member: Membership, *, said: str = ""
) -> Response:
    person = session.get_one(Person, member.person_id)
    state = state_at(member.state, member.rhythm, member.paused_until, caller.now)
    told = attributes.of(session, [member.id]).get(member.id, {})
    return answer(
        caller,
        "me",
        lst,
        who=address_of(session, member).given,
        addresses=member_addresses.owned(session, member),
        called=person.name,
        chosen=person.language or caller.language(lst),
        since=member.joined_at,
        given_up=_given_up(session, member),
        paused=state is MembershipState.PAUSED,
        rhythms=RHYTHMS if lst.kind is ListKind.DISCUSSION else (),
        rhythm=member.rhythm.value,
        hour=f"{lst.digest_hour}:00",
        list_zone=lst.zone or "UTC",
        until=member.paused_until,
        earliest=datetime.fromtimestamp(caller.now + _DAY, UTC).date().isoformat(),
        known={key: values for key, values in told.items() if key != attributes.ZONE},
        zone="".join(told.get(attributes.ZONE, [])),
        said=said,
        own_page=_own_page(caller, lst, member),
        archived=lst.archive is not ArchivePolicy.NONE,
    )


def _given_up(session: Session, member: Membership) -> object:
    """Return since when and why the member's address is not mailed, None where it is."""
    found = given_up.at(session, member)
    if found is None:
        return None
    return reviving.told(found, address_of(session, member).given)["given_up"]


def _own_page(caller: Caller, lst: MailList, member: Membership) -> str:
    """Return the way to the member's page in the archive, "" where they want none."""
    if not member.has_page:
        return ""
    return f"/{lst.address}/p/{page_hash(caller.app.keyring, lst.address, member.id)}/"


def _export(session: Session, caller: Caller, key: str) -> Response:
    found = personal_data.open_dossier(session, caller.app.keyring, key, caller.now)
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
