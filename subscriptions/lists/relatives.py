"""Know which lists belong together: siblings, whose members may post, and an umbrella's parts.

    lists.set(garden, siblings="bees@example.org")      # members of bees may post to garden
    lists.set(everybody, parts="garden@..., bees@...")  # and what everybody gets, they all get

An umbrella hands what is posted to it on to its parts, so a part is a discussion list that has no
parts itself: there is one floor, and no circle. Members of siblings and parts count as members for
posting, with whatever a moderator has said of them there. Refuses to know how mail is handed on.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from mailer.errors import Refused
from subscriptions.lists.list_settings import read_lists
from subscriptions.lists.naming import SUFFIXES
from subscriptions.lists.policies import ListKind
from subscriptions.lists.roster import (
    MailList,
    Membership,
    MembershipState,
    find_list,
    get_list,
    membership_of,
)

RELATIVES = ("siblings", "parts")
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


def named(session: Session, addresses: str) -> list[MailList]:
    """Return the lists of a stored setting that are there, in their order."""
    found = (find_list(session, one) for one in read_lists(addresses))
    return [lst for lst in found if lst is not None]


def parts_of(session: Session, lst: MailList) -> list[MailList]:
    """Return the lists that get what is posted to an umbrella; none where it is no umbrella."""
    return named(session, lst.parts) if lst.parts else []


def umbrellas_of(session: Session, lst: MailList) -> list[MailList]:
    """Return the lists of which this one is a part."""
    some = session.scalars(select(MailList).where(MailList.parts != ""))
    return [one for one in some if lst.id in {part.id for part in parts_of(session, one)}]


def counted_member(session: Session, lst: MailList, key: str) -> Membership | None:
    """Return whose membership lets the address ``key`` post: a list's own, or a relative's.

    Where a moderator reads somebody's posts first on one of them, that one counts.
    """
    own = membership_of(session, lst.id, key)
    if (own is not None and own.state in _HERE) or not (lst.siblings or lst.parts):
        return own
    relatives = [*named(session, lst.siblings or ""), *named(session, lst.parts or "")]
    found = [membership_of(session, one.id, key) for one in relatives]
    here = [one for one in found if one is not None and one.state in _HERE]
    return next((one for one in here if one.moderated), here[0] if here else own)


def check(session: Session, lst: MailList, name: str, addresses: str) -> Sequence[MailList]:
    """Return the lists that a setting names; raise Refused for one that it may not."""
    found = [get_list(session, one) for one in read_lists(addresses)]
    for other in found:
        _check_one(lst, name, other)
    if name == "parts" and found and (above := umbrellas_of(session, lst)):
        what = f"{lst.address} is a part of {_words(above)} and cannot have parts itself."
        raise Refused(what, "Name its parts there.", key="umbrella-within")
    return found


def _check_one(lst: MailList, name: str, other: MailList) -> None:
    if other is lst:
        raise Refused(f"{lst.address} cannot be named among its own {name}.", key="itself")
    if other.kind is ListKind.NEWSLETTER:
        what = f"{other.address} is a newsletter, and only discussion lists have {name}."
        raise Refused(what, key="other-kind")
    if name == "parts" and other.parts:
        what = f"{other.address} has parts itself and cannot be one."
        raise Refused(what, f"Name its parts: {other.parts}.", key="umbrella-within")


def list_here(session: Session, key: str) -> str:
    """Return the list of ours that an address belongs to, "" for none."""
    return lists_here(session, [key]).get(key, "")


def lists_here(session: Session, keys: Sequence[str]) -> dict[str, str]:
    """Return the lists of ours to which some of these addresses belong: their own, or their ways.

    A list is no member of another: its posts would come back to it, and nobody could leave.
    """
    domains = {key.rpartition("@")[2] for key in keys}
    near = or_(MailList.domain.in_(domains), MailList.formerly != "")
    lists = session.scalars(select(MailList).where(near)).all()
    known = {address: lst.address for lst in lists for address in lst.addresses}
    found = {}
    for key in keys if known else ():
        local, _, domain = key.rpartition("@")
        base = local.partition("+")[0]
        names = (base, *(base.removesuffix(one) for one in SUFFIXES if base.endswith(one)))
        name = next((one for one in names if f"{one}@{domain}" in known), "")
        if name:
            found[key] = known[f"{name}@{domain}"]
    return found


def _words(lists: Iterable[MailList]) -> str:
    return ", ".join(lst.address for lst in lists)
