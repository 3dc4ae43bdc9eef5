"""Carry out what a member wishes by mail, each with a receipt that says how to undo it.

    leave(visit, member, proof) · pause(visit, member, until, proof) · resume · speak (language) ·
    settings · way_in · archive · data · help_ · add_address · undo(visit, ask, proof)

The receipt goes to the member's own address, whoever wrote; its reply address carries an UNDO
ask with what stood before. Knows nothing of who may wish what: incoming.py asks for proof first.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.answers import rhythm_wishes
from listserv.answers.rhythm_wishes import RhythmWish
from listserv.letters import event_files, notices
from listserv.letters.ask_payloads import AddressPayload, MemberBefore, WishUndo
from listserv.letters.request import (
    AnswerProof,
    Visit,
    language_of,
    open_offer,
    question,
    tell_member,
    whom,
    write,
)
from listserv.membership import erasure_requests, orphaned_lists, reviving
from mailer.errors import Refused
from mailer.reading.addresses import MailAddress
from subscriptions.lists import attributes
from subscriptions.lists.rhythms import DIGESTS, THE_LISTS, DigestForm
from subscriptions.lists.roster import Address as AddressRow
from subscriptions.lists.roster import (
    ArchivePolicy,
    ListKind,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    Role,
    check_language,
    state_at,
)
from subscriptions.membership import changes, given_up, optin, personal_data
from subscriptions.membership.changes import DigestChange
from subscriptions.permission import asks, suppression
from subscriptions.permission.asks import Ask, AskPurpose

LONGEST = 65536  # bytes of a raw confirmation in a mail; `krets member export` has it whole


def leave(visit: Visit, member: Membership, proof: AnswerProof, *, offered: bool = False) -> bool:
    """Let the member go at once; tell whether they were still there.

    ``offered`` says that the receipt offers one mail a week (fewer_mails.py).
    """
    was = _before(visit, member)
    files = event_files.given_up(visit.session, visit.app, visit.lst, member, visit.now)
    owns = member.role is Role.OWNER and member.state is not MembershipState.LEFT
    if not changes.leave(visit.desk(proof.note()), member):
        return False
    if owns and orphaned_lists.is_orphaned(visit):
        orphaned_lists.tell(visit)
    _receipt(visit, member, "member-left", was, offered=offered, enclosures=files)
    return True


def pause(visit: Visit, member: Membership, until: float | None, proof: AnswerProof) -> bool:
    """Send nothing until a day, or until further notice."""
    was = _before(visit, member)
    changes.change_state(
        visit.desk(proof.note()), member, MembershipState.PAUSED, paused_until=until
    )
    _receipt(visit, member, "member-paused", was, until=until)
    return True


def resume(visit: Visit, member: Membership, proof: AnswerProof) -> bool:
    """Send again what the list sends, also where the address had been given up."""
    was, desk = _before(visit, member), visit.desk(proof.note())
    changes.change_state(desk, member, MembershipState.ACTIVE)
    if not reviving.by_answer(visit, optin.address_of(visit.session, member), proof):
        _receipt(visit, member, "member-resumed", was)
    return True


def change_rhythm(visit: Visit, member: Membership, wish: RhythmWish, proof: AnswerProof) -> bool:
    """Let mail come as the member wants it; False where this list sends nothing so."""
    if visit.lst.kind is ListKind.NEWSLETTER:
        return False
    was = _before(visit, member)
    desk = visit.desk(proof.note())
    if wish.rhythm:  # who says how often wants mail
        changes.change_state(desk, member, MembershipState.ACTIVE)
        changes.change_rhythm(desk, member, _meant(member, wish.rhythm))
    form = DigestForm(wish.form) if wish.form else None
    weekdays = None if wish.weekends is None else not wish.weekends
    changes.change_digest(desk, member, DigestChange(wish.hour, weekdays, form, wish.zone or None))
    visit.session.flush()
    told = rhythm_told(visit.session, visit.lst, member)
    hours = wish != RhythmWish(wish.rhythm)
    _receipt(visit, member, "member-rhythm", was, hours=hours, **told)
    return True


def _meant(member: Membership, rhythm: str) -> Rhythm:
    if rhythm == rhythm_wishes.SOME:
        return member.rhythm if member.rhythm in DIGESTS else Rhythm.DAILY
    return Rhythm(rhythm)


def rhythm_told(session: Session, lst: MailList, member: Membership) -> dict[str, Any]:
    """Return how mail comes to a member, for a mail or a page to say it."""
    told = _zone(session, member)
    hour = lst.digest_hour if member.digest_hour is None else member.digest_hour
    return {
        "rhythm": member.rhythm.value,
        "at_hour": f"{hour}:00",
        "in_zone": told or lst.zone or "UTC",
        "weekdays": member.digest_weekdays,
        "digest_form": member.digest_form or DigestForm.PAGE.value,
    }


def _zone(session: Session, member: Membership) -> str:
    told = attributes.of(session, [member.id]).get(member.id, {})
    return "".join(told.get(attributes.ZONE, []))


def speak(visit: Visit, member: Membership, language: str) -> bool:
    """Write to this person in another language from now on, on every list."""
    was = _before(visit, member)
    visit.session.get_one(Person, member.person_id).language = check_language(language)
    visit.session.flush()
    _receipt(visit, member, "member-language", was)
    return True


def call_by_name(visit: Visit, member: Membership, name: str) -> bool:
    """Know this person by another name from now on, on every list."""
    person = visit.session.get_one(Person, member.person_id)
    was = replace(_before(visit, member), name=person.name)
    person.name = name
    visit.session.flush()
    _receipt(visit, member, "member-name", was, person={"name": name})
    return True


def settings(visit: Visit, member: Membership, name: str = "member-settings") -> None:
    """Mail the member what is set, on every list, and the way to their own page."""
    to = optin.address_of(visit.session, member)
    token = asks.open_ask(
        visit.session,
        AskPurpose.ME,
        list_id=visit.lst.id,
        to=to,
        now=visit.now,
        ref=member.id,
    )
    page = f"{notices.face_of(visit.app, visit.lst).page}me/{token}"
    person = visit.session.get_one(Person, member.person_id)
    _write(
        visit,
        member,
        name,
        me_url=page,
        person={"name": person.name, "language": person.language or visit.lst.language},
        addresses=_addresses(visit, member),
        places=_places(visit, member),
    )


def way_in(visit: Visit, member: Membership) -> None:
    """Mail the member a link that opens the archive."""
    to = optin.address_of(visit.session, member)
    token = asks.open_ask(
        visit.session, AskPurpose.READ, list_id=visit.lst.id, to=to, now=visit.now, ref=member.id
    )
    page = f"{notices.face_of(visit.app, visit.lst).page}read/{token}"
    _write(visit, member, "member-read", read_url=page)


def archive(visit: Visit, member: Membership) -> None:
    """Mail the member the way to what was sent before, or what there is where nothing is kept."""
    shown = help_ if visit.lst.archive is ArchivePolicy.NONE else way_in
    shown(visit, member)


def data(visit: Visit, member: Membership) -> None:
    """Mail the member everything that is kept about them, as one JSON file."""
    to = optin.address_of(visit.session, member)
    whole = personal_data.open_dossier(
        visit.session, visit.app.keyring, to.key, visit.now, longest=LONGEST
    )
    text = json.dumps({"email": to.given, **asdict(whole)}, ensure_ascii=False, indent=2)
    file = notices.Enclosure("application/json", "krets.json", text.encode())
    _write(visit, member, "member-data", enclosures=[file])


def help_(visit: Visit, member: Membership) -> None:
    """Mail the member what may be written to us."""
    _write(visit, member, "member-help", owner=member.role is Role.OWNER)


def unclear(visit: Visit, member: Membership) -> None:
    """Say that a letter was not understood, and what would be."""
    _write(visit, member, "member-unclear", owner=member.role is Role.OWNER)


def when(visit: Visit, member: Membership) -> None:
    """Say that a day was not understood, and how to name one."""
    _write(visit, member, "member-when")


def forget(visit: Visit, member: Membership) -> None:
    """Forget the member everywhere, as the button of their own page does."""
    key = optin.address_of(visit.session, member).key
    erasure_requests.ask(visit.session, visit.app.keyring, key, how="reply", now=visit.now)


def ask_address(visit: Visit, member: Membership, who: MailAddress) -> bool:
    """Ask at a new address if it is theirs, or would rather join; False: no mail may go there."""
    never = suppression.said_never(visit.session, visit.app.keyring, [who.key])
    if never or visit.lst.owns(who.key):
        return False
    if not visit.allow(who.key, "address"):
        return False
    own = optin.address_of(visit.session, member)
    language = language_of(visit, own)
    joins = open_offer(visit, who, language)
    question(
        visit,
        AskPurpose.ADDRESS,
        to=who,
        name="stranger-address",
        language=language,
        payload=AddressPayload(member.person_id),
        ref=member.id,
        pages=joins,
    )
    return True


def add_address(visit: Visit, ask: Ask, proof: AnswerProof) -> str:
    """Take the asked address as one more of the member's."""
    member = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how=proof.how, now=visit.now) or member is None:
        return "too-late"
    desk = visit.desk(proof.note(ask))
    if not optin.add_address(desk, member.person_id, whom(ask)):
        return "taken"
    tell_member(visit, member, "member-address-added", added=ask.given)
    return "address-added"


