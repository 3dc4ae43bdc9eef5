"""Write down which change was made, by whom and by what proof; and show that of one list.

    with call.changing(Action.LIST_SET, address) as visit:   # notes itself where it ends well
        audit.detail(visit.session, "title: A -> B")

The line stands in the transaction of the change: one without the other cannot be. SECURITY: it
names nobody, so that it may outlive a person's erasure; whoever asked is a membership's number,
and a detail is about settings and numbers, never about addresses.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.actions.permissions import Action, ActorRole, Proven
from listserv.wiring.listserv_tables import ActionDone
from subscriptions.lists.roster import Address, MailList, Membership, membership_of
from subscriptions.permission.consent import Source

SHOWN = 500  # changes of a list at most
LONGEST = 2000  # characters of a detail
_DETAIL = "detail of an action"
_NOTHING = "nothing was changed by an action"


@dataclass(frozen=True, slots=True)
class ActionShown:
    """Show one change; ``by`` is the address whose membership asked, "" where nobody has it now."""

    at: float
    action: str
    role: str
    by: str
    proven: str
    door: str
    detail: str


def detail(session: Session, words: str) -> None:
    """Say more about the change that is being made."""
    session.info[_DETAIL] = words[:LONGEST]


def nothing(session: Session) -> None:
    """Say that the change which was asked for changes nothing: it leaves no line."""
    session.info[_NOTHING] = True


def note(
    session: Session,
    action: Action,
    lst: MailList | None,
    *,
    role: ActorRole,
    proven: Proven,
    door: Source,
    key: str,
    now: float,
) -> None:
    """Write the line of a change into its transaction."""
    if session.info.pop(_NOTHING, False):
        session.info.pop(_DETAIL, None)
        return
    member = membership_of(session, lst.id, key) if lst is not None and key else None
    session.add(
        ActionDone(
            at=now,
            action=action.value,
            list_address=lst.address if lst is not None else "",
            role=role.value,
            proven=proven.value,
            door=door.value,
            membership=member.id if member is not None else None,
            detail=str(session.info.pop(_DETAIL, "")),
        )
    )


def history(session: Session, lst: MailList) -> list[ActionShown]:
    """Return the newest changes of a list, the newest first."""
    rows = session.execute(
        select(ActionDone, Address.given)
        .outerjoin(Membership, Membership.id == ActionDone.membership)
        .outerjoin(Address, Address.id == Membership.address_id)
        .where(ActionDone.list_address.in_(lst.addresses))
        .order_by(ActionDone.id.desc())
        .limit(SHOWN)
    )
    return [
        ActionShown(one.at, one.action, one.role, given or "", one.proven, one.door, one.detail)
        for one, given in rows
    ]
