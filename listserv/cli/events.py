"""The commands about events: hold one, see who comes, take it back."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from listserv.actions import events as actions
from listserv.actions.events import ChangeEvent, CreateEvent, EventShown
from listserv.cli.terminal import (
    agree,
    asked,
    plain,
    print_json,
    print_json_array,
    print_letter,
    print_table,
    say,
)
from listserv.community import event_draft
from listserv.wiring.app import App
from mailer.errors import BadInput
from subscriptions.lists.questions import Question


@click.group("event")
def events() -> None:
    """Hold an event: invite everybody, see who comes, take it back."""


_list = click.argument("list_address", metavar="LIST")
_event = click.argument("number", metavar="EVENT", type=click.IntRange(1))
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_yes = click.option("--yes", is_flag=True, help="Answer yes to every question.")


def text_of(file: str) -> str:
    """Return the text of a file, of standard input for ``-``."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} cannot be read as text: {error}.") from None


@events.command("create")
@_list
@click.argument("file")
@_yes
@click.option("--dry-run", is_flag=True, help="Say what would be asked, and ask nobody.")
@_json
@click.pass_obj
def create(
    app: App, list_address: str, file: str, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Invite everybody on LIST to what FILE says.

    FILE begins with lines between --- and ---: title, starts, ends, zone, place, seats, until;
    below stands what else is to be said. "-" is standard input.

    \b
    Examples:
      krets event create friends@example.org party.md --dry-run
      krets event create friends@example.org party.md --yes
    """
    source = text_of(file)
    seen = actions.create(asked(app), CreateEvent(list_address, source, dry_run=True))
    when = event_draft.told(seen.draft)
    say(f"{plain(seen.draft.title)}: {when}, {plain(seen.draft.place) or 'no place named'}")
    if seen.draft.guessed_end:
        say("It does not say when it ends; calendars show two hours.")
    if not dry_run:
        agree(f"Invite {seen.members} members?", yes=yes)
        seen = actions.create(asked(app), CreateEvent(list_address, source))
    if as_json:
        print_json({"event": seen.event or None, "members": seen.members})
        return
    say(
        f"{seen.members} members would be invited."
        if dry_run
        else f"Event {seen.event}: {seen.members} members are invited."
    )


@events.command("ls")
@_list
@_json
@click.pass_obj
def ls(app: App, list_address: str, *, as_json: bool) -> None:
    """List the events of LIST, the newest last.

    \b
    Example:
      krets event ls friends@example.org
    """
    found = actions.ls(asked(app), list_address)
    if as_json:
        print_json_array({**told(one), "counts": counts} for one, counts in found)
        return
    print_table(
        ("event", "starts", "state", "people", "title"),
        [
            (str(one.id), _minute(one.starts), one.state.value, str(counts["people"]), one.title)
            for one, counts in found
        ],
    )


@events.command("show")
@_event
@_json
@click.pass_obj
def show(app: App, number: int, *, as_json: bool) -> None:
    """Show EVENT, and who has answered what.

    \b
    Example:
      krets event show 3 --json
    """
    _print(actions.show(asked(app), number), as_json=as_json)


@events.command("set")
@_event
@click.option("--seats", type=click.IntRange(0, 100_000), help="How many; 0 for as many as come.")
@click.option("--close/--open", "close", default=None, help="Take no more answers, or take them.")
@click.option("--seat-for", default="", metavar="ADDRESS", help="Give one who waits a seat.")
@_json
@click.pass_obj
def set_(
    app: App, number: int, *, seats: int | None, close: bool | None, seat_for: str, as_json: bool
) -> None:
    """Change the seats of EVENT, close it, or let somebody move up; whoever moves up gets a mail.

    \b
    Examples:
      krets event set 3 --seats 30
      krets event set 3 --close
      krets event set 3 --seat-for bo@example.com
    """
    wanted = ChangeEvent(number, close=close, seat_for=seat_for, seats=seats)
    _print(actions.change(asked(app), wanted), as_json=as_json)


@events.command("tell")
@_event
@click.argument("words")
@_yes
@click.option("--dry-run", is_flag=True, help="Say how many would get it, and mail nobody.")
@click.pass_obj
def tell(app: App, number: int, words: str, *, yes: bool, dry_run: bool) -> None:
    """Mail WORDS to everybody who comes to EVENT, may come or waits.

    \b
    Example:
      krets event tell 3 "Please bring a cup." --yes
    """
    seen = actions.show(asked(app), number)
    many = sum(one.answer != "no" and bool(one.email) for one in seen.answers)
    if dry_run:
        say(f"{many} would get it.")
        return
    agree(f"Mail {many} people?", yes=yes)
    say(f"{actions.tell(asked(app), number, words)} get it.")


@events.command("cancel")
@_event
@_yes
@click.option("--dry-run", is_flag=True, help="Say who would hear of it, and mail nobody.")
@_json
@click.pass_obj
def cancel(app: App, number: int, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Take EVENT back; everybody who was invited gets a mail.

    \b
    Example:
      krets event cancel 3
    """
    seen = actions.show(asked(app), number)
    if not dry_run:
        agree(f"Cancel {plain(seen.event.title)!r} and mail every member?", yes=yes)
        seen = actions.cancel(asked(app), number)
    _print(seen, as_json=as_json)


def told(event: Question) -> dict[str, object]:
    """Return an event as JSON shows it."""
    return {
        "event": event.id,
        "title": event.title,
        "state": event.state.value,
        "starts": iso(event.starts),
        "ends": iso(event.ends),
        "zone": event.zone,
        "place": event.place,
        "seats": event.seats,
        "until": iso(event.until),
        "uid": event.uid,
        "sequence": event.sequence,
    }


def _print(found: EventShown, *, as_json: bool) -> None:
    if as_json:
        answers = [
            {
                "email": one.email or None,
                "name": one.name,
                "answer": one.answer,
                "guests": one.guests,
                "note": one.note,
            }
            for one in found.answers
        ]
        print_json(
            {
                "list": found.list,
                **told(found.event),
                "counts": dict(found.counts),
                "free": found.free if found.event.seats else None,
                "answers": answers,
            }
        )
        return
    lines = [
        ("starts", _minute(found.event.starts)),
        ("place", found.event.place),
        ("state", found.event.state.value),
        ("people", str(found.counts["people"])),
        ("seats", str(found.event.seats) if found.event.seats else "as many as come"),
    ]
    for one in found.answers:
        guests = f" +{one.guests}" if one.guests else ""
        lines.append((f"{one.answer}{guests}", one.name or one.email or "(forgotten)"))
    print_letter(found.event.title, lines)


def iso(at: float | None) -> str | None:
    """Return a moment as ISO 8601, in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _minute(at: float | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
