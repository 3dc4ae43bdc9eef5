"""Lists: their names, their defaults, and finding them."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import BadInput, KretsError, Refused
from mailer.storage.store import Store
from subscriptions.lists import naming, roster
from subscriptions.lists.roster import ListKind, MembershipState, PostPolicy, Rhythm


@pytest.mark.parametrize("name", ["friends", "a", "a.b", "kör"[:1], "x-y-z", "2026", "a" * 28])
def test_a_plain_name_is_accepted(name: str) -> None:
    naming.check_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", ".a", "a.", "a..b", "A", "kör", "a b", "a+b", "a@b", "a/b", "a\n", "a" * 29]
    + ["postmaster", "abuse", "mailer-daemon", "root"]
    + ["a" + suffix for suffix in naming.SUFFIXES],
)
def test_a_name_that_could_answer_for_another_address_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        naming.check_name(name)
    assert refusal.value.fix


_names = st.text(string.ascii_lowercase + string.digits + ".-", min_size=1, max_size=28)


def _accepted(name: str) -> bool:
    try:
        naming.check_name(name)
    except Refused:
        return False
    return True


@given(_names.filter(_accepted), _names.filter(_accepted))
def test_no_two_lists_share_an_address(one: str, other: str) -> None:
    routes = {one + suffix for suffix in naming.SUFFIXES}
    assert other not in routes
    assert naming.is_own_address(naming.ListAddress(one, "example.org"), f"{one}@example.org")


def test_a_list_is_found_in_any_case_and_by_its_u_label(store: Store) -> None:
    with store.write() as session:
        roster.create_list(session, "Friends@Bücher.example", now=1.0)
    with store.read() as session:
        found = roster.find_list(session, "FRIENDS@xn--BCHER-kva.example")
        assert found is not None
        assert found.address == "friends@xn--bcher-kva.example"
        assert roster.find_list(session, "not an address") is None


def test_defaults_follow_the_kind(store: Store) -> None:
    with store.write() as session:
        talk = roster.create_list(session, "talk@example.org", now=1.0)
        news = roster.create_list(session, "news@example.org", now=1.0, kind=ListKind.NEWSLETTER)
    assert (talk.post, news.post) == (PostPolicy.MEMBERS, PostPolicy.EDITORS)
    assert (talk.language, talk.join, talk.archive) == ("en", "open", "public")
    assert not talk.first_posts_moderated
    assert not talk.reply_to_list


def test_a_list_cannot_be_made_twice(store: Store) -> None:
    with store.write() as session:
        roster.create_list(session, "talk@example.org", now=1.0)
        with pytest.raises(Refused):
            roster.create_list(session, "TALK@Example.ORG", now=2.0)
        roster.create_list(session, "talk@example.net", now=2.0)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "a\r\nBcc: x@example.org"},
        {"title": "x" * 201},
        {"subject_tag": "[a\nb]"},
        {"language": "de"},
        {"footer": "a\x00b"},
        {"max_size": 10},
    ],
)
def test_a_value_that_cannot_stand_in_a_header_or_page_is_refused(
    store: Store, change: dict[str, str]
) -> None:
    with store.write() as session:
        lst = roster.create_list(session, "talk@example.org", now=1.0)
        with pytest.raises(BadInput):
            roster.change_list(lst, **change)


@given(st.text(max_size=60))
def test_any_text_as_a_list_address_gives_an_address_or_a_plain_error(text: str) -> None:
    with contextlib.suppress(KretsError):
        assert str(naming.read_list_address(text)).count("@") >= 1


@pytest.mark.parametrize(
    ("state", "rhythm", "until", "said"),
    [
        (MembershipState.ACTIVE, Rhythm.EACH, None, MembershipState.ACTIVE),
        (MembershipState.ACTIVE, Rhythm.PAUSED, None, MembershipState.PAUSED),
        (MembershipState.ACTIVE, Rhythm.EACH, 200.0, MembershipState.PAUSED),
        (MembershipState.PAUSED, Rhythm.EACH, None, MembershipState.PAUSED),
        (MembershipState.PAUSED, Rhythm.EACH, 200.0, MembershipState.PAUSED),
        (MembershipState.PAUSED, Rhythm.EACH, 50.0, MembershipState.ACTIVE),
        (MembershipState.LEFT, Rhythm.PAUSED, 50.0, MembershipState.LEFT),
        (MembershipState.PENDING, Rhythm.EACH, None, MembershipState.PENDING),
    ],
)
def test_a_pause_that_ran_out_is_over(
    state: MembershipState, rhythm: Rhythm, until: float | None, said: MembershipState
) -> None:
    assert roster.state_at(state, rhythm, until, 100.0) is said
