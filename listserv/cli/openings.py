"""Say on the command line what opening a list further would let happen, in numbers."""

from listserv.actions.lists import ListSet
from listserv.actions.reach import Reach
from subscriptions.lists.openness import Opening


def describe(planned: ListSet) -> list[str]:
    """Return a line for each opening: from what to what, and what that lets happen."""
    reach = planned.reach
    if reach is None:
        return []
    archive = str(planned.before["archive"])
    return [
        f"{one.what}: {_change(one)}. {_described(archive, one, reach)}" for one in planned.opens
    ]


def _change(one: Opening) -> str:
    return one.after if one.before == one.after else f"{one.before} -> {one.after}"


def _described(archive: str, one: Opening, reach: Reach) -> str:
    people = _number(reach.members, "member")
    if one.what == "post":
        who = "Anybody" if one.after == "anyone" else "More people"
        return f"{who} may write to {people} without a moderator in between."
    if one.what == "join":
        reads = ""
        if archive == "members" and reach.messages:
            reads = f", and may then read the {_number(reach.messages, 'message')} of its archive"
        who = "Anybody may join" if one.after == "open" else "Anybody may ask to join"
        return f"{who}{reads}; {people} so far."
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
