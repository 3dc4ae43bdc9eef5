"""``krets newsletter segment``: name a part of a list's readers, and see who that is."""

import time

import click
from sqlalchemy.orm import Session

from listserv.cli.terminal import plain, print_json, print_table, say
from listserv.wiring.app import App
from mailer.errors import Refused
from subscriptions.audience import segment_query, segments
from subscriptions.audience.audience import count_by_domain, some_of
from subscriptions.audience.segment_query import Chosen
from subscriptions.lists import attributes
from subscriptions.lists.roster import MailList, get_list

SAMPLE = 5  # readers named

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
    now = time.time()
    with app.store.read() as session:
        lst = get_list(session, list_address)
        rows = [
            {"name": name, "segment": text, "readers": _readers(session, lst, name, now)}
            for name, text in segment_query.saved(session, lst.id).items()
        ]
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
    now = time.time()
    with app.store.read() as session:
        lst = get_list(session, list_address)
        chosen = segment_query.resolve(session, lst, expression, now)
        readers = sum(count_by_domain(session, lst.id, now, chosen).values())
        sample = some_of(session, lst.id, now, SAMPLE, chosen)
        known = attributes.keys_on(session, lst.id)
    words = [*segments.FIXED, *attributes.USUAL]
    words += [key for key in known if key not in attributes.USUAL]
    found = {
        "segment": chosen.text or "all",
        "readers": readers,
        "sample": [{"name": name, "email": email} for name, email in sample],
        "words": words,
    }
    if as_json:
        print_json(found)
        return
    for name, said in [*told(chosen, readers, sample), ("words", ", ".join(words))]:
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
    now = time.time()
    with app.store.write() as session:
        lst = get_list(session, list_address)
        if expression.strip():
            name = segment_query.save(session, lst, name, expression, now)
            readers = _readers(session, lst, name, now)
        else:
            segment_query.drop(session, lst, name)
            readers = None
    said = "is gone" if readers is None else f"has {readers:,} readers now"
    say(f"The segment {name} of {lst.address} {said}.")


def told(chosen: Chosen, readers: int, sample: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return lines that say who is in a segment."""
    named = ", ".join(f"{name} <{email}>" if name else email for name, email in sample)
    return [
        ("only", chosen.text or "everybody"),
        ("readers", f"{readers:,}"),
        ("such as", named or "nobody"),
    ]


def _readers(session: Session, lst: MailList, name: str, now: float) -> int | None:
    """Return how many are in a saved segment; None where what it names is gone."""
    try:
        chosen = segment_query.resolve(session, lst, name, now)
    except (segments.BadSegment, Refused):
        return None
    return sum(count_by_domain(session, lst.id, now, chosen).values())
