"""Hand an owner the list of members as a file: a link by mail, then a code by mail, then once.

    offer(visit, owner, language)                 # the link, for a day
    send_code(visit, ask)                         # six digits, for a quarter of an hour
    open_by(visit, ask, code)                     # True: it is theirs; the other owners are told

SECURITY: the sheet is full of addresses, so a link alone (forwarded, logged, followed by a scanner)
opens nothing; a code is kept as a keyed hash, ``TRIES`` wrong ones end the link, and so does the
one right one. Whether they are still an owner is looked at each time.
"""

import secrets

from listserv.letters import ask_payloads, notices
from listserv.letters.ask_payloads import SheetPayload
from listserv.letters.request import language_of, tell_member, whom, write
from listserv.letters.visit import Visit
from subscriptions.lists.roster import Membership, MembershipState, Role
from subscriptions.membership import optin
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose

CODES = 3  # mails with a code for one link
TRIES = 5  # wrong codes
LASTS = 900.0  # seconds that a code is good for
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


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


def owner_of(visit: Visit, ask: Ask) -> Membership | None:
    """Return whom a link is for, None where they are no owner any more."""
    member = visit.session.get(Membership, ask.ref)
    owns = member is not None and member.role is Role.OWNER and member.state in _HERE
    return member if owns else None


def send_code(visit: Visit, ask: Ask) -> bool:
    """Mail six digits to the owner; False where they have had enough of them."""
    kept, owner = ask_payloads.sheet(ask), owner_of(visit, ask)
    if owner is None or kept.codes >= CODES:
        return False
    code = f"{secrets.randbelow(10**6):06}"
    kept = SheetPayload(_hash(visit, ask, code), visit.now, kept.codes + 1, kept.tries)
    asks.amend(visit.session, ask, kept)
    to = whom(ask)
    language = language_of(visit, to)
    write(visit, to, "owner-code", language, owner.id, context={"code": code})
    return True


def open_by(visit: Visit, ask: Ask, code: str) -> bool:
    """Tell whether ``code`` is the one that was mailed last; then the link is used up."""
    kept, owner = ask_payloads.sheet(ask), owner_of(visit, ask)
    if owner is None or not kept.code or visit.now > kept.sent_at + LASTS:
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
