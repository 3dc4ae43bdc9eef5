"""Our own doors: whether they answer, who is believed there, and their certificates. Mostly pure.

Knows settings and what was heard at the doors (``DoorAnswers``); asks nothing itself but the files
of a certificate.
"""

import contextlib
import datetime as dt
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from listserv.doctor.diagnosis import Diagnosis, fail, ok, or_ok, warn
from listserv.wiring.config import Settings, split_door
from mailer.door.callers import networks

SOON = 14  # days before its end at which a certificate should have been renewed
_WIDE = 2**24  # addresses in a network above which it is not one's own any more


@dataclass(frozen=True, slots=True)
class DoorAnswers:
    """Hold what answered at our doors: "" where nobody does, "-" where the door is off."""

    smtp: str = ""
    lmtp: str = ""
    http: str = ""  # "ok", or what /healthz said


def examine(settings: Settings, heard: DoorAnswers, now: float) -> list[Diagnosis]:
    """Return what is to be said of our doors."""
    return [
        *_answers(settings, heard),
        *or_ok("front", "who is believed at the mail door fits it", _front(settings)),
        *or_ok("proxy", "who is believed at the web door fits it", _proxy(settings)),
        *_address(settings),
        *_certificate(settings, now),
    ]


def _answers(settings: Settings, heard: DoorAnswers) -> Iterator[Diagnosis]:
    run = "systemctl start krets    # or: krets serve"
    silent = [
        f"{name} ({where})"
        for name, where, said in (
            ("mail door", settings.mailer.smtp, heard.smtp),
            ("LMTP door", settings.mailer.lmtp, heard.lmtp),
            ("web door", settings.listserv.http, heard.http),
        )
        if where and not said
    ]
    if not settings.mailer.smtp and not settings.mailer.lmtp:
        what = "no mail door is open: mailer.smtp and mailer.lmtp are both empty"
        yield fail("ports", what, "No mail comes in.", 'mailer.smtp = "127.0.0.1:8025"')
    if silent:
        what = f"Krets is not running: nobody answers at the {', the '.join(silent)}"
        yield warn("ports", what, "No mail comes in, and none leaves.", run)
        return
    foreign = [one for one in (heard.smtp, heard.lmtp) if one not in {"", "-"} and not _ours(one)]
    if foreign:
        what = f"another program answers at our mail door: {foreign[0][:80]}"
        yield fail("ports", what, "Mail for lists goes there.", 'mailer.smtp = "127.0.0.1:8026"')
    elif heard.http != "ok":
        what = f"not all is up: {heard.http[:200]}"
        yield fail("ports", what, "What is down does no work.", "journalctl -u krets -n 50")
    else:
        yield ok("ports", "every door answers")


def _ours(banner: str) -> bool:
    return "Krets" in banner


def _local(door: str) -> bool:
    """Tell whether a door can be reached from this machine alone."""
    if not door or door.startswith("/"):
        return True
    host = split_door(door)[0]
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _front(settings: Settings) -> Iterator[Diagnosis]:
    front = networks(settings.mailer.front)
    door = settings.mailer.smtp
    if door and _local(door) and not front:
        yield warn(
            "front",
            f"the mail door {door} is reached through another mail server, which is not named",
            "Everybody's mail counts as one client's, so limits meet members.",
            'mailer.front = ["127.0.0.1"]',
        )
    for one in _too_wide(front):
        yield fail(
            "front",
            f"mailer.front believes {one}",
            "Whoever is there can say who anybody is, and has no limits.",
            'mailer.front = ["127.0.0.1"]    # mail servers of yours alone',
        )


def _proxy(settings: Settings) -> Iterator[Diagnosis]:
    proxies = networks(settings.listserv.proxies, "listserv.proxies")
    secure = settings.listserv.base_url.startswith("https://")
    door = settings.listserv.http
    if secure and not proxies:
        near = '"127.0.0.1"' if _local(door) else '"ADDRESS OF THE PROXY"'
        yield fail(
            "proxy",
            f"base_url is https, so a proxy stands before {door}, and it is not named",
            "Everybody is the proxy: one visitor's haste locks out all, and the ledger of"
            " permissions keeps the proxy's address.",
            f"listserv.proxies = [{near}]",
        )
    for one in _too_wide(proxies):
        yield fail(
            "proxy",
            f"listserv.proxies believes {one}",
            "Whoever is there can say who anybody is.",
            'listserv.proxies = ["127.0.0.1"]    # proxies of yours alone',
        )


