"""What commands about lists and members share with their reader: asking, tables, one JSON.

Words go to stderr and data to stdout. A table is a designed page on a terminal and plain
columns elsewhere; NO_COLOR and the width are rich's business.
"""

import json
import sys
import time
from collections.abc import Iterable, Sequence

import click

from listserv.actions.call import OPERATOR, Call
from listserv.wiring.app import App
from mailer.door.callers import plain_ip
from mailer.errors import BadInput, Refused


def asked(app: App) -> Call:
    """Return whoever runs this command as one who asks for actions: the operator, now."""
    return Call(app, OPERATOR, time.time())


def say(words: str) -> None:
    """Tell the person something that is not data."""
    click.echo(words, err=True)


def agree(question: str, *, yes: bool) -> None:
    """Ask on a terminal; raise Refused where the answer is no or nobody can answer."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"{question} There is no terminal to ask on.", "Say --yes to answer yes.")
    if not click.confirm(question, default=False, err=True):
        raise Refused("Nothing was changed.")


def print_json(value: object) -> None:
    """Print one JSON value."""
    click.echo(json.dumps(value, ensure_ascii=not _speaks_unicode(), indent=2))


def print_json_array(rows: Iterable[object]) -> None:
    """Print a JSON array row by row, so that a million rows need no memory."""
    ascii_only = not _speaks_unicode()
    before = "["
    for row in rows:
        click.echo(before + "\n  " + json.dumps(row, ensure_ascii=ascii_only), nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns: set like a letter on a terminal, tab-separated elsewhere."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(plain(cell) for cell in row))
        return
    from rich.console import Console  # noqa: PLC0415 - for terminals alone; commands start sooner
    from rich.table import Table  # noqa: PLC0415

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_unmarked(plain(cell)) for cell in row))
    console.print(table)


def print_letter(title: str, lines: Sequence[tuple[str, str]]) -> None:
    """Print a title and what is to be said about it, one thing a line."""
    from rich.console import Console  # noqa: PLC0415 - as above

    width = max((len(name) for name, _ in lines), default=0)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    console.print(f"[bold]{_unmarked(plain(title))}[/bold]")
    console.print()
    for name, value in lines:
        shown = _unmarked(plain(value)) if value else "[dim]-[/dim]"
        console.print(f"  [dim]{name:<{width}}[/dim]   {shown}")


def bar(part: int, whole: int, width: int = 40) -> str:
    """Return a line that is as full as ``part`` of ``whole``."""
    full = width * part // whole if whole else 0
    drawn, rest = ("━", "─") if _speaks_unicode() else ("#", "-")
    return drawn * full + rest * (width - full)


def check_ip(text: str) -> str:
    """Return an IP address in its usual spelling; raise BadInput for anything else."""
    found = plain_ip(text)
    if not found:
        raise BadInput(f"{text!r} is no IP address.", "Write one such as 203.0.113.5.")
    return found


def plain(text: str) -> str:
    """Return text in which nothing can command the terminal that shows it."""
    return "".join(c if c.isprintable() else " " for c in text)


def _unmarked(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415 - as above

    return escape(text)


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
