"""Ask DNS, remember the answers, and leave a resolver alone that says nothing.

    resolver = Resolver(("127.0.0.1:5300",))    # the seam: tests give a zone of their own
    resolver.ask("example.org", "TXT", 0.4)     # Answer((b"v=spf1 mx -all",))

Knows TXT, A, AAAA, MX and PTR. With servers of its own every name is asked; the system's
resolver is not asked about names that nobody can have published (RFC 2606, RFC 6761). SECURITY:
whoever owns a name writes the answer: at most ``MOST`` records of at most ``MAX_TEXT`` bytes are
read, an answer is kept ``KEEP`` seconds at most and ``REMEMBERED`` of them in all. A domain
whose servers are silent must not switch off the judgement of all other mail: after a question
without an answer the resolver itself is asked something easy, and only where that stays without
an answer too does it rest.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mailer.authentication.alignment import is_public
from mailer.authentication.dns_records import MAX_TEXT, MOST, NoAnswerError

KINDS = ("TXT", "A", "AAAA", "MX", "PTR")
REST = 30.0  # seconds that a silent resolver, or a name without an answer, is left alone
KEEP = 3600.0  # seconds that an answer is kept, its own time to live permitting
KEEP_NOTHING = 60.0  # and one that says there is nothing
LEAST = 5.0  # seconds that every answer is kept: one mail asks the same again and again
REMEMBERED = 10_000  # answers
_EASY = 0.25  # seconds for the easy question
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[\x21-\x2d\x2f-\x7e]{1,63}\.)*[\x21-\x2d\x2f-\x7e]{1,63}\Z")


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """Hold what stands at a name: texts as octets, addresses and hosts as text, MX in order."""

    records: tuple[Any, ...] = ()
    exists: bool = True  # False: there is no such name (RFC 8020), nor anything below it


NOTHING = DnsAnswer((), exists=False)


class Resolver:
    """Ask the servers given as ``HOST:PORT``, else the system's; one for a process."""

    def __init__(
        self, servers: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._servers = [read_server(text) for text in servers]
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, DnsAnswer | None]] = {}
        self._silent_until = 0.0

    def ask(self, name: str, kind: str, seconds: float) -> DnsAnswer:
        """Return what ``name`` has of ``kind``; raise NoAnswerError after ``seconds``."""
        wanted = name.rstrip(".").lower()
        if not _NAME.match(wanted) or not self.asks(wanted):
            return NOTHING
        now = self._clock()
        until, known = self._known.get((wanted, kind), (0.0, None))
        if now < until:
            return _given(known)
        if not self._awake(now):
            raise NoAnswerError("resting")
        if seconds <= 0:
            raise NoAnswerError("no time is left")
        kept, found = self._look(wanted, kind, seconds)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[wanted, kind] = (self._clock() + kept, found)
        return _given(found)

    def asks(self, name: str) -> bool:
        """Tell whether ``name`` is asked about at all."""
        return bool(self._servers) or is_public(name)

    def texts(self, name: str, seconds: float) -> tuple[bytes, ...]:
        """Return the texts of ``name``, as mailer.records does."""
        return self.ask(name, "TXT", seconds).records

    def _awake(self, now: float) -> bool:
        """Tell whether to ask; one that was silent is asked something easy first."""
        if now < self._silent_until:
            return False
        if self._silent_until and not self._is_there():
            self._silent_until = self._clock() + REST
            return False
        self._silent_until = 0.0
        return True

    def _look(self, name: str, kind: str, seconds: float) -> tuple[float, DnsAnswer | None]:
        """Return for how long an answer holds, and it; None where DNS did not answer."""
        import dns.exception  # noqa: PLC0415 - a tenth of a second, which most commands never need
        import dns.resolver  # noqa: PLC0415

        try:
            resolver = self._made()
            found = resolver.resolve(
                f"{name}.", kind, lifetime=seconds, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return KEEP_NOTHING, NOTHING
        except dns.resolver.LifetimeTimeout:
            if not self._is_there():
                self._silent_until = self._clock() + REST
            return REST, None
        except dns.resolver.NoResolverConfiguration:
            self._silent_until = self._clock() + REST
            return REST, None
        except (dns.exception.DNSException, OSError, ValueError):
            return REST, None
        if found.rrset is None:
            return KEEP_NOTHING, DnsAnswer()
        return max(LEAST, min(KEEP, float(found.rrset.ttl))), DnsAnswer(_read(found.rrset, kind))

    def _made(self) -> Any:  # noqa: ANN401 - dns.resolver is imported only where it is needed
        import dns.nameserver  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        resolver = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(host, port) for host, port in self._servers
            ]
        resolver.timeout = _EASY * 2  # then the next server, or the same once more
        resolver.retry_servfail = False
        return resolver

    def _is_there(self) -> bool:
        """Tell whether the resolver answers anything at all."""
        import dns.exception  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        try:
            self._made().resolve(".", "NS", lifetime=_EASY, raise_on_no_answer=False)
        except (dns.resolver.LifetimeTimeout, OSError):
            return False
        except dns.exception.DNSException:
            return True
        return True


def read_server(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT`` (an IP address, ``[::1]:53``; the port may lack); raise ValueError."""
    from ipaddress import ip_address  # noqa: PLC0415

    host, port = "", 53
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", text.strip())
    if found is not None:
        host, port = found[1] or found[2], int(found[3] or 53)
    try:
        plain = str(ip_address(host))
    except ValueError:
        plain = ""
    if not plain or not 0 < port < 65536:  # noqa: PLR2004 - UDP
        raise ValueError(f"{text!r} is not HOST:PORT with an IP address, such as 127.0.0.1:53")
    return plain, port


def _given(found: DnsAnswer | None) -> DnsAnswer:
    if found is None:
        raise NoAnswerError("no answer")
    return found


def _read(rrset: Any, kind: str) -> tuple[Any, ...]:  # noqa: ANN401 - dnspython's
    some = list(rrset)[:MOST]
    if kind == "TXT":
        joined = (b"".join(one.strings) for one in some)
        return tuple(text for text in joined if len(text) <= MAX_TEXT)
    if kind == "MX":
        ordered = sorted((one.preference, one.exchange.to_text()) for one in some)
        return tuple(host.rstrip(".").lower() for _, host in ordered)
    if kind == "PTR":
        return tuple(one.target.to_text().rstrip(".").lower() for one in some)
    return tuple(one.address for one in some)
