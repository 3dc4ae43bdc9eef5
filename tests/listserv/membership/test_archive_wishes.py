"""A member asks by mail for what was sent before, and how many they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.place import ANNA, Place, make_place
from tests.place import text as told

REQUEST = "friends-request@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


@pytest.mark.parametrize("text", ["Where is the archive?", "gamla mejl tack", "Где архив?"])
def test_who_asks_for_old_mails_gets_the_way_to_the_archive(place: Place, text: str) -> None:
    place.write(ANNA, REQUEST, text)
    assert "/read/" in told(place.mails(ANNA)[-1])


def test_a_member_who_asks_how_many_they_are_hears_what_can_be_asked(place: Place) -> None:
    place.write(ANNA, REQUEST, "How many are we?")
    assert "my settings" in told(place.mails(ANNA)[-1])
