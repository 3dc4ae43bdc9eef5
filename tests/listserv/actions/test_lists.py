"""The actions about lists: who may, what a rehearsal keeps, and whose setting is whose."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from listserv.actions import lists
from listserv.actions.call import OPERATOR, Actor, Call
from listserv.actions.lists import CreateList, SetList
from listserv.actions.permissions import NotPermitted, Proven
from listserv.wiring.app import App
from listserv.wiring.config import Settings
from mailer.reading import addresses
from mailer.storage.store import Store
from subscriptions.lists.list_settings import SETTINGS
from subscriptions.lists.roster import ArchivePolicy, ListKind, PostPolicy, Role, get_list
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source

FRIENDS, NEWS = "friends@example.org", "news@example.org"
Asks = Callable[..., Call]


@pytest.fixture
def asks(store: Store, tmp_path: Path) -> Asks:
    """Make two lists with somebody in each role, and return a way to ask as one of them."""
    app = App(Settings())
    app.store = store
    app.data = tmp_path
    operator = Call(app, OPERATOR, time.time())
    lists.create(operator, CreateList(FRIENDS))
    lists.create(operator, CreateList(NEWS, ListKind.NEWSLETTER))
    with store.write() as session:
        for where in (FRIENDS, NEWS):
            for role in Role:
                who = addresses.parse(f"{role}@example.com")
                note = ConsentNote("said so", Source.CLI)
                candidate = Candidate(who, role=role, consent=note)
                lst = get_list(session, where)
                add_member(session, lst, candidate, keyring=app.keyring, now=1.0)

    def asked(role: str, proven: Proven = Proven.TOKEN) -> Call:
        if role == "operator":
            return operator
        by = Actor(Source.MAIL, proven, addresses.parse(f"{role}@example.com").key)
        return Call(app, by, time.time())

    return asked


def test_a_setting_is_changed_by_those_whom_its_line_names(asks: Asks) -> None:
    for setting in SETTINGS:
        where = NEWS if ListKind.NEWSLETTER in setting.kinds else FRIENDS
        stands = lists.show(asks("operator"), where).settings[setting.name]
        words = setting.words
        value = words(str(stands)) if words is not None else stands
        wanted = SetList(where, {setting.name: value}, dry_run=True)
        for role in ("stranger", *Role):
            if role in setting.changed_by:
                assert lists.set_(asks(role), wanted).changed == []
            else:
                with pytest.raises(NotPermitted):
                    lists.set_(asks(role), wanted)


def test_an_owner_of_one_list_is_a_stranger_to_another(asks: Asks) -> None:
    lists.create(asks("operator"), CreateList("others@example.org"))
    with pytest.raises(NotPermitted):
        lists.show(asks("owner"), "others@example.org")
    assert lists.show(asks("owner"), FRIENDS).settings["list"] == FRIENDS


def test_a_from_line_shows_a_list_to_its_owner_and_changes_nothing(asks: Asks) -> None:
    call = asks("owner", Proven.NONE)
    assert lists.show(call, FRIENDS).members["active"] == len(Role)
    with pytest.raises(NotPermitted):
        lists.set_(call, SetList(FRIENDS, {"title": "Mine"}))
    assert lists.show(call, FRIENDS).settings["title"] == "friends"


def test_a_rehearsal_says_what_would_change_and_open_and_keeps_nothing(asks: Asks) -> None:
    wanted = SetList(FRIENDS, {"post": PostPolicy.ANYONE, "title": "All"}, dry_run=True)
    planned = lists.set_(asks("operator"), wanted)
    assert planned.changed == ["title", "post"]
    assert [(one.what, one.after) for one in planned.opens] == [("post", "anyone")]
    assert planned.reach is not None
    assert planned.reach.members == len(Role)
    assert lists.show(asks("operator"), FRIENDS).settings == planned.before


def test_what_is_closed_asks_nothing(asks: Asks) -> None:
    planned = lists.set_(
        asks("operator"), SetList(FRIENDS, {"archive": ArchivePolicy.NONE}, dry_run=True)
    )
    assert planned.opens == ()
    assert planned.reach is None
