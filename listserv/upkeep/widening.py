"""Say what opening a list further would let happen, in numbers.

Knows members, kept mail and held mail; what an opening is says subscriptions/lists/openness.py, and
whoever asks the question stands at a door.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.threads.tables import Message
from listserv.wiring.tables import Hold, HoldState
from subscriptions.lists.openness import Opening
from subscriptions.lists.roster import ArchivePolicy, MailList, Membership, MembershipState


@dataclass(frozen=True, slots=True)
class Reach:
    """Hold how much there is to be opened."""

    members: int  # active and paused
    messages: int  # in the archive
    writers: int  # of these messages
    held: int  # posts that wait for a moderator

    @property
    def past(self) -> bool:
        """Tell whether anybody has written yet."""
        return self.messages + self.held > 0


def reach_of(session: Session, lst: MailList) -> Reach:
    """Count what there is on ``lst``."""
    here = Membership.state.in_((MembershipState.ACTIVE, MembershipState.PAUSED))
    mine = Message.list_id == lst.id
    waits = Hold.list_address == lst.address, Hold.state == HoldState.WAITING
    return Reach(
        members=_count(session, select(func.count()).where(Membership.list_id == lst.id, here)),
        messages=_count(session, select(func.count(Message.id)).where(mine)),
        writers=_count(session, select(func.count(func.distinct(Message.author))).where(mine)),
        held=_count(session, select(func.count(Hold.id)).where(*waits)),
    )


def describe(lst: MailList, openings: Sequence[Opening], reach: Reach) -> list[str]:
    """Return a line for each opening: from what to what, and what that lets happen."""
    return [f"{one.what}: {_change(one)}. {_described(lst, one, reach)}" for one in openings]


def _change(one: Opening) -> str:
    return one.after if one.before == one.after else f"{one.before} -> {one.after}"


def _described(lst: MailList, one: Opening, reach: Reach) -> str:
    people = _number(reach.members, "member")
    if one.what == "post":
        who = "Anybody" if one.after == "anyone" else "More people"
        return f"{who} may write to {people} without a moderator in between."
    if one.what == "join":
        reads = ""
        if lst.archive is ArchivePolicy.MEMBERS and reach.messages:
            reads = f", and may then read the {_number(reach.messages, 'message')} of its archive"
        who = "Anybody may join" if one.after == "open" else "Anybody may ask to join"
        return f"{who}{reads}; {_number(reach.members, 'member')} so far."
    return _archive(one, reach)


def _archive(one: Opening, reach: Reach) -> str:
    who = "Everybody" if one.after == "public" else "Every member"
    kept = f"{_number(reach.messages, 'message')} by {_number(reach.writers, 'person', 'people')}"
    if not reach.past:
        return f"{who} may read what comes from now on; nothing has been written yet."
    if one.past:
        return f"{who} may read all that is there, {kept}, and what comes."
    stays = "with the members" if one.before == "members" else "unread"
    return (
        f"{who} may read what comes from now on. What is there, {kept}, stays {stays};"
        " --also-past opens that as well."
    )


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _count(session: Session, statement: object) -> int:
    return session.scalar(statement) or 0  # type: ignore[call-overload]
