"""``krets queue``: what waits, why, and the human word that lets it go on."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.cli.backup import decide
from listserv.cli.find import find
from listserv.cli.mailing import VERBS, mailing
from listserv.cli.terminal import agree, plain, print_table, say
from listserv.letters.request import Visit
from listserv.moderation import decisions, holds
from listserv.moderation.rulings import Ruling, RulingWord
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Hold
from mailer.authentication import verdict
from mailer.errors import Refused
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, MailingState
from mailer.reading import message
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, ArrivalState
from mailer.storage.store import get_raw
from subscriptions.lists.roster import find_list

P = ParamSpec("P")
R = TypeVar("R")

SHOWN = 500  # held messages and mailings listed at most


def asking(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options of what sends or ends something."""
    dry = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
    return click.option("--yes", is_flag=True, help="Do not ask.")(dry(command))


@click.group()
def queue() -> None:
    """See what waits and why; release, refuse or drop what is held."""


for _command in (mailing, *VERBS, decide, find):
    queue.add_command(_command)


@queue.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def queue_ls(app: App, *, as_json: bool) -> None:
    """List held messages, arrivals that wait to be read, and mailings under way.

    \b
    Example:
      krets queue ls --json
    """
    with app.store.read() as session:
        held = [_held(session, arrival) for arrival in arrivals.held(session, SHOWN)]
        waiting = [_arrival(arrival) for arrival in arrivals.next_new(session, SHOWN)]
        under_way = [_mailing(session, mailing) for mailing in _open_mailings(session)]
    if as_json:
        click.echo(json.dumps({"held": held, "arrivals": waiting, "mailings": under_way}))
        return
    if not (held or waiting or under_way):
        click.echo("Nothing waits.", err=True)
    if held:
        _print("Held for a human", held, ("id", "list", "from", "subject", "why", "age"))
    if waiting:
        _print("Waiting to be read", waiting, ("id", "list", "from", "tries", "age"))
    if under_way:
        _print(
            "Mailings under way", under_way,
            ("id", "list", "state", "audience", "ready", "accepted", "deferred", "unsure", "age"),
        )  # fmt: skip


