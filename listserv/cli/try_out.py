"""``krets try``: a whole community on this machine, with a page for every mail it sends."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import structlog

from listserv import log
from listserv.app import App
from listserv.cli.parts import run_all
from listserv.cli.sink import Keeper
from listserv.config import ListservSettings, MailerSettings, Settings
from listserv.data_folder import make_data_folder
from listserv.serve import bind
from listserv.trying import community, mailbox
from listserv.web import door as web
from mailer.errors import KretsError
from mailer.sink import Sink, run_sink

_HOST = "127.0.0.1"


@click.command("try")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("krets-try"),
    show_default=True, help="Where the community lives; remove it to begin anew.",
)  # fmt: skip
@click.option("--port", default=8080, show_default=True, help="First port of its pages.")
def try_out(folder: Path, port: int) -> None:
    """Try Krets: two lists with people of six languages, and every mail they get on a page.

    No root, no network, no set-up; nothing leaves this machine. Ctrl-C ends it.

    \b
    Example:
      krets try
    """
    taken: set[int] = set()
    http, page, smtp, relay = (_free(wanted, taken) for wanted in (port, port + 1, 8025, 2525))
    app = App(_settings(folder, http, smtp, relay))
    make_data_folder(app.data)
    community.settle(app)
    app.close()
    box = mailbox.Mailbox(folder / "mail", (_HOST, smtp), app.settings.listserv.base_url)
    box.folder.mkdir(parents=True, exist_ok=True)
    listener = bind(f"{_HOST}:{page}", "--port")
    told = folder / "told"
    more: dict[str, Callable[[Callable[[], None]], None]] = {
        "sink": lambda ready: _sink(relay, box.folder, ready),
        "page": lambda ready: _page(
            box, listener, f"{_HOST}:{page}", partial(community.talk, app, box.door, told), ready
        ),
    }
    raise SystemExit(run_all(app, more, lambda: _announce(http, page, smtp, folder)))


def _settings(folder: Path, http: int, smtp: int, relay: int) -> Settings:
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
            data=folder / "data",
            smtp=f"{_HOST}:{smtp}",
            relays=(f"smtp://{_HOST}:{relay}",),
        ),
    )


def _free(wanted: int, taken: set[int]) -> int:
    """Return the port that is wanted, or any free one."""
    for port in (wanted, 0, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
        if found not in taken:
            taken.add(found)
            return found
    return wanted


def _sink(port: int, folder: Path, ready: Callable[[], None]) -> None:
    log.set_up("sink", least="warning")

    async def run() -> None:
        until = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, until.set)
        made = Sink(host=_HOST, port=port, keep=Keeper(folder))
        await run_sink(made, ready=lambda _port: ready(), until=until)

    asyncio.run(run())


def _page(
    box: mailbox.Mailbox,
    listener: socket.socket,
    host: str,
    begin: Callable[[], None],
    ready: Callable[[], None],
) -> None:
    log.set_up("page", least="warning")

    def talk() -> None:
        try:
            begin()
        except KretsError as error:  # begun again at the next start
            structlog.get_logger("krets.try").warning("a letter was not taken", what=error.what)

    threading.Thread(target=talk, name="talk", daemon=True).start()
    web.serve(mailbox.build(box, host), listener, ready)


def _announce(http: int, page: int, smtp: int, folder: Path) -> None:
    rows = [
        ("every mail", f"http://{_HOST}:{page}/"),
        ("the lists", f"http://{_HOST}:{http}/"),
        ("mail door", f"{_HOST}:{smtp}"),
        ("data", str(folder)),
    ]
    click.echo("A garden with six languages is up, on this machine alone.\n", err=True)
    for name, value in rows:
        click.echo(f"  {name:<11} {value}", err=True)
    click.echo(
        f"""
Try this, with any made-up address of yours, such as you@example.com:
  1. Join: http://{_HOST}:{http}/{community.LIST}/join
  2. Open "every mail": a question to you came on top. Answer it there, with one word or none.
     You are a member, and a welcome follows.
  3. Below the mails, write one to {community.LIST} from your address.
     It reaches everybody, and stands at http://{_HOST}:{http}/{community.LIST}/
  4. Decide as ingrid@bladverk.example, who owns the list: Tom, a stranger, has written.
     Open the mail about tom@brickyard.example among hers and answer ok.
  5. Leave, by the link at the end of your welcome.

Ctrl-C ends it; krets try goes on where you left.""",
        err=True,
    )
