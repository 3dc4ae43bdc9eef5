"""Bring an address back that no list mails any more, by what its owner writes, and say so.

    by_letter(visit, letter)            a mail for which its writer's own domain vouches
    by_answer(visit, who, proof)        an answer to a token that was mailed there
    ask(visit, who, member)             somebody asked in their name: one answer brings them back
    heard(app, arrival, raw, route)     the same for mail that is no command (posts, letters)

Automatic mail is never given to these, except to ``heard``, which looks: an absence note revives
nothing. Neither does a wish to leave.
"""

from listserv.answers.unsubscribe_posts import is_leave_wish
from listserv.letters import incoming_letter
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import AnswerProof, Visit, language_of, question, tell_member
from listserv.wiring.app import App
from listserv.wiring.routes import Route, RouteKind
from mailer.authentication import verdict
from mailer.reading import message
from mailer.reading.addresses import MailAddress, parse
from mailer.reading.headers import header_repair
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import Membership, MembershipState, find_list, membership_of
from subscriptions.membership import given_up, member_addresses, optin
from subscriptions.membership.given_up import GivenUp
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose
from subscriptions.permission.consent import Source

_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
_LETTERS = (
    RouteKind.POST,
    RouteKind.ISSUE,
    RouteKind.OWNER,
    RouteKind.FROM,
)


def stands(visit: Visit, member: Membership) -> GivenUp | None:
    """Return why the address that a membership is mailed at is not, None where it is."""
    return given_up.at(visit.session, member)


def told(found: GivenUp, address: str) -> dict[str, object]:
    """Return what a template says of an address that was given up."""
    why = found.kind or found.reason.value
    return {"given_up": {"since": found.since, "why": why, "said": found.said, "to": address}}


def by_letter(visit: Visit, letter: IncomingLetter) -> bool:
    """Bring the writer's address back where their own domain vouches for the letter."""
    if letter.author is None or letter.automatic or not letter.proved:
        return False
    proof = AnswerProof(Source.MAIL, "own domain", raw_sha=letter.sha)
    return by_answer(visit, letter.author, proof)


def by_answer(visit: Visit, who: MailAddress, proof: AnswerProof) -> bool:
    """Bring ``who`` back, and tell them where they are a member of this list; tell whether so."""
    found = given_up.revive(visit.desk(proof.note()), who)
    if found is None:
        return False
    member = membership_of(visit.session, visit.lst.id, who.key)
    if member is not None and member.state in _HERE:
        tell_member(visit, member, "member-reached", **told(found, who.given))
    return True


def ask(visit: Visit, who: MailAddress, member: Membership, found: GivenUp) -> None:
    """Ask at ``who`` whether mail shall come again."""
    own = optin.address_of(visit.session, member)
    question(
        visit,
        AskPurpose.REACH,
        to=who,
        name="member-given-up",
        language=language_of(visit, who),
        ref=member.id,
        member=member.id,
        context={**told(found, own.given), "here": own.key == who.key, "who": who.given},
    )


def answered(visit: Visit, ask: Ask, proof: AnswerProof) -> str:
    """Let mail come again, to the address that was asked."""
    member = visit.session.get(Membership, ask.ref)
    spent = asks.spend(visit.session, ask.id, how=proof.how, now=visit.now)
    if not spent or member is None or member.state not in _HERE:
        return "too-late"
    who, own = parse(ask.given), optin.address_of(visit.session, member)
    found = stands(visit, member)
    optin.prove(visit.session, who, visit.now)
    desk = visit.desk(proof.note(ask))
    given_up.revive(desk, who)
    if own.key != who.key:
        for row in member_addresses.owned(visit.session, member):
            if parse(row.given).key == who.key:  # from which they have answered
                member_addresses.receive_at(desk, member, row.id)
    context = told(found, own.given) if found is not None else {}
    tell_member(visit, member, "member-reached", **context)
    return "reached"


def heard(app: App, arrival: Arrival, raw: bytes, route: Route) -> None:
    """Bring the writer of a post or a letter back, where that is proved and was given up."""
    if route.kind not in _LETTERS or not verdict.read(arrival.authentication).aligned:
        return
    key = _author_key(raw)
    with app.store.read() as session:
        if not key or key not in given_up.of(session, [key]):
            return
    letter = incoming_letter.read(arrival, raw)
    if letter.automatic or is_leave_wish(letter.subject, letter.text):
        return
    with app.store.write() as session:
        lst = find_list(session, route.list_address)
        if lst is not None:
            visit = Visit(session, app, lst, app.store.now(session), in_reply_to=letter.message_id)
            by_letter(visit, letter)
    app.ring("deliver")


def _author_key(raw: bytes) -> str:
    head = message.head(header_repair.mend(raw))
    author = incoming_letter.author_of(head)[1]
    return author.key if author is not None else ""
