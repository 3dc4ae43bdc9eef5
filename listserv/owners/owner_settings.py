"""Change one setting of a list by an owner's mail: the table of settings decides what may stand.

    against(case, order) · put(case, order) · put_back(case, order, was) · named(visit, order)

Knows list_settings.py's table, openness.py and the action that changes a list; refuses to know
mail. What opens the list further is said in the question, in numbers. The archive's pages follow
in a job of their own (listserv/actions/moved_pages.py).
"""

import re
from enum import StrEnum

from listserv.actions import lists, moved_pages
from listserv.actions.lists import SetList
from listserv.answers.owner_lexicon import bare, without_politeness
from listserv.answers.owner_order import Order
from listserv.answers.owner_setting_words import value_of
from listserv.letters.request import Visit
from listserv.owners.owner_case import Case
from mailer.errors import BadInput, KretsError
from subscriptions.lists import file_policy, openness, roster
from subscriptions.lists.list_settings import BY_LANGUAGE, BY_NAME, check
from subscriptions.lists.roster import ArchivePolicy, Join, MailList, PostPolicy

_SWITCH = ("yes", "no")
_ARCHIVE = ("members_since", "public_since")


def against(case: Case, order: Order) -> str:
    """Return why a setting cannot be set, "" where it can."""
    try:
        value = _read(case.visit, order)
        _set(case, order, value, dry_run=True)
    except (KretsError, ValueError):
        return "value"
    return "same" if _stands(case.visit.lst, order) == _plain(value) else ""


def put(case: Case, order: Order) -> dict[str, object]:
    """Set it; return what stood before. Raise KretsError or ValueError where it may not be."""
    lst = case.visit.lst
    before, since = _stands(lst, order), {name: getattr(lst, name) for name in _ARCHIVE}
    _set(case, order, _read(case.visit, order))
    return {"before": before, "now": _stands(lst, order), **since}


def put_back(case: Case, order: Order, was: dict[str, object]) -> str:
    """Set what stood before; return why not."""
    lst, setting, before = case.visit.lst, BY_NAME[order.who], was["before"]
    if _stands(lst, order) != was["now"]:
        return "changed"
    if order.who == "archive":
        lst.archive = ArchivePolicy(str(before))
        for name in _ARCHIVE:
            setattr(lst, name, was[name])
        moved_pages.ask(lst)
    else:
        value = setting.words(str(before)) if setting.words is not None else before
        _set(case, order, value)
    case.visit.session.flush()
    return ""


def _set(case: Case, order: Order, value: object, *, dry_run: bool = False) -> None:
    visit = case.visit
    language = order.name or None
    wanted = SetList(
        visit.lst.address,
        {order.who: value},
        footer_language=language if order.who == "footer" else None,
        welcome_language=language if order.who == "welcome" else None,
        dry_run=dry_run,
    )
    lists.set_(case.call, wanted)


def _stands(lst: MailList, order: Order) -> object:
    """Return what stands in a setting, or in the text of one language."""
    if order.name and order.who in BY_LANGUAGE:
        shown = lists.settings_of(lst)[BY_LANGUAGE[order.who]]
        return shown.get(order.name, "") if isinstance(shown, dict) else ""
    return _plain(_stored(lst, order.who))


def opening(visit: Visit, order: Order) -> str:
    """Return what an order would open or end: "post anyone", "archive-less"; "" for nothing."""
    if order.who == "closed":
        return "closed" if _read(visit, order) else "open-again"
    if order.who not in {"join", "post", "archive"}:
        return ""
    value = _read(visit, order)
    wider = openness.openings(
        visit.lst,
        join=value if isinstance(value, Join) else None,
        post=value if isinstance(value, PostPolicy) else None,
        archive=value if isinstance(value, ArchivePolicy) else None,
    )
    if not wider:
        return "archive-less" if order.who == "archive" else ""
    return f"{order.who} {wider[0].after}"


def now(lst: MailList, order: Order) -> str:
    """Return what stands in a setting, as a word that templates and catalogues know."""
    value = _stands(lst, order)
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
        offered = tuple(one.value for one in setting.words)
        word = value_of(said, offered) or value_of(without_politeness(bare(said)), offered)
        value = setting.words(word)  # ValueError for none
    elif setting.is_switch:
        word = value_of(said, _SWITCH)
        if not word:
            raise BadInput(f"{said[:40]!r} is neither yes nor no.")
        value = word == "yes"
    elif order.who == "files":
        kinds = (*file_policy.GROUPS, file_policy.NONE)
        words = (one for one in re.split(r"[\s,;]+", said) if one)
        value = " ".join(value_of(one, kinds) or one for one in words)
    elif order.who == "title" and not said:
        raise BadInput("A list needs a name.")
    elif "@" in said and order.who == "replies":
        roster.get_list(visit.session, said)
    checked = check(visit.lst.kind, {order.who: value})
    return checked[order.who]
