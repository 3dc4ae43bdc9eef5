"""Answer whoever writes to a list that was deleted, or wants to join it.

    deleted_list.say(visit, who, language="sv")

One mail in the budget of those that strangers may cause; an owner is told how to bring the list
back while that can be done. Refuses to know what was written, which goes to nobody.
"""

from listserv.letters.ask_payloads import JoinPayload
from listserv.letters.request import Visit, language_of, question, write
from mailer.reading.addresses import MailAddress
from subscriptions.lists import deletion, relatives
from subscriptions.lists.roster import ArchivePolicy, MembershipState, Role, membership_of
from subscriptions.permission import suppression
from subscriptions.permission.asks import AskPurpose

_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


def say(visit: Visit, who: MailAddress, *, language: str = "") -> str:
    """Tell somebody that the list was deleted; return what was done, for the log alone."""
    if suppression.said_never(visit.session, visit.app.keyring, [who.key]):
        return "never-mail-me"
    if relatives.list_here(visit.session, who.key):
        return "own-address"
    if not visit.allow(who.key, "deleted"):
        return "over-budget: deleted"
    tell(visit, who, language=language)
    return "deleted: told"


def tell(visit: Visit, who: MailAddress, *, language: str = "") -> None:
    """Write it to somebody whose place in the budget was taken before, or who shows a token."""
    member = membership_of(visit.session, visit.lst.id, who.key)
    here = member is not None and member.state in _HERE
    owner = here and member is not None and member.role is Role.OWNER
    last = deletion.until(visit.lst) if owner else None
    context: dict[str, object] = {
        "at": visit.lst.deleted_at,
        "until": last if deletion.can_return(visit.lst, visit.now) else None,
        "readable": visit.lst.archive is not ArchivePolicy.NONE,
    }
    spoken = language_of(visit, who, language)
    if member is not None and here:
        write(visit, who, "stranger-ended", spoken, member.id, context=context)
        return
    question(  # its token says "never" for them, and joins nobody
        visit,
        AskPurpose.CONFIRM,
        to=who,
        name="stranger-ended",
        language=spoken,
        payload=JoinPayload(language=language, asked=False),
        context=context,
    )
