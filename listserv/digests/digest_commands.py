"""Do what a member says to a digest instead of the list: "each", "daily at 18", "mute", "follow".

SECURITY: the caller has seen a token of the member's digest and their own address in From; the
receipt goes to that address and takes it back.
"""

from listserv.answers import rhythm_wishes, thread_words
from listserv.conversations import thread_lookup, thread_receipts
from listserv.letters import commands
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import AnswerProof, Visit
from listserv.letters.transaction import act
from listserv.mailings import thread_ways
from listserv.mailings.thread_ways import PostThread
from listserv.membership import wishes
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import Membership
from subscriptions.membership import optin
from subscriptions.permission import budget
from subscriptions.permission.consent import Source


def take(
    app: App, arrival: Arrival, route: Route, letter: IncomingLetter, member_id: int, mail: str
) -> ArrivalOutcome | None:
    """Do what a member's answer to a digest says of how mail comes, or of the thread of ``mail``.

    ``mail`` is the Message-ID that it means, "" where that is not clear. None for any other
    command: that is written to LIST-request@.
    """
    said = commands.command(letter.text)
    one = permalink_hash(mail) if mail else ""
    if said is None or not (said.verb == "rhythm" or (said.verb in thread_words.VERBS and one)):
        return None

    def work(visit: Visit) -> str:
        member = visit.session.get_one(Membership, member_id)
        key = optin.address_of(visit.session, member).key
        if not budget.allow_thread(visit.session, key, now=visit.now):
            return f"over-budget: {said.verb}"
        if said.verb == "rhythm":
            proof = AnswerProof(Source.MAIL, "command", raw_sha=letter.sha)
            wishes.change_rhythm(visit, member, rhythm_wishes.unspelled(said.rest), proof)
            return "rhythm"
        place = PostThread(one, thread_ways.row_of(visit.session, visit.lst.id, one))
        found = thread_lookup.named(visit.session, visit.lst, place)
        named = said.rest == thread_words.NAMED
        undo = thread_receipts.change(visit, member, found, said.verb, named=named)
        thread_receipts.tell(visit, member, found, said.verb, undo, named=named)
        return said.verb

    return act(app, arrival, route, letter, work)
