"""Ask for digests: see what a member would get, send what is due."""

from dataclasses import dataclass

from listserv.actions.call import Call
from listserv.actions.members import member_of
from listserv.actions.permissions import Action
from listserv.digests import digest_mail, digest_making
from listserv.mailings import audience_freezing, digest_windows
from listserv.mailings.delivery import Readers
from listserv.membership import wishes
from mailer.errors import Refused
from mailer.ledger import mailings
from mailer.ledger.ledger import ClaimedRow
from mailer.ledger.mailings import MailingView, UnsurePolicy
from subscriptions.lists.rhythms import DIGESTS, DigestForm
from subscriptions.lists.roster import Person
from subscriptions.membership import optin


@dataclass(frozen=True, slots=True)
class PreviewDigest:
    """Ask what somebody's next digest would say now."""

    list: str
    address: str


@dataclass(frozen=True, slots=True)
class SendDigests:
    """Ask that a list's digests go out which are due up to ``until``, seconds since 1970 UTC."""

    list: str
    until: float
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DigestsSent:
    """Say which mailings the digests became, and for how many members."""

    list: str
    mailings: tuple[int, ...]
    members: int


def preview(call: Call, wanted: PreviewDigest) -> bytes:
    """Return the mail that a member's digest would be now; raise Refused where none would come."""
    with call.reading(Action.DIGEST_PREVIEW, wanted.list) as visit:
        session, lst = visit.session, visit.lst
        member = member_of(session, lst, wanted.address)
        to = optin.address_of(session, member)
        if member.rhythm not in DIGESTS and member.digest_until is None:
            raise Refused(
                f"{to.given} has no digest of {lst.address}: the rhythm is {member.rhythm.value}.",
                key="no-digest",
            )
        face, threads = digest_making.threads_for(session, call.app, lst, member, call.now)
        if not threads:
            raise Refused(f"Nothing waits for the next digest of {to.given}.", key="nothing-waits")
        zone = wishes.rhythm_told(session, lst, member)["in_zone"]
        language = session.get_one(Person, member.person_id).language or lst.language
        form = DigestForm(member.digest_form or DigestForm.PAGE)
        made = digest_mail.compose(
            threads, face, language, form,
            message_id=f"preview@{lst.domain}", now=call.now, zone=zone,
        )  # fmt: skip
    row = ClaimedRow(0, 0, member.id, to.wire, to.domain, 0, 0)
    mailing = MailingView(
        0, digest_windows.KIND, lst.address, "", UnsurePolicy.NEVER_MISS, call.now
    )
    return made.join(Readers(call.app.keyring).copy(mailing, row).values)


def send(call: Call, wanted: SendDigests) -> DigestsSent:
    """Make what is due and enter its readers; the workers send it."""
    lst = call.permitted(Action.DIGEST_SEND, wanted.list)
    if wanted.dry_run:
        with call.app.store.read() as session:
            found = digest_windows.due(session, lst, wanted.until)
            return DigestsSent(lst.address, (), digest_windows.count(session, found))
    made = digest_making.send_due(call.app, lst.address, wanted.until)
    members = 0
    for mailing in made:
        while audience_freezing.freeze_some(call.app.store, mailing):
            pass
        with call.app.store.read() as session:
            members += mailings.status(session, mailing).audience
    if made:
        call.ring("deliver")
    return DigestsSent(lst.address, tuple(made), members)
