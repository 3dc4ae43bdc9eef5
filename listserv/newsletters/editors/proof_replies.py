"""Send the report once more to an editor who answered the proof instead.

    proof_replies.bring(app, arrival, route, letter, e)    mail its editor the report again

A proof has the header of a reader's copy, so that an answer goes to the list's own address, as
"reply" in a mail program does it. SECURITY: neither that address nor a Message-ID orders anything;
the report goes to the editor's registered address, within the budget of automatic mail.
"""

import time

from listserv.letters import transaction
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit
from listserv.newsletters.editors import reviews
from listserv.newsletters.sending import issue_sending
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import find_list
from subscriptions.permission import budget


def bring(
    app: App, arrival: Arrival, route: Route, letter: IncomingLetter, edition: DraftUnderReview
) -> ArrivalOutcome:
    """Bring the report to an editor who has answered the proof: its address alone can order."""
    now = time.time()
    with app.store.read() as session:
        lst = find_list(session, route.list_address)
        editor = reviews.editor_of(session, lst, letter.author)
        reader = issue_sending.reader_of(session, lst, editor) if lst and editor else None
    if lst is None or reader is None:
        return transaction.act(app, arrival, route, letter, lambda _: "not-answered: no-editor")
    seen = reviews.look(app, lst, edition.source, reader, now, message_id=edition.message_id)

    def work(visit: Visit) -> str:
        fresh = visit.session.get_one(DraftUnderReview, edition.id, with_for_update=True)
        kind = f"proof {fresh.id} {fresh.revision}"  # of an address that no token has proven here
        if (fresh.revision, fresh.state) != (edition.revision, DraftState.OPEN) or seen.trouble:
            return "not-answered: proof"
        if not budget.allow(visit.session, reader.to.key, kind=kind, now=visit.now):
            return "over-budget: proof"
        reviews.tell_proof(visit, seen, reader, fresh, note="proof")
        return f"report again: edition {fresh.id}"

    return transaction.act(app, arrival, route, letter, work)
