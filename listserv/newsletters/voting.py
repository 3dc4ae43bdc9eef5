"""Readers answer an issue's question: by a letter that stands ready, or by a button on a page.

SECURITY: the token in the address is all the proof there is, one for each member; whoever was
given a copy can answer in its reader's name, and change nothing else. Automatic mail is no answer.
A letter is answered with a receipt, since nothing else would tell; a page says it itself.
"""

from listserv import acting, letters
from listserv.app import App
from listserv.letters import Letter
from listserv.newsletters import votes
from listserv.outcome import Outcome
from listserv.routes import Route
from listserv.visit import Visit, language_of, tell
from mailer.arrivals import Arrival
from mailer.tokens import Purpose
from subscriptions import ballots, optin
from subscriptions.ballots import Vote
from subscriptions.roster import Membership, State

HERE = (State.ACTIVE, State.PAUSED)


def take(app: App, arrival: Arrival, route: Route, raw: bytes) -> Outcome:
    """Count the answer that a letter holds."""
    letter = letters.read(arrival, raw)

    def work(visit: Visit) -> str:
        member = voter(visit, route.token)
        if letter.automatic or member is None:
            return f"not-counted: {letter.automatic or 'nobody'}"
        vote, number = _meant(visit, letter)
        counted = vote is not None and ballots.cast(visit.session, vote, member, number, visit.now)
        word = "counted" if counted else ("closed" if vote is not None and number else "unclear")
        _receipt(visit, member, vote, number, word)
        return word

    return acting.act(app, arrival, route, letter, work)


def voter(visit: Visit, token: str) -> Membership | None:
    """Return the member whom a token names, if they are one still."""
    ref = visit.app.keyring.read(token, Purpose.VOTE, visit.lst.address)
    member = visit.session.get(Membership, ref) if ref else None
    there = member is not None and member.list_id == visit.lst.id and member.state in HERE
    return member if there else None


def _meant(visit: Visit, letter: Letter) -> tuple[Vote | None, int]:
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
    tell(
        visit, to, "member-voted", language, member.id, word=word, question=question, answer=chosen
    )
