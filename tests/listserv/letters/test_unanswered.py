"""What got no answer is counted by its reason, for the list that it was sent to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from listserv.letters import unanswered
from mailer.storage.arrivals import Arrival, ArrivalState
from subscriptions.lists.roster import get_list
from tests.place import LIST, Place, make_place

NOW = 1_800_000_000.0
NOTES = [
    ("friends-request@lists.example", "request not-answered: absence", 2),
    ("Friends-Join@lists.example", "join over-budget: join", 1),
    ("friends@lists.example", "discard auto-reply", 1),
    ("friends@lists.example", "accept", 4),
    ("friends-request@lists.example", "request not-understood", 1),
    ("friends-north-join@lists.example", "join not-answered: absence", 8),
]


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def test_a_list_counts_its_own_by_reason_and_not_what_was_long_ago(place: Place) -> None:
    with place.app.store.write() as session:
        lst = get_list(session, LIST)
        name, domain = lst.address.split("@")
        for recipient, note, times in NOTES:
            to = recipient.lower().replace("friends", name).replace("lists.example", domain)
            for at in (*([NOW - 86_400] * times), NOW - 40 * 86_400):
                session.add(
                    Arrival(
                        received_at=at, sender="", recipient=to, raw_sha=b"0" * 32, size=1,
                        client="", helo="", protocol="", state=int(ArrivalState.DONE), note=note,
                        silent=bool(unanswered.reason(note)),
                    )
                )  # fmt: skip
    with place.app.store.read() as session:
        found = unanswered.count(session, get_list(session, LIST), NOW)
    assert found == {"absence": 2, "over-budget": 1, "auto-reply": 1}
    assert unanswered.by_kind(found) == {"automatic": 3, "budget": 1}


def test_counting_walks_over_nothing_but_what_got_no_answer(place: Place) -> None:
    place.post("eve@example.com")  # held
    place.write(
        "anna@example.net", "friends-request@example.org", "thanks", more="Precedence: bulk\r\n"
    )
    with place.app.store.read() as session:
        said = unanswered.count(session, get_list(session, LIST), 1e9 + 1)
        statements: list[str] = []
        event.listen(
            place.app.store.engine, "before_cursor_execute",
            lambda _c, _u, statement, *_: statements.append(statement),
        )  # fmt: skip
        unanswered.count(session, get_list(session, LIST), 1e9 + 1)
        if place.app.store.sqlite:
            asked = next(one for one in statements if "arrival" in one)
            plan = session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {asked}", tuple("x" * asked.count("?"))
            )
            assert "arrival_silent" in str(plan.all())
    assert sum(said.values()) == 1
