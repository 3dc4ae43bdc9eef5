"""The commands that run Krets: ``serve`` (all of it), and each part alone for many machines."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn

import click

from listserv.cli.terminal import say
from listserv.reception.smtp_door import run_door, tls_context
from listserv.run import scheduler
from listserv.run.jobs import WorkerContext, use
from listserv.run.serve import Board, ProcessTree, allow_files
from listserv.upkeep import restoring
from listserv.web import archive_pages, connections
from listserv.web import door as web
from listserv.web.visitor import proxies
from listserv.wiring import log
from listserv.wiring.app import App
from listserv.wiring.bells import BELLS, work
from listserv.wiring.data_folder import lock_data_folder
from listserv.wiring.heartbeat import beat, states
from listserv.wiring.listeners import bind
from mailer.door.limits import DoorLimits

WORKER_NICE = 5  # mail that waits for its 250 goes before mail that has been kept
Ready = Callable[[], None]


@click.command()
@click.pass_obj
def serve(app: App) -> None:
    """Run everything in one process tree: SMTP, LMTP, web, workers and the clock.

    \b
    Example:
      krets serve
      KRETS_MAILER__SMTP=0.0.0.0:25 krets serve
    """
    raise SystemExit(run_all(app, {}, lambda: _announce(app)))


def run_all(
    app: App,
    more: Mapping[str, Callable[[Ready], None]],
    announce: Ready,
    *,
    opened: Mapping[str, socket.socket] | None = None,
    hangup_ends: bool = False,
) -> int:
    """Run every part, and ``more`` parts beside them, until a signal; return the exit code.

    ``opened`` are doors that are open already, by their setting; ``hangup_ends`` lets it end
    with the terminal that it was started on.
    """
    _log(app, "serve")
    lock_data_folder(app.data)
    app.keyring  # noqa: B018 - opens, creates or migrates the database now, while it can be told
    if restoring.settle_rolled_back(app.store, time.time()):
        say("The database is older than its journal; see: krets queue decide")
    tls_context(app)  # the same for what else the parts would stumble over
    proxies(app.settings.listserv.proxies)
    archive_pages.make_folder(app)
    app.close()
    settings = app.settings
    has = dict(opened or {})
    if settings.mailer.smtp and "mailer.smtp" not in has:
        has["mailer.smtp"] = bind(settings.mailer.smtp, "mailer.smtp")
    doors = [has["mailer.smtp"]] if settings.mailer.smtp else []
    lmtp = bind(settings.mailer.lmtp, "mailer.lmtp") if settings.mailer.lmtp else None
    http = has.get("listserv.http") or bind(settings.listserv.http, "listserv.http")
    board: list[Board] = []  # made with the tree, after the parts that look at it

    def here() -> dict[str, int]:
        return board[0].states()

    parts: dict[str, Callable[[Ready], None]] = {
        "web": lambda ready: _web(app, http, ready, here),
        **{
            f"worker-{number}": partial(_worker, app, number)
            for number in range(1, settings.mailer.workers + 1)
        },
    }
    if doors or lmtp:
        parts["smtp"] = lambda ready: _part(app, "smtp", run_door, doors, lmtp, ready)
    tree = ProcessTree(app, {**parts, **more})
    board.append(tree.board)
    return tree.run(announce, hangup_ends=hangup_ends)


@click.command()
@click.pass_obj
def smtp(app: App) -> None:
    """Run the SMTP and LMTP door alone.

    \b
    Example:
      krets smtp
    """
    settings = app.settings.mailer
    doors = [bind(settings.smtp, "mailer.smtp")] if settings.smtp else []
    lmtp = bind(settings.lmtp, "mailer.lmtp") if settings.lmtp else None
    beat(app, "smtp")
    _part(app, "smtp", run_door, doors, lmtp, lambda: _up("smtp", settings.smtp or settings.lmtp))


@click.command("web")
@click.pass_obj
def web_door(app: App) -> None:
    """Run the web door alone.

    \b
    Example:
      krets web
    """
    http = app.settings.listserv.http
    archive_pages.make_folder(app)
    beat(app, "web")
    _web(app, bind(http, "listserv.http"), lambda: _up("web", http), lambda: states(app))


@click.command()
@click.pass_obj
def worker(app: App) -> None:
    """Run one worker alone; run as many as there is work for, on any machine.

    \b
    Example:
      KRETS_MAILER__REDIS=redis://10.0.0.5 krets worker
    """
    beat(app, "worker")
    _worker(app, 0, lambda: _up("worker", "all bells"))


@click.command("clock")
@click.pass_obj
def clock_alone(app: App) -> None:
    """Run the clock alone: it rings the bells that somebody forgot.

    \b
    Example:
      krets clock
    """
    _log(app, "clock")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    beat(app, "clock")
    _up("clock", "every second")
    ticking = scheduler.Ticker(app)
    while not stop.is_set():
        began = time.monotonic()
        ticking.try_tick()
        stop.wait(max(0.0, 1.0 - (time.monotonic() - began)))


def _log(app: App, part: str) -> None:
    settings = app.settings.listserv
    log.set_up(part, least=settings.log, form=settings.log_format)


def _part(app: App, name: str, run: Callable[..., None], *arguments: object) -> None:
    _log(app, name)
    allow_files(DoorLimits().connections)
    run(app, *arguments)


def _web(
    app: App, listener: socket.socket, ready: Ready, states: Callable[[], dict[str, int]]
) -> None:
    _log(app, "web")
    allow_files(connections.WebLimits().in_all)
    trusted = proxies(app.settings.listserv.proxies)
    connections.serve(web.build(app, states), listener, ready, trusted)


def _worker(app: App, number: int, ready: Ready) -> None:
    _log(app, f"worker-{number}" if number else "worker")
    allow_files(app.settings.mailer.connections * len(app.settings.mailer.relays))
    os.nice(WORKER_NICE)
    desk = WorkerContext(app, max(1, app.settings.mailer.workers - 1) if number else 1)
    use(desk)
    app.keyring  # noqa: B018 - a database that cannot be opened is told before the work begins
    for number_of_signal in (signal.SIGTERM, signal.SIGINT):  # until rq sets its own
        signal.signal(number_of_signal, lambda *_: _leave(desk))
    ready()
    try:
        work(app.bells.client, bells_of(number, app.settings.mailer.workers), desk.stop)
    finally:
        desk.close()


def _leave(desk: WorkerContext) -> NoReturn:
    """End a worker that is stopped before its work begins."""
    desk.stop()
    raise SystemExit(0)


def bells_of(number: int, workers: int) -> list[str]:
    """Return the bells that worker ``number`` of ``workers`` answers, first things first.

    One worker keeps away from long mailings, so that a post is never stuck behind one; a lone
    worker answers all. Number 0 is a worker that was started by itself.
    """
    if number == 1 and workers > 1:
        return [bell for bell in BELLS if bell != "deliver"]
    if number in {0, 1}:
        return list(BELLS)
    return ["deliver", *(bell for bell in BELLS if bell != "deliver")]


def _up(part: str, where: str) -> None:
    click.echo(f"krets {part} is up ({where}).", err=True)


def _announce(app: App) -> None:
    settings = app.settings
    rows = [
        ("mail in", settings.mailer.smtp or "off"),
        *([("lmtp", settings.mailer.lmtp)] if settings.mailer.lmtp else []),
        ("mail out", ", ".join(relay.rpartition("@")[2] for relay in settings.mailer.relays)),
        ("pages", settings.listserv.base_url + "/"),
        ("data", str(settings.mailer.data.resolve())),
    ]
    click.echo("Krets is up.", err=True)
    for name, value in rows:
        click.echo(f"  {name:<9} {value}", err=True)
    click.echo("Stop it with Ctrl-C.", err=True)
