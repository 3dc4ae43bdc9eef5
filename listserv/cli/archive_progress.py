"""What the commands about the archive share: how far they are, and how much they name."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from subscriptions.lists.roster import MailList

SHOWN = 20  # of many things that a terminal names


@contextmanager
def counting(lst: MailList, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of an archive's messages have been drawn, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _messages: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(lst.address, total=total)
        yield lambda messages: bar.advance(task, messages)
