"""Do what an owner orders of the list itself: another address.

    against(case, order) · DO[verb](case, order) · UNDO[verb](case, done)

Knows the actions and which of their refusals is told in which word; refuses to know who may order
and whether they were asked (owner_commands.py).
"""

from collections.abc import Callable

from listserv.actions import renaming
from listserv.actions.permissions import NotPermitted
from listserv.actions.renaming import RenameList
from listserv.answers.owner_order import Order
from listserv.owners.owner_case import Case, Done
from mailer.errors import KretsError

_WHY = {"same": "same", "list-there": "taken", "list-was-there": "taken"}


def against(case: Case, order: Order) -> str:
    """Return why the list cannot have this address, "" where it can."""
    wanted = RenameList(case.visit.lst.address, new_address(case, order), dry_run=True)
    try:
        renaming.rename(case.call, wanted)
    except NotPermitted:
        return "domain"
    except KretsError as error:
        return _WHY.get(error.key, "name")
    return ""


def new_address(case: Case, order: Order) -> str:
    """Return the address in full that an order names beside the one which the list has."""
    lst = case.visit.lst
    named = [one for one in order.rest.split() if one != lst.address]
    said = named[0] if len(named) == 1 else order.who
    return said if "@" in said else f"{said}@{lst.domain}"


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


DO: dict[str, Callable[[Case, Order], Done]] = {"rename": _rename}
UNDO: dict[str, Callable[[Case, Done], str]] = {"rename": _rename_back}
