"""``krets sink``: a rehearsal relay that takes mail like a real one and shows what it got."""

import asyncio
import json
import signal
import time
from pathlib import Path

import click

from listserv.wiring.config import split_door
from mailer.errors import BadInput, Misconfigured
from mailer.rehearsal import profiles
from mailer.rehearsal.sink import Caught, Sink, accept, run_sink

PROFILES = ("accept", "gmail", "outlook", "greylist", "faulty")


@click.command()
@click.option(
    "--listen", default="127.0.0.1:2525", metavar="HOST:PORT", show_default=True, help="Its door."
)
@click.option(
    "--profile", type=click.Choice(PROFILES), default="accept", show_default=True,
    help="How it answers.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Keep every message as DIR/NUMBER.eml, the envelope beside it as NUMBER.json.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON at the end.")
def sink(listen: str, profile: str, keep: Path | None, *, as_json: bool) -> None:
    """Rehearse: take mail like a relay, count it, send it nowhere. Ctrl-C ends it.

    \b
    Examples:
      krets sink --listen 127.0.0.1:2525 --keep out
      KRETS_MAILER__RELAYS=smtp://127.0.0.1:2525 krets serve
    """
    try:
        host, port = split_door(listen)
    except ValueError as error:
        raise BadInput(f"--listen: {error}.") from None
    keeper = Keeper(keep) if keep is not None else None
    script = profiles.profile(profile, clock=time.monotonic) or accept
    made = Sink(script=script, host=host, port=port, keep=keeper)
    began = time.monotonic()
    try:
        asyncio.run(_run(made, profile))
    except OSError as error:
        raise Misconfigured(
            f"{listen} cannot be opened: {error.strerror}.", "Give another --listen."
        ) from None
    counts = {**made.counts, "seconds": round(time.monotonic() - began, 1)}
    if as_json:
        click.echo(json.dumps(counts))
        return
    for name, count in counts.items():
        click.echo(f"{name:<12} {count}")


async def _run(made: Sink, profile: str) -> None:
    until = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, until.set)

    def ready(port: int) -> None:
        click.echo(f"krets sink listens on {made.host}:{port}, profile {profile}.", err=True)

    await run_sink(made, ready=ready, until=until)


class Keeper:
    """Write every message and its envelope into a folder, numbered in the order they came."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"{folder} cannot be made: {error.strerror}.") from None
        self._folder = folder
        self._number = sum(1 for _ in folder.glob("*.eml"))

    def __call__(self, caught: Caught) -> None:
        """Keep one message."""
        self._number += 1
        (self._folder / f"{self._number:06}.eml").write_bytes(caught.raw)
        envelope = {
            "sender": caught.sender,
            "recipients": list(caught.recipients),
            "received_at": caught.received_at,
        }
        (self._folder / f"{self._number:06}.json").write_text(json.dumps(envelope))