def undo(
    visit: Visit, ask: Ask, was: MemberBefore, proof: AnswerProof, *, silent: bool = False
) -> str:
    """Put back what stood before the receipt that ``ask`` came with."""
    member = visit.session.get(Membership, ask.ref)
    if not asks.spend(visit.session, ask.id, how="undo", now=visit.now) or member is None:
        return "too-late"
    optin.prove(visit.session, whom(ask), visit.now)
    person = visit.session.get_one(Person, member.person_id)
    person.language = was.language
    if was.name is not None:
        person.name = was.name
    try:
        changes.change_state(
            visit.desk(proof.note(ask)),
            member,
            was.state,
            paused_until=was.paused_until,
        )
    except Refused:  # they have said "never mail me" meanwhile
        return "refused"
    desk = visit.desk(proof.note(ask))
    if member.digest_since is None:  # they had left: what waited for their digest waits again
        member.digest_since = was.digest_since
    changes.change_rhythm(desk, member, was.rhythm)
    if was.zone is not None:
        form = DigestForm(was.form or DigestForm.PAGE)
        hour = THE_LISTS if was.hour is None else was.hour
        changes.change_digest(desk, member, DigestChange(hour, was.weekdays, form, was.zone))
    visit.session.flush()
    if not silent:
        tell_member(visit, member, "member-undone")
    return "undone"


