"""Take people in by an operator's hand: those with a consent at once, the others by invitation."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from listserv.letters.request import Visit
from listserv.membership import joining
from listserv.membership.joining import Invited
from listserv.wiring.app import App
from subscriptions.lists.roster import MailList, membership_of
from subscriptions.membership.members import Candidate, CandidateOutcome, Fate, enrol

_TODAY = "has had a mail from here today; invite them tomorrow"


def enter(
    session: Session,
    app: App,
    lst: MailList,
    people: Sequence[Candidate],
    *,
    now: float,
    welcome: bool = False,
) -> list[CandidateOutcome]:
    """Enrol ``people``; put the invitations, and the welcomes if wanted, into the ledger."""
    outcomes = enrol(session, lst, people, keyring=app.keyring, now=now)
    if not welcome and all(outcome.fate is not Fate.ASKED for outcome in outcomes):
        return outcomes
    visit = Visit(session, app, lst, now)
    return [
        _write(visit, person, outcome, welcome=welcome)
        for person, outcome in zip(people, outcomes, strict=True)
    ]


def _write(
    visit: Visit, person: Candidate, outcome: CandidateOutcome, *, welcome: bool
) -> CandidateOutcome:
    if outcome.fate is Fate.ASKED:
        said = joining.invite(visit, person.address, name=person.name, language=person.language)
        if said is not Invited.ASKED:
            why = "the list is closed" if said is Invited.CLOSED else _TODAY
            return replace(outcome, why=why)
    elif outcome.fate is Fate.ADDED and welcome:
        member = membership_of(visit.session, visit.lst.id, person.address.key)
        if member is not None:
            joining.welcome(visit, member)
    return outcome
