"""Plan what a new installation writes, publishes and runs; nothing is done here. Pure.

    plan(Site(operator="you@example.org", domain="lists.example.org", ...))

Every file says why it is there. What belongs to another program is merged (merging.py), and the
site's own lines stay.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from ipaddress import ip_address
from pathlib import PurePosixPath

from listserv.doctor.relays import HEADERS
from listserv.quickstart import merging

CONFIG = "/etc/krets/krets.toml"
DATA = "/var/lib/krets"
MAX_SIZE = 25_000_000
SMTP, HTTP = "127.0.0.1:8025", "127.0.0.1:8080"
RELAY = "smtp://127.0.0.1:25"
_MAIN_CF = "/etc/postfix/main.cf"
_EXIM = "/etc/exim4/exim4.conf.template"
_EXIM_PARTS = "/etc/exim4/conf.d"


class FrontServer(StrEnum):
    """Name the mail server that stands before Krets."""

    POSTFIX = "postfix"
    EXIM = "exim"
    NONE = "none"


class WebProxy(StrEnum):
    """Name the web server that stands before Krets."""

    NGINX = "nginx"
    CADDY = "caddy"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Site:
    """Hold what was asked and what was found on the machine; ``there`` are files as they are."""

    operator: str
    domain: str
    host: str  # the machine's name in DNS
    front: FrontServer
    proxy: WebProxy
    program: str  # the krets to start
    token: str  # a secret for /metrics
    address: str = ""  # the machine's public address, where it is known
    user: str = "krets"
    packaged: bool = False  # a Debian package has brought the unit and the command
    there: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """Hold a file that is to be written; ``merged`` where another program's lines stay in it."""

    path: str
    text: str
    why: str
    mode: int = 0o644
    ours: bool = False  # belongs to the service user
    merged: bool = False


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """Hold a record to publish, as a zone file has it."""

    line: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold everything: files, records and the commands that follow."""

    files: tuple[PlannedFile, ...]
    records: tuple[DnsRecord, ...]
    commands: tuple[str, ...]
    notes: tuple[str, ...] = ()


def plan(site: Site) -> Plan:
    """Return what is to be done for ``site``."""
    return Plan(
        files=tuple(_files(site)),
        records=tuple(_records(site)),
        commands=tuple(_commands(site)),
        notes=tuple(_notes(site)),
    )


def settings(site: Site) -> str:
    """Return krets.toml."""
    proxies = [] if site.proxy is WebProxy.NONE else ['proxies = ["127.0.0.1"]']
    return "\n".join(
        [
            "# Written by krets quickstart; `krets config example` shows every other setting.",
            "[listserv]",
            f'domain = "{site.domain}"',
            f'base_url = "https://{site.domain}"',
            f'http = "{HTTP}"',
            *proxies,
            f"operator = {json.dumps(site.operator, ensure_ascii=False)}",  # as TOML writes it
            f'metrics_token = "{site.token}"',
            "",
            "[mailer]",
            f'data = "{DATA}"',
            f'smtp = "{SMTP}"',
            *([] if site.front is FrontServer.NONE else ['front = ["127.0.0.1"]']),
            f'relays = ["{RELAY}"]',
            f"max_size = {_max_size(site)}",
            "",
        ]
    )


def _max_size(site: Site) -> int:
    """Return the largest post: what Postfix takes, less what our header adds to a copy."""
    if site.front is not FrontServer.POSTFIX or _MAIN_CF not in site.there:
        return MAX_SIZE
    limit = merging.size_limit(site.there[_MAIN_CF])
    return MAX_SIZE if not limit else max(100_000, min(MAX_SIZE, limit - HEADERS))


def _files(site: Site) -> Iterator[PlannedFile]:
    yield PlannedFile(
        CONFIG, settings(site), "the settings; only the service may read them", 0o600, ours=True
    )
    if not site.packaged:
        yield from _service(site)
    if site.front is FrontServer.POSTFIX:
        yield from _postfix(site)
    if site.front is FrontServer.EXIM:
        yield from _exim(site)
    if site.proxy is WebProxy.NGINX:
        yield PlannedFile(
            f"/etc/nginx/sites-available/{site.domain}",
            piece(site, "nginx.conf"),
            "hands visitors to Krets, with their address",
        )
    if site.proxy is WebProxy.CADDY:
        yield PlannedFile(
            "/etc/caddy/krets.caddy", piece(site, "Caddyfile"), "hands visitors to Krets"
        )


def _service(site: Site) -> Iterator[PlannedFile]:
    unit = piece(site, "krets.service").replace("/srv/krets/venv/bin/krets", site.program)
    unit = unit.replace("User=krets\nGroup=krets", f"User={site.user}\nGroup={site.user}")
    yield PlannedFile("/etc/systemd/system/krets.service", unit, "starts Krets with the machine")
    yield PlannedFile(
        "/usr/local/bin/krets", piece(site, "krets"), "runs krets as its service user", 0o755
    )


def _postfix(site: Site) -> Iterator[PlannedFile]:
    yield PlannedFile(
        _MAIN_CF,
        merging.postfix(site.there.get(_MAIN_CF, ""), site.domain),
        "the list domain is asked about and handed on; your own values stay",
        merged=True,
    )
    host, _, port = SMTP.rpartition(":")
    yield PlannedFile(
        "/etc/postfix/krets_transport",
        f"{site.domain}    smtp:[{host}]:{port}\n",
        "where mail for the lists goes",
    )
    yield PlannedFile(
        "/etc/postfix/krets_recipients",
        f"{site.domain}    reject_unverified_recipient\n",
        "asks Krets whether an address exists, whoever writes",
    )


def _exim(site: Site) -> Iterator[PlannedFile]:
    names = {"main": "main", "acl": "acl", "routers": "router", "transports": "transport"}
    pieces = {key: piece(site, f"exim-{name}.conf") for key, name in names.items()}
    why = "the list domain is asked about and handed on; your own lines stay"
    yield PlannedFile(_EXIM, merging.exim(site.there.get(_EXIM, ""), pieces), why, merged=True)
    if any(path.startswith(_EXIM_PARTS) for path in site.there):
        for path, text in site.there.items():
            if path.startswith(_EXIM_PARTS):
                merged = f"{merging.MARK}begin\n"
                if merged not in text and "acl_check_rcpt:" in text:
                    yield PlannedFile(path, _in_part(text, pieces["acl"]), why, merged=True)
        for folder, name, key in (
            ("main", "000_krets", "main"),
            ("router", "050_krets", "routers"),
            ("transport", "050_krets", "transports"),
        ):
            yield PlannedFile(f"{_EXIM_PARTS}/{folder}/{name}", pieces[key], why)


def _in_part(text: str, acl: str) -> str:
    head, label, rest = text.partition("acl_check_rcpt:\n")
    return f"{head}{label}{merging.MARK}begin\n{acl.rstrip()}\n{merging.MARK}end\n\n{rest}"


def _records(site: Site) -> Iterator[DnsRecord]:
    address = site.address or "YOUR.PUBLIC.ADDRESS"
    kind = "AAAA" if site.address and ip_address(site.address).version != 4 else "A"  # noqa: PLR2004
    yield DnsRecord(f"{site.domain}. IN MX 10 {site.host}.", "where mail for the lists comes in")
    yield DnsRecord(f"{site.domain}. IN {kind} {address}", "where the pages are")
    if site.host != site.domain:
        yield DnsRecord(f"{site.host}. IN {kind} {address}", "the mail server, if it is not there")
    yield DnsRecord(
        f'{site.domain}. IN TXT "v=spf1 mx -all"',
        "who may send: the return path of every copy is in this domain",
    )
    yield DnsRecord(
        f'_dmarc.{site.domain}. IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@{site.domain}"',
        "what becomes of forgeries; begin by watching",
    )
    yield DnsRecord(
        f'_smtp._tls.{site.domain}. IN TXT "v=TLSRPTv1; rua=mailto:postmaster@{site.domain}"',
        "who could not encrypt mail to you tells it",
    )
    pointer = ip_address(site.address).reverse_pointer if site.address else f"reverse of {address}"
    yield DnsRecord(
        f"{pointer}. IN PTR {site.host}.", "set at your provider: large receivers want it"
    )


def _commands(site: Site) -> Iterator[str]:
    yield "systemctl daemon-reload"
    yield "systemctl enable --now krets"
    if site.front is FrontServer.POSTFIX:
        yield "postmap /etc/postfix/krets_transport /etc/postfix/krets_recipients"
        yield "postfix check && systemctl reload postfix"
    if site.front is FrontServer.EXIM:
        yield "update-exim4.conf && systemctl reload exim4"
    if site.proxy is WebProxy.NGINX:
        yield (
            f"ln -s ../sites-available/{site.domain} /etc/nginx/sites-enabled/"
            " && nginx -t && systemctl reload nginx"
        )
        yield f"certbot --nginx -d {site.domain}"
    if site.proxy is WebProxy.CADDY:
        yield 'echo "import krets.caddy" >> /etc/caddy/Caddyfile && systemctl reload caddy'
    yield f"krets list create friends@{site.domain}"
    yield "krets doctor"


def _notes(site: Site) -> Iterator[str]:
    main_cf = site.there.get(_MAIN_CF, "")
    kept = merging.value_of(main_cf, "mydestination") or ""
    if site.front is FrontServer.POSTFIX and site.domain in kept.replace(",", " ").split():
        yield f"Take {site.domain} out of mydestination in main.cf: it would be kept there."
    if site.front is FrontServer.POSTFIX and _max_size(site) < MAX_SIZE:
        yield (
            f"Posts may have {_max_size(site)} bytes: what Postfix takes, less what headers add."
            f" For more, raise message_size_limit to {MAX_SIZE + HEADERS} and mailer.max_size."
        )
    if site.front is FrontServer.NONE:
        yield (
            f"No mail server was found. Krets waits at {SMTP}: put one before it"
            " (docs/how-to/behind-postfix.md), or set mailer.smtp and mailer.relays."
        )
    if site.proxy is WebProxy.NONE:
        yield f"No web server was found. Pages are at {HTTP}: put one with TLS before it."


def piece(site: Site, name: str) -> str:
    """Return a file of ours with this site's names in it."""
    text = (files("listserv.quickstart") / "pieces" / name).read_text(encoding="utf-8")
    host, _, port = SMTP.rpartition(":")
    names = {
        "@DOMAIN@": site.domain,
        "@WEB@": site.domain,
        "@HTTP@": HTTP,
        "@HOST@": host,
        "@PORT@": port,
        "@PROGRAM@": site.program,
        "@USER@": site.user,
        "@CONFIG@": str(PurePosixPath(CONFIG)),
    }
    for mark, value in names.items():
        text = text.replace(mark, value)
    return text
