"""``krets try``: a whole community on this machine, with a page for every mail it sends."""

import asyncio
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import structlog
from starlette.types import ASGIApp

import templates
from listserv import log
from listserv.app import App
from listserv.cli.parts import run_all
from listserv.cli.sink import Keeper
from listserv.config import ListservSettings, MailerSettings, Settings
from listserv.trying import browser, community, mailbox
from listserv.trying.garden import Garden, Start, choose
from listserv.trying.ports import LAST, listen, port_of
from listserv.trying.tour import Tour, said
from listserv.web import door as web
from mailer.errors import KretsError
from mailer.sink import Sink, run_sink

_HOST = "127.0.0.1"
_SMTP, _RELAY = 8025, 2525
Ready = Callable[[], None]


@click.command("try")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("krets-try"),
    show_default=True, help="Where the community lives.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(1, LAST), default=8080, show_default=True,
    help="First port of its pages; where it is taken, the next free one is used.",
)  # fmt: skip
@click.option(
    "--fresh/--continue", default=None,
    help="Begin anew, or go on with what is there; otherwise a terminal is asked, and"
    " without one it goes on.",
)  # fmt: skip
@click.option(
    "--browser/--no-browser", "browsing", default=None,
    help="Open its page in the browser, or not; otherwise a terminal is asked.",
)  # fmt: skip
@click.option(
    "--language", envvar=["LC_ALL", "LC_MESSAGES", "LANG"], default="en",
    help=f"The tour's language: {', '.join(templates.LANGUAGES)}; otherwise the terminal's.",
)  # fmt: skip
@click.pass_context
def try_out(
    ctx: click.Context,
    folder: Path,
    port: int,
    *,
    fresh: bool | None,
    browsing: bool | None,
    language: str,
) -> None:
    """Try Krets: two lists with people of six languages, and every mail they get on a page.

    No root, no network, no set-up; nothing leaves this machine. Ctrl-C ends it (exit code 0;
    130 while it is still asking or starting). Begun anew, what krets try made in its folder is
    removed, and nothing else.

    \b
    Examples:
      krets try
      krets try --fresh --port 9000 --language it
    """
    by_hand = ctx.get_parameter_source("language") is click.core.ParameterSource.COMMANDLINE
    talk = Talk(_language(language, by_hand=by_hand), by_hand=by_hand)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the tree has its own
    try:
        garden = Garden(folder)
        _begin(garden, talk, fresh=fresh)
        opens = _shall_open(talk, wanted=browsing)
        raise SystemExit(_run(garden, port, talk, opens=opens))
    except click.Abort:  # Ctrl-C or Ctrl-D at a question
        raise KeyboardInterrupt from None


