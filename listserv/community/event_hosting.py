"""Mail an event's host: the proof before anybody is asked, how it stands, who comes.

    event_hosting.prove(visit, event, host, note="fresh")     # a member's copy, and the report
    event_hosting.report(visit, event, host, note="list")     # how it stands

Every report can be answered with an order (host_orders.py): its Reply-To is a question of purpose
EVENT that knows which revision it showed. SECURITY: reports go to the host's own address; the proof
is a member's copy without a token and without a calendar's part.
"""

from collections.abc import Sequence

from listserv.community import event_receipts, question_mail, seats
from listserv.letters import notices
from listserv.letters.ask_payloads import HostPayload
from listserv.letters.notices import AnswerAddress, face_of
from listserv.letters.post_headers import LEAVE
from listserv.letters.request import Visit, language_of, question, write
from listserv.mailings.slots import TO
from mailer.reading.addresses import MailAddress
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import questions
from subscriptions.lists.questions import EventAnswer, Question
from subscriptions.lists.roster import Address, Membership, MembershipState, Person, Role
from subscriptions.membership import optin
from subscriptions.permission.asks import AskPurpose

NOBODY = 0  # the membership of a proof's token
LISTED = 200  # people named in one mail
HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
HOSTS = (Role.OWNER, Role.MODERATOR, Role.EDITOR)
_ORDER = (EventAnswer.YES, EventAnswer.WAITING, EventAnswer.MAYBE, EventAnswer.NO)


def hosts_of(visit: Visit, event: Question) -> list[Membership]:
    """Return who hosts an event: its host while they may, else the owners."""
    host = visit.session.get(Membership, event.host) if event.host else None
    if host is not None and host.state in HERE and host.role in HOSTS:
        return [host]
    return optin.owners_of(visit.session, visit.lst)


def prove(visit: Visit, event: Question, host: Membership, *, note: str, change: str = "") -> None:
    """Mail a member's copy of the invitation, and the report on it."""
    to = optin.address_of(visit.session, host)
    copy_for(visit, event, to, "changed" if change else "asked")
    report(visit, event, host, note=note, verb="change" if change else "send", rest=change)


def copy_for(visit: Visit, event: Question, to: MailAddress, why: str) -> None:
    """Mail what a member would get, without a token and without a part for calendars."""
    app, lst = visit.app, visit.lst
    named = question_mail.message_id(lst)
    made = question_mail.compose(
        app, lst, event, language_of(visit, to), why, named=named, now=visit.now, calendar=False
    )
    values = {
        TO: to.wire.encode(),
        LEAVE: app.keyring.standing(TokenPurpose.LEAVE, lst.address, NOBODY).encode(),
    }
    token = app.keyring.pair_maker(TokenPurpose.QUESTION, lst.address)(NOBODY, event.id)
    values |= {slot: token.encode() for slot in made.slots if slot not in values}
    notices.post(visit.session, lst, to, named, made.join(values), visit.now)


def report(
    visit: Visit,
    event: Question,
    host: Membership,
    *,
    note: str,
    verb: str = "send",
    rest: str = "",
    **more: object,
) -> None:
    """Mail how an event stands; ``verb`` is what "send" would do."""
    to = optin.address_of(visit.session, host)
    context: dict[str, object] = {
        "event": question_mail.told(event),
        "stands": event.state.value,
        "note": note,
        "members": questions.members_now(visit.session, visit.lst.id),
        "tally": seats.counts(visit.session, event),
        "free": seats.free(visit.session, event),
        "answered": people_of(visit, event) if note not in {"fresh", "again", "old"} else [],
        "who": "",
        "guessed": False,
        "twice": False,
        "told": 0,
        "line": "",
        **more,
    }
    question(
        visit,
        AskPurpose.EVENT,
        to=to,
        name="host-event",
        language=language_of(visit, to),
        payload=HostPayload(event.revision, verb, rest),
        context=context,
        ref=event.id,
        member=host.id,
    )


def trouble(
    visit: Visit, to: MailAddress, member: Membership, key: str, line: str, *, kind: str
) -> None:
    """Tell whoever wrote to LIST-event@ or LIST-poll@ what cannot be read; nobody is asked."""
    write(
        visit,
        to,
        "host-trouble",
        language_of(visit, to),
        member.id,
        context={"key": key, "line": line, "kind": kind},
        door=AnswerAddress(kind, ""),
    )


def people_of(visit: Visit, event: Question) -> Sequence[dict[str, object]]:
    """Return who has answered what, who comes first; of the forgotten nothing but that."""
    rows = sorted(
        questions.answers(visit.session, event),
        key=lambda one: (_ORDER.index(EventAnswer(one.answer)), one.since, one.id),
    )
    found: list[dict[str, object]] = []
    for row in rows[:LISTED]:
        member = visit.session.get(Membership, row.membership_id) if row.membership_id else None
        person = visit.session.get(Person, member.person_id) if member else None
        address = visit.session.get(Address, member.address_id) if member else None
        found.append(
            {
                "answer": row.answer,
                "name": person.name if person else "",
                "email": address.given if address else "",
                "guests": row.guests,
                "note": row.note,
            }
        )
    return found


def called(visit: Visit, event: Question, who: str) -> list[Membership]:
    """Return the members among who waits whom a host's words name: a name, or an address."""
    wanted = " ".join(who.casefold().split()).strip("<>.,;\"'")
    found = []
    for row in seats.waiting(visit.session, event):
        member = visit.session.get(Membership, row.membership_id) if row.membership_id else None
        if member is None:
            continue
        name = visit.session.get_one(Person, member.person_id).name.casefold()
        address = optin.address_of(visit.session, member)
        local = address.key.partition("@")[0]
        if wanted in {address.key, address.given.casefold(), local, name, *name.split()}:
            found.append(member)
    return found


def tell_all(visit: Visit, event: Question, words: str, why: str = "told") -> int:
    """Mail everybody who comes, may come or waits; return how many."""
    face = face_of(visit.app, visit.lst)
    told = 0
    for row in questions.answers(visit.session, event):
        member = visit.session.get(Membership, row.membership_id) if row.membership_id else None
        if row.answer == EventAnswer.NO or member is None or member.state not in HERE:
            continue
        if why == "reminder" and row.answer == EventAnswer.WAITING:
            continue
        to = optin.address_of(visit.session, member)
        token = event_receipts.token_of(visit, event, member)
        context: dict[str, object] = {
            "event": question_mail.told(event),
            "why": why,
            "message": words,
            "answer_url": f"{face.page}answer/{token}",
        }
        write(
            visit, to, "member-event", language_of(visit, to), member.id, context=context,
            door=AnswerAddress("reply", token),
        )  # fmt: skip
        told += 1
    return told
