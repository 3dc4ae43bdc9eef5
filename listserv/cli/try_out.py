"""``krets try``: a whole community on this machine, with a page for every mail it sends."""

import asyncio
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import structlog
from starlette.types import ASGIApp

import templates
from listserv.cli.parts import run_all
from listserv.cli.sink import Keeper
from listserv.trying import browser, community, mailbox, once
from listserv.trying.ports import LAST, listen, port_of
from listserv.trying.tour import Tour, said
from listserv.trying.try_folder import Start, TryFolder, choose
from listserv.web import connections
from listserv.wiring import log
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from mailer.errors import KretsError
from mailer.rehearsal.sink import Sink, run_sink

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
@click.option(
    "--once", "just_once", is_flag=True,
    help="Start, walk the tour through the real doors, say how each step went, and end: in a"
    " folder that is removed again, unless --folder names one.",
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
    just_once: bool,
) -> None:
    """Try Krets: two lists with people of six languages, and every mail they get on a page.

    No root, no network, no set-up; nothing leaves this machine. Ctrl-C ends it (exit code 0;
    130 while it is still asking or starting). Begun anew, what krets try made in its folder is
    removed, and nothing else. Walked --once it exits with 0, or with 1 where a step went no
    further.

    \b
    Examples:
      krets try
      krets try --once
      krets try --fresh --port 9000 --language it
    """
    named = click.core.ParameterSource.COMMANDLINE
    by_hand = ctx.get_parameter_source("language") is named
    talk = Talk(_language(language, by_hand=by_hand), by_hand=by_hand, asks=not just_once)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the tree has its own
    if just_once:
        kept = folder if ctx.get_parameter_source("folder") is named else None
        raise SystemExit(_once(kept, port, talk, fresh=fresh))
    try:
        garden = TryFolder(folder)
        _begin(garden, talk, fresh=fresh)
        opens = _shall_open(talk, wanted=browsing)
        raise SystemExit(_run(garden, port, talk, lambda tour: _greet(tour, talk, opens=opens)))
    except click.Abort:  # Ctrl-C or Ctrl-D at a question
        raise KeyboardInterrupt from None


@dataclass(frozen=True, slots=True)
class Talk:
    """Speak with whoever started the command, in their language; words go to stderr."""

    language: str
    by_hand: bool  # the language was named on the command line
    asks: bool = True

    @property
    def on_terminal(self) -> bool:
        """Tell whether somebody can be asked."""
        return self.asks and sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, what: str, **values: object) -> None:
        """Say one of the things in try-said.txt."""
        click.echo(self._set(what, **values), err=True)

    def tell(self, what: str, **values: object) -> None:
        """Say what the command was run for: on standard output."""
        click.echo(self._set(what, **values))

    def _set(self, what: str, **values: object) -> str:
        return said(what, self.language, shutil.get_terminal_size((100, 24)).columns, **values)

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


def _begin(garden: TryFolder, talk: Talk, *, fresh: bool | None) -> None:
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


def _once(kept: Path | None, port: int, talk: Talk, *, fresh: bool | None) -> int:
    """Walk the tour once, in ``kept`` or in a folder for it alone; return the exit code."""
    folder = kept or Path(tempfile.mkdtemp(prefix="krets-try-"))
    garden = TryFolder(folder)
    code = 1
    try:
        _begin(garden, talk, fresh=fresh)
        code = once.walk(partial(_run, garden, port, talk), talk.language, talk.tell)
    finally:
        if kept is None and code == 0:
            shutil.rmtree(folder)
        elif code:
            talk.say("kept", folder=folder)
    return code


def _run(garden: TryFolder, port: int, talk: Talk, announce: Callable[[Tour], None]) -> int:
    """Run everything until a signal; return the exit code. ``announce`` hears when it is up."""
    listeners: list[socket.socket] = []
    for first in (port, None, _SMTP, _RELAY):
        wanted = first or port_of(listeners[0]) + 1  # the mails' page is the lists' neighbour
        listeners.append(listen(_HOST, wanted))
        if port_of(listeners[-1]) != wanted:
            talk.say("port", wanted=wanted, found=port_of(listeners[-1]))
    http, page, smtp, relay = map(port_of, listeners)
    app = App(_settings(garden, http, smtp, relay))
    base = app.settings.listserv.base_url
    if garden.address not in {"", base}:
        talk.say("moved", before=garden.address)
    garden.mark(base)
    community.settle(app, talk.language)
    tour = Tour(
        base, f"http://{_HOST}:{page}", f"{_HOST}:{smtp}", str(garden.folder),
        community.deciders(app),
    )  # fmt: skip
    app.close()
    box = mailbox.Mailbox(garden.mail, (_HOST, smtp), base)
    site = mailbox.build(box, f"{_HOST}:{page}", tour, talk.language)
    begin = partial(community.talk, app, box.door, garden.told)
    more: dict[str, Callable[[Ready], None]] = {
        "sink": lambda ready: _sink(listeners[3], box.folder, ready),
        "page": lambda ready: _page(site, listeners[1], begin, ready),
    }
    opened = {"listserv.http": listeners[0], "mailer.smtp": listeners[2]}
    return run_all(app, more, lambda: announce(tour), opened=opened, hangup_ends=True)


def _greet(tour: Tour, talk: Talk, *, opens: bool) -> None:
    """Say what there is and what to try, and open the browser if it was asked for."""
    query = f"?language={talk.language}" if talk.by_hand else ""
    box = f"{tour.box}/{query}"
    talk.say(
        "up", box=box, pages=f"{tour.pages}/{query}", door=tour.door, folder=tour.folder,
        steps=tour.steps(talk.language, chosen=talk.by_hand),
    )  # fmt: skip
    if opens:
        browser.open_page(box)


def _settings(garden: TryFolder, http: int, smtp: int, relay: int) -> Settings:
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
    connections.serve(site, listener, ready)
