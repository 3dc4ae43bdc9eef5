"""What the commands about the archive share: what they need of the application, and its lists."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from sqlalchemy import select

from archive.site import build as pages
from mailer.errors import Refused
from mailer.storage.store import Store
from subscriptions.lists.roster import MailList, find_list

SHOWN = 20  # of many things that a terminal names


class SiteSettings(Protocol):
    """What these commands need of the settings of the roof."""

    @property
    def base_url(self) -> str:
        """Return the web address of the site."""
        ...


class CommandSettings(Protocol):
    """What these commands need of the settings."""

    @property
    def listserv(self) -> SiteSettings:
        """Return the section ``listserv``."""
        ...

    @property
    def archive_path(self) -> Path:
        """Return the folder of the archive's pages."""
        ...


class ArchiveApplication(Protocol):
    """What these commands need of the application."""

    @property
    def store(self) -> Store:
        """Return the database, created or migrated if need be."""
        ...

    @property
    def settings(self) -> CommandSettings:
        """Return the settings."""
        ...

    @property
    def data(self) -> Path:
        """Return the folder that holds everything."""
        ...


def lists_of(app: ArchiveApplication, list_address: str | None) -> list[MailList]:
    """Return the list of this address, or all."""
    with app.store.read() as session:
        if list_address is None:
            return list(session.scalars(select(MailList).order_by(MailList.id)))
        lst = find_list(session, list_address)
    if lst is None:
        raise Refused(f"There is no list {list_address}.", "krets list ls shows all.")
    return [lst]


@contextmanager
def counting(app: ArchiveApplication, lst: MailList) -> Iterator[Callable[[int], None]]:
    """Show how many messages have been drawn, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _messages: None
        return
    with app.store.read() as session:
        total = pages.size_of(session, lst)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(lst.address, total=total)
        yield lambda messages: bar.advance(task, messages)
