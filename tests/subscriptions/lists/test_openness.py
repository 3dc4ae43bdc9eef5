"""What opens a list further is known as such, and an archive's opening has a time."""

import pytest

from subscriptions.lists import openness, roster
from subscriptions.lists.roster import ArchivePolicy, Join, MailList, PostPolicy

NONE, MEMBERS, PUBLIC = ArchivePolicy.NONE, ArchivePolicy.MEMBERS, ArchivePolicy.PUBLIC


def made(**values: object) -> MailList:
    known = {"join": Join.APPROVE, "post": PostPolicy.MEMBERS, "archive": MEMBERS, **values}
    return MailList(name="friends", domain="example.org", kind=roster.ListKind.DISCUSSION, **known)


@pytest.mark.parametrize(
    ("steps", "since", "closed"),
    [
        ([(PUBLIC, 10, False)], (None, 10), True),
        ([(PUBLIC, 10, True)], (None, None), False),
        ([(PUBLIC, 10, False), (PUBLIC, 20, False)], (None, 10), True),
        ([(PUBLIC, 10, False), (PUBLIC, 20, True)], (None, None), False),
        ([(PUBLIC, 10, False), (MEMBERS, 20, False)], (None, None), True),
        ([(PUBLIC, 10, False), (MEMBERS, 20, False), (PUBLIC, 30, False)], (None, 30), True),
        ([(NONE, 10, False), (MEMBERS, 20, False)], (20, None), True),
        ([(NONE, 10, False), (PUBLIC, 20, False)], (20, 20), False),
        ([(NONE, 10, False), (MEMBERS, 20, False), (PUBLIC, 30, False)], (20, 30), True),
        ([(NONE, 10, False), (MEMBERS, 20, True)], (None, None), True),
        ([(MEMBERS, 10, False)], (None, None), True),
    ],
)
def test_an_archive_is_open_from_when_it_was_opened(
    steps: list[tuple[ArchivePolicy, float, bool]],
    since: tuple[float | None, float | None],
    closed: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    lst = made()
    for policy, now, past in steps:
        openness.set_archive(lst, policy, now, past=past)
    assert (lst.members_since, lst.public_since) == since
    assert lst.closed_part is closed


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"archive": PUBLIC}, ["archive"]),
        ({"archive": NONE}, []),
        ({"archive": MEMBERS}, []),
        ({"join": Join.OPEN, "post": PostPolicy.ANYONE}, ["join", "post"]),
        ({"join": Join.INVITE, "post": PostPolicy.MODERATED}, []),
        ({"post": PostPolicy.EDITORS, "archive": PUBLIC}, ["archive"]),
        ({"past": True}, []),
    ],
)
def test_what_lets_more_people_in_is_an_opening(
    change: dict[str, object], expected: list[str]
) -> None:
    found = openness.openings(made(), **change)  # type: ignore[arg-type]
    assert [one.what for one in found] == expected


def test_what_was_held_back_can_be_opened_later() -> None:
    lst = made()
    openness.set_archive(lst, PUBLIC, 10)
    assert [one.past for one in openness.openings(lst, past=True)] == [True]
    assert openness.openings(lst, archive=PUBLIC) == []


def test_no_other_way_opens_an_archive() -> None:
    with pytest.raises(ValueError, match="public"):
        roster.change_list(made(), archive=PUBLIC)
