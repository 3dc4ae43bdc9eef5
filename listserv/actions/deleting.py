"""Delete a list, and put it back while that can be done.

    deleting.delete(call, DeleteList("friends@example.org", archive="hide"))
    deleting.restore(call, RestoreList("friends@example.org"))

At once nobody can post or join, what was planned is not sent, what is being sent stops, and all
members are told, once. For 30 days everything can be put back; then the clock removes what is
kept of members (listserv/upkeep/deleted_lists.py). The address is never another list's.
SECURITY: a door asks its owner in words, or at the shell, before it asks for this.
"""

from dataclasses import dataclass

from sqlalchemy import func, select, update

from listserv.actions import audit, moved_pages
from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.letters.visit import Visit
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview, Hold, HoldState
from mailer.errors import BadInput, Refused
from subscriptions.lists import deletion
from subscriptions.lists.roster import MailList, Membership, MembershipState

_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


@dataclass(frozen=True, slots=True)
class DeleteList:
    """Ask that a list is deleted, and say what becomes of its archive: keep or hide."""

    list: str
    archive: str = deletion.KEEPS
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RestoreList:
    """Ask that a deleted list is put back."""

    list: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ListDeleted:
    """Say what deleting a list means, or meant."""

    list: str
    members: int
    scheduled: int  # issues that had an hour, and have none now
    stopped: int  # mailings under way that end here
    archive: str
    until: float  # it can be put back


@dataclass(frozen=True, slots=True)
class ListRestored:
    """Say which list is here again, and how many members it has."""

    list: str
    members: int


def delete(call: Call, wanted: DeleteList) -> ListDeleted:
    """Delete a list; with ``dry_run`` only say what that would mean."""
    if wanted.archive not in deletion.ARCHIVES:
        raise BadInput(f"{wanted.archive!r} is neither keep nor hide.")
    within = call.reading if wanted.dry_run else call.changing
    with within(Action.LIST_DELETE, wanted.list) as visit:
        lst = visit.lst
        if lst.deleted_at is not None:
            raise Refused(f"{lst.address} is deleted already.", key="list-deleted")
        scheduled, members = _scheduled(visit), _members(visit)
        until = visit.now + deletion.KEPT
        if wanted.dry_run:
            return ListDeleted(lst.address, members, scheduled, 0, wanted.archive, until)
        deletion.mark(visit.session, lst, visit.now, hide=wanted.archive == deletion.HIDES)
        _unschedule(visit)
        stopped = _stop_and_tell(call, visit, back=False)
        _set_aside(visit, until)
        moved_pages.ask(lst)
        audit.detail(visit.session, f"archive: {wanted.archive}, members: {members}")
        done = ListDeleted(lst.address, members, scheduled, stopped, wanted.archive, until)
    _go_on(call, done.list)
    return done


def restore(call: Call, wanted: RestoreList) -> ListRestored:
    """Put a deleted list back; with ``dry_run`` only say that it can be."""
    within = call.reading if wanted.dry_run else call.changing
    with within(Action.LIST_RESTORE, wanted.list) as visit:
        lst = visit.lst
        if lst.deleted_at is None:
            raise Refused(f"{lst.address} is not deleted.", key="not-deleted")
        if not deletion.can_return(lst, visit.now):
            raise Refused(
                f"{lst.address} was deleted more than 30 days ago, and what was kept is gone.",
                key="gone",
            )
        done = ListRestored(lst.address, _members(visit))
        if wanted.dry_run:
            return done
        deletion.unmark(visit.session, lst)
        _stop_and_tell(call, visit, back=True)
        _set_aside(visit, visit.now)
        moved_pages.ask(lst)
        audit.detail(visit.session, f"members: {done.members}")
    _go_on(call, done.list)
    return done


def _go_on(call: Call, address: str) -> None:
    call.ring("sort", "deliver", "archive")
    if call.within is None:
        moved_pages.move(call.app, address)


def _members(visit: Visit) -> int:
    counted = select(func.count()).where(
        Membership.list_id == visit.lst.id, Membership.state.in_(_HERE)
    )
    return visit.session.scalar(counted) or 0


def _scheduled(visit: Visit) -> int:
    counted = select(func.count()).where(
        DraftUnderReview.list_id == visit.lst.id, DraftUnderReview.state == DraftState.SCHEDULED
    )
    return visit.session.scalar(counted) or 0


def _unschedule(visit: Visit) -> None:
    """Let issues that had an hour be drafts again: a list that is put back sends none by itself."""
    visit.session.execute(
        update(DraftUnderReview)
        .where(
            DraftUnderReview.list_id == visit.lst.id,
            DraftUnderReview.state == DraftState.SCHEDULED,
        )
        .values(state=DraftState.OPEN, due=None, changed=visit.now)
    )


def _set_aside(visit: Visit, until: float) -> None:
    """Let held posts bother nobody ``until`` then."""
    visit.session.execute(
        update(Hold)
        .where(
            Hold.list_address.in_(visit.lst.addresses),
            Hold.state == HoldState.WAITING,
            Hold.due.is_not(None),
        )
        .values(due=until)
    )


def _stop_and_tell(call: Call, visit: Visit, *, back: bool) -> int:
    """Stop what is being sent, and tell everybody; return how many mailings that stopped."""
    from listserv.mailings import digest_windows, farewells, slots  # noqa: PLC0415 - slow

    asks = (slots.KIND, slots.QUESTION, digest_windows.KIND)
    kinds = (farewells.KIND,) if back else (*asks, farewells.KIND)
    stopped = farewells.stop(visit.session, visit.lst, kinds, visit.now)
    farewells.begin(visit, back=back)
    _tell_owners(call, visit, back=back)
    return stopped


def _tell_owners(call: Call, visit: Visit, *, back: bool) -> None:
    """Tell every owner but the one who asked: they get a receipt."""
    from listserv.letters.request import tell_member  # noqa: PLC0415 - slow, rarely needed
    from subscriptions.membership import optin  # noqa: PLC0415 - as the line above

    lst: MailList = visit.lst
    for owner in optin.owners_of(visit.session, lst):
        at = optin.address_of(visit.session, owner)
        if at.key != call.by.key:
            context = {
                "by": call.by.key,
                "back": back,
                "hidden": deletion.hides(lst),
                "until": deletion.until(lst),
            }
            tell_member(visit, owner, "owner-deleted", **context)
