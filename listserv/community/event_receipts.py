"""Tell members what their answers to an event came to, and who has moved up that they have a seat.

A receipt goes to the member's own address, within the budget of automatic mail, and its Reply-To is
the token that the invitation had: answering it is answering again. Who moves up has not asked for
a mail just now, so that one is counted and never refused.
"""

from dataclasses import dataclass

from listserv.community import question_mail, seats
from listserv.community.seats import SeatGiven
from listserv.letters.notices import AnswerAddress, Enclosure, face_of
from listserv.letters.request import Visit, language_of, write
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.questions import Question
from subscriptions.lists.roster import Membership
from subscriptions.membership import optin
from subscriptions.permission import budget


@dataclass(frozen=True, slots=True)
class ReceiptWord:
    """Say what a receipt tells, and what belongs to it."""

    word: str
    guests: int = 0
    place: int = 0
    handed_on: bool = False  # words of theirs went to the host


def token_of(visit: Visit, question: Question, member: Membership) -> str:
    """Return a member's own token for a question."""
    make = visit.app.keyring.pair_maker(TokenPurpose.QUESTION, visit.lst.address)
    return make(member.id, question.id)


def tell(visit: Visit, question: Question, member: Membership, said: ReceiptWord) -> str:
    """Mail a receipt, unless they have had too many of these; return its word."""
    to = optin.address_of(visit.session, member)
    kind = f"answer-{question.id}-{said.word}-{said.guests}"
    if visit.allow(to.key, kind):
        _mail(visit, question, member, said)
    return said.word


def of_answer(given: SeatGiven, *, handed_on: bool = False) -> ReceiptWord:
    """Return what a receipt says of an answer."""
    word = "full" if given.full else given.answer.value
    return ReceiptWord(word, given.guests, given.place, handed_on)


def tell_promoted(visit: Visit, event: Question, moved: SeatGiven | list[int]) -> None:
    """Mail everybody who has moved up."""
    found = moved.promoted if isinstance(moved, SeatGiven) else moved
    for number in found:
        member = visit.session.get(Membership, number)
        if member is None:
            continue
        to = optin.address_of(visit.session, member)
        budget.count(visit.session, to.key, kind="promoted", now=visit.now)
        _mail(visit, event, member, ReceiptWord("promoted"))


def _mail(visit: Visit, question: Question, member: Membership, said: ReceiptWord) -> None:
    to = optin.address_of(visit.session, member)
    token = token_of(visit, question, member)
    face = face_of(visit.app, visit.lst)
    left = seats.free(visit.session, question)
    context: dict[str, object] = {
        "event": question_mail.told(question),
        "word": said.word,
        "guests": said.guests,
        "place": said.place,
        "handed_on": said.handed_on,
        "left": left,
        "answer_url": f"{face.page}answer/{token}",
    }
    write(
        visit,
        to,
        "member-answered",
        language_of(visit, to),
        member.id,
        context=context,
        door=AnswerAddress("reply", token),
        enclosures=_calendar(visit, question, to.wire, token, said),
    )


def _calendar(
    visit: Visit, event: Question, address: str, token: str, said: ReceiptWord
) -> list[Enclosure]:
    """Return the calendar file that says how a seat stands, for who waits or has moved up."""
    partstat = {"waiting": "TENTATIVE", "promoted": "ACCEPTED"}.get(said.word)
    if partstat is None or not event.is_event:
        return []
    face = face_of(visit.app, visit.lst)
    file = question_mail.request(
        face, event, now=visit.now, text=event.text, token=token, attendee=address,
        partstat=partstat,
    )  # fmt: skip
    data = file.encode("utf-8", "replace")
    return [Enclosure("text/calendar; charset=utf-8; method=REQUEST", "invite.ics", data)]
