"""Take the letter by which a reader answers an issue's question, and ask the action to count it.

SECURITY: the token in the address is all the proof there is, one for each member; whoever was
given a copy can answer in its reader's name, and change nothing else. Automatic mail is no answer.
A letter is answered with a receipt, since nothing else would tell; a page says it itself. Receipts
are bounded, and none says what was said before: a token that got out is no way to fill a mailbox.
What a reader writes beside an answer is a letter to the editors.
"""

from listserv.actions.call import Actor, Call
from listserv.actions.links import DeadLink, MailedLink
from listserv.actions.own import voting
from listserv.actions.own.voting import CastVote
from listserv.actions.permissions import Proven
from listserv.letters import incoming_letter, transaction
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit, language_of, write
from listserv.newsletters.writing import votes
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.storage.arrivals import Arrival
from subscriptions.lists import ballots
from subscriptions.lists.ballots import Vote
from subscriptions.lists.roster import ListKind, Membership
from subscriptions.membership import optin
from subscriptions.permission.consent import Source


def take(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Count the answer that a letter holds; HELD where it says more, and is to be passed on."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        call = Call(app, Actor(Source.MAIL, Proven.NONE), visit.now, within=visit)
        link = MailedLink(visit.lst.address, route.token)
        if letter.automatic:
            return f"not-counted: {letter.automatic}"
        try:
            member = voting.voter(call, link)
        except DeadLink:
            return "not-counted: nobody"
        vote, number = _meant(visit, letter)
        cast = voting.vote(call, CastVote(link, vote.code, number)) if vote and number else None
        counted = cast is not None and cast.counted
        word = "counted" if counted else ("closed" if cast is not None else "unclear")
        if cast is None or not counted or cast.changed:
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
