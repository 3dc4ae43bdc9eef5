"""Keep a wave of held posts out of moderators' mailboxes: a few questions at a time.

    waves.has_room(session, lst, known=False)    # may one more question be asked?
    waves.put_off(visit, hold, people)           # "37 more posts wait", once a day

Knows how many questions are open. Posts that wait come one by one as the others are decided; who
answers the one mail with "discard" discards what it counted, unseen, and nothing that came later.
SECURITY: whoever fills the queue of a list costs its moderators a handful of mails, and the posts
of members, who may be asked about more, do not wait behind strangers'.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from listserv.letters.ask_payloads import WavePayload
from listserv.letters.request import Visit, whom
from listserv.moderation import decisions, holds
from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.reading import message
from mailer.reading.addresses import MailAddress
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, ArrivalEnd
from mailer.storage.store import get_raw
from subscriptions.lists.roster import MailList, Membership
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskPurpose

STRANGERS = 5  # questions that are open at once, of a list
MEMBERS = 20  # while this many are open, a known member's post is asked about as well
WAIT = 900.0  # seconds that a wave has to come in before it is counted
HOUR = 3600.0
DAY = 86400.0
SHOWN = 10  # posts that the one mail names
_NAME = "moderator-wave"
_UNPROVEN = {"author", "from-is-ours", "from-not-theirs"}  # then a member's address proves nothing


def is_known(rules: Sequence[str], *, member_since: float) -> bool:
    """Tell whether a held post is a member's, as far as anybody can tell."""
    return bool(member_since) and not _UNPROVEN & set(rules)


def has_room(session: Session, lst: MailList, *, known: bool) -> bool:
    """Tell whether moderators may be asked about one more post now."""
    asked = select(func.count()).where(_waits(lst), Hold.asked_at.is_not(None))
    return (session.scalar(asked) or 0) < (MEMBERS if known else STRANGERS)


def put_off(visit: Visit, hold: Hold, people: Sequence[tuple[Membership, MailAddress]]) -> None:
    """Let a hold wait until others are decided; after a while its moderators hear of it."""
    first = visit.now - hold.held_at < WAIT
    moved = holds.postpone(visit.session, hold, visit.now + (WAIT if first else HOUR))
    if moved and not first:
        for _, to in people:
            _tell(visit, to)


def repeat(visit: Visit, to: MailAddress) -> None:
    """Put the question about many once more to somebody whose answer was not understood."""
    if budget.allow(visit.session, to.key, kind=_NAME, now=visit.now):
        _send(visit, to, in_reply_to=visit.in_reply_to)


def tell_discarded(visit: Visit, by: Ask, count: int) -> None:
    """Tell every moderator that ``count`` posts were discarded unread, and whose word did it."""
    to = whom(by)
    decisions.send(visit, to, _NAME, in_reply_to=visit.in_reply_to, discarded=count, by="")
    for _, other in decisions.moderators(visit, []):
        if other != to:
            decisions.send(visit, other, _NAME, in_reply_to="", discarded=count, by=by.given)


def _waits(lst: MailList) -> ColumnElement[bool]:
    return and_(Hold.list_address.in_(lst.addresses), Hold.state == HoldState.WAITING)


def _behind(lst: MailList) -> ColumnElement[bool]:
    """Return what waits to be asked about; what only operators see has no hour for it."""
    return and_(_waits(lst), Hold.asked_at.is_(None), Hold.due.is_not(None))


def _tell(visit: Visit, to: MailAddress) -> None:
    """Tell one moderator how many posts wait, once a day, or an hour after they were discarded."""
    told = visit.session.scalar(
        select(Ask)
        .where(
            Ask.address_key == to.key,
            Ask.purpose == AskPurpose.MODERATE.value,
            Ask.list_id == visit.lst.id,
            Ask.wording.startswith(_NAME),
        )
        .order_by(Ask.id.desc())
        .limit(1)
    )
    if told is not None and visit.now < (
        told.used_at + HOUR if told.used_at else told.created + DAY
    ):
        return
    _send(visit, to)


def _send(visit: Visit, to: MailAddress, in_reply_to: str = "") -> None:
    session = visit.session
    count = session.scalar(select(func.count()).where(_behind(visit.lst))) or 0
    newest = list(
        session.scalars(
            select(Hold).where(_behind(visit.lst)).order_by(Hold.id.desc()).limit(SHOWN)
        )
    )
    if not newest:
        return
    token = asks.open_ask(
        session,
        AskPurpose.MODERATE,
        list_id=visit.lst.id,
        to=to,
        now=visit.now,
        ref=newest[0].id,
        payload=WavePayload(newest[0].id),
        wording=_NAME,
    )
    decisions.send(
        visit,
        to,
        _NAME,
        in_reply_to=in_reply_to,
        token=token,
        held_posts=count,
        posts=[shown for one in newest if (shown := _shown(session, one))],
        more=count - len(newest),
        discarded=0,
    )


def _shown(session: Session, hold: Hold) -> dict[str, str]:
    arrival = session.get(Arrival, hold.arrival_id)
    raw = get_raw(session, arrival.raw_sha) if arrival is not None else None
    if arrival is None or raw is None:
        return {}
    writer = decisions.writer_of(message.head(raw), arrival)
    given = writer.address.given if writer.address else "?"
    return {"author": writer.name or given, "subject": writer.subject}


def discard(visit: Visit, upto: int, by: str) -> int:
    """Discard what was counted and nobody was asked about; return how much that was."""
    session = visit.session
    rows = session.execute(
        select(Hold.id, Hold.arrival_id, Arrival.authentication)
        .join(Arrival, Arrival.id == Hold.arrival_id)
        .where(_behind(visit.lst), Hold.id <= upto)
    ).all()
    note = HoldState.DROPPED.value
    ends = {arrival: ArrivalEnd(note, found, silent=False) for _, arrival, found in rows}
    ended = arrivals.finish_all(session, ends)
    session.execute(
        update(Hold)
        .where(Hold.id.in_([number for number, arrival, _ in rows if arrival in ended]))
        .values(state=note, decided_at=visit.now, decided_by=by, due=None)
        .execution_options(synchronize_session=False)
    )
    return len(ended)