@dataclass(frozen=True, slots=True)
class Talk:
    """Speak with whoever started the command, in their language; words go to stderr."""

    language: str
    by_hand: bool  # the language was named on the command line

    @property
    def on_terminal(self) -> bool:
        """Tell whether somebody can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, what: str, **values: object) -> None:
        """Say one of the things in try-said.txt."""
        columns = shutil.get_terminal_size((100, 24)).columns
        click.echo(said(what, self.language, columns, **values), err=True)

    def ask(self, what: str, **values: object) -> bool:
        """Ask what has two answers; return whether it is the first, which an empty line is."""
        self.say(what, **values)
        choice = said("choice", self.language)
        while True:
            answer = click.prompt(choice, default="1", err=True).strip()
            if answer in {"1", "2"}:
                return bool(answer == "1")


def _language(given: str, *, by_hand: bool) -> str:
    """Return the language of a locale such as it_IT.UTF-8; raise BadParameter for one by hand."""
    short = given.lower().partition(".")[0].partition("_")[0].partition("-")[0]
    if short in templates.LANGUAGES:
        return short
    if by_hand:
        raise click.BadParameter(
            f"{given!r} is none of {', '.join(templates.LANGUAGES)}.", param_hint="--language"
        )
    return "en"


def _begin(garden: Garden, talk: Talk, *, fresh: bool | None) -> None:
    """Go on or begin anew, as was said or is answered now, and say which."""
    start = choose(there=garden.there, fresh=fresh, terminal=talk.on_terminal)
    if start is Start.NEW:
        return
    if start is Start.ASK:
        last = templates.moment(garden.last_used, talk.language)
        goes_on = talk.ask("there", folder=garden.folder, last=last)
        start = Start.GO_ON if goes_on else Start.ANEW
    with garden.alone():
        if start is Start.ANEW:
            garden.clear()
    talk.say("anew" if start is Start.ANEW else "goes-on", folder=garden.folder)


def _shall_open(talk: Talk, *, wanted: bool | None) -> bool:
    """Decide whether a browser opens: as was said or is answered, never without a terminal."""
    if wanted is False:
        return False
    if talk.on_terminal and browser.has_desktop():
        return wanted or talk.ask("browser")
    if wanted:
        talk.say("no-browser")
    return False


def _run(garden: Garden, port: int, talk: Talk, *, opens: bool) -> int:
    """Run everything until a signal; return the exit code."""
    listeners: list[socket.socket] = []
    for first in (port, None, _SMTP, _RELAY):
        wanted = (
            first or port_of(listeners[0]) + 1
        )  # the page of every mail is the lists' neighbour
        listeners.append(listen(_HOST, wanted))
        if port_of(listeners[-1]) != wanted:
            talk.say("port", wanted=wanted, found=port_of(listeners[-1]))
    http, page, smtp, relay = map(port_of, listeners)
    settings = _settings(garden, http, smtp, relay)
    app = App(settings)
    before, base = garden.address, settings.listserv.base_url
    garden.mark(base)
    community.settle(app, talk.language)
    tour = Tour(base, f"http://{_HOST}:{page}", community.deciders(app))
    app.close()
    if before not in {"", base}:
        talk.say("moved", before=before)
    box = mailbox.Mailbox(garden.mail, (_HOST, smtp), base)
    site = mailbox.build(box, f"{_HOST}:{page}", tour, talk.language)
    begin = partial(community.talk, app, box.door, garden.told)
    more: dict[str, Callable[[Ready], None]] = {
        "sink": lambda ready: _sink(listeners[3], box.folder, ready),
        "page": lambda ready: _page(site, listeners[1], begin, ready),
    }
    query = f"?language={talk.language}" if talk.by_hand else ""

    def announce() -> None:
        talk.say(
            "up", box=f"{tour.box}/{query}", pages=f"{base}/{query}", door=f"{_HOST}:{smtp}",
            folder=garden.folder, steps=tour.steps(talk.language, chosen=talk.by_hand),
        )  # fmt: skip
        if opens:
            browser.open_page(f"{tour.box}/{query}")

    opened = {"listserv.http": listeners[0], "mailer.smtp": listeners[2]}
    return run_all(app, more, announce, opened=opened, hangup_ends=True)


def _settings(garden: Garden, http: int, smtp: int, relay: int) -> Settings:
    return Settings(
        listserv=ListservSettings(
            domain=community.DOMAIN,
            base_url=f"http://{_HOST}:{http}",
            http=f"{_HOST}:{http}",
            controller="Ingrid Lund",
            postal_address="Harbour Street 12",
            log="warning",  # what to try next should stay in sight
        ),
        mailer=MailerSettings(
            data=garden.data,
            smtp=f"{_HOST}:{smtp}",
            relays=(f"smtp://{_HOST}:{relay}",),
        ),
    )


def _sink(listener: socket.socket, folder: Path, ready: Ready) -> None:
    log.set_up("sink", least="warning")

    async def run() -> None:
        until = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, until.set)
        made = Sink(listener=listener, keep=Keeper(folder))
        await run_sink(made, ready=lambda _port: ready(), until=until)

    asyncio.run(run())


def _page(site: ASGIApp, listener: socket.socket, begin: Callable[[], None], ready: Ready) -> None:
    log.set_up("page", least="warning")

    def talk() -> None:
        try:
            begin()
        except KretsError as error:  # begun again at the next start
            structlog.get_logger("krets.try").warning("a letter was not taken", what=error.what)

    threading.Thread(target=talk, name="talk", daemon=True).start()
    web.serve(site, listener, ready)
