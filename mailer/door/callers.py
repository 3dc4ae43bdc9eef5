"""Know who calls: trusted fronts, what counts as one source, how many connections each holds.

SECURITY: an IPv6 customer has a /64 at least, so that is one source, as one IPv4 address is. Many
have a /48, which is 65,536 of these: a neighbourhood has a bound of its own. Nobody can fill a
door: where all places are taken, the neighbourhood that holds most gives one up to whoever holds
fewer, and in it the source that holds most. Fronts speak for everybody: they are not counted as a
source and give up nothing.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Generic, Protocol, TypeVar

from mailer.errors import Misconfigured

Network = IPv4Network | IPv6Network
_SOURCE_BITS = 64  # of IPv6: one customer
_NETWORK_BITS = {4: 24, 6: 48}  # a neighbourhood: one site, or one small provider


def networks(given: Sequence[str], setting: str = "mailer.front") -> tuple[Network, ...]:
    """Read addresses and networks such as ``10.0.0.0/8``; an error names ``setting``."""
    try:
        return tuple(ip_network(text, strict=False) for text in given)
    except ValueError as error:
        raise Misconfigured(
            f"{setting} has something that is no network: {error}.",
            'Write addresses or networks, such as ["127.0.0.1", "10.0.0.0/8"].',
        ) from None


def plain_ip(text: str) -> str:
    """Return the usual spelling of an IP address, IPv4 for a mapped one; "" for anything else."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def is_front(ip: str, front: Sequence[Network]) -> bool:
    """Tell whether ``ip`` is in one of the networks ``front``."""
    if not ip or not front:
        return False
    found = ip_address(ip)
    return any(found in network for network in front)


def source_of(ip: str) -> str:
    """Return what bounds are counted by: an IPv4 address, the /64 of an IPv6 one, "" for none."""
    if not ip or ip_address(ip).version == 4:  # noqa: PLR2004 - IPv4
        return ip
    return str(ip_network(f"{ip}/{_SOURCE_BITS}", strict=False))


@lru_cache(4096)
def network_of(source: str) -> str:
    """Return the neighbourhood of a source: a /24 of IPv4, a /48 of IPv6; "" for no address."""
    address = plain_ip(source.partition("/")[0])
    if not address:
        return ""
    bits = _NETWORK_BITS[ip_address(address).version]
    return str(ip_network(f"{address}/{bits}", strict=False))


class Guest(Protocol):
    """Hold a connection that may have to give up its place."""

    @property
    def idle_since(self) -> float | None:
        """Return since when nothing came of it; None where it must not be cut now."""


G = TypeVar("G", bound=Guest)


class Callers(Generic[G]):
    """Hold open connections by source; "" is the source of fronts, which no bound counts."""

    def __init__(self, per_source: int, in_all: int, per_network: int = 0) -> None:
        self._per_source = per_source
        self._per_network = per_network or in_all
        self._in_all = in_all
        self._open: dict[str, dict[G, None]] = {}
        self._networks: Counter[str] = Counter()
        self.total = 0  # how many are open

    def guests(self) -> list[G]:
        """Return all that are open."""
        return [guest for held in self._open.values() for guest in held]

    def full(self) -> bool:
        """Tell whether one more is too many."""
        return self.total >= self._in_all

    def held(self, source: str) -> tuple[int, int]:
        """Return how many connections the neighbourhood of a source holds, and how many itself."""
        return self._networks[network_of(source)], len(self._open.get(source, ()))

    def crowded(self, source: str) -> bool:
        """Tell whether one more from ``source``, or from its neighbourhood, is too many."""
        if not source:
            return False
        near, held = self.held(source)
        return held >= self._per_source or near >= self._per_network

    def enter(self, source: str, guest: G) -> None:
        """Count a connection."""
        self._open.setdefault(source, {})[guest] = None
        self._networks[network_of(source)] += 1
        self.total += 1

    def leave(self, source: str, guest: G) -> None:
        """Count it no more; one that has left already changes nothing."""
        held = self._open.get(source, {})
        if guest in held:
            del held[guest]
            network = network_of(source)
            self._networks[network] -= 1
            if not self._networks[network]:
                del self._networks[network]
            self.total -= 1
        if not held:
            self._open.pop(source, None)

    def one_to_cut(self, source: str) -> G | None:
        """Return whose place a newcomer from ``source`` may have, where there is one.

        Of the neighbourhood that holds most, and of its source that holds most, if one of them
        holds more than that of ``source`` does: the one of which nothing came for longest.
        """
        near, own = self.held(source) if source else (0, 0)
        counted = {one: self.held(one) for one in self._open if one}
        for most in sorted(counted, key=counted.__getitem__, reverse=True):
            if counted[most][0] <= near and counted[most][1] <= own:
                continue
            idle = [(since, n) for n, one in enumerate(self._open[most])
                    if (since := one.idle_since) is not None]  # fmt: skip
            if idle:
                return list(self._open[most])[min(idle)[1]]
        return None
