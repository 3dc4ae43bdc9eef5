"""Tell whose mail it is: SPF, DKIM and DMARC of one mail, within a second (RFC 8601's words).

    judge(raw, head, Envelope(client, helo, sender), resolver)   # Authentication(spf="pass", ...)

Knows one mail, its envelope and a resolver; what follows from a verdict is for the roof.
SECURITY: trouble with DNS is "temperror" and speaks neither for nor against anybody. The
writer's own domain is asked first and the client's last, so that a forger whose domain answers
slowly has used up no time of others; an error of a domain that could not speak for the writer
does not count. A client on this machine is nobody: it can pass, and fail it cannot.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mailer.authentication import dkim_verify, dmarc, spf
from mailer.authentication.dkim_verify import Signature
from mailer.authentication.dmarc import DmarcPolicy
from mailer.authentication.dns_records import NoAnswerError
from mailer.authentication.resolver import DnsAnswer, Resolver
from mailer.reading.headers.from_domains import domain_of
from mailer.reading.message import MessageHeader, addresses_of

SECONDS = 4.0  # for all questions about one mail: after the 250 nobody waits at the line
_QUESTION = 1.5  # for one of them: DNS that must ask further takes so long, or loses a packet


@dataclass(frozen=True, slots=True)
class Envelope:
    """Hold who brought a mail: the client's address ("" where unknown), its hello, the sender."""

    client: str
    helo: str
    sender: str


@dataclass(frozen=True, slots=True)
class Authentication:
    """Hold a verdict, which names nobody: it is kept when its mail is erased.

    ``aligned`` tells that the writer's domain (``author_domain``) vouches for the mail, whether
    or not it has a policy.
    """

    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    aligned: bool = False
    policy: str = "none"

    @property
    def disowned(self) -> bool:
        """Tell whether the writer's domain says that this is not its mail, and means it."""
        return self.dmarc == "fail" and self.policy != DmarcPolicy.NONE

    @property
    def shown(self) -> dict[str, Any]:
        """Return what people and programs are told."""
        return {
            "spf": self.spf,
            "dkim": self.dkim,
            "dmarc": self.dmarc,
            "aligned": self.aligned,
        }

    def text(self) -> str:
        """Return what ``read`` reads."""
        return json.dumps(asdict(self))


UNKNOWN = Authentication()


def read(text: str) -> Authentication:
    """Return a verdict that was kept; UNKNOWN for none."""
    if not text:
        return UNKNOWN
    known: dict[str, Any] = json.loads(text)
    fields = Authentication.__dataclass_fields__
    return Authentication(**{name: value for name, value in known.items() if name in fields})


def judge(
    raw: bytes,
    head: MessageHeader,
    envelope: Envelope,
    resolver: Resolver,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Authentication:
    """Return whose mail ``raw`` is; never raises for what a stranger wrote."""
    ends = clock() + SECONDS

    def ask(name: str, kind: str) -> DnsAnswer:
        return resolver.ask(name, kind, min(_QUESTION, ends - clock()))

    def texts(name: str) -> tuple[bytes, ...]:
        return ask(name, "TXT").records

    def exists(name: str) -> bool:
        return any(ask(name, kind).records for kind in ("A", "AAAA", "MX"))

    author = author_domain(head)
    if author:
        _warm(author, texts)
    signed = dkim_verify.signatures(raw, head, lambda name: next(iter(texts(name)), None), author)
    sent, sender = _spf(envelope, ask)
    made = Authentication(spf=sent, dkim=_best(signed))
    if not author:
        return replace(made, dmarc="permerror")
    passed = [("dkim", one.domain) for one in signed if one.result == "pass" and one.whole]
    passed += [("spf", sender)] if sent == "pass" else []
    found = dmarc.judge(author, passed, texts, exists)
    result = found.result
    if result is dmarc.DmarcResult.FAIL:
        unsure = [("dkim", one.domain or author) for one in signed if one.result == "temperror"]
        unsure += [("spf", sender)] if sent == "temperror" else []
        if unsure and dmarc.judge(author, unsure, texts, exists).aligned:
            result = dmarc.DmarcResult.TEMPERROR
    return replace(made, dmarc=result.value, policy=found.policy.value, aligned=found.aligned)


def author_domain(head: MessageHeader) -> str:
    """Return the domain of the one address in the one From, "" where there is not just one."""
    values = head.all("from")
    if len(values) != 1:
        return ""
    domains = {domain_of(address.rpartition("@")[2]) for _, address in addresses_of(values[0])}
    return domains.pop() if len(domains) == 1 else ""


def _warm(author: str, texts: Callable[[str], tuple[bytes, ...]]) -> None:
    """Ask for the writer's policy while there is time; the resolver remembers."""
    try:
        dmarc.walk(author, texts)
    except NoAnswerError:
        return


def _spf(envelope: Envelope, ask: spf.Ask) -> tuple[str, str]:
    """Return the result and the domain that it is about (RFC 7208 section 2.4)."""
    client = spf.client_of(envelope.client, envelope.sender, envelope.helo)
    if client is None:
        return "none", ""
    domain = domain_of(client.sender.rpartition("@")[2])
    result = spf.check(client, domain, ask)
    if client.ip.is_loopback and result is not spf.SpfResult.PASS:
        result = spf.SpfResult.NONE
    return result.value, domain


def _best(signed: Sequence[Signature]) -> str:
    """Return one word for all signatures: the best of them."""
    words = {one.result for one in signed}
    return next((word for word in ("pass", "temperror", "fail") if word in words), "none")
