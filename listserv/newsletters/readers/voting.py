"""Readers answer an issue's question: by a letter that stands ready, or by a button on a page.

SECURITY: the token in the address is all the proof there is, one for each member; whoever was
given a copy can answer in its reader's name, and change nothing else. Automatic mail is no answer.
A letter is answered with a receipt, since nothing else would tell; a page says it itself. Receipts
are bounded, and none says what was said before: a token that got out is no way to fill a mailbox.
What a reader writes beside an answer is a letter to the editors.
"""

from listserv.letters import incoming_letter, transaction
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of, write
from listserv.newsletters.writing import votes
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.storage.arrivals import Arrival
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import ballots
from subscriptions.lists.ballots import Vote
from subscriptions.lists.roster import ListKind, Membership, MembershipState
from subscriptions.membership import optin

HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


def take(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Count the answer that a letter holds; HELD where it says more, and is to be passed on."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        member = voter(visit, route.token)
        if letter.automatic or member is None:
            return f"not-counted: {letter.automatic or 'nobody'}"
        vote, number = _meant(visit, letter)
        before = ballots.chosen(visit.session, vote, member) if vote is not None else 0
        counted = vote is not None and ballots.cast(visit.session, vote, member, number, visit.now)
        word = "counted" if counted else ("closed" if vote is not None and number else "unclear")
        if not counted or number != before:
            _receipt(visit, member, vote, number, word)
        passed_on = visit.lst.kind is ListKind.NEWSLETTER and _says_more(letter, vote)
        return transaction.HELD if passed_on else word

    return transaction.act(app, arrival, route, letter, work)


def _says_more(letter: IncomingLetter, vote: Vote | None) -> bool:
    """Tell whether a letter holds words that were not put into it for the reader."""
    said = _even(letter.text)
    if vote is None or votes.chosen(letter.subject) is None:
        return bool(said or letter.trouble)
    # The answers are kept in one language; the Subject has the reader's.
    ready = {"", _even(votes.words(letter.subject)), *map(_even, ballots.answers_of(vote))}
    return said not in ready or bool(letter.trouble)


def _even(text: str) -> str:
    return " ".join(text.split()).casefold()


def voter(visit: Visit, token: str) -> Membership | None:
    """Return the member whom a token names, if they are one still."""
    ref = visit.app.keyring.read(token, TokenPurpose.VOTE, *visit.lst.addresses)
    member = visit.session.get(Membership, ref) if ref else None
    there = member is not None and member.list_id == visit.lst.id and member.state in HERE
    return member if there else None


def _meant(visit: Visit, letter: IncomingLetter) -> tuple[Vote | None, int]:
    """Return the question, and the answer's number: 0 where nobody can tell."""
    named = votes.chosen(letter.subject)
    if named is None:
        return None, 0
    vote = ballots.find(visit.session, visit.lst.id, named[0])
    many = len(ballots.answers_of(vote)) if vote else 0
    return vote, named[1] if 0 < named[1] <= many else 0


def _receipt(visit: Visit, member: Membership, vote: Vote | None, number: int, word: str) -> None:
    to = optin.address_of(visit.session, member)
    chosen = ballots.answers_of(vote)[number - 1] if vote and number else ""
    question = vote.question if vote else ""
    language = language_of(visit, to)
    kind = f"voted-{word}-{number}"
    if visit.allow(to.key, kind):
        said: dict[str, object] = {"word": word, "question": question, "answer": chosen}
        write(visit, to, "member-voted", language, member.id, context=said)
