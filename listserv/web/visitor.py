"""Know who asks: their address, their language, and whether they are in an unlikely hurry.

SECURITY: X-Forwarded-For is believed from ``listserv.proxies`` alone, read from the right, and
only as far as those go. A form carries a stamp that we signed; who sends forms faster than a
hand can, or without a stamp, may do so a few times an hour and is then asked to wait.
"""

import hmac
from collections import deque
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from starlette.requests import Request

from mailer.door.callers import Network, is_front, plain_ip
from mailer.errors import Misconfigured
from mailer.storage.tokens import Keyring
from templates import LANGUAGES

QUICK = 1.5  # seconds; nobody fills a form in faster
STALE = 86400.0  # seconds that a stamp is good for
HASTY = 10  # hasty forms from one address in an hour
_HOUR = 3600.0
_MOST = 10_000  # addresses that are remembered
_HOPS = 20  # entries of X-Forwarded-For that are read


def proxies(given: Sequence[str]) -> tuple[Network, ...]:
    """Read ``listserv.proxies``."""
    try:
        return tuple(ip_network(text, strict=False) for text in given)
    except ValueError as error:
        raise Misconfigured(
            f"listserv.proxies has something that is no network: {error}.",
            'Write addresses or networks, such as ["127.0.0.1", "10.0.0.0/8"].',
        ) from None


def client_of(request: Request, trusted: Sequence[Network]) -> str:
    """Return the visitor's IP address, "" where it cannot be told."""
    peer = plain_ip(request.client.host) if request.client else ""
    if not is_front(peer, trusted):
        return peer
    said = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed(said[-_HOPS:]):
        found = plain_ip(hop.strip().removeprefix("[").removesuffix("]"))
        if not found:
            return peer
        if not is_front(found, trusted):
            return found
        peer = found
    return peer


def counted(client: str) -> str:
    """Return what bounds are counted by: a /64 for IPv6, "" for this machine."""
    if not client or ip_address(client).is_loopback:
        return ""
    address = ip_address(client)
    return client if address.version == 4 else str(ip_network(f"{client}/64", strict=False))  # noqa: PLR2004


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


class Patience:
    """Count the hasty forms of each address within an hour, in the memory of this process."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def over(self, source: str, now: float) -> bool:
        """Count one hasty form; tell whether it is one too many."""
        if not source:
            return False
        if source not in self._seen and len(self._seen) >= _MOST:
            self._seen.pop(next(iter(self._seen)))
        times = self._seen.setdefault(source, deque(maxlen=HASTY + 1))
        times.append(now)
        return len(times) > HASTY and now - times[0] < _HOUR
