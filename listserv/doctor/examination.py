"""Examine a whole installation: gather what each check needs, and put their words together.

    examine(app, time.time())          # [Diagnosis, ...]; sends nothing
    send_sample(app, "you@example.net", now)    # one real mail through the first relay

The only module here that asks the network: the resolver of ``mailer.resolver``, the relays, our
own doors and, for an MTA-STS policy, one page of our own domain. Nothing that a check stumbles
over ends the others.
"""

import contextlib
import http.client
import json
import socket
import time
import urllib.request
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.doctor import (
    domain_policies,
    domain_records,
    doors,
    machine,
    message_lint,
    receiver_rules,
    relays,
    sample_mail,
)
from listserv.doctor.diagnosis import Diagnosis, fail, ok, warn
from listserv.doctor.domain_facts import Ask, Domain, Key
from listserv.mailings.signing import Signer
from listserv.posts import sorting_lag
from listserv.posts.sorting_lag import SortingLag
from listserv.wiring import token_keys
from listserv.wiring.app import App
from listserv.wiring.config import split_door
from mailer.authentication import dkim_keys
from mailer.authentication.dkim_keys import KeyState
from mailer.authentication.dns_records import NoAnswerError
from mailer.client import relay_probe
from mailer.client.relay import Relay, read_relay
from mailer.errors import KretsError
from mailer.ledger.mailings import Recipient, RecipientState
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage import key_file
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import Address, MailList, Membership, MembershipState, all_lists
from subscriptions.membership.bouncing import Bounced

QUESTION = 2.0  # seconds for one question to DNS
DOOR = 5.0  # seconds that a door of ours has to answer
STRANGER = "postmaster@gmail.com"  # whom a relay is asked about, and who gets nothing
_MONTH = 30 * 86400.0
_LATE = 600.0  # seconds that a message may wait to be decided


def examine(app: App, now: float, *, address: str = "") -> list[Diagnosis]:
    """Return all that is to be said; ``address`` is where mail leaves from, where it is known."""
    found = _database(app, now)
    if any(one.check == "database" and one.state == "fail" for one in found):
        return [*found, *_without_database(app, now)]
    with app.store.read() as session:
        lists = list(all_lists(session))
        size = _size(session, now)
    found += _token_keys(app)
    found += _doorbell(app)
    found += _without_database(app, now)
    found += _relays(app)
    found += _dns(app, lists, size, address, now)
    found += _message(app, lists, now)
    return [*found, *receiver_rules.judge(size, found)]


def tried(app: App, now: float) -> tuple[list[Diagnosis], doors.DoorAnswers]:
    """Return what comes of using what the settings name, and what answers at our doors."""
    heard = _heard(app)
    found = [*_database(app, now), *_doorbell(app), *_relays(app)]
    if not any(one.check == "database" and one.state == "fail" for one in found):
        found += _token_keys(app)
    checks = ("tls", "proxy", "front")
    found += [
        one
        for one in _without_database(app, now)
        if one.check == "permissions" and key_file.NAME in one.what
    ]
    return [
        *found,
        *(one for one in doors.examine(app.settings, heard, now) if one.check in checks),
    ], heard


def send_sample(app: App, to: str, now: float) -> list[Diagnosis]:
    """Send one real mail through the first relay; lint its bytes as the relay got them."""
    with app.store.read() as session:
        lists = list(all_lists(session))
        lst = lists[0] if lists else sample_mail.stand_in(app.settings.listserv.domain)
        made = sample_mail.make(session, app, lst, to, now)
    relay = read_relay(app.settings.mailer.relays[0])
    hello = app.settings.listserv.domain
    raw = relay_probe.carry(relay, hello, made.return_path, to, made.raw)
    return [
        ok("sent", f"{relay.name} took a mail to {to}; look at how it comes"),
        *_lint(app, lst, made.return_path, raw),
    ]