def _too_wide(given: Sequence[IPv4Network | IPv6Network]) -> Iterator[str]:
    """Yield networks that hold strangers."""
    for one in given:
        wide = one.num_addresses > _WIDE if one.version == 4 else one.prefixlen < 48  # noqa: PLR2004
        if not one.num_addresses or (wide and not one.is_private) or one.prefixlen == 0:
            yield str(one)


def _address(settings: Settings) -> Iterator[Diagnosis]:
    url = urlsplit(settings.listserv.base_url)
    host = url.hostname or ""
    public = f'listserv.base_url = "https://{settings.listserv.domain}"'
    if not host:
        what = f"links in mails lead nowhere: {settings.listserv.base_url} names no host"
        yield fail("base-url", what, "Nobody can follow them.", public)
    elif host == "localhost" or (_is_ip(host) and not ip_address(host).is_global):
        what = f"links in mails lead to {settings.listserv.base_url}"
        yield warn("base-url", what, "Nobody but this machine can follow them.", public)
    elif url.scheme != "https":
        what = f"links in mails are not encrypted: {settings.listserv.base_url}"
        why = "One-click leaving needs https (RFC 8058), and large providers ask for it."
        yield warn("base-url", what, why, public)
    else:
        yield ok("base-url", f"links in mails lead to {settings.listserv.base_url}")


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _certificate(settings: Settings, now: float) -> Iterator[Diagnosis]:
    mail = settings.mailer
    if not mail.tls_cert:
        if mail.smtp and not _local(mail.smtp):
            what = f"the mail door {mail.smtp} cannot encrypt"
            why = "Mail to you travels in the clear; large providers mark it so."
            cure = 'mailer.tls_cert = "/etc/ssl/krets.pem"\nmailer.tls_key = "/etc/ssl/krets.key"'
            yield warn("tls", what, why, cure)
        return
    try:
        pem = Path(mail.tls_cert).read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            mail.tls_cert, mail.tls_key or None
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or "not PEM"
        what = f"mailer.tls_cert and mailer.tls_key cannot be used: {reason}"
        cure = "Name a PEM certificate chain and its own private key, which this user may read."
        yield fail("tls", what, "Krets does not start with them.", cure)
        return
    yield from _dates(settings, certificate, now)
    readable = Path(mail.tls_key or mail.tls_cert)
    if readable.stat().st_mode & 0o004:
        what = f"everybody on this machine can read the private key {readable}"
        yield fail("tls", what, "Whoever has it can be us.", f"chmod o-r {readable}")


def _dates(settings: Settings, certificate: x509.Certificate, now: float) -> Iterator[Diagnosis]:
    today = dt.datetime.fromtimestamp(now, dt.UTC)
    ends = certificate.not_valid_after_utc
    path = settings.mailer.tls_cert
    renew = f"certbot renew    # or whatever made {path}; then: systemctl restart krets"
    names = _names(certificate)
    if ends < today:
        what = f"the certificate {path} ended on {ends:%Y-%m-%d}"
        yield fail("tls", what, "Servers that check send nothing.", renew)
    elif certificate.not_valid_before_utc > today:
        what = f"the certificate {path} begins on {certificate.not_valid_before_utc:%Y-%m-%d}"
        yield fail("tls", what, "Servers that check send nothing.", "Look at this machine's clock.")
    elif ends < today + dt.timedelta(days=SOON):
        what = f"the certificate {path} ends on {ends:%Y-%m-%d}"
        yield warn("tls", what, "It should have been renewed by now.", renew)
    elif not names:
        yield warn("tls", f"the certificate {path} names no host", "No name fits it.", renew)
    else:
        yield ok("tls", f"the certificate for {', '.join(names)[:120]} holds until {ends:%Y-%m-%d}")


def _names(certificate: x509.Certificate) -> list[str]:
    with contextlib.suppress(x509.ExtensionNotFound):
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return list(found.value.get_values_for_type(x509.DNSName))
    return []
