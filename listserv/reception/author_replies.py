"""Mail to an author's alias (LIST-from+TOKEN@): a private answer that goes on to the author.

Its writer does not learn the author's address. SECURITY: a token is in every member's copy, so
whoever has one could mail the author for ever: bounded by source and by author. A From is
judged as a post's is, and no return path of ours vouches for a forged one. What was accepted and
is not handed on waits in the queue; only a machine's mail ends here, so that two
mailboxes that answer by themselves never talk through us.
"""

from functools import partial

from listserv.letters import incoming_letter, notices, writer_alias
from listserv.letters.incoming_letter import IncomingLetter
from listserv.letters.request import Visit
from listserv.letters.transaction import HELD, act
from listserv.moderation.holds import hold, is_released
from listserv.wiring import routes, vouching
from listserv.wiring.app import App
from listserv.wiring.outcome import ArrivalOutcome
from listserv.wiring.routes import Route
from mailer.reading.addresses import MailAddress
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import find_list
from subscriptions.permission import budget

MAX_PASSES = 1  # Received lines of this list's aliases: a second pass is a loop


def relay(app: App, arrival: Arrival, route: Route, raw: bytes) -> ArrivalOutcome:
    """Hand a letter on to the author for whom an alias stands, or hold it and say why."""
    letter = incoming_letter.read(arrival, raw)

    def work(visit: Visit) -> str:
        if letter.automatic:
            return f"not-relayed: {letter.automatic}"
        author = writer_alias.whose(visit.session, app.keyring, visit.lst, route.token)
        against = _against(visit, letter, author)
        if against or author is None:
            hold(visit.session, arrival, route.list_address, (against,), letter.trouble)
            return HELD
        notices.hand_on(
            visit.session, app, visit.lst, arrival, letter.raw, [author], visit.now, suffix="from"
        )
        return "relayed"

    return act(app, arrival, route, letter, work)


def _against(visit: Visit, letter: IncomingLetter, author: MailAddress | None) -> str:
    """Return by which name a letter is held, "" where it may go on; count it where it may."""
    session, lst = visit.session, visit.lst
    ours = vouching.organisations(session, lst.domain)
    stands = {
        "address-from": author is None,
        "author": letter.author is None,
        "broken": bool(letter.trouble),
        "from-not-theirs": letter.found.disowned,
        "from-is-ours": vouching.is_ours(letter.head, ours, letter.found),
        "size": len(letter.raw) > lst.max_size,
        "loop": _is_loop(letter, lst.address) or _is_here(visit, author),
    }
    against = next((name for name, hit in stands.items() if hit), "")
    if against or author is None or letter.author is None:
        return against
    key = visit.app.keyring.keyed_hash
    source = visit.source if visit.source != budget.NOBODY else key(letter.author.key).hex()
    if is_released(session, letter.arrival_id):
        return ""
    return "" if budget.allow_relay(session, source, key(author.key).hex(), visit.now) else "budget"


def _is_loop(letter: IncomingLetter, list_address: str) -> bool:
    local, _, domain = list_address.partition("@")
    mark = f"for <{local}-from@{domain}>".encode()
    passed = [one for one in letter.head.all("received") if mark in one]
    return len(passed) >= MAX_PASSES


def _is_here(visit: Visit, author: MailAddress | None) -> bool:
    """Tell whether mail to an author would come back to an address of ours."""
    wire = author.wire if author is not None else ""
    found = routes.find(wire, partial(find_list, visit.session), lambda _domain: False)
    return found is not None
