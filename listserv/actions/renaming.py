"""Give a list another address: mail to the one it had still comes, and links to it still lead.

    renaming.rename(call, RenameList("friends@example.org", "garden@example.org"))

The list's members, archive, tokens and ledger stay what they are; its List-Id too, so that
nobody's filter breaks. Its owners are told. SECURITY: an address that a list has had is never
another list's (``roster.check_free``), or a stranger would read what old links and contacts still
bring. An owner may change the name; another domain is the operator's, whose DNS must know it.
"""

from dataclasses import dataclass

from sqlalchemy import update

from listserv.actions import audit, moved_pages
from listserv.actions.call import Call
from listserv.actions.permissions import Action, ActorRole, NotPermitted
from listserv.letters.visit import Visit
from subscriptions.lists import roster
from subscriptions.lists.naming import ListAddress, read_list_address
from subscriptions.lists.roster import MailList


@dataclass(frozen=True, slots=True)
class RenameList:
    """Ask for another address of a list; ``to`` is a name, or an address in full."""

    list: str
    to: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ListRenamed:
    """Hold the address before and after, and whether mail from the new domain is signed by us."""

    before: str
    after: str
    signed: bool  # as before: False only where the old domain has a key and the new one has none


def rename(call: Call, wanted: RenameList) -> ListRenamed:
    """Give a list another address; with ``dry_run`` only say that it could have it."""
    from mailer.authentication import dkim_keys  # noqa: PLC0415 - slow, rarely needed

    within = call.reading if wanted.dry_run else call.changing
    with within(Action.LIST_RENAME, wanted.list) as visit:
        where = read_name(visit.lst, wanted.to)
        role = call.by.role_on(visit.session, visit.lst)
        if where.domain != visit.lst.domain and role is not ActorRole.OPERATOR:
            raise NotPermitted("Only the operator may move a list to another domain.", key="domain")
        before = visit.lst.address
        keys = dkim_keys.domains(visit.session)
        done = ListRenamed(before, str(where), where.domain in keys or visit.lst.domain not in keys)
        if wanted.dry_run:
            roster.check_rename(visit.session, visit.lst, where)
            return done
        roster.rename_list(visit.session, visit.lst, where)
        _follow(visit, before)
        _tell_owners(call, visit, before)
        audit.detail(visit.session, f"{before} -> {where}")
    call.ring("deliver")
    if call.within is None:
        moved_pages.move(call.app, done.after)
    return done


def read_name(lst: MailList, said: str) -> ListAddress:
    """Return the address that a name or an address means for a list."""
    text = said.strip()
    return read_list_address(text if "@" in text else f"{text}@{lst.domain}")


def _follow(visit: Visit, before: str) -> None:
    """Let what names the list by its address name the new one."""
    visit.session.execute(
        update(MailList).where(MailList.replies == before).values(replies=visit.lst.address)
    )
    moved_pages.ask(visit.lst, before)
    visit.session.flush()


def _tell_owners(call: Call, visit: Visit, before: str) -> None:
    """Tell every owner but the one who asked: they get a receipt."""
    from listserv.letters.request import tell_member  # noqa: PLC0415 - slow, rarely needed
    from subscriptions.membership import optin  # noqa: PLC0415 - as the line above

    for owner in optin.owners_of(visit.session, visit.lst):
        at = optin.address_of(visit.session, owner)
        if at.key != call.by.key:
            tell_member(visit, owner, "owner-renamed", by=call.by.key, before=before)
