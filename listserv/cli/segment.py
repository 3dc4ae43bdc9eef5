"""``krets newsletter segment``: name a part of a list's readers, and see who that is."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from listserv.actions import segments as actions
from listserv.actions.segments import SaveSegment, ShowSegment
from listserv.cli.terminal import asked, plain, print_json, print_table, say
from listserv.wiring.app import App

segment = click.Group("segment", help="Name a part of a list's readers; see who that is.")


@segment.command("ls")
@click.argument("list_address", metavar="LIST")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def ls(app: App, /, list_address: str, *, as_json: bool) -> None:
    """Show the saved segments of LIST, each with how many would get a mail now.

    \b
    Example:
      krets newsletter segment ls news@example.org
    """
    rows = [asdict(one) for one in actions.ls(asked(app), list_address)]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "readers", "segment")
    shown = ({**row, "readers": "?" if row["readers"] is None else row["readers"]} for row in rows)
    print_table(columns, [[plain(str(row[name])) for name in columns] for row in shown])


@segment.command("show")
@click.argument("list_address", metavar="LIST")
@click.argument("expression", metavar="[SEGMENT]", default="all")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(app: App, /, list_address: str, expression: str, *, as_json: bool) -> None:
    """Show who of LIST is in SEGMENT, a name or an expression, and what can be named in one.

    \b
    Examples:
      krets newsletter segment show news@example.org
      krets newsletter segment show news@example.org "language = sv and tag = board"
    """
    shown = actions.show(asked(app), ShowSegment(list_address, expression))
    found = {
        "segment": shown.segment or "all",
        "readers": shown.readers,
        "sample": [{"name": name, "email": email} for name, email in shown.sample],
        "words": list(shown.words),
    }
    if as_json:
        print_json(found)
        return
    lines = told(shown.segment, shown.readers, shown.sample)
    for name, said in [*lines, ("words", ", ".join(shown.words))]:
        say(f"  {name:<9}{plain(said)}")


@segment.command("set")
@click.argument("list_address", metavar="LIST")
@click.argument("name")
@click.argument("expression", metavar="SEGMENT")
@click.pass_obj
def set_(app: App, /, list_address: str, name: str, expression: str) -> None:
    """Save SEGMENT under NAME; an empty SEGMENT takes the name away.

    Conditions are: WORD = VALUE, WORD != VALUE, WORD in (VALUE, VALUE), joined since 2026-01-31,
    joined before 2026-01-31, joined within 30 days, on OTHER-LIST@DOMAIN, the name of another
    segment; between them stand and, or, not, and parentheses.

    \b
    Examples:
      krets newsletter segment set news@example.org board "tag = board and language = sv"
      krets newsletter segment set news@example.org board ""
    """
    done = actions.save(asked(app), SaveSegment(list_address, name, expression))
    said = "is gone" if done.readers is None else f"has {done.readers:,} readers now"
    say(f"The segment {done.name} of {done.list} {said}.")


def told(chosen: str, readers: int, sample: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return lines that say who is in a segment."""
    named = ", ".join(f"{name} <{email}>" if name else email for name, email in sample)
    return [
        ("only", chosen or "everybody"),
        ("readers", f"{readers:,}"),
        ("such as", named or "nobody"),
    ]
