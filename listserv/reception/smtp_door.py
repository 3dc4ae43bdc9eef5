"""Open the SMTP and LMTP doors of this service, and say which addresses are ours."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial

import uvloop
from sqlalchemy.orm import Session

from listserv.reception import ended, whose_mail
from listserv.wiring import routes, vouching
from listserv.wiring.app import App
from mailer.door.callers import networks
from mailer.door.rates import MailRates
from mailer.door.smtp_in import DoorSettings, SmtpDoor
from mailer.door.smtp_replies import SmtpReply
from mailer.errors import BadInput, Misconfigured
from mailer.reading.addresses import domain_key
from subscriptions.lists.roster import ListKind, all_lists, find_list

UNKNOWN = SmtpReply(550, "5.1.1", "No such address here")
CLOSED = SmtpReply(550, "5.7.1", "This list is closed: it takes no mail and no new members")
DELETED = SmtpReply(550, "5.7.1", "This list was deleted: it takes no mail and no new members")
NO_RELAY = SmtpReply(550, "5.7.1", "We take mail for our own lists only")


def recipient_verdict(app: App, recipient: str) -> SmtpReply | None:
    """Return None where ``recipient`` is ours, else the refusal (RFC 5321 section 3.6.2).

    Decided at RCPT, so that nothing is accepted which would have to be sent back later. A draft is
    taken from anybody, and a stranger's is held: a refusal would tell who is an editor.
    """
    with app.store.read() as session:
        route = routes.find(
            recipient,
            partial(find_list, session),
            lambda domain: domain in _domains(app, session),
        )
        if route is not None and ended.is_shut(session, route):
            return None if app.settings.mailer.front else DELETED
        if route is not None and route.kind is routes.RouteKind.ISSUE:
            lst = find_list(session, route.list_address)
            return None if lst is not None and lst.kind is ListKind.NEWSLETTER else UNKNOWN
        if route is not None:
            return CLOSED if _is_closed(app, session, route) else None
        return UNKNOWN if _domain_of(recipient) in _domains(app, session) else NO_RELAY


def _is_closed(app: App, session: Session, route: routes.Route) -> bool:
    """Tell whether this mail is for a closed list; what a server in front took is held instead."""
    if (
        route.kind not in {routes.RouteKind.POST, routes.RouteKind.JOIN}
        or app.settings.mailer.front
    ):
        return False
    lst = find_list(session, route.list_address)
    return lst is not None and lst.closed


def run_door(
    app: App, smtp: Sequence[socket.socket], lmtp: socket.socket | None, ready: Callable[[], None]
) -> None:
    """Serve the given listening sockets until SIGTERM or SIGINT."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, smtp, lmtp, ready))


async def _serve(
    app: App, smtp: Sequence[socket.socket], lmtp: socket.socket | None, ready: Callable[[], None]
) -> None:
    settings = app.settings.mailer
    door = SmtpDoor(
        app.store,
        DoorSettings(
            hostname=app.settings.listserv.domain,
            max_size=settings.max_size,
            front=networks(settings.front),
            tls=tls_context(app),
            own_names=lambda: _own_names(app),
            rates=MailRates(
                settings.source_messages,
                settings.source_megabytes * 1_000_000,
                settings.list_messages,
            ),
            fold=routes.folded,
            front_name=settings.front_results.lower(),
            judge=partial(whose_mail.refusal, app) if settings.disowned == "refuse" else None,
        ),
        lambda _sender, recipient, _client: recipient_verdict(app, recipient),
        after_commit=lambda: app.ring("sort"),
    )
    await door.open()
    for listener in smtp:
        await door.adopt(listener)
    if lmtp is not None:
        await door.adopt(lmtp, lmtp=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ready()
    await stop.wait()
    await door.close(settings.grace)


def _own_names(app: App) -> frozenset[str]:
    with app.store.read() as session:
        return vouching.own_names(session, app.settings)


def tls_context(app: App) -> ssl.SSLContext | None:
    """Return what STARTTLS needs, or None where no certificate is set."""
    cert, key = app.settings.mailer.tls_cert, app.settings.mailer.tls_key
    if not cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key or None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"mailer.tls_cert and mailer.tls_key cannot be used: {error.strerror or error}.",
            "Name a PEM certificate chain and its private key, or leave both out.",
        ) from None
    return context


def _domains(app: App, session: Session) -> set[str]:
    every = {one.rpartition("@")[2] for lst in all_lists(session) for one in lst.addresses}
    return every | {app.settings.listserv.domain}


def _domain_of(text: str) -> str:
    """Return the domain of something that may not be an address."""
    try:
        return domain_key(text.rpartition("@")[2])
    except BadInput:
        return ""
