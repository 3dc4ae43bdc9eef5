"""Many rows at once: what goes in comes out, on both databases, and a rule stays a rule."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from mailer.storage import bulk_rows
from mailer.storage.store import RawMessage, Store
from subscriptions.lists.roster import Person

_COLUMNS = ("id", "name", "language", "created")


def _names(session: Session) -> list[tuple[str, float]]:
    found = session.execute(select(Person.name, Person.created).order_by(Person.id))
    return [(row.name, row.created) for row in found]


def test_every_kind_of_value_comes_back_as_it_was(store: Store) -> None:
    said = ["Åsa", "tab\there", "back\\slash", "line\nbreak", "\\N", "", "'; DROP TABLE person; --"]
    people = [(at, text, "sv", 1.25) for at, text in enumerate(said, 1)]
    raw = (b"\x00\xff\\x41\n" * 2, 3, b"")
    with store.write() as session:
        bulk_rows.insert_many(session, Person, _COLUMNS, people)
        bulk_rows.insert_many(session, Person, _COLUMNS, [])
        bulk_rows.insert_many(session, RawMessage, ("sha", "size", "data"), [raw])
    with store.read() as session:
        assert _names(session) == [(text, 1.25) for text in said]
        kept = session.scalars(select(RawMessage)).one()
        assert (kept.sha, kept.size, kept.data) == raw


def test_what_is_alike_in_many_rows_stands_in_each(store: Store) -> None:
    people = [(at, f"n{at}") for at in range(1, 259)]  # some of every size of a statement
    with store.write() as session:
        bulk_rows.insert_many(
            session, Person, ("id", "name"), people, {"language": 'a"b\\', "created": 2.5}
        )
    with store.read() as session:
        found = session.execute(
            select(Person.id, Person.name, Person.language, Person.created).order_by(Person.id)
        )
        assert [tuple(row) for row in found] == [(*one, 'a"b\\', 2.5) for one in people]


def test_a_row_that_is_there_undoes_the_whole_piece(store: Store) -> None:
    with store.write() as session:
        bulk_rows.insert_many(session, Person, _COLUMNS, [(1, "Anna", "", 1.0)])
    twice = [(2, "Boris", "", 1.0), (1, "Anna", "", 1.0)]
    with pytest.raises(IntegrityError), store.write() as session:
        bulk_rows.insert_many(session, Person, _COLUMNS, twice)
    with store.read() as session:
        assert _names(session) == [("Anna", 1.0)]


def test_what_is_too_long_is_never_cut_in_silence(store: Store) -> None:
    long = "x" * 300
    people = [(1, long, "", 1.0)]
    if store.sqlite:
        with store.write() as session:
            bulk_rows.insert_many(session, Person, _COLUMNS, people)
            assert _names(session) == [(long, 1.0)]
        return
    with pytest.raises(DataError), store.write() as session:
        bulk_rows.insert_many(session, Person, _COLUMNS, people)


@pytest.mark.parametrize("wanted", [[], [1], [1, 3, 99], list(range(2000))])
def test_one_parameter_asks_for_any_number_of_values(store: Store, wanted: list[int]) -> None:
    with store.write() as session:
        people = [(at, f"n{at}", "", 1.0) for at in range(1, 4)]
        bulk_rows.insert_many(session, Person, _COLUMNS, people)
        found = session.scalars(
            select(Person.id).where(bulk_rows.among(session, Person.id, wanted))
        )
        assert sorted(found) == sorted({1, 2, 3} & set(wanted))
        names = [f"n{at}" for at in wanted]
        chosen = select(Person.name).where(bulk_rows.among(session, Person.name, names))
        assert set(session.scalars(chosen)) == {"n1", "n2", "n3"} & set(names)
