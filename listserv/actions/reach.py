"""Count what opening a list further would open: its members, its archive, its held posts.

What an opening is says subscriptions/lists/openness.py; how it is told is for the door that asks.
"""

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from archive.threads.archive_tables import Message
from listserv.wiring.listserv_tables import Hold, HoldState
from subscriptions.lists.roster import MailList, Membership, MembershipState


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
    waits = Hold.list_address.in_(lst.addresses), Hold.state == HoldState.WAITING
    return Reach(
        members=_count(session, select(func.count()).where(Membership.list_id == lst.id, here)),
        messages=_count(session, select(func.count(Message.id)).where(mine)),
        writers=_count(session, select(func.count(func.distinct(Message.author))).where(mine)),
        held=_count(session, select(func.count(Hold.id)).where(*waits)),
    )


def _count(session: Session, statement: Select[int]) -> int:
    return session.scalar(statement) or 0
