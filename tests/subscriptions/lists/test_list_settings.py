"""A list's settings stand in one table, and each of them is stored, offered and read."""

import ast
from pathlib import Path

import pytest

from listserv.cli.lists import lists
from mailer.errors import BadInput
from subscriptions.lists.list_settings import SETTINGS, ListSetting, check
from subscriptions.lists.roster import ListKind, MailList

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("mailer", "subscriptions", "archive", "listserv")
# Where a setting is written or shown, which is not to read it.
WRITERS = {"roster.py", "list_settings.py", "lists.py", "openness.py", "trying"}


def attributes_read() -> set[str]:
    """Return every attribute that the four rooms read, but for where settings are written."""
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if path.name in WRITERS or "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    found.add(node.attr)
    return found


def test_every_setting_is_read_by_something() -> None:
    """Three were accepted, priced in words and stored for weeks, and no copy carried them."""
    read = attributes_read()
    assert [setting.name for setting in SETTINGS if setting.name not in read] == []


def test_every_setting_has_a_column_and_an_option() -> None:
    columns = set(MailList.__table__.columns.keys())
    offered = {name for option in lists.commands["set"].params for name in option.opts}
    assert [one.name for one in SETTINGS if one.name not in columns] == []
    assert [one.option for one in SETTINGS if one.option not in offered] == []


def other_kind(setting: ListSetting) -> ListKind:
    return ListKind.NEWSLETTER if ListKind.DISCUSSION in setting.kinds else ListKind.DISCUSSION


def test_a_logo_is_fetched_over_https_alone() -> None:
    read = next(one for one in SETTINGS if one.name == "logo").check
    assert read("https://x.org/a.png") == "https://x.org/a.png"
    for address in ("http://x.org/a.png", "//x.org/a.png", "javascript:alert(1)"):
        with pytest.raises(BadInput):
            read(address)


@pytest.mark.parametrize(
    "setting", [one for one in SETTINGS if len(one.kinds) == 1], ids=lambda one: str(one.name)
)
def test_a_setting_is_refused_where_it_means_nothing_and_its_default_is_not(
    setting: ListSetting,
) -> None:
    kind = other_kind(setting)
    with pytest.raises(BadInput, match=f"^The setting {setting.name.replace('_', ' ')} is"):
        check(kind, {setting.name: not setting.default or "2/7"})
    assert check(kind, {setting.name: setting.default}) == {setting.name: setting.default}
