"""``krets queue``: what waits, why, and the human word that lets it go on."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import click

from listserv.actions import queue as actions
from listserv.actions.call import Call
from listserv.actions.queue import DecideHold, QueuedMail, QueuedMailing
from listserv.cli.backup import decide
from listserv.cli.find import find
from listserv.cli.mailing import COUNTS, VERBS, mailing
from listserv.cli.terminal import agree, asked, plain, print_table, say
from listserv.wiring.app import App
from mailer.errors import BadInput

P = ParamSpec("P")
R = TypeVar("R")


def asking(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options of what sends or ends something."""
    dry = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
    return click.option("--yes", is_flag=True, help="Do not ask.")(dry(command))


def choosing(command: Callable[P, R]) -> Callable[P, R]:
    """Add what says which held messages are meant: some by number, or all of a list or a rule."""
    rule = click.option(
        "--rule", default="", help="All that this rule holds, as `queue ls` names it."
    )
    where = click.option("--list", "of_list", default="", metavar="LIST", help="All of LIST.")
    return click.argument("ids", metavar="[ID]...", type=int, nargs=-1)(where(rule(command)))


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
    waits = actions.ls(asked(app))
    held = [_mail(one) | _reason(one) for one in waits.held]
    waiting = [_mail(one) for one in waits.arrivals]
    under_way = [_mailing(one) for one in waits.mailings]
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
    found = actions.show(asked(app), hold_id)
    row = {**_mail(found.mail), **_reason(found.mail), "detail": found.detail}
    if as_raw:
        sys.stdout.buffer.write(found.raw)
        return
    if as_json:
        click.echo(json.dumps(row | {"authentication": found.authentication}))
        return
    row["is from"] = [f"{name} {word}" for name, word in found.authentication.items()]
    for name, value in row.items():
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        if name == "detail":  # a traceback keeps its lines
            shown = "\n         ".join(plain(line) for line in shown.splitlines())
        click.echo(f"{name:<8} {shown if name == 'detail' else plain(shown)}")


@queue.command("release")
@choosing
@asking
@click.pass_obj
def queue_release(
    app: App, ids: tuple[int, ...], of_list: str, rule: str, *, yes: bool, dry_run: bool
) -> None:
    """Let a held message go on; a post is then sent to the members.

    \b
    Example:
      krets queue release 12 --yes
      krets queue release --list friends@example.org --rule first-post --yes
    """
    for number in _meant(app, ids, of_list, rule):
        if _done(app, actions.release, "Release", DecideHold(number), yes=yes, dry_run=dry_run):
            say(f"Message {number} goes on.")


@queue.command("refuse")
@choosing
@click.option("--reason", default="", help="What the writer of a post is told.")
@asking
@click.pass_obj
def queue_refuse(
    app: App,
    ids: tuple[int, ...],
    of_list: str,
    rule: str,
    *,
    reason: str,
    yes: bool,
    dry_run: bool,
) -> None:
    """Refuse a held message: nobody gets it, and the writer of a post is told.

    The writer is mailed within the budget of automatic mail; the message stays in the store.

    \b
    Example:
      krets queue refuse 12 --reason "We do not do adverts here." --yes
    """
    for number in _meant(app, ids, of_list, rule):
        wanted = DecideHold(number, reason)
        if _done(app, actions.refuse, "Refuse", wanted, yes=yes, dry_run=dry_run):
            say(f"Message {number} is refused.")


@queue.command("drop")
@choosing
@asking
@click.pass_obj
def queue_drop(
    app: App, ids: tuple[int, ...], of_list: str, rule: str, *, yes: bool, dry_run: bool
) -> None:
    """Drop a held message without a word to anybody.

    \b
    Example:
      krets queue drop 12 --yes
      krets queue drop --list friends@example.org --rule first-post --yes
    """
    for number in _meant(app, ids, of_list, rule):
        if _done(app, actions.drop, "Drop", DecideHold(number), yes=yes, dry_run=dry_run):
            say(f"Message {number} is dropped.")


def _meant(app: App, ids: tuple[int, ...], of_list: str, rule: str) -> tuple[int, ...]:
    """Return which held messages are meant; raise BadInput where none is named."""
    if bool(ids) == bool(of_list or rule):
        raise BadInput(
            "Name messages by their numbers, or all by --list or --rule.",
            "`krets queue ls` shows the numbers and the rules.",
        )
    if ids:
        return ids
    held = actions.ls(asked(app)).held
    return tuple(
        one.id
        for one in held
        if of_list.lower() in {"", one.list.lower()} and (not rule or rule in one.why)
    )


def _done(
    app: App,
    decision: Callable[[Call, DecideHold], QueuedMail],
    verb: str,
    wanted: DecideHold,
    *,
    yes: bool,
    dry_run: bool,
) -> bool:
    """Say what is about to be decided, ask, and do it; False where it is only a rehearsal."""
    found = decision(asked(app), replace(wanted, dry_run=True))
    said = plain(f"message {found.id} from {found.sender or 'nobody'}: {found.subject}")
    if dry_run:
        say(f"{verb} {said} (nothing was done)")
        return False
    agree(f"{verb} {said}?", yes=yes)
    decision(asked(app), wanted)
    return True


def _mail(one: QueuedMail) -> dict[str, Any]:
    return {
        "id": one.id,
        "list": one.list,
        "from": one.sender,
        "received": one.received,
        "tries": one.tries,
        "size": one.size,
    }


def _reason(one: QueuedMail) -> dict[str, Any]:
    return {"subject": one.subject, "why": list(one.why)}


def _mailing(one: QueuedMailing) -> dict[str, Any]:
    return {
        "id": one.id,
        "list": one.list,
        "kind": one.kind,
        "received": one.created,
        "state": str(one.status.state),
        "policy": str(one.status.policy),
        **{name: getattr(one.status, name) for name in COUNTS},
    }


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
