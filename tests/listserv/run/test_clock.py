"""The clock looks at all only where something was committed or is due, and misses no hour."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from archive.site import build
from archive.threads.archive_tables import Late
from listserv.community import event_clock
from listserv.run.scheduler import LOOK, Ticker
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import DraftUnderReview, Erasure, Hold
from mailer.ledger import claim_owners
from mailer.ledger.mailings import Mailing, MailingState
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from subscriptions.lists import roster
from subscriptions.lists.questions import Question, QuestionKind, QuestionState
from tests.place import EVE, LIST, Place, Silent, make_place

NOON = 2_000_000_003.0  # three seconds after a look at all


class Hand:
    """Turn the clock by hand, and count what it asks of the database."""

    def __init__(self, app: App) -> None:
        self.now = NOON - LOOK
        self.asked = 0
        self.clock = Ticker(app, lambda: self.now)
        event.listen(app.store.engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.asked += 1

    def settle(self) -> None:
        """Look until there is nothing to see."""
        for before in (LOOK, 1, 1, 1):  # the first may put something away
            self.at(-before)

    def at(self, seconds: float) -> list[str]:
        self.now = NOON + seconds
        return self.clock.tick()


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


@pytest.fixture
def hand(place: Place) -> Hand:
    return Hand(place.app)


def test_where_nothing_happens_hardly_anything_is_asked(hand: Hand) -> None:
    hand.settle()
    hand.asked = 0
    for second in range(6):
        assert hand.at(second) == []
    assert hand.asked <= 6  # PostgreSQL is asked whether anything was committed
    assert hand.at(7) == []
    assert hand.asked > 20, "every few seconds all is looked at"


def test_what_another_process_commits_is_seen_a_second_later(place: Place, hand: Hand) -> None:
    hand.settle()
    assert hand.at(0) == []
    other = App(place.app.settings)
    other.__dict__["bells"] = Silent()
    came = Incoming(EVE, (LIST,), b"Subject: x\r\n\r\nx\r\n", "192.0.2.9", "h", "ESMTP", NOON)
    with other.store.write() as session:
        arrivals.keep(session, [came])
    other.store.close()
    assert hand.at(1) == ["sort"]


def hold(session: Session) -> None:
    session.execute(update(Mailing).values(state=MailingState.DONE, told=1.0))  # the question
    session.execute(update(Hold).values(due=NOON + 3))


def issue(session: Session) -> None:
    lst = roster.get_list(session, LIST)
    session.add(
        DraftUnderReview(
            list_id=lst.id, editor=1, message_id="<a@b>", source="", digest=bytes(32),
            state="scheduled", due=NOON + 3, created=1.0, changed=NOON,
        )
    )  # fmt: skip


def erasure(session: Session) -> None:
    session.add(Erasure(address_key="x@y.example", how="button", asked_at=1.0, due=NOON + 3))


def late(session: Session) -> None:
    lst = roster.get_list(session, LIST)
    session.add(Late(list_id=lst.id, month="2033-05", touched=NOON + 3 - build.LATE))


def question(session: Session, kind: QuestionKind, **more: float | None) -> None:
    lst = roster.get_list(session, LIST)
    session.add(
        Question(
            list_id=lst.id, kind=kind, state=QuestionState.OPEN, title="x", created=1.0, **more
        )
    )  # fmt: skip


def poll(session: Session) -> None:
    question(session, QuestionKind.CHOICE, opened=1.0, until=NOON + 3)


def reminder(session: Session) -> None:
    starts = NOON + event_clock.DAY + 3
    question(session, QuestionKind.EVENT, opened=1.0, starts=starts)


def who_comes(session: Session) -> None:
    """Tell the host of an event that was called together on the day itself."""
    starts, opened = NOON + event_clock.SOON + 3, NOON - 3600
    question(session, QuestionKind.EVENT, opened=opened, starts=starts)
    session.flush()
    session.execute(update(Question).values(reminded=True))


@pytest.mark.parametrize(
    ("make", "bell"),
    [
        (hold, "sort"), (issue, "sort"), (erasure, "erase"), (late, "archive"),
        (poll, "sort"), (reminder, "sort"), (who_comes, "sort"),
    ],
)  # fmt: skip
def test_what_is_due_by_its_hour_is_rung_for_at_that_second(
    place: Place, hand: Hand, make: Callable[[Session], None], bell: str
) -> None:
    if make is hold:
        place.post(EVE)
    with place.app.store.write() as session:
        make(session)
    hand.settle()
    assert [hand.at(second) for second in (0, 1, 2)] == [[], [], []]
    assert hand.at(3) == [bell]


@pytest.mark.parametrize("make", [poll, reminder])
def test_questions_of_a_deleted_list_ring_nothing_and_keep_no_others_waiting(
    place: Place, hand: Hand, make: Callable[[Session], None]
) -> None:
    with place.app.store.write() as session:
        for _ in range(event_clock.BATCH):
            make(session)
        lst = roster.get_list(session, LIST)
        lst.deleted_at = NOON
    hand.settle()
    assert [hand.at(second) for second in (2, 3, 4)] == [[], [], []]
    with place.app.store.read() as session:
        assert event_clock.due(session, NOON + 4) == []


def test_while_copies_are_on_their_way_it_looks_each_second(place: Place, hand: Hand) -> None:
    """A worker that dies commits nothing."""
    with place.app.store.write() as session:
        here = claim_owners.here()
        claim_owners.register(session, here, flight="x", lease_until=time.time() + 60)
    hand.settle()
    hand.asked = 0
    hand.at(0)
    assert hand.asked > 20
