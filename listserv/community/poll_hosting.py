"""Mail a poll's host: the proof before anybody is asked, how it stands; and members their receipts.

The host's reports can be answered as those of an event (event_hosting.py). SECURITY: of a secret
ballot a report has the turnout alone until it is closed, and never a name.
"""

from listserv.community import event_hosting, event_receipts, polls, question_mail
from listserv.community.event_hosting import hosts_of
from listserv.letters.ask_payloads import HostPayload
from listserv.letters.notices import AnswerAddress, face_of
from listserv.letters.request import Visit, language_of, question, write
from subscriptions.lists import questions
from subscriptions.lists.questions import Question, QuestionKind
from subscriptions.lists.roster import Address, Membership, Person
from subscriptions.membership import optin
from subscriptions.permission.asks import AskPurpose

__all__ = ["hosts_of", "prove", "report", "tell"]


def prove(visit: Visit, poll: Question, host: Membership, *, note: str, guessed: bool) -> None:
    """Mail a member's copy of the poll, and the report on it."""
    event_hosting.copy_for(visit, poll, optin.address_of(visit.session, host), "asked")
    report(visit, poll, host, note=note, guessed=guessed)


def report(
    visit: Visit,
    poll: Question,
    host: Membership,
    *,
    note: str,
    verb: str = "send",
    guessed: bool = False,
) -> None:
    """Mail how a poll stands."""
    to = optin.address_of(visit.session, host)
    context: dict[str, object] = {
        "poll": question_mail.told(poll),
        "stands": poll.state.value,
        "note": note,
        "members": questions.members_now(visit.session, visit.lst.id),
        "count": polls.shown(poll, polls.count(visit.session, poll)),
        "helpers": _volunteers(visit, poll),
        "guessed": guessed,
    }
    question(
        visit,
        AskPurpose.EVENT,
        to=to,
        name="host-poll",
        language=language_of(visit, to),
        payload=HostPayload(poll.revision, verb),
        context=context,
        ref=poll.id,
        member=host.id,
    )


def _volunteers(visit: Visit, poll: Question) -> list[dict[str, str]]:
    """Return who does what, for the host of a poll that asks for volunteers."""
    if poll.kind is not QuestionKind.VOLUNTEERS or poll.secret:
        return []
    found = []
    for row in questions.answers(visit.session, poll):
        member = visit.session.get(Membership, row.membership_id) if row.membership_id else None
        if member is None or row.answer == "0":
            continue
        name = visit.session.get_one(Person, member.person_id).name
        address = visit.session.get_one(Address, member.address_id).given
        found.append({"name": name, "email": address, "does": questions.spelled(poll, row.answer)})
    return found


def tell(visit: Visit, poll: Question, member: Membership, word: str, *, chosen: str = "") -> str:
    """Mail a member what their vote came to, unless they have had too many of these."""
    to = optin.address_of(visit.session, member)
    if visit.allow(to.key, f"vote-{poll.id}-{word}-{chosen[:20]}"):
        token = event_receipts.token_of(visit, poll, member)
        face = face_of(visit.app, visit.lst)
        context: dict[str, object] = {
            "poll": question_mail.told(poll),
            "word": word,
            "chosen": chosen,
            "answer_url": f"{face.page}answer/{token}",
        }
        write(
            visit, to, "member-polled", language_of(visit, to), member.id, context=context,
            door=AnswerAddress("reply", token),
        )  # fmt: skip
    return word
