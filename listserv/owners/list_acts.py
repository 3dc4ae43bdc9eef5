"""Do what an owner orders of the list itself: another address, its end, its return.

    against(case, order) · DO[verb](case, order) · UNDO[verb](case, done)

Knows the actions and which of their refusals is told in which word; refuses to know who may order
and whether they were asked (owner_commands.py).
"""

from collections.abc import Callable

from listserv.actions import deleting, renaming
from listserv.actions.deleting import DeleteList, RestoreList
from listserv.actions.permissions import NotPermitted
from listserv.actions.renaming import RenameList
from listserv.answers.owner_order import Order
from listserv.owners.owner_case import Case, Done
from mailer.errors import KretsError
from subscriptions.lists import deletion

WEIGHTY = ("delete",)  # what an empty answer is no yes to
AFTER = ("remove", "restore")  # what a deleted list's owner may still order, beside seeing
_WHY = {"same": "same", "list-there": "taken", "list-was-there": "taken"}
_WHY |= {"list-was-deleted": "taken", "list-deleted": "same", "not-deleted": "same", "gone": "gone"}


def against(case: Case, order: Order) -> str:
    """Return why this cannot be done to the list, "" where it can."""
    try:
        _TRY[order.verb](case, order)
    except NotPermitted:
        return "domain"
    except KretsError as error:
        return _WHY.get(error.key, "name")
    return ""


def after_deletion(case: Case, order: Order) -> str:
    """Return why an order can do nothing on a list that is deleted, "" where it can."""
    if case.visit.lst.deleted_at is None or order.verb in AFTER:
        return ""
    return "same" if order.verb == "delete" else "deleted"


def new_address(case: Case, order: Order) -> str:
    """Return the address in full that an order names beside the one which the list has."""
    lst = case.visit.lst
    named = [one for one in order.rest.split() if one != lst.address]
    said = named[0] if len(named) == 1 else order.who
    return said if "@" in said else f"{said}@{lst.domain}"


def shown(case: Case, done: Done) -> dict[str, object]:
    """Return what a mail says of an order about the list itself."""
    order, lst = done.order, case.visit.lst
    if order.verb == "rename":
        return {
            "who": str(done.was.get("now") or new_address(case, order)),
            "before": str(done.was.get("before") or lst.address),
            "opens": "renamed",
        }
    last = deletion.until(lst) or case.visit.now + deletion.KEPT
    return {"opens": f"{order.verb}d", "hidden": order.rest == deletion.HIDES, "until": last}


def _try_rename(case: Case, order: Order) -> None:
    wanted = RenameList(case.visit.lst.address, new_address(case, order), dry_run=True)
    renaming.rename(case.call, wanted)


def _try_delete(case: Case, order: Order) -> None:
    wanted = DeleteList(case.visit.lst.address, order.rest or deletion.KEEPS, dry_run=True)
    deleting.delete(case.call, wanted)


def _try_restore(case: Case, order: Order) -> None:  # noqa: ARG001 - as all
    deleting.restore(case.call, RestoreList(case.visit.lst.address, dry_run=True))


def _rename(case: Case, order: Order) -> Done:
    wanted = RenameList(case.visit.lst.address, new_address(case, order))
    done = renaming.rename(case.call, wanted)
    return Done(order, was={"before": done.before, "now": done.after})


def _rename_back(case: Case, done: Done) -> str:
    lst = case.visit.lst
    if lst.address != done.was["now"]:
        return "changed"
    renaming.rename(case.call, RenameList(lst.address, str(done.was["before"])))
    return ""


def _delete(case: Case, order: Order) -> Done:
    wanted = DeleteList(case.visit.lst.address, order.rest or deletion.KEEPS)
    deleting.delete(case.call, wanted)
    return Done(order, was={"at": case.visit.lst.deleted_at})


def _undelete(case: Case, done: Done) -> str:
    if case.visit.lst.deleted_at != done.was["at"]:
        return "changed"
    why = against(case, Order("restore"))
    return why or _restore(case, Order("restore")).why


def _restore(case: Case, order: Order) -> Done:
    hides = deletion.hides(case.visit.lst)
    deleting.restore(case.call, RestoreList(case.visit.lst.address))
    return Done(order, was={"archive": deletion.HIDES if hides else deletion.KEEPS})


def _delete_again(case: Case, done: Done) -> str:
    return _delete(case, Order("delete", rest=str(done.was["archive"]))).why


_TRY: dict[str, Callable[[Case, Order], None]] = {
    "rename": _try_rename,
    "delete": _try_delete,
    "restore": _try_restore,
}
DO: dict[str, Callable[[Case, Order], Done]] = {
    "rename": _rename,
    "delete": _delete,
    "restore": _restore,
}
UNDO: dict[str, Callable[[Case, Done], str]] = {
    "rename": _rename_back,
    "delete": _undelete,
    "restore": _delete_again,
}
