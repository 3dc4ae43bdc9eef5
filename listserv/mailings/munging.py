"""Munging: whether a post's From has to be rewritten for receivers to take it, decided per post.

    question = munging.ask(session, app, lst, reading, ...)   # in a transaction, asks nobody
    why = munging.decide(question, app.resolver)              # "" where From stays as it is

A From stays wherever it can. It goes where a copy would vouch for a writer whom nothing proves
(our return path and our signature are aligned with every From of our own organisations), and
where the writer's domain asks receivers to quarantine or reject what is not aligned (p=, sp=,
np=, t= as mailer/authentication/dmarc.py reads them) and no signature of it fits the very bytes
that leave. SECURITY: what is uncertain is munged; that costs a name, the other costs the post.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy.orm import Session

from listserv.letters import post_headers
from listserv.letters.notices import face_of
from listserv.mailings import post_copies, signing
from listserv.wiring import vouching
from listserv.wiring.app import App
from mailer.authentication import dmarc, verdict
from mailer.authentication.dmarc import DmarcPolicy
from mailer.authentication.dns_records import NoAnswerError
from mailer.authentication.resolver import Resolver
from mailer.authentication.verdict import Authentication, Envelope, author_domain
from mailer.reading import message
from mailer.reading.headers.from_domains import from_domains
from mailer.reading.message import MessageHeader
from mailer.reading.organisational_domains import organisation
from subscriptions.lists.roster import MailList

_PATIENCE = 0.4  # seconds for one question to DNS
_NOBODY = Envelope("", "", "")  # SPF of a writer says nothing about what we send


class Why(StrEnum):
    """Say why a From is rewritten."""

    STAYS = ""
    OURS = "from-is-ours"  # nothing proves the writer, and a copy of ours would
    SEVERAL = "several-writers"  # no receiver can tell whose policy counts
    UNSIGNED = "not-signed"  # the domain's policy wants a signature, and there is none
    BREAKS = "signature-breaks"  # there is one, and it does not fit what leaves


@dataclass(frozen=True, slots=True)
class MungingQuestion:
    """Hold what decides about one post, read in a transaction and judged outside of it."""

    head: MessageHeader
    found: Authentication
    ours: frozenset[str]
    domain: str  # of the list: of our return path and our signature
    signs: bool  # whether we sign as ``domain``
    copy: bytes  # as it would leave with its own From; empty where that cannot matter


def ask(
    session: Session,
    app: App,
    lst: MailList,
    raw: bytes,
    head: MessageHeader,
    found: Authentication,
    trace: post_headers.Trace,
    *,
    answers: str,
    now: float,
) -> MungingQuestion:
    """Return what decides about a post that would leave now."""
    ours = vouching.organisations(session, lst.domain)
    copy = b""
    if _depends_on_bytes(found):
        written = signing.AuthoredMail(head, found)
        one_click = signing.one_click(session, app.settings, lst.domain, now, written)
        face = replace(face_of(app, lst), one_click=one_click)
        (composed,) = post_copies.compose(
            raw, head, lst, face, trace, f"{face.page}m/" if face.archived else "",
            languages=(lst.language,), answers=answers,
            own=(own := vouching.own_names(session, app.settings)),
            disowned=vouching.disowned(head, own, found),
        ).values()  # fmt: skip
        copy = composed.join(dict.fromkeys(composed.slots, b"a" * 26))
    signs = signing.signs(session, app.settings, lst.domain, now)
    return MungingQuestion(head, found, ours, lst.domain, signs, copy)


def decide(question: MungingQuestion, resolver: Resolver) -> Why:
    """Return why the From of a post is rewritten, STAYS where it is not."""
    head, found = question.head, question.found
    if vouching.is_ours(head, question.ours, found):
        return Why.OURS
    author = author_domain(head)
    if not author:
        return Why.SEVERAL if from_domains(head) else Why.STAYS
    if not question.copy or _we_speak_for(author, question, resolver):
        return Why.STAYS
    copy = verdict.judge(question.copy, message.head(question.copy), _NOBODY, resolver)
    if copy.aligned or DmarcPolicy.NONE == found.policy == copy.policy:
        return Why.STAYS
    return Why.BREAKS if found.dkim == "pass" else Why.UNSIGNED


def _depends_on_bytes(found: Authentication) -> bool:
    return found.policy != DmarcPolicy.NONE or found.dmarc == dmarc.DmarcResult.TEMPERROR


def _we_speak_for(author: str, question: MungingQuestion, resolver: Resolver) -> bool:
    """Tell whether our own signature or return path makes this proven writer's copy pass."""
    domain = question.domain
    if not question.found.aligned or organisation(author) != organisation(domain):
        return False

    def texts(name: str) -> tuple[bytes, ...]:
        return resolver.texts(name, _PATIENCE)

    ways = [("dkim", domain)] if question.signs else []
    if _has_spf(domain, texts):
        ways.append(("spf", domain))
    return dmarc.judge(author, ways, texts, lambda _name: True).aligned


def _has_spf(domain: str, texts: Callable[[str], tuple[bytes, ...]]) -> bool:
    try:
        return any(text.lower().startswith(b"v=spf1") for text in texts(domain))
    except NoAnswerError:
        return False
