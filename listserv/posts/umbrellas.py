"""Hand what is posted to an umbrella on to its parts, whose members get it as a post of their list.

An umbrella decides as every list does. In the transaction that accepts a post, an arrival is made
for each of its parts; each part then files and mails it by its own rhythms and with its own way
out, and a person on several has one copy (mailings/cross_posts.py). What the umbrella has let
through no part asks its members about again. Refuses to know who may make an umbrella of what.
"""

from sqlalchemy.orm import Session

from listserv.posts.rules import Decision, RuleVerdict
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival
from mailer.storage.store import put_raw
from subscriptions.lists import relatives
from subscriptions.lists.policies import opens
from subscriptions.lists.roster import MailList

# Why a part still holds what its umbrella let through: it has stopped, or cannot carry it.
STANDING = frozenset({"emergency", "closed", "size", "same-id", "newsletter-address"})


def judged(verdict: RuleVerdict, arrival: Arrival) -> RuleVerdict:
    """Return the verdict on what an umbrella handed on: its word outweighs most holds."""
    if arrival.handed_by is None or verdict.decision is not Decision.HOLD:
        return verdict
    own = any(" " in rule for rule in verdict.rules)  # a line of the owner's, not a name of ours
    if own or STANDING & set(verdict.rules):
        return verdict
    return RuleVerdict(Decision.ACCEPT, verdict.hits)


def hand_on(session: Session, lst: MailList, arrival: Arrival, given: bytes) -> bool:
    """Give an accepted post to the parts of an umbrella; tell whether there are any.

    SECURITY: ``given`` is the post. What came may be another mail: the answer to a digest, with
    its writer's own tokens in the quote, or the mere yes to a question.
    """
    if not lst.parts or arrival.handed_by is not None:
        return False
    parts = [one.address for one in relatives.parts_of(session, lst) if not one.closed]
    if parts:
        (sha,) = put_raw(session, [given])
        arrivals.hand_on(session, arrival, parts, by=lst.id, raw_sha=sha, size=len(given))
    return bool(parts)


def is_filed(session: Session, lst: MailList, arrival: Arrival) -> bool:
    """Tell whether a post goes into the list's archive.

    SECURITY: what was written for the few who read an umbrella's archive is not put where more
    can read it.
    """
    if arrival.handed_by is None:
        return True
    above = session.get(MailList, arrival.handed_by)
    return above is not None and not opens(above.archive, lst.archive)