def _before(visit: Visit, member: Membership) -> MemberBefore:
    person = visit.session.get_one(Person, member.person_id)
    since = member.joined_at if member.digest_since is None else member.digest_since
    return MemberBefore(
        member.state, member.rhythm, member.paused_until, person.language,
        since if member.rhythm in DIGESTS else None, member.digest_hour, member.digest_weekdays,
        member.digest_form, _zone(visit.session, member),
    )  # fmt: skip


def _receipt(
    visit: Visit,
    member: Membership,
    name: str,
    was: MemberBefore,
    *,
    offered: bool = False,
    enclosures: Sequence[notices.Enclosure] = (),
    **context: object,
) -> None:
    to = optin.address_of(visit.session, member)
    question(
        visit,
        AskPurpose.UNDO,
        to=to,
        name=name,
        language=language_of(visit, to),
        payload=WishUndo(was, member.state, offered),
        context={**context, "weekly": offered},
        ref=member.id,
        member=0 if member.state is MembershipState.LEFT else member.id,
        enclosures=enclosures,
    )


def _write(
    visit: Visit,
    member: Membership,
    name: str,
    *,
    enclosures: Sequence[notices.Enclosure] = (),
    **context: object,
) -> None:
    to = optin.address_of(visit.session, member)
    language = language_of(visit, to)
    write(visit, to, name, language, member.id, context=context, enclosures=enclosures)


def _addresses(visit: Visit, member: Membership) -> list[str]:
    own = select(AddressRow.given).where(AddressRow.person_id == member.person_id)
    return list(visit.session.scalars(own.order_by(AddressRow.id)))


def _places(visit: Visit, member: Membership) -> list[dict[str, object]]:
    rows = visit.session.execute(
        select(Membership, MailList, AddressRow.key, AddressRow.given)
        .join(MailList, MailList.id == Membership.list_id)
        .join(AddressRow, AddressRow.id == Membership.address_id)
        .where(Membership.person_id == member.person_id, Membership.state != MembershipState.LEFT)
        .order_by(Membership.id)
    ).all()
    ended = given_up.of(visit.session, {key for _, _, key, _ in rows})
    return [
        {
            "title": lst.title,
            "address": lst.address,
            "state": state_at(
                one.state, one.rhythm, one.paused_until, visit.now, given_up=key in ended
            ).value,
            "until": one.paused_until,
            "issues": lst.kind is ListKind.NEWSLETTER,
            **rhythm_told(visit.session, lst, one),
            **(reviving.told(ended[key], given) if key in ended else {}),
        }
        for one, lst, key, given in rows
    ]
