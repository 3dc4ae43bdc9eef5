"""Before an address is given up its people are warned, in this order, and each of them once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.membership import address_care
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.membership import bouncing, doubts
from subscriptions.membership.bouncing import BounceReport
from subscriptions.membership.changes import ChangeContext
from subscriptions.membership.doubts import DAY, DoubtfulAddress, DoubtStep
from subscriptions.permission.consent import ConsentNote, Source
from tests.place import ANNA, EVE, LIST, OWNER, Place, make_place, subject, text

NOW = 1_794_300_000.0  # 10 November 2026
SAID = "550 5.1.1 no such user"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list whose owner speaks English, with Anna."""
    made = make_place(tmp_path, database_url)
    with made.app.store.write() as session:
        roster.get_list(session, LIST).created = NOW - DAY
    yield made
    made.end()


def bounce(place: Place, now: float, who: str = ANNA, kind: BounceKind = BounceKind.DEAD) -> str:
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, who)
        assert member is not None
        desk = ChangeContext(session, lst, place.app.keyring, ConsentNote("", Source.BOUNCE), now)
        return bouncing.take(desk, member, BounceReport(kind, "5.1.1", SAID))


def doubted(place: Place, address: str = ANNA) -> bool:
    with place.app.store.read() as session:
        found = session.query(DoubtfulAddress).join(roster.Address).filter_by(key=address)
        return found.count() == 1


def days(place: Place, *numbers: float) -> float:
    """Let mail to Anna come back on each of these days, and the clock look each day."""
    at = NOW
    for number in numbers:
        at = NOW + number * DAY
        bounce(place, at)
        address_care.look(place.app, at)
    return at


def test_one_bounce_warns_nobody_and_two_warn_the_owner_once_with_name_and_reason(
    place: Place,
) -> None:
    days(place, 0)
    assert place.mails(OWNER) == []
    days(place, 1, 2, 3)
    (mail,) = place.mails(OWNER)
    assert subject(mail) == "Friends: mail to 1 member comes back"
    assert f"{ANNA}: there is no such mailbox, since November 10, 2026" in " ".join(
        text(mail).split()
    )
    assert SAID in text(mail)


def test_all_that_bounce_on_a_day_stand_in_one_mail_to_the_owner(place: Place) -> None:
    place.add(EVE)
    for day in (0, 1):
        for who in (ANNA, EVE):
            bounce(place, NOW + day * DAY, who)
    address_care.look(place.app, NOW + DAY)
    (mail,) = place.mails(OWNER)
    assert subject(mail) == "Friends: mail to 2 members comes back"
    assert ANNA in text(mail)
    assert EVE in text(mail)


def test_the_other_address_is_told_and_an_answer_from_there_moves_the_mail(place: Place) -> None:
    with place.app.store.write() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, ANNA)
        assert member is not None
        other = roster.Address(
            person_id=member.person_id, given="anna@work.example", key="anna@work.example",
            domain="work.example", created=1.0, proven_at=2.0,
        )  # fmt: skip
        session.add(other)
    days(place, 0, 1)
    (told,) = place.mails("anna@work.example")
    assert f"Mail to {ANNA} came back" in text(told)
    place.reply(told, "", "anna@work.example")
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, ANNA)
        assert member is not None
        assert session.get_one(roster.Address, member.address_id).key == "anna@work.example"


def test_a_question_to_the_address_that_stays_quiet_forgives_what_came_before(
    place: Place,
) -> None:
    at = days(place, 0, 1, 2, 3, 4)
    assert len(place.mails(ANNA, kind="probe")) == 1
    address_care.look(place.app, at + doubts.SILENCE)
    with place.app.store.read() as session:
        (found,) = session.query(DoubtfulAddress).all()
        scores = bouncing.scores(session, [found.address_id], at + doubts.SILENCE)
        assert scores[found.address_id].points == 0
    address_care.look(place.app, at + doubts.SILENCE + 60)
    assert not place.mails(ANNA, kind="probe")[1:]


def test_an_answer_to_the_question_ends_the_doubt_at_once(place: Place) -> None:
    days(place, 0, 1, 2, 3, 4)
    (asked,) = place.mails(ANNA, kind="probe")
    place.reply(asked, "Yes, I am here", ANNA)
    assert not doubted(place)
    assert subject(place.mails(ANNA)[-1]) == "Mail from Friends comes to you again"


def test_whoever_left_or_was_forgotten_is_doubted_no_more(place: Place) -> None:
    days(place, 0)
    bounce(place, NOW + DAY)
    place.write(ANNA, f"friends-leave+{leave_token(place)}@example.org")
    address_care.look(place.app, NOW + DAY)
    assert not doubted(place)
    assert place.mails(OWNER) == []


def leave_token(place: Place) -> str:
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, ANNA)
        assert member is not None
        return place.app.keyring.standing(TokenPurpose.LEAVE, LIST, member.id)


def test_the_month_is_told_with_names_and_reasons_and_complaints_are_only_counted(
    place: Place,
) -> None:
    place.add(EVE)
    bounce(place, NOW, EVE, BounceKind.COMPLAINT)
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        desk = ChangeContext(session, lst, place.app.keyring, ConsentNote("", Source.BOUNCE), NOW)
        address = session.get_one(roster.Address, member.address_id)
        assert bouncing.give_up(desk, address, BounceReport(BounceKind.FULL, "5.2.2", "552 full"))
    address_care.look(place.app, NOW + DAY)
    assert place.mails(OWNER) == []
    for day in (24, 25):
        address_care.look(place.app, NOW + day * DAY)
    (mail,) = place.mails(OWNER)
    assert subject(mail) == "Friends: what came back last month"
    assert f"{ANNA}: the mailbox is full, since" in text(mail)
    assert "1 person reported a mail of this list as spam" in text(mail)
    assert EVE not in text(mail)


@pytest.mark.parametrize(
    ("asked", "warned", "points", "dead", "step"),
    [
        (None, None, 1.0, False, DoubtStep.WAIT),
        (None, None, 1.9, False, DoubtStep.WARN),
        (None, None, 2.5, True, DoubtStep.WARN),
        (None, 0.5, 2.5, True, DoubtStep.WAIT),
        (None, 1.0, 2.5, True, DoubtStep.ASK),
        (None, 1.0, 1.9, False, DoubtStep.WAIT),
        (None, 1.0, 0.5, False, DoubtStep.FORGET),
        (6.9, 8.0, 9.0, True, DoubtStep.WAIT),
        (7.0, 8.0, 0.0, False, DoubtStep.FORGIVE),
    ],
)
def test_the_next_step_is_a_warning_a_question_and_only_then_the_end(
    asked: float | None, warned: float | None, points: float, *, dead: bool, step: DoubtStep
) -> None:
    found = DoubtfulAddress(
        warned_at=None if warned is None else NOW - warned * DAY,
        asked_at=None if asked is None else NOW - asked * DAY,
    )
    assert doubts.next_step(found, points, dead=dead, now=NOW) is step
