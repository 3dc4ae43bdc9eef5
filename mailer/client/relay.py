"""Read a relay, where mail leaves through, from its URL in the settings.

``smtp://HOST:PORT``, ``smtps://HOST`` (TLS from the first byte), ``USER:PASSWORD@`` before the
host (percent-encoded), and options as in ``?weight=2&connections=5&rate=50``:

- ``tls=required|opportunistic|none`` and ``ca=FILE``
- ``weight=N`` its share beside other relays (1); 0 is used only while no other can be
- ``connections=N`` open at most, instead of mailer.connections
- ``rate=N`` recipients a second at most (0: as fast as it answers)
- ``queues=yes|no`` whether it says 250 before the receiver has (yes): then a deferral is its own
- ``depth=N`` transactions ahead of its answers where it offers CHUNKING (1): as many for each
  connection may be unsure after a kill

SECURITY: TLS that
is required is verified; opportunistic TLS keeps out listeners only (RFC 7435) and is never
trusted with a password; a password is never part of what is printed.
"""

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from mailer.errors import Misconfigured

_SETTING = "mailer.relays"
_EXAMPLE = "Write smtp://HOST:PORT or smtps://USER:PASSWORD@HOST, as in smtp://127.0.0.1:25."
_PORTS = {"smtp": 25, "smtps": 465}
_OPTIONS = ("tls", "ca", "weight", "connections", "rate", "queues", "depth")
_LOOPBACK = ("localhost", "::1")


class Unusable(Exception):
    """Say why a relay could not be used now; nobody's letter is to blame."""


class Tls(StrEnum):
    """Say how a connection to a relay is protected."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"  # STARTTLS where offered, unverified
    REQUIRED = "required"  # STARTTLS, verified, or nothing is sent
    IMPLICIT = "implicit"  # smtps: TLS from the first byte, verified


@dataclass(frozen=True, slots=True)
class Relay:
    """Name one relay and how to speak to it."""

    host: str
    port: int = 25
    tls: Tls = Tls.NONE
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None
    weight: int = 1
    connections: int = 0  # 0: as the setting says
    rate: float = 0.0  # recipients a second; 0: no limit
    queues: bool = True
    depth: int = 1

    @property
    def name(self) -> str:
        """Return the relay for people: host and port, no secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Return the TLS context; raise Misconfigured where the CA file cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError):
            raise Misconfigured(f"{_SETTING}: the CA file {self.ca} cannot be read.") from None
        if self.tls is Tls.OPPORTUNISTIC:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def read_relay(url: str) -> Relay:
    """Read a relay's URL; raise Misconfigured that says what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong(url, "has a port that is not a number of 1 to 65535") from None
    if parts.scheme not in _PORTS:
        raise _wrong(url, "begins with neither smtp:// nor smtps://")
    if not parts.hostname or port == 0:
        raise _wrong(url, "names no host" if not parts.hostname else "has the port 0")
    if parts.path not in ("", "/") or parts.fragment:
        raise _wrong(url, "has something after the port")
    options = _options(url, parts)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise _wrong(url, "has a user without a password, or a password without a user")
    ca = options.get("ca")
    return Relay(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=_tls(url, parts, options.get("tls"), secret=bool(user)),
        user=user,
        password=password,
        ca=Path(ca) if ca else None,
        weight=_number(url, options, "weight", 1, 1000),
        connections=_number(url, options, "connections", 0, 500),
        rate=_number(url, options, "rate", 0, 1_000_000),
        queues=_yes(url, options, "queues"),
        depth=_number(url, options, "depth", 1, 64) or 1,
    )


def _options(url: str, parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = set(options) - set(_OPTIONS)
    if unknown:
        known = ", ".join(_OPTIONS)
        raise _wrong(url, f"has the unknown option {min(unknown)!r} (known: {known})")
    return options


def _number(url: str, options: dict[str, str], name: str, usual: int, most: int) -> int:
    text = options.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) <= most):  # noqa: PLR2004
        raise _wrong(url, f"has {name}={text[:20]}, which is not a number of 0 to {most}")
    return int(text)


def _yes(url: str, options: dict[str, str], name: str) -> bool:
    text = options.get(name, "yes")
    if text not in ("yes", "no"):
        raise _wrong(url, f"has {name}={text[:20]}, which is neither yes nor no")
    return text == "yes"


def _tls(url: str, parts: SplitResult, wish: str | None, *, secret: bool) -> Tls:
    if parts.scheme == "smtps":
        if wish not in (None, "required"):
            raise _wrong(url, f"asks for tls={wish}, but smtps:// is always TLS")
        return Tls.IMPLICIT
    if wish is None:
        loopback = parts.hostname in _LOOPBACK or (parts.hostname or "").startswith("127.")
        if loopback:
            return Tls.NONE  # nobody listens there who could not read our memory
        return Tls.REQUIRED if secret else Tls.OPPORTUNISTIC
    if wish not in ("none", "opportunistic", "required"):
        raise _wrong(url, f"asks for tls={wish}; it is required, opportunistic or none")
    if secret and wish == "opportunistic":
        raise _wrong(url, "would give its password to a connection that nobody verified")
    return Tls(wish)


def _wrong(url: str, what: str) -> Misconfigured:
    shown = url.rpartition("@")[2][:80]  # never the password
    return Misconfigured(f"{_SETTING}: {shown!r} {what}.", _EXAMPLE)
