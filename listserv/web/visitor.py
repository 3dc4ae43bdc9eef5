"""Know who asks: their address, their language, and whether they are in an unlikely hurry.

SECURITY: X-Forwarded-For (without it, Forwarded) is believed from ``listserv.proxies`` alone, read
from the right, and only as far as those go. A proxy that does not say for whom it asks makes
nobody a visitor of this machine: then it is unknown who asks. A form carries a stamp that we
signed; who sends forms faster than a hand can, or without a stamp, may do so a few times an hour
and is then asked to wait.
"""

import hmac
import re
from collections import Counter, deque
from collections.abc import Sequence
from enum import Enum
from ipaddress import ip_address

import structlog
from starlette.requests import Request

from mailer.door.callers import Network, is_front, networks, plain_ip, source_of
from mailer.storage.tokens import Keyring
from templates import LANGUAGES

QUICK = 1.5  # seconds; nobody fills a form in faster
STALE = 86400.0  # seconds that a stamp is good for
HASTY = 10  # hasty forms from one address in an hour
_HOUR = 3600.0
_MOST = 10_000  # addresses that are remembered
_HOPS = 20  # entries of X-Forwarded-For that are read
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_log = structlog.get_logger("krets.web")
_NEAR = networks(
    ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1",
     "fc00::/7", "fe80::/10")
)  # fmt: skip
_FOR = re.compile(r"(?:\A|[;\s])for=(\"[^\"]*\"|[^;\s]*)", re.IGNORECASE)  # RFC 7239
_HOP = re.compile(r"\A(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::\d{1,5})?\Z")
_LOCAL_HOST = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?\Z", re.IGNORECASE)


def proxies(given: Sequence[str]) -> tuple[Network, ...]:
    """Read ``listserv.proxies``."""
    return networks(given, "listserv.proxies")


class CameBy(Enum):
    """Name how a request came here."""

    STRAIGHT = 0
    DECLARED = 1  # through a proxy of listserv.proxies, which says for whom
    SILENT = 2  # through one that does not say
    UNDECLARED = 3  # its peer forwards and is not in listserv.proxies

    @property
    def word(self) -> str:
        """Return the name by which /metrics counts it."""
        return self.name.lower()


_WRONG = {
    CameBy.SILENT: "a proxy does not say for whom it asks: let it send X-Forwarded-For, or its"
    " visitors are counted as one and the ledger of permissions has no address",
    CameBy.UNDECLARED: "somebody who is not in listserv.proxies forwards requests: name this proxy"
    " there, or its visitors are counted as one",
}


def way_of(request: Request, trusted: Sequence[Network]) -> CameBy:
    """Tell how a request came here."""
    peer = _peer(request)
    if is_front(peer, trusted):
        return CameBy.DECLARED if _said(request) else CameBy.SILENT
    return (
        CameBy.UNDECLARED if any(name in request.headers for name in FORWARDED) else CameBy.STRAIGHT
    )


def client_of(request: Request, trusted: Sequence[Network]) -> str:
    """Return the visitor's IP address, "" where it cannot be told."""
    way, peer = way_of(request, trusted), _peer(request)
    if way is CameBy.STRAIGHT:
        return peer
    if way is CameBy.UNDECLARED:  # a proxy of ours would be near; from afar anybody forges this
        return "" if not peer or is_near(peer) else peer
    found = ""
    for hop in reversed(_said(request)):
        found = plain_ip(_HOP.sub(r"\1\2", hop.strip().strip('"')))
        if not found or not is_front(found, trusted):
            return found
    return found


def is_near(peer: str) -> bool:
    """Tell whether an address is of this machine or of a private network."""
    return is_front(peer, _NEAR)