def _without_database(app: App, now: float) -> list[Diagnosis]:
    settings = app.settings
    secrets = [path for path in (app.file, _sqlite(app), app.data / key_file.NAME) if path]
    measured = machine.measure(settings.mailer.data, tuple(secrets), now)
    return [*machine.judge(measured), *doors.examine(settings, _heard(app), now)]


# -- what keeps our data ------------------------------------------------------------------


def _database(app: App, now: float) -> list[Diagnosis]:
    try:
        with app.store.read() as session:
            drift = app.store.now(session) - time.time()
            last = select(Arrival.received_at).order_by(Arrival.id.desc()).limit(1)
            newest = session.scalar(last) or 0.0
            lag = sorting_lag.read(session, app.store.now(session))
    except KretsError as error:
        why = "Nothing works without it; mail is put off until it is back."
        return [
            fail(
                "database",
                f"the database cannot be used: {error.what.rstrip(chr(46))}",
                why,
                error.fix,
            )
        ]
    found = [ok("database", "the database answers")]
    clock = machine.Machine(data=app.data, now=now, newest=newest, drift=drift)
    found += [one for one in machine.judge(clock) if one.check == "clock" and one.state != "ok"]
    return [*found, *_backlog(lag)]


def _backlog(lag: SortingLag) -> list[Diagnosis]:
    """Tell whether mail waits to be decided for too long, and whether anybody decides."""
    if lag.oldest <= _LATE:
        return []
    if lag.stands:
        what = f"mail that came {lag.oldest / 60:.0f} minutes ago has not been looked at"
        why = "No worker runs, or none gets anywhere."
        return [fail("backlog", what, why, "systemctl restart krets    # then: krets queue ls")]
    what = f"{lag.waiting:,} mails wait to be decided, the first for {lag.oldest / 60:.0f} minutes"
    why = "More comes than the workers decide; where one list is flooded, only that list waits."
    return [warn("backlog", what, why, "mailer.workers = 4    # or more: krets worker")]


def _token_keys(app: App) -> list[Diagnosis]:
    """Tell whether a copy of the database is enough to make tokens."""
    found = token_keys.views(app.store)
    if any(one.database for one in found):
        what = "the keys of tokens stand in the database"
        why = "Whoever gets a copy of it can leave, answer and read for any member."
        cure = "krets keys apart    # once `krets keys check` finds the file on every machine"
        return [warn("token-keys", what, why, cure)]
    return [ok("token-keys", f"the keys of tokens stand apart, in {app.store.key_file}")]


def _doorbell(app: App) -> list[Diagnosis]:
    named = app.settings.mailer.redis
    if not named:
        return [ok("redis", "krets serve runs a doorbell of its own")]
    try:
        app.bells.client.ping()
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody hears the bell
        said = str(error).partition("\n")[0][:120]
        what = f"Redis ({_shown(named)}) does not answer: {said}"
        why = "Work begins only when somebody looks by himself, and workers do not start."
        return [fail("redis", what, why, 'mailer.redis = "redis://127.0.0.1:6379"')]
    parts = urlsplit(named)
    if parts.scheme == "redis" and not parts.password and not _loopback(parts.hostname or ""):
        what = f"Redis ({_shown(named)}) asks nobody for a password"
        why = "Whoever reaches it can keep the workers busy, or idle."
        return [warn("redis", what, why, 'mailer.redis = "redis://:PASSWORD@HOST"')]
    return [ok("redis", f"Redis ({_shown(named)}) answers")]


def _shown(url: str) -> str:
    return url.rpartition("@")[2].partition("://")[2] or url.rpartition("@")[2]


def _loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host in {"", "localhost"}


def _sqlite(app: App) -> Path | None:
    return None if app.settings.mailer.database else app.data / "krets.db"


# -- our doors ----------------------------------------------------------------------------


def _heard(app: App) -> doors.DoorAnswers:
    settings = app.settings
    return doors.DoorAnswers(
        smtp=_banner(settings.mailer.smtp) if settings.mailer.smtp else "-",
        lmtp=_banner(settings.mailer.lmtp) if settings.mailer.lmtp else "-",
        http=_healthz(settings.listserv.http),
    )


