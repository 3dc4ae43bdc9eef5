"""A wave of held posts costs moderators a handful of mails, and members' posts are asked about."""

from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from sqlalchemy import func, select

from listserv.moderation import moderator_mail, waves
from listserv.moderation.moderator_mail import DAY, HOUR
from listserv.reception import sorter
from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from tests.place import ANNA, EVE, LIST, MODERATOR, OWNER, Place, make_place, subject, text

LATER = waves.WAIT + 1


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def flood(place: Place, count: int) -> None:
    """Let posts of strangers in, each of another."""
    came = []
    for number in range(count):
        writer = f"x{number}@d{number}.example"
        raw = (
            f"From: {writer}\r\nSubject: Buy {number}\r\nMessage-ID: <w{number}@x>\r\n\r\nNow.\r\n"
        )
        came.append(Incoming(writer, (LIST,), raw.encode(), "203.0.113.9", "h", "ESMTP", 1e9))
    with place.app.store.write() as session:
        arrivals.keep(session, came)
    sorter.sort(place.app, lambda: False)


def attend(place: Place, after: float) -> None:
    moderator_mail.attend(place.app, lambda: False, now=place.hold().held_at + after)


def states(place: Place) -> dict[str, int]:
    with place.app.store.read() as session:
        rows = session.execute(select(Hold.state, func.count()).group_by(Hold.state))
        return {str(state): int(count) for state, count in rows}


def about_waves(place: Place, to: str) -> list[Message]:
    return [mail for mail in place.mails(to) if "more posts wait" in subject(mail)]


@pytest.mark.parametrize(
    "count", [pytest.param(60, id="60"), pytest.param(1000, id="1000", marks=pytest.mark.journey)]
)
def test_a_flood_of_held_posts_is_a_handful_of_mails_and_one_word_discards_the_rest(
    place: Place, count: int
) -> None:
    flood(place, count)
    assert len(place.mails(OWNER)) == waves.STRANGERS
    for hours in range(1, 12):
        attend(place, hours * HOUR)
    assert len(place.mails(OWNER)) == waves.STRANGERS + 1
    told = place.mails(OWNER)[-1]
    assert subject(told) == f"Friends: {count - 5} more posts wait for a moderator"
    assert f"> x{count - 1}@d{count - 1}.example: Buy {count - 1}" in text(told)
    assert f"Not shown here: {count - 5 - waves.SHOWN}" in text(told)

    flood(place, 0)
    place.post(EVE, "Came later.")
    place.reply(told, "discard", sender=OWNER)
    assert states(place) == {"waiting": waves.STRANGERS + 1, "dropped": count - 5}
    done = place.mails(OWNER)[-1]
    assert subject(done) == f"Friends: {count - 5} posts were discarded"
    other = place.mails(MODERATOR)[-1]
    assert OWNER in text(other)
    assert not place.mails("x9@d9.example")


def test_as_one_is_decided_the_next_is_asked_about(place: Place) -> None:
    flood(place, 7)
    place.reply(place.mails(OWNER)[0], "discard", sender=OWNER)
    moderator_mail.attend(place.app, lambda: False)
    asked = [mail for mail in place.mails(OWNER) if "waits for you" in subject(mail)]
    assert len(asked) == waves.STRANGERS + 1


def test_a_members_post_is_asked_about_behind_a_flood_of_strangers(place: Place) -> None:
    flood(place, 12)
    place.change(first_posts_moderated=True)
    place.post(ANNA, "One.")
    assert subject(place.mails(OWNER)[-1]) == f"Friends: a post by {ANNA} waits for you"


def test_the_count_comes_once_a_day_and_not_while_it_still_rises(place: Place) -> None:
    flood(place, 8)
    attend(place, 60.0)
    assert not about_waves(place, OWNER)
    attend(place, LATER)
    assert len(about_waves(place, OWNER)) == 1
    attend(place, 12 * HOUR)
    assert len(about_waves(place, OWNER)) == 1
    attend(place, DAY + 2 * HOUR)
    assert len(about_waves(place, OWNER)) == 2


@pytest.mark.parametrize("said", ["ok", "what is this", "no: spam", "discard the first one"])
def test_nothing_but_discard_does_anything_to_all(place: Place, said: str) -> None:
    flood(place, 8)
    attend(place, LATER)
    told = about_waves(place, OWNER)[-1]
    place.reply(told, said, sender=OWNER)
    assert states(place) == {HoldState.WAITING.value: 8}
    assert len(about_waves(place, OWNER)) == 2
    place.reply(about_waves(place, OWNER)[-1], "Discard all of them, please", sender=OWNER)
    assert states(place) == {"waiting": 5, "dropped": 3}
    place.reply(told, "discard", sender=OWNER)
    assert "nothing is left to decide" in subject(place.mails(OWNER)[-1])
