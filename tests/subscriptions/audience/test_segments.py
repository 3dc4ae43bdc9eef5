"""Segments: read and written alike, hostile text refused, and in the database what they say."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import BadInput, Refused
from mailer.reading import addresses
from mailer.storage.store import Store
from mailer.storage.tokens import Keyring
from subscriptions.audience import segment_query, segments
from subscriptions.audience.audience import audience_select
from subscriptions.audience.segments import (
    BadSegment,
    Everybody,
    Is,
    JoinedWhen,
    Not,
    On,
    Scope,
    Several,
    read,
    write,
)
from subscriptions.lists import attributes, roster
from subscriptions.lists.roster import Role
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source

NEWS, FRIENDS, AWAY = "news@example.org", "friends@example.org", "away@example.net"
KEYS = Keyring({1: b"k" * 32})
NOTE = ConsentNote("asked", Source.CLI)
DAY = 86400.0
NOW = 1_800_000_000.0  # 2027-01-15
QUOTES = "\"'\u00ab\u00bb\u201c\u201d\u201e\u2019"
WORDS = st.sampled_from(["place", "tag", "affiliation", "shoe-size", "författare"])
LETTERS = st.characters(exclude_categories=("C", "Z"), exclude_characters=QUOTES)
PLAIN = st.text(LETTERS, min_size=1, max_size=12)
QUOTED = st.text(st.sampled_from(QUOTES), max_size=9).filter(
    lambda text: any(not set(ends) & set(text) for ends in ('"', "'", "\u00bb", "\u201c\u201d"))
)
VALUES = st.builds(lambda a, b: a + b, PLAIN, QUOTED)
LEAVES = st.one_of(
    st.just(Everybody()),
    st.builds(Is, WORDS, st.lists(VALUES, min_size=1, max_size=3, unique=True).map(tuple)),
    st.builds(Is, st.just("language"), st.just(("sv", "ro"))),
    st.builds(JoinedWhen, st.sampled_from(["since", "before"]), st.dates(date(1990, 1, 1))),
    st.builds(JoinedWhen, st.just("within"), days=st.integers(0, 99_999)),
    st.just(On(FRIENDS)),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda of: of.of if isinstance(of, Not) else Not(of)),
        st.builds(
            lambda how, parts: Several(how, segments._flat(how, parts)),
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=3),
        ),
    ),
    max_leaves=12,
)


@given(TREES)
def test_a_tree_that_is_written_reads_as_the_same(tree: segments.Tree) -> None:
    text = write(tree)
    assert segments.read_written(text) == tree


@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(
    ["(", ")", "not", "and", "or", "in", "tag", "=", "!=", ",", "x", '"', "all", "joined", "on"]
), max_size=60).map(" ".join)))  # fmt: skip
def test_hostile_text_is_read_or_refused_with_its_place_and_nothing_else(text: str) -> None:
    try:
        tree = read(text, Scope(keys=frozenset({"x"}), lists=frozenset()))
    except BadSegment as error:
        fits = 1 <= error.at <= len(text) + 1
    else:
        fits = read(write(tree)) == tree
    assert fits


@pytest.mark.parametrize(
    ("text", "key", "at", "fix"),
    [
        ("plase = Lund", "unknown-word", 1, "Did you mean place?"),
        ("language = sv and langage = it", "unknown-word", 19, "Did you mean language?"),
        ("goldd", "unknown-name", 1, "Did you mean gold?"),
        ("on freinds@example.org", "unknown-name", 4, f"Did you mean {FRIENDS}?"),
        ("language = xx", "value", 12, ""),
        ("joined since yesterday", "value", 14, ""),
        ("joined within many days", "value", 15, ""),
        ("tag in board", "grammar", 8, "parentheses"),
        ("(tag = board", "grammar", 13, "parenthesis"),
        ("tag = board language = sv", "grammar", 13, "Put and, or"),
        ('place = "Lund', "grammar", 9, ""),
        ("", "grammar", 1, "all"),
        ("not " * 20 + "all", "deep", 49, ""),
        (" or ".join(["all"] * 61), "long", 421, ""),
        ("x" * 1001, "long", 1000, "Save a part"),
        ("loop", "deep", 1, ""),
    ],
)
def test_what_cannot_be_read_names_the_place_and_the_cure(
    text: str, key: str, at: int, fix: str
) -> None:
    saved = {"gold": "all", "loop": "gold or loop"}
    scope = Scope(saved, frozenset({"gold"}), frozenset({FRIENDS}))
    with pytest.raises(BadSegment) as caught:
        read(text, scope)
    assert (caught.value.key, caught.value.at) == (key, at)
    assert fix in caught.value.fix


@pytest.fixture
def community(store: Store) -> Store:
    """Make two lists: four readers, of whom three are told something of."""
    people: list[tuple[str, str, Role, dict[str, str], float]] = [
        ("anna@example.net", "sv", Role.OWNER, {"place": "Malmö", "tag": "board, Choir"}, 400),
        ("bo@example.com", "", Role.MEMBER, {"tag": "choir"}, 10),
        ("chiara@example.it", "it", Role.MEMBER, {"place": "L'Aquila"}, 3),
        ("dan@example.com", "en", Role.MEMBER, {}, 2),
    ]
    with store.write() as session:
        lists = [
            roster.create_list(session, name, kind=roster.ListKind.NEWSLETTER, now=1.0)
            for name in (NEWS, FRIENDS, AWAY)
        ]
        for who, language, role, told, days in people:
            candidate = Candidate(
                addresses.parse(who),
                "",
                language,
                role,
                consent=NOTE,
                attributes=tuple(told.items()),
            )
            on = lists if who.startswith("bo") else lists[:1]
            for lst in on:
                add_member(session, lst, candidate, keyring=KEYS, now=NOW - days * DAY)
    return store


# What is written, and whom it chooses, by their first letters.
CHOICES = (
    ("all", "abcd"),
    ("language = en", "bd"),  # bo has chosen none and reads the list's
    ("language in (sv, it)", "ac"),
    ("place = malmö", "a"),
    ("place = \u201cL\u2019Aquila\u201d", "c"),  # as a mail program writes it
    ("place != Malmö", "bcd"),
    ("tag = CHOIR", "ab"),
    ("tags in (board, x)", "a"),
    ("role = owner or domain = EXAMPLE.it", "ac"),
    ("joined within 5 days", "cd"),
    ("joined since 2027-01-12 and not language = it", "d"),
    ("joined before 2026-12-31", "a"),
    (f"on {FRIENDS}", "b"),
    (f"not on {FRIENDS} and (tag = board or language = en)", "ad"),
    ("choir and language = sv", "a"),
    ('place = "\'; DROP TABLE person; --"', ""),
)


def test_a_segment_chooses_in_the_database_whom_it_names(community: Store) -> None:
    with community.write() as session:
        lst = roster.get_list(session, NEWS)
        segment_query.save(session, lst, "choir", "tag = choir", NOW)
        for text, who in CHOICES:
            chosen = segment_query.resolve(session, lst, text, NOW)
            found = session.execute(audience_select(lst.id, now=NOW, chosen=chosen))
            assert "".join(row[1][0] for row in found) == who, text
            assert segment_query.resolve(session, lst, chosen.text, NOW) == chosen


def test_saved_segments_that_are_long_together_and_values_in_all_quotes_choose_whom_they_name(
    community: Store,
) -> None:
    several = ", ".join(f'"a tag with a long name {number}"' for number in range(30))
    with community.write() as session:
        lst = roster.get_list(session, NEWS)
        bo = roster.membership_of(session, lst.id, "bo@example.com")
        assert bo is not None
        attributes.put(session, bo.id, "place", 'the "Bird\'s" nest')
        segment_query.save(session, lst, "one", f"tag in ({several}, choir)", NOW)
        segment_query.save(session, lst, "two", f"place in ({several})", NOW)
        for text in ("one or two", 'place = \u00abthe "Bird\'s" nest\u00bb'):
            chosen = segment_query.resolve(session, lst, text, NOW)
            found = session.execute(audience_select(lst.id, now=NOW, chosen=chosen))
            assert "bo@example.com" in {row[1] for row in found}
        with pytest.raises(BadSegment, match="longer than"):
            segment_query.resolve(session, lst, chosen.text * 50, NOW)
        deep = "place = a or place = b and (" * 12 + "all" + ")" * 12
        with pytest.raises(BadSegment, match="within each other"):
            segment_query.resolve(session, lst, deep, NOW)


def test_a_saved_segment_is_checked_when_it_is_saved_and_kept_while_it_is_named(
    community: Store,
) -> None:
    with community.write() as session:
        lst = roster.get_list(session, NEWS)
        segment_query.save(session, lst, "Choir", "tag = choir", NOW)
        segment_query.save(session, lst, "sweden", "choir and language = sv", NOW)
        with pytest.raises(BadSegment, match="within each other"):
            segment_query.save(session, lst, "choir", "sweden", NOW)
        with pytest.raises(BadSegment, match="shoe"):
            segment_query.save(session, lst, "feet", "shoe = 42", NOW)
        with pytest.raises(BadInput, match="cannot be the name"):
            segment_query.save(session, lst, "not", "all", NOW)
        with pytest.raises(Refused, match="sweden names choir"):
            segment_query.drop(session, lst, "choir")
        segment_query.drop(session, lst, "sweden")
        segment_query.drop(session, lst, "choir")
        assert segment_query.saved(session, lst.id) == {}
        with pytest.raises(BadSegment, match="no list of this domain"):
            segment_query.resolve(session, lst, f"on {AWAY}", NOW)


def test_attributes_are_bounded_replaced_and_gone_with_the_membership(community: Store) -> None:
    with community.write() as session:
        lst = roster.get_list(session, NEWS)
        member = roster.membership_of(session, lst.id, "anna@example.net")
        assert member is not None
        for bad in ("name=x", "=x", "9=x", "place", "zone=Mars/Base", "place=" + "x" * 201):
            with pytest.raises(BadInput):
                attributes.put(session, member.id, *attributes.read_pair(bad))
        for pair in ("Shoe Size=42", "tags=a,b,A", "place=", "zone=europe/stockholm"):
            attributes.put(session, member.id, *attributes.read_pair(pair))
        assert attributes.of(session, [member.id])[member.id] == {
            "shoe-size": ["42"], "tag": ["a", "b"], "zone": ["Europe/Stockholm"],
        }  # fmt: skip
        assert attributes.keys_on(session, lst.id)["shoe-size"] == 1
        session.delete(member)
        session.flush()
        assert attributes.of(session, [member.id]) == {}
