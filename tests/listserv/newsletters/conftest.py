"""The fixture of those who test issues under review."""

from pathlib import Path

import pytest

from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from mailer.storage.store import Store
from subscriptions.lists import roster
from subscriptions.lists.roster import ListKind, Role
from tests.listserv.newsletters.newsroom import (
    ANNA,
    BO,
    FRIENDS,
    MIA,
    NEWS,
    OLGA,
    add,
)
from tests.place import Place, Silent


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    """Make a newsletter with two editors and two readers."""
    settings = Settings(
        listserv=ListservSettings(domain="example.org", base_url="http://localhost:8080"),
        mailer=MailerSettings(data=tmp_path),
    )
    app = App(settings)
    # Made without the migrations: a second saved for each test.
    app.__dict__.update(store=store, bells=Silent())
    with store.write() as session:
        for name, kind in ((NEWS, ListKind.NEWSLETTER), (FRIENDS, ListKind.DISCUSSION)):
            roster.create_list(session, name, kind=kind, title="The Garden", now=1.0)
    made = Place(app)
    for who, name, role in (
        (OLGA, "Olga", Role.EDITOR),
        (MIA, "Mia", Role.EDITOR),
        (ANNA, "Anna", Role.MEMBER),
        (BO, "", Role.MEMBER),
    ):
        add(made, who, name, role)
    return made