def _connected(door: str) -> socket.socket:
    if door.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(DOOR)
        try:
            made.connect(door)
        except OSError:
            made.close()
            raise
        return made
    host, port = split_door(door)
    return socket.create_connection((_reachable(host), port), DOOR)


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to connect to


def _banner(door: str) -> str:
    with contextlib.suppress(OSError), _connected(door) as line:
        return line.recv(500).decode("utf-8", "replace").strip() or "nothing"
    return ""


def _healthz(door: str) -> str:
    host, port = split_door(door)
    asking = http.client.HTTPConnection(_reachable(host), port, timeout=DOOR)
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        asking.request("GET", "/healthz")
        answer = asking.getresponse()
        body = answer.read(10_000)
        if answer.status == 200:  # noqa: PLR2004 - RFC 9110
            return "ok"
        down = json.loads(body)
        return ", ".join(f"{part} is {state}" for part, state in down.items())
    asking.close()
    return ""


# -- our relays ---------------------------------------------------------------------------


def _relays(app: App) -> list[Diagnosis]:
    hello = app.settings.listserv.domain
    wanted = relays.RelayNeeds(
        app.settings.mailer.max_size, STRANGER, banner=f"{hello} ESMTP Krets"
    )
    found = []
    for url in app.settings.mailer.relays:
        relay = read_relay(url)
        try:
            heard = relay_probe.probe(relay, hello, f"postmaster@{hello}", STRANGER)
        except KretsError as error:
            found.append(fail("relay", error.what, "No mail leaves.", error.fix))
            continue
        found += relays.judge(relay, heard, wanted)
    return found


# -- DNS ----------------------------------------------------------------------------------


def _dns(
    app: App, lists: list[MailList], size: receiver_rules.Size, address: str, now: float
) -> list[Diagnosis]:
    ask = _asking(app)
    names = sorted({app.settings.listserv.domain, *(lst.domain for lst in lists)})
    hidden = [name for name in names if not app.resolver.asks(name)]
    found = [
        fail(
            "domain",
            f"nobody outside can know {name}",
            "Mail to and from a domain that is not in DNS goes nowhere.",
            'listserv.domain = "lists.YOUR-DOMAIN"',
        )
        for name in hidden
    ]
    asked = [name for name in names if name not in hidden]
    if asked and all(ask(name, kind) is None for name in asked[:1] for kind in ("MX", "TXT", "A")):
        servers = ", ".join(app.settings.mailer.resolver) or "the system's name server"
        what = f"{servers} does not answer"
        why = "Whose mail it is cannot be judged, and nothing here could be looked at."
        cure = 'mailer.resolver = ["127.0.0.1:53"]    # a resolver of your own that answers'
        return [*found, fail("resolver", what, why, cure)]
    groups = _leaving(app, asked, address, ask)
    views = _keys(app, now)
    signer = Signer(app.settings.mailer.sign)
    host = _host_name(app)
    for name in asked:
        domain = Domain(
            name,
            host or f"mail.{name}",
            keys=tuple(key for key in views if key.name.endswith(f"._domainkey.{name}")),
            signed=signer is Signer.KRETS and any(lst.domain == name for lst in lists),
            groups=groups,
            bulk=size.bulk,
            inner=any(_loopback(one.partition(":")[0]) for one in app.settings.mailer.resolver),
            fetch=_fetched,
        )
        found += [*domain_records.examine(domain, ask), *domain_policies.examine(domain, ask)]
    if signer is Signer.NOBODY:
        what = 'nobody signs our mail: mailer.sign = "nobody"'
        why = "No provider offers one-click leaving, and forgeries look like ours."
        found.append(
            warn("dkim", what, why, 'mailer.sign = "krets"    # then: krets dkim new DOMAIN')
        )
    ours = dict.fromkeys(one for group in groups for one in group)
    return [*found, *domain_policies.reverse(list(ours), host or app.settings.listserv.domain, ask)]


def _asking(app: App) -> Ask:
    def ask(name: str, kind: str) -> tuple[object, ...] | None:
        try:
            return app.resolver.ask(name, kind, QUESTION).records
        except NoAnswerError:
            return None

    return ask


