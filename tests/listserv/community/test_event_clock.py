"""What is due about events and polls, at the hours at which it is due; seats and who waits."""

import time
from datetime import UTC, datetime

import pytest

from listserv.actions import events, polls
from listserv.actions.call import OPERATOR, Call
from listserv.actions.events import ChangeEvent, CreateEvent
from listserv.actions.polls import CreatePoll
from listserv.community import event_clock
from listserv.community import polls as community_polls
from listserv.community.polls import PollCount
from listserv.letters.visit import Visit
from mailer.reading import addresses
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.lists.questions import Question
from subscriptions.lists.roster import MembershipState
from tests.place import ANNA, LIST, MODERATOR, OWNER, Place, subject, text

DAY = 86400.0
DORA = "dora@example.ro"


def call(place: Place) -> Call:
    return Call(place.app, OPERATOR, time.time())


def hold(place: Place, seats: int = 1, days: float = 10.0) -> tuple[int, float]:
    """Invite everybody; return the event's number and when it starts."""
    starts = time.time() + days * DAY
    when = datetime.fromtimestamp(starts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    source = f"---\ntitle: Party\nstarts: {when}\nseats: {seats}\n---\nCake.\n"
    made = events.create(call(place), CreateEvent(LIST, source))
    assert made.draft.starts is not None
    return made.event, made.draft.starts


def say(place: Place, who: str, question: int, words: str) -> None:
    with place.app.store.read() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, addresses.parse(who).key)
        assert member is not None
        make = place.app.keyring.pair_maker(TokenPurpose.QUESTION, LIST)
        token = make(member.id, question)
    place.write(who, f"friends-reply+{token}@example.org", words, subject="Re: Party")


def answers(place: Place, event: int) -> dict[str, str]:
    return {one.email: one.answer for one in events.show(call(place), event).answers}


def test_who_comes_is_reminded_once_the_day_before_and_the_owner_hears_who_does(
    place: Place,
) -> None:
    event, starts = hold(place)
    say(place, ANNA, event, "Yes, I come")
    say(place, MODERATOR, event, "Kanske")
    event_clock.attend(place.app, starts - 1.5 * DAY)
    before = len(place.mails(ANNA))
    event_clock.attend(place.app, starts - 0.9 * DAY)
    event_clock.attend(place.app, starts - 0.8 * DAY)
    assert [subject(one) for one in place.mails(ANNA)[before:]] == ["Soon: Party"]
    assert subject(place.mails(MODERATOR)[-1]) == "Snart: Party"
    listed = place.mails(OWNER)[-1]
    assert subject(listed) == "Who comes: Party"
    assert ANNA in text(listed)
    assert [subject(one) for one in place.mails(OWNER)].count("Who comes: Party") == 1


def test_nothing_is_due_about_an_event_that_has_begun_or_is_cancelled(place: Place) -> None:
    event, starts = hold(place)
    say(place, ANNA, event, "yes")
    before = len(place.mails(ANNA))
    assert event_clock.attend(place.app, starts + 60) == 0
    events.cancel(call(place), event)
    assert event_clock.attend(place.app, starts - 0.5 * DAY) == 0
    assert len(place.mails(ANNA)) == before


def test_the_first_whose_party_has_room_moves_up_and_a_seat_of_who_left_is_given_on(
    place: Place,
) -> None:
    place.add(DORA, language="ro")
    event, starts = hold(place, seats=2)
    say(place, ANNA, event, "yes +1")
    say(place, MODERATOR, event, "ja +2")
    say(place, DORA, event, "da")
    assert answers(place, event) == {ANNA: "yes", MODERATOR: "waiting", DORA: "waiting"}
    say(place, ANNA, event, "yes")  # one guest fewer: room for one, not for three
    assert answers(place, event) == {ANNA: "yes", MODERATOR: "waiting", DORA: "yes"}
    assert "Ai loc" in subject(place.mails(DORA)[-1])
    events.change(call(place), ChangeEvent(event, seats=4))
    assert answers(place, event)[MODERATOR] == "waiting"
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        member.state = MembershipState.LEFT
    event_clock.attend(place.app, starts - 5 * DAY)
    assert answers(place, event) == {ANNA: "no", MODERATOR: "yes", DORA: "yes"}


def test_answers_end_at_their_hour_and_a_seat_may_be_given_back_until_it_begins(
    place: Place,
) -> None:
    event, _ = hold(place, seats=5)
    say(place, ANNA, event, "yes")
    events.change(call(place), ChangeEvent(event, close=True))
    say(place, MODERATOR, event, "ja")
    assert "Svarstiden" in text(place.mails(MODERATOR)[-1])
    say(place, ANNA, event, "Sorry, I can't come")
    assert answers(place, event) == {ANNA: "no"}


def test_a_poll_closes_at_its_hour_and_everybody_gets_the_result(place: Place) -> None:
    source = "---\ntitle: Colour\nuntil: 2036-12-18 12:00\n---\n- Red\n- Blue\n"
    poll = polls.create(call(place), CreatePoll(LIST, source)).poll
    say(place, ANNA, poll, "Blue")
    say(place, ANNA, poll, "2")  # the same once more: no second receipt
    assert [subject(one) for one in place.mails(ANNA)] == ["Your vote counts: Colour"]
    say(place, MODERATOR, poll, "1")
    ends = datetime(2036, 12, 18, 12, 1, tzinfo=UTC).timestamp()
    assert event_clock.attend(place.app, ends - 120) == 0
    assert event_clock.attend(place.app, ends) == 1
    assert event_clock.attend(place.app, ends) == 0
    shown = polls.show(call(place), poll)
    assert shown.poll.state == "closed"
    assert (shown.count.votes, shown.count.voted, shown.count.electorate) == ((1, 1), 2, 3)
    assert subject(place.mails(OWNER)[-1]) == "Result: Colour"


def test_what_fails_about_one_poll_stops_neither_the_others_nor_mail(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "---\ntitle: Colour\nuntil: 2036-12-18 12:00\n---\n- Red\n- Blue\n"
    first, second = (polls.create(call(place), CreatePoll(LIST, source)).poll for _ in range(2))
    real = community_polls.close

    def close(visit: Visit, poll: Question) -> PollCount:
        if poll.id == first:
            raise ValueError(poll.id)
        return real(visit, poll)

    monkeypatch.setattr(community_polls, "close", close)
    ends = datetime(2036, 12, 18, 12, 1, tzinfo=UTC).timestamp()
    assert event_clock.attend(place.app, ends) == 2
    assert [polls.show(call(place), one).poll.state for one in (first, second)] == [
        "open", "closed",
    ]  # fmt: skip
    assert event_clock.attend(place.app, ends + 60) == 0
    monkeypatch.undo()
    assert event_clock.attend(place.app, ends + event_clock.AGAIN) == 1
    assert polls.show(call(place), first).poll.state == "closed"
