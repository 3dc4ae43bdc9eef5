"""Hand an owner the list of members as a file: a link by mail, then a code by mail, then once.

    offer(visit, owner, language)       # the link, for a day
    send_code(call, link)               # six digits, for a quarter of an hour
    take(call, link, code)              # the rows; the other owners are told

SECURITY: the sheet is full of addresses, so a link alone (forwarded, logged, followed by a scanner)
opens nothing; a code is kept as a keyed hash, ``TRIES`` wrong ones end the link, and so does the
one right one. Whether they are still an owner is looked at each time.
"""

import secrets
from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from listserv.actions import links, members
from listserv.actions.call import Call
from listserv.actions.links import HERE, DeadLink, MailedLink
from listserv.actions.permissions import Action
from listserv.letters import ask_payloads, notices
from listserv.letters.ask_payloads import SheetPayload
from listserv.letters.request import language_of, tell_member, whom, write
from listserv.letters.visit import Visit
from subscriptions.lists.roster import MailList, Membership, Role
from subscriptions.membership import optin
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose, Trouble

CODES = 3  # mails with a code for one link
TRIES = 5  # wrong codes
LASTS = 900.0  # seconds that a code is good for


def offer(visit: Visit, owner: Membership, language: str) -> None:
    """Mail an owner the link to the page that gives the sheet."""
    to = optin.address_of(visit.session, owner)
    token = asks.open_ask(
        visit.session,
        AskPurpose.SHEET,
        list_id=visit.lst.id,
        to=to,
        now=visit.now,
        ref=owner.id,
        payload=SheetPayload(),
    )
    page = f"{notices.face_of(visit.app, visit.lst).page}members/{token}"
    write(visit, to, "owner-sheet", language, owner.id, context={"sheet_url": page})


def look(call: Call, link: MailedLink) -> MailList:
    """Return the list whose members a link would give; raise DeadLink where it gives none."""
    with links.opened(call, Action.MEMBER_LS, link, _owner) as (visit, _):
        return visit.lst


def send_code(call: Call, link: MailedLink) -> tuple[MailList, bool]:
    """Mail six digits to the owner; False where they have had enough of them."""
    with links.opened(call, Action.MEMBER_LS, link, _owner, writes=True) as (visit, owner):
        sent = _send_code(visit, _ask(visit.session, call, visit.lst, link.token), owner)
    call.ring("deliver")
    return visit.lst, sent


def take(
    call: Call, link: MailedLink, code: str
) -> tuple[MailList, Iterator[Sequence[tuple[str, ...]]] | None]:
    """Return the list and, for the code that was mailed last, its rows; the link is used up."""
    with links.opened(call, Action.MEMBER_LS, link, _owner, writes=True) as (visit, owner):
        asked = _ask(visit.session, call, visit.lst, link.token)
        opened, key = _open_by(visit, asked, owner, code), asked.address_key
    call.ring("deliver")
    rows = members.sheet(call.known_as(key), visit.lst.address) if opened else None
    return visit.lst, rows


def _ask(session: Session, call: Call, lst: MailList, token: str) -> Ask:
    found = asks.look(session, token, AskPurpose.SHEET, list_id=lst.id, now=call.now)
    if found.ask is None or found.trouble is not None:
        raise DeadLink("This link opens nothing.", key=found.trouble or Trouble.UNKNOWN)
    return found.ask


def _owner(session: Session, call: Call, lst: MailList, token: str) -> Membership:
    member = session.get(Membership, _ask(session, call, lst, token).ref)
    if member is None or member.role is not Role.OWNER or member.state not in HERE:
        raise DeadLink("Whose link this was is no owner any more.", key=Trouble.EXPIRED)
    return member


def _send_code(visit: Visit, ask: Ask, owner: Membership) -> bool:
    kept = ask_payloads.sheet(ask)
    if kept.codes >= CODES:
        return False
    code = f"{secrets.randbelow(10**6):06}"
    kept = SheetPayload(_hash(visit, ask, code), visit.now, kept.codes + 1, kept.tries)
    asks.amend(visit.session, ask, kept)
    to = whom(ask)
    language = language_of(visit, to)
    write(visit, to, "owner-code", language, owner.id, context={"code": code})
    return True


def _open_by(visit: Visit, ask: Ask, owner: Membership, code: str) -> bool:
    """Tell whether ``code`` is the one that was mailed last; then the link is used up."""
    kept = ask_payloads.sheet(ask)
    if not kept.code or visit.now > kept.sent_at + LASTS:
        return False
    same = secrets.compare_digest(_hash(visit, ask, "".join(code.split())), kept.code)
    if not same:
        tried = SheetPayload(kept.code, kept.sent_at, kept.codes, kept.tries + 1)
        asks.amend(visit.session, ask, tried)
        if tried.tries >= TRIES:
            asks.spend(visit.session, ask.id, how="wrong codes", now=visit.now)
        return False
    if not asks.spend(visit.session, ask.id, how="code", now=visit.now):
        return False
    optin.prove(visit.session, whom(ask), visit.now)
    for other in optin.owners_of(visit.session, visit.lst):
        if other.id != owner.id:
            tell_member(visit, other, "owner-sheet-taken", by=ask.given)
    return True


def _hash(visit: Visit, ask: Ask, code: str) -> str:
    return visit.app.keyring.keyed_hash(f"sheet {ask.id} {code}").hex()
