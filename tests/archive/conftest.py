"""Fixtures for the archive's tests: a list, and mails written in one line."""

from collections.abc import Callable

import pytest

from mailer.storage.store import Store
from subscriptions.lists.roster import ArchivePolicy, Join, ListKind, MailList, PostPolicy

ARRIVAL = 1_700_000_000.0


def make_list(store: Store, archive: ArchivePolicy = ArchivePolicy.PUBLIC) -> MailList:
    with store.write() as session:
        lst = MailList(
            name="circle",
            domain="example.org",
            kind=ListKind.DISCUSSION,
            title="The circle",
            description="Where we talk.",
            language="en",
            join=Join.OPEN,
            post=PostPolicy.MEMBERS,
            archive=archive,
            created=ARRIVAL,
        )
        session.add(lst)
        session.flush()
    return lst


@pytest.fixture
def circle(store: Store) -> MailList:
    """Make a public discussion list."""
    return make_list(store)


@pytest.fixture
def mail() -> Callable[..., bytes]:
    """Write a mail: ``mail("a", "root")`` answers ``<root@x>``."""
    return write_mail


def write_mail(name: str, *references: str, at: float = 0.0, body: str = "Hello.\n") -> bytes:
    lines = [
        f"From: {name.title()} Person <{name}@example.org>",
        f"Message-ID: <{name}@x>",
        f"Subject: About {name}",
        f"Date: Tue, 14 Nov 2023 {10 + int(at) // 60:02d}:{int(at) % 60:02d}:00 +0000",
    ]
    if references:
        lines.append("References: " + " ".join(f"<{r}@x>" for r in references))
    return ("\n".join(lines) + "\n\n" + body).encode()
