"""Check that the links of an issue lead somewhere, by asking the web within narrow bounds.

    check(addresses, Limits())    -> what is dead, what gave no good answer; {} without a network

SECURITY: a draft's links may be a forger's, and we ask them from inside our own network. Only
http and https on their own ports are asked, with HEAD, without cookies; every name is resolved
first, and where one of its addresses is not public nothing is asked. We connect to the address
that was judged, at every redirect anew, so that a name cannot change in between. Off unless
``listserv.check_links`` says so. What did not answer in time is not held against anybody.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

PORTS = {"http": 80, "https": 443}
_GONE = (404, 410)
_NO_HEAD = (405, 501)
_AGENT = "Krets (checks the links of a newsletter before it is sent)"


class LinkAnswer(StrEnum):
    """Say what a link came to."""

    FINE = "fine"
    DEAD = "dead"  # the server says that there is nothing, or there is no such server
    DOUBTFUL = "doubtful"  # an error, a loop
    INSIDE = "inside"  # leads into a private network: readers cannot follow it
    UNKNOWN = "unknown"  # no answer in time


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Bound what a check may cost."""

    links: int = 30
    hops: int = 4
    seconds: float = 1.5  # for all together: a proof must not wait for a slow server
    at_once: int = 10


class _NoAnswerError(Exception):
    """Nothing came back; whether it is the link or our network cannot be told from one."""


Resolve = Callable[[str, int], list[str]]
Ask = Callable[[SplitResult, str, str, float], tuple[int, str]]  # (status, Location)


def check(
    addresses: Iterable[str],
    limits: LinkLimits | None = None,
    *,
    resolve: Resolve | None = None,
    ask: Ask | None = None,
) -> Mapping[str, LinkAnswer]:
    """Return what the links came to, in time; nothing where nothing at all could be reached."""
    bounds = limits or LinkLimits()
    wanted = list(dict.fromkeys(one for one in addresses if urlsplit(one).scheme in PORTS))
    ends = time.monotonic() + bounds.seconds
    follow = partial(
        _follow, bounds=bounds, ends=ends, resolve=resolve or _resolve, ask=ask or _ask
    )
    pool = ThreadPoolExecutor(bounds.at_once, thread_name_prefix="links")
    asked = {one: pool.submit(follow, one) for one in wanted[: bounds.links]}
    wait(asked.values(), timeout=bounds.seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    found: dict[str, LinkAnswer] = {}
    silent: list[str] = []
    for address, future in asked.items():
        if not future.done() or future.cancelled():
            found[address] = LinkAnswer.UNKNOWN
        elif isinstance(future.exception(), _NoAnswerError):
            silent.append(address)
        else:
            found[address] = future.result()
    if not any(one is not LinkAnswer.UNKNOWN for one in found.values()):
        return {}  # no network, or none in time
    return {**found, **dict.fromkeys(silent, LinkAnswer.DEAD)}


def _follow(
    address: str, *, bounds: LinkLimits, ends: float, resolve: Resolve, ask: Ask
) -> LinkAnswer:
    for _ in range(bounds.hops):
        came_to = _step(address, ends, resolve, ask)
        if isinstance(came_to, LinkAnswer):
            return came_to
        address = came_to
    return LinkAnswer.DOUBTFUL


def _step(address: str, ends: float, resolve: Resolve, ask: Ask) -> LinkAnswer | str:  # noqa: PLR0911 - a table of cases
    """Return what one address came to, or where it leads on."""
    there = urlsplit(address)
    host, port = _where(there)
    if not host:
        return LinkAnswer.DOUBTFUL
    try:
        found = resolve(host, port)
    except OSError as error:
        raise _NoAnswerError(address) from error
    if not found or not all(map(is_public, found)):
        return LinkAnswer.INSIDE
    try:
        status, onward = _status(there, found[0], max(0.1, ends - time.monotonic()), ask)
    except TimeoutError:
        return LinkAnswer.UNKNOWN
    except (OSError, http.client.HTTPException, ValueError):
        return LinkAnswer.DOUBTFUL
    if 300 <= status < 400 and onward:  # noqa: PLR2004 - RFC 9110 section 15.4
        return urljoin(address, onward)
    if status in _GONE:
        return LinkAnswer.DEAD
    return LinkAnswer.DOUBTFUL if status >= 500 else LinkAnswer.FINE  # noqa: PLR2004 - 15.6


def _where(there: SplitResult) -> tuple[str, int]:
    """Return (host, port), "" for what is not asked."""
    try:
        port = there.port
    except ValueError:
        return "", 0
    usual = PORTS.get(there.scheme, 0)
    if not usual or port not in (None, usual) or there.username is not None:
        return "", 0
    return (there.hostname or "").rstrip("."), usual


def is_public(address: str) -> bool:
    """Tell whether an IP address is one that anybody on the internet could ask."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if inner is not None:
        return is_public(str(inner))
    if found.is_multicast or str(found).startswith("64:ff9b:"):  # NAT64 may lead inside
        return False
    return found.is_global


def _status(there: SplitResult, to: str, seconds: float, ask: Ask) -> tuple[int, str]:
    """Ask for the head alone, and for all of it only where a server knows no HEAD."""
    status, onward = ask(there, to, "HEAD", seconds)
    return ask(there, to, "GET", seconds) if status in _NO_HEAD else (status, onward)


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _ask(there: SplitResult, to: str, method: str, seconds: float) -> tuple[int, str]:
    """Ask the server at the address ``to``; nothing of a body is read."""
    host, port = _where(there)
    plain = socket.create_connection((to, port), timeout=seconds)
    with plain as line:
        if there.scheme == "https":
            # A certificate that is wrong is the reader's browser's to judge, as is a login.
            line = ssl.create_default_context().wrap_socket(line, server_hostname=host)  # noqa: PLW2901
        talk = http.client.HTTPConnection(host, port, timeout=seconds)
        talk.sock = line
        path = there.path or "/"
        talk.request(
            method,
            f"{path}?{there.query}" if there.query else path,
            headers={"User-Agent": _AGENT, "Accept": "*/*", "Connection": "close"},
        )
        answer = talk.getresponse()
        return answer.status, answer.getheader("Location", "") or ""