@queue.command("show")
@click.argument("hold_id", metavar="ID", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--raw", "as_raw", is_flag=True, help="Print the message, byte for byte.")
@click.pass_obj
def queue_show(app: App, hold_id: int, *, as_json: bool, as_raw: bool) -> None:
    """Show one held message: from whom, why it is held, and what our code said of it.

    \b
    Example:
      krets queue show 12 --raw > held.eml
    """
    with app.store.read() as session:
        arrival = _find(session, hold_id)
        row = _held(session, arrival)
        hold = session.scalar(select(Hold).where(Hold.arrival_id == arrival.id))
        row["detail"] = hold.detail if hold else arrival.note
        said = verdict.read(arrival.authentication).shown
        raw = get_raw(session, arrival.raw_sha) or b""
    if as_raw:
        sys.stdout.buffer.write(raw)
        return
    if as_json:
        click.echo(json.dumps(row | {"authentication": said}))
        return
    row["is from"] = [f"{name} {word}" for name, word in said.items()]
    for name, value in row.items():
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        if name == "detail":  # a traceback keeps its lines
            shown = "\n         ".join(plain(line) for line in shown.splitlines())
        click.echo(f"{name:<8} {shown if name == 'detail' else plain(shown)}")


@queue.command("release")
@click.argument("hold_id", metavar="ID", type=int)
@asking
@click.pass_obj
def queue_release(app: App, hold_id: int, *, yes: bool, dry_run: bool) -> None:
    """Let a held message go on; a post is then sent to the members.

    \b
    Example:
      krets queue release 12 --yes
    """
    if _agreed(app, hold_id, "Release", yes=yes, dry_run=dry_run):
        _decide(app, hold_id, Ruling(RulingWord.OK))
        say(f"Message {hold_id} goes on.")


@queue.command("refuse")
@click.argument("hold_id", metavar="ID", type=int)
@click.option("--reason", default="", help="What the writer of a post is told.")
@asking
@click.pass_obj
def queue_refuse(app: App, hold_id: int, *, reason: str, yes: bool, dry_run: bool) -> None:
    """Refuse a held message: nobody gets it, and the writer of a post is told.

    The writer is mailed within the budget of automatic mail; the message stays in the store.

    \b
    Example:
      krets queue refuse 12 --reason "We do not do adverts here." --yes
    """
    if _agreed(app, hold_id, "Refuse", yes=yes, dry_run=dry_run):
        _decide(app, hold_id, Ruling(RulingWord.NO, reason))
        say(f"Message {hold_id} is refused.")


@queue.command("drop")
@click.argument("hold_id", metavar="ID", type=int)
@asking
@click.pass_obj
def queue_drop(app: App, hold_id: int, *, yes: bool, dry_run: bool) -> None:
    """Drop a held message without a word to anybody.

    \b
    Example:
      krets queue drop 12 --yes
    """
    if _agreed(app, hold_id, "Drop", yes=yes, dry_run=dry_run):
        _decide(app, hold_id, Ruling(RulingWord.DISCARD))
        say(f"Message {hold_id} is dropped.")


def _agreed(app: App, hold_id: int, verb: str, *, yes: bool, dry_run: bool) -> bool:
    """Say what is about to be decided, and ask; False where it is only a rehearsal."""
    with app.store.read() as session:
        row = _held(session, _find(session, hold_id))
    said = plain(f"message {hold_id} from {row['from'] or 'nobody'}: {row['subject']}")
    if dry_run:
        say(f"{verb} {said} (nothing was done)")
        return False
    agree(f"{verb} {said}?", yes=yes)
    return True


def _decide(app: App, hold_id: int, ruling: Ruling) -> None:
    """Decide by the same function as a moderator's mail does."""
    with app.store.write() as session:
        arrival = _find(session, hold_id)
        held = session.scalar(select(Hold).where(Hold.arrival_id == arrival.id))
        lst = find_list(session, held.list_address or arrival.recipient) if held else None
        now = time.time()
        if lst is None:  # mail to a domain's own address, or held by the door
            holds.decide(session, arrival, decisions.STATES[ruling.word], by="cli", now=now)
        else:
            visit = Visit(session=session, app=app, lst=lst, now=now)
            decisions.carry_out(visit, arrival, ruling, by="cli")
    app.ring("sort")
    app.ring("deliver")


def _find(session: Session, hold_id: int) -> Arrival:
    arrival = session.get(Arrival, hold_id)
    if arrival is None:
        raise Refused(f"There is no message {hold_id}.", "`krets queue ls` lists what is held.")
    if arrival.state != ArrivalState.HELD:
        raise Refused(f"Message {hold_id} is not held: {arrival.note or 'it waits to be read'}.")
    return arrival


def _held(session: Session, arrival: Arrival) -> dict[str, Any]:
    hold = session.scalar(select(Hold).where(Hold.arrival_id == arrival.id))
    row = _arrival(arrival)
    raw = get_raw(session, arrival.raw_sha) or b""
    subjects = message.head(raw).all("subject")
    row["subject"] = message.text_of(subjects[0]) if subjects else ""
    row["why"] = json.loads(hold.rules) if hold else [arrival.note]
    return row


def _arrival(arrival: Arrival) -> dict[str, Any]:
    return {
        "id": arrival.id,
        "list": arrival.recipient,
        "from": arrival.sender,
        "received": arrival.received_at,
        "tries": arrival.attempts,
        "size": arrival.size,
    }


def _open_mailings(session: Session) -> list[Mailing]:
    chosen = select(Mailing).where(
        Mailing.state.in_((MailingState.FREEZING, MailingState.SENDING, MailingState.PAUSED))
    )
    return list(session.scalars(chosen.order_by(Mailing.id).limit(SHOWN)))


def _mailing(session: Session, mailing: Mailing) -> dict[str, Any]:
    status = mailings.status(session, mailing.id)
    return {
        "id": mailing.id,
        "list": mailing.list_address,
        "kind": mailing.kind,
        "received": mailing.created,
        "state": str(status.state),
        "policy": str(status.policy),
        **{
            name: getattr(status, name)
            for name in (
                "audience", "ready", "claimed", "accepted", "refused", "deferred", "unsure",
                "skipped",
            )
        },
    }  # fmt: skip


def _print(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    say(f"{title}:")
    print_table(columns, [[_cell(row, column) for column in columns] for row in rows])


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "age":
        return _age(time.time() - row["received"])
    value = row[column]
    return ", ".join(value) if isinstance(value, list) else str(value)


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
