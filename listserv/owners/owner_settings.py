"""Change one setting of a list by an owner's mail: the table of settings decides what may stand.

    against(visit, order) · put(case, order) · put_back(case, order, was) · shown(lst, order)

Knows list_settings.py's table and openness.py; refuses to know mail. What opens the list further is
said in the question, in numbers. SECURITY: settings whose change must move files on this machine
(the archive's pages, themes) are not changed by mail; each has its reason in ``BY_COMMAND``.
"""

from enum import StrEnum

from listserv.actions import lists
from listserv.actions.lists import SetList
from listserv.answers.owner_order import Order
from listserv.answers.owner_setting_words import value_of
from listserv.letters.request import Visit
from listserv.owners.owner_case import Case
from mailer.errors import BadInput, KretsError
from subscriptions.lists import openness, roster
from subscriptions.lists.list_settings import BY_NAME, check
from subscriptions.lists.roster import Join, MailList, PostPolicy

BY_COMMAND = frozenset(
    (
        "archive",  # its pages move with it: a job of their own
        "theme",  # is looked for in the data folder
    )
)
_SWITCH = ("yes", "no")


def against(visit: Visit, order: Order) -> str:
    """Return why a setting cannot be set, "" where it can."""
    if order.who in BY_COMMAND:
        return "by-command"
    try:
        value = _read(visit, order)
    except (KretsError, ValueError):
        return "value"
    return "same" if _stored(visit.lst, order.who) == value else ""


def put(case: Case, order: Order) -> dict[str, object]:
    """Set it; return what stood before. Raise BadInput or ValueError where it may not be."""
    wanted = SetList(case.visit.lst.address, {order.who: _read(case.visit, order)})
    done = lists.set_(case.call, wanted)
    return {"before": done.before[order.who], "now": done.after[order.who]}


def put_back(case: Case, order: Order, was: dict[str, object]) -> str:
    """Set what stood before; return why not."""
    if _plain(_stored(case.visit.lst, order.who)) != was["now"]:
        return "changed"
    setting, before = BY_NAME[order.who], was["before"]
    value = setting.words(str(before)) if setting.words is not None else before
    lists.set_(case.call, SetList(case.visit.lst.address, {order.who: value}))
    return ""


def opening(visit: Visit, order: Order) -> str:
    """Return what an order would open: "post anyone", "join approve"; "" for nothing."""
    if order.who not in {"join", "post"}:
        return ""
    value = _read(visit, order)
    wider = openness.openings(
        visit.lst,
        join=value if isinstance(value, Join) else None,
        post=value if isinstance(value, PostPolicy) else None,
    )
    return f"{order.who} {wider[0].after}" if wider else ""


def now(lst: MailList, name: str) -> str:
    """Return what stands in a setting, as a word that templates and catalogues know."""
    value = _plain(_stored(lst, name))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def named(visit: Visit, order: Order) -> str:
    """Return the value that an order names, as a word; what it says where it is none."""
    try:
        value = _plain(_read(visit, order))
    except (KretsError, ValueError):
        return order.rest
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _stored(lst: MailList, name: str) -> object:
    value = getattr(lst, name)
    return BY_NAME[name].default if value is None else value


def _plain(value: object) -> object:
    return value.value if isinstance(value, StrEnum) else value


def _read(visit: Visit, order: Order) -> object:
    """Return the value that is named, checked as the command line checks it."""
    setting, said = (
        BY_NAME[order.who],
        order.rest.strip().strip("\"'\u00ab\u00bb\u201e\u201c\u201d"),
    )
    value: object = said
    if setting.words is not None:
        word = value_of(said, tuple(one.value for one in setting.words))
        value = setting.words(word)  # ValueError for none
    elif setting.is_switch:
        word = value_of(said, _SWITCH)
        if not word:
            raise BadInput(f"{said[:40]!r} is neither yes nor no.")
        value = word == "yes"
    elif "@" in said and order.who == "replies":
        roster.get_list(visit.session, said)
    checked = check(visit.lst.kind, {order.who: value})
    return checked[order.who]
