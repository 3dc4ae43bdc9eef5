"""Tell whether a domain lets this client send in its name: SPF (RFC 7208), whole but for exp=.

    check(Client(ip, sender, helo), "example.net", ask)    # Result.PASS

``ask(name, kind)`` is DNS with a budget of its own (resolver.py); where it raises
NoAnswerError the result is temperror, and nobody is ever refused for that. Written here because
the libraries for it are not kept; measured against the RFC's own test suite. Explanations
(``exp=``) are read for their grammar and never fetched: no reply of ours repeats a stranger's
words. SECURITY: a stranger's record decides what is asked, so terms are counted: ten that need
DNS, two of them without an answer, ten hosts of an MX, ten names of an address (section 4.6.4).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, ip_address, ip_network

from mailer.authentication import spf_record
from mailer.authentication.dns_records import NoAnswerError
from mailer.authentication.resolver import DnsAnswer
from mailer.authentication.spf_macros import Client, expand
from mailer.authentication.spf_record import BadRecordError, SpfRecord, Term

MOST_TERMS = 10
MOST_VOID = 2
MOST_HOSTS = 10
_LABEL = re.compile(r"[^.\s\x00-\x20\x7f-\U0010ffff]{1,63}\Z")

Ask = Callable[[str, str], DnsAnswer]


class SpfResult(StrEnum):
    """Name the results of section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_QUALIFIED = {
    "+": SpfResult.PASS,
    "-": SpfResult.FAIL,
    "~": SpfResult.SOFTFAIL,
    "?": SpfResult.NEUTRAL,
}


class _TooMuchError(Exception):
    """A limit of section 4.6.4 was passed."""


def client_of(ip: str, sender: str, helo: str) -> Client | None:
    """Return whom to check, None where ``ip`` is no address; ``<>`` is judged by its hello."""
    try:
        plain = ip_address(ip)
    except ValueError:
        return None
    mapped = getattr(plain, "ipv4_mapped", None)
    local, _, domain = sender.rpartition("@")
    whole = f"{local or 'postmaster'}@{domain or helo}"
    return Client(mapped or plain, whole, helo)


def check(client: Client, domain: str, ask: Ask) -> SpfResult:
    """Return what ``domain`` says about ``client`` (section 4, check_host)."""
    try:
        return _Check(client, ask).host(domain)
    except NoAnswerError:
        return SpfResult.TEMPERROR
    except (BadRecordError, _TooMuchError):
        return SpfResult.PERMERROR


@dataclass(slots=True)
class _Check:
    """Count what one check has asked, through all its includes."""

    client: Client
    dns: Ask
    terms: int = 0
    voids: int = 0

    def host(self, domain: str) -> SpfResult:
        """Judge by the record of one domain."""
        labels = domain.removesuffix(".").split(".")
        if len(labels) < 2 or not all(map(_LABEL.match, labels)):  # noqa: PLR2004 - section 4.3
            return SpfResult.NONE
        texts = self.dns(domain, "TXT").records
        records = [text for text in texts if spf_record.is_spf(text)]
        if len(records) != 1:
            return SpfResult.PERMERROR if records else SpfResult.NONE
        return self._judge(spf_record.read(records[0]), domain)

    def _judge(self, record: SpfRecord, domain: str) -> SpfResult:
        for term in record.terms:
            if self._matches(term, domain):
                return _QUALIFIED[term.qualifier]
        if record.redirect is None:
            return SpfResult.NEUTRAL
        self._count()
        other = self.host(self._name(record.redirect, domain))
        return SpfResult.PERMERROR if other is SpfResult.NONE else other

    def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.name in {"ip4", "ip6"}:
            return self._within(term.spec, term)
        self._count()
        name = self._name(term.spec, domain) if term.spec else domain
        if term.name == "include":
            return self._included(name)
        if term.name == "exists":
            return bool(self._ask(name, "A"))
        if term.name == "ptr":
            return any(f".{one}".endswith(f".{name.lower()}") for one in self._names())
        hosts = [name]
        if term.name == "mx":
            hosts = list(self._ask(name, "MX"))
            if len(hosts) > MOST_HOSTS:
                raise _TooMuchError
        return any(
            self._within(address, term) for host in hosts for address in self._addresses(host)
        )

    def _included(self, name: str) -> bool:
        result = self.host(name)
        if result is SpfResult.TEMPERROR:
            raise NoAnswerError(name)
        if result in {SpfResult.PERMERROR, SpfResult.NONE}:
            raise BadRecordError(name)
        return result is SpfResult.PASS

    def _within(self, address: str, term: Term) -> bool:
        mine = self.client.ip
        bits = term.bits4 if isinstance(mine, IPv4Address) else term.bits6
        other = ip_address(address)
        return other.version == mine.version and mine in ip_network((other, bits), strict=False)

    def _addresses(self, host: str) -> tuple[str, ...]:
        return self._ask(host, self._kind())

    def _names(self) -> Iterator[str]:
        """Yield the client's names that point back to it (section 5.5)."""
        try:
            names = self._ask(self.client.ip.reverse_pointer, "PTR")
        except NoAnswerError:
            return
        for name in names[:MOST_HOSTS]:
            try:
                found = self.dns(name, self._kind()).records
            except NoAnswerError:
                continue
            if any(ip_address(one) == self.client.ip for one in found):
                yield str(name).lower()

    def _kind(self) -> str:
        return "A" if isinstance(self.client.ip, IPv4Address) else "AAAA"

    def _name(self, spec: str, domain: str) -> str:
        return expand(spec, self.client, domain, lambda: self._validated(domain))

    def _validated(self, domain: str) -> str:
        """Return the macro ``p``: the domain itself, else a name below it, else any."""
        names = list(self._names())
        own = domain.lower()
        below = [one for one in names if one.endswith(f".{own}")]
        return own if own in names else next(iter(below or names), "unknown")

    def _count(self) -> None:
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise _TooMuchError

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        found = self.dns(name, kind).records
        if not found:
            self.voids += 1
            if self.voids > MOST_VOID:
                raise _TooMuchError
        return found