def is_this_machine(request: Request, trusted: Sequence[Network], base_url: str) -> bool:
    """Tell whether somebody on this machine asks, and nobody for another.

    The door speaks plain HTTP: where links are https there is a proxy before it, named or not.
    nginx asks by HTTP/1.0 where nobody tells it otherwise; a Host that is not this machine's is a
    proxy's or a rebound name's.
    """
    peer = _peer(request)
    return (
        bool(peer)
        and ip_address(peer).is_loopback
        and way_of(request, trusted) is CameBy.STRAIGHT
        and not base_url.startswith("https:")
        and request.scope.get("http_version") != "1.0"
        and _LOCAL_HOST.match(request.headers.get("host", "")) is not None
    )


def _peer(request: Request) -> str:
    return plain_ip(request.client.host) if request.client else ""


def _said(request: Request) -> list[str]:
    """Return for whom a proxy says that it asks, the nearest hop last."""
    said = request.headers.getlist("x-forwarded-for")
    if not said:
        forwarded = ",".join(request.headers.getlist("forwarded"))
        said = [
            found[1] if (found := _FOR.search(hop)) else "unknown"
            for hop in forwarded.split(",")[-_HOPS:]
            if hop.strip()
        ]
    return ",".join(said).split(",")[-_HOPS:] if said else []


def languages_of(request: Request) -> str:
    """Return what the visitor reads: the language named in the address, else the browser's."""
    named = request.query_params.get("language", "")
    return named if named in LANGUAGES else request.headers.get("accept-language", "")


def language_of(accept: str, fallback: str) -> str:
    """Return the language that the visitor prefers (RFC 9110 section 12.5.4) of those we speak."""
    best, weight = fallback, 0.0
    for item in accept[:500].split(","):
        name, _, quality = item.strip().partition(";")
        short = name.strip().lower().partition("-")[0]
        said = quality.strip().removeprefix("q=")
        try:
            value = float(said) if said else 1.0
        except ValueError:
            continue
        if short in LANGUAGES and weight < value <= 1.0:
            best, weight = short, value
    return best


def stamp(keyring: Keyring, now: float) -> str:
    """Return what a form carries to tell when it was shown."""
    at = f"{int(now * 10):x}"
    return f"{at}.{keyring.keyed_hash(f'form {at}').hex()}"


def in_haste(keyring: Keyring, said: str, now: float) -> bool:
    """Tell whether a form came back faster than by hand, too late, or without our stamp."""
    at, _, proof = said.partition(".")
    if not proof.isascii() or not at.isalnum() or not at.isascii():
        return True
    if not hmac.compare_digest(keyring.keyed_hash(f"form {at}").hex(), proof):
        return True
    return not QUICK <= now - int(at, 16) / 10 <= STALE


class ProxyWatch:
    """Count how requests come here, and say loudly where a proxy is not set up right."""

    def __init__(self) -> None:
        self.ways = Counter({way.word: 0 for way in CameBy})  # by name, as /metrics tells it
        self._said: dict[tuple[CameBy, bool], float] = {}

    def note(self, request: Request, trusted: Sequence[Network], now: float) -> None:
        """Count one request; log what is wrong with its way, at most once an hour."""
        way, peer = way_of(request, trusted), _peer(request)
        self.ways[way.word] += 1
        if way not in _WRONG or now - self._said.get((way, near := is_near(peer)), 0.0) < _HOUR:
            return
        self._said[way, near] = now
        tell = _log.error if near or way is CameBy.SILENT else _log.warning
        tell(_WRONG[way], proxy=peer, setting="listserv.proxies")


class Patience:
    """Count the hasty forms of each address within an hour, in the memory of this process."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def over(self, client: str, now: float) -> bool:
        """Count one hasty form; tell whether it is one too many. This machine may hurry."""
        source = source_of(client)
        if not source or ip_address(client).is_loopback:
            return False
        if source not in self._seen and len(self._seen) >= _MOST:
            self._seen.pop(next(iter(self._seen)))
        times = self._seen.setdefault(source, deque(maxlen=HASTY + 1))
        times.append(now)
        return len(times) > HASTY and now - times[0] < _HOUR
