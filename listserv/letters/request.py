"""What everybody who answers somebody works with: the list, the moment, and the proof."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from listserv.letters import notices
from listserv.letters.answer_proof import AnswerProof
from listserv.letters.ask_payloads import JoinPayload
from listserv.letters.visit import Visit
from mailer.reading.addresses import MailAddress, parse
from subscriptions.lists.roster import Membership
from subscriptions.membership import optin
from subscriptions.permission import asks, budget, wording
from subscriptions.permission.asks import Ask, AskPurpose, open_ask

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "AnswerProof",
    "Visit",
    "language_of",
    "open_offer",
    "question",
    "tell",
    "tell_member",
    "whom",
    "write",
]

# What a consent may come to rest on: the words of these questions are kept.
_PERMISSIONS = {
    AskPurpose.CONFIRM,
    AskPurpose.REST,
    AskPurpose.LEAVE,
    AskPurpose.COMMAND,
    AskPurpose.ADDRESS,
    AskPurpose.REACH,
}


def question(
    visit: Visit,
    purpose: AskPurpose,
    *,
    to: MailAddress,
    name: str,
    language: str,
    payload: "DataclassInstance | None" = None,
    like: Ask | None = None,
    context: dict[str, object] | None = None,
    ref: int = 0,
    member: int = 0,
    pages: str = "",
    kind: str = notices.KIND,
    enclosures: Sequence[notices.Enclosure] = (),
) -> str:
    """Ask something by the mail ``name`` and return the token that answers it.

    ``like`` is the question that is put anew (``asks.open_ask``). ``pages`` is the token of the
    confirmation that the mail's pages are for, where that is another question (``open_offer``).
    """
    token = open_ask(
        visit.session,
        purpose,
        list_id=visit.lst.id,
        to=to,
        now=visit.now,
        ref=ref,
        payload=payload,
        like=like,
    )
    suffix = "confirm" if purpose in {AskPurpose.CONFIRM, AskPurpose.REST} else "reply"
    sent = notices.send(
        visit.session,
        visit.app,
        lst=visit.lst,
        to=to,
        name=name,
        language=language,
        now=visit.now,
        context=context,
        door=notices.AnswerAddress(suffix, token),
        pages=pages,
        in_reply_to=visit.in_reply_to,
        member=member,
        last_word=purpose is AskPurpose.NEVER,
        enclosures=enclosures,
        kind=kind,
    )
    said = [value for value in (context or {}).values() if isinstance(value, str)]
    text = wording.bare(f"{sent.words.subject}\n\n{sent.words.text}", said)
    if purpose in _PERMISSIONS:
        asked = wording.keep(visit.session, name, language, text, visit.now)
    else:
        asked = wording.name_of(name, text)
    for one in filter(None, (token, pages)):
        asks.reword(visit.session, one, f"{asked}/{language}", sent.words.subject)
    return token


def open_offer(visit: Visit, who: MailAddress, language: str) -> str:
    """Open a confirmation for the pages of a mail that asks something else first."""
    payload = JoinPayload(language=language, asked=False)
    return open_ask(
        visit.session,
        AskPurpose.CONFIRM,
        list_id=visit.lst.id,
        to=who,
        now=visit.now,
        payload=payload,
    )


def tell(
    visit: Visit, to: MailAddress, name: str, language: str, member: int = 0, **context: object
) -> None:
    """Answer somebody who has shown a token; counted, and never refused."""
    budget.count(visit.session, to.key, kind=name, now=visit.now)
    write(visit, to, name, language, member, context=context)


def write(
    visit: Visit,
    to: MailAddress,
    name: str,
    language: str,
    member: int = 0,
    *,
    context: dict[str, object] | None = None,
    door: notices.AnswerAddress | None = None,
    enclosures: Sequence[notices.Enclosure] = (),
) -> int:
    """Send a notice whose place in the budget was taken before; return the mailing's id."""
    sent = notices.send(
        visit.session,
        visit.app,
        lst=visit.lst,
        to=to,
        name=name,
        language=language,
        now=visit.now,
        context=context,
        door=door,
        in_reply_to=visit.in_reply_to,
        member=member,
        enclosures=enclosures,
    )
    return sent.mailing


def tell_member(visit: Visit, member: Membership, name: str, **context: object) -> None:
    """Tell a member something at their own address, in their own language."""
    to = optin.address_of(visit.session, member)
    tell(visit, to, name, language_of(visit, to), member.id, **context)


def language_of(visit: Visit, who: MailAddress, said: str = "") -> str:
    """Return the language to write in: the person's, else what they said, else the list's."""
    return optin.known_language(visit.session, who.key) or said or visit.lst.language


def whom(ask: Ask) -> MailAddress:
    """Return the address that was asked."""
    return parse(ask.given)