def _leaving(app: App, names: list[str], address: str, ask: Ask) -> tuple[tuple[str, ...], ...]:
    """Return the addresses of each relay; a relay on this machine has those of our MX."""
    if address:
        return ((address,),)
    groups = []
    for url in app.settings.mailer.relays:
        relay = read_relay(url)
        groups.append(_addresses_of(relay, ask))
    if any(not group for group in groups):
        here = app.settings.listserv.domain
        asked = [here] if here in names else names[:1]
        hosts = [str(host) for name in asked for host in (ask(name, "MX") or ())[:1]]
        ours = tuple(
            str(one)
            for host in hosts or asked
            for kind in ("A", "AAAA")
            for one in ask(host, kind) or ()
        )
        groups = [group or ours for group in groups]
    return tuple(dict.fromkeys(group for group in groups if group))


def _addresses_of(relay: Relay, ask: Ask) -> tuple[str, ...]:
    if _loopback(relay.host):
        return ()
    with contextlib.suppress(ValueError):
        return (str(ip_address(relay.host)),)
    return tuple(str(one) for kind in ("A", "AAAA") for one in ask(relay.host, kind) or ())


def _keys(app: App, now: float) -> list[Key]:
    with app.store.read() as session:
        views = dkim_keys.views(session, now)
    return [
        Key(view.name, view.record, signs=view.standing is KeyState.SIGNING,
            waits=view.standing is KeyState.WAITING)
        for view in views
        if view.standing is not KeyState.OVER
    ]  # fmt: skip


def _host_name(app: App) -> str:
    """Return what this machine may be called in DNS, "" where it does not know."""
    name = socket.gethostname()
    if "." in name and app.resolver.asks(name):
        return name.lower()
    return ""


def _fetched(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=DOOR) as answer:  # noqa: S310 - https, our own domain
            return str(answer.read(65_536).decode("utf-8", "replace"))
    except (OSError, ValueError, http.client.HTTPException):
        return None


# -- what we send -------------------------------------------------------------------------


def _message(app: App, lists: list[MailList], now: float) -> list[Diagnosis]:
    """Lint a mail of the first list of each domain, without sending it."""
    found = []
    firsts: dict[str, MailList] = {}
    for lst in lists:
        firsts.setdefault(lst.domain, lst)
    for lst in firsts.values():
        with app.store.read() as session:
            made = sample_mail.make(session, app, lst, f"postmaster@{lst.domain}", now)
        found += _lint(app, lst, made.return_path, made.raw)
    return found


def _lint(app: App, lst: MailList, return_path: str, raw: bytes) -> list[Diagnosis]:
    def look_up(name: str) -> bytes | None:
        return next(iter(app.resolver.texts(name, QUESTION)), None)

    return message_lint.lint(
        raw,
        lst.domain,
        return_path,
        look_up,
        secure=app.settings.listserv.base_url.startswith("https://"),
        signed=Signer(app.settings.mailer.sign) is Signer.KRETS,
    )


def _size(session: Session, now: float) -> receiver_rules.Size:
    counted = (
        select(Address.domain, func.count(Address.id.distinct()))
        .join(Membership, Membership.address_id == Address.id)
        .where(Membership.state == MembershipState.ACTIVE)
        .group_by(Address.domain)
    )
    members: dict[str, int] = {}
    for domain, count in session.execute(counted):
        provider = receiver_rules.provider_of(domain)
        if provider:
            members[provider] = members.get(provider, 0) + count
    complaints = select(func.count()).select_from(Bounced)
    complaints = complaints.where(Bounced.kind == BounceKind.COMPLAINT, Bounced.at > now - _MONTH)
    copies = (
        select(func.count())
        .select_from(Recipient)
        .where(Recipient.state == RecipientState.ACCEPTED)
    )
    told = session.scalar(complaints) or 0
    return receiver_rules.Size(members, told, (session.scalar(copies) or 0) if told else 0)
