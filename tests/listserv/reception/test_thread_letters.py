"""Mute and follow by mail: an answer to a mail of the thread, sent to LIST-request@."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailer.authentication.resolver import Resolver
from mailer.reading.headers.head_facts import permalink_hash
from subscriptions.lists.roster import Rhythm, get_list, membership_of
from subscriptions.membership import thread_wishes
from tests.place import ANNA, LIST, OWNER, Place, make_place, reply_to, subject, text
from tests.zone import Zone, serving

REQUEST = "friends-request@example.org"
ANSWER = "In-Reply-To: <post-1@mail.example>\r\nReferences: <post-1@mail.example>\r\n"
BO, EVA = "bo@example.com", "eva@example.com"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    made.add(BO)
    made.add(EVA, language="sv")
    made.post(OWNER, "How deep do you plant potatoes?")
    yield made
    made.end()


def wishes(place: Place, who: str) -> list[tuple[str, bool]]:
    """Return what somebody wants of threads now, and whether a mute wakes when they are named."""
    with place.app.store.read() as session:
        member = membership_of(session, get_list(session, LIST).id, who)
        assert member is not None
        rows = thread_wishes.of_members(session, [member.id])
        return [(row.kind.value, row.named) for row in rows if row.until is None]


def got(place: Place, who: str) -> int:
    """Return how many posts went to somebody."""
    return len(place.mails(who, kind="post"))


def test_mute_as_an_answer_silences_the_thread_and_undo_brings_it_back(place: Place) -> None:
    place.write(BO, REQUEST, "Mute this thread please\n\nBo", subject="Re: News", more=ANSWER)
    (receipt,) = place.mails(BO)
    assert subject(receipt) == "Muted: News"
    place.post(OWNER, "Ten centimetres.", more=ANSWER)
    assert got(place, BO) == 1
    place.reply(receipt, "undo", BO)
    assert wishes(place, BO) == []
    place.post(OWNER, "Or twelve.", more=ANSWER)
    assert got(place, BO) == 2
    assert got(place, EVA) == 3


def test_follow_comes_at_once_to_who_has_a_digest_and_stops_when_they_say_so(place: Place) -> None:
    with place.app.store.write() as session:
        member = membership_of(session, get_list(session, LIST).id, EVA)
        assert member is not None
        member.rhythm = Rhythm.WEEKLY
    place.write(EVA, REQUEST, "Följ tråden tack", subject="SV: News", more=ANSWER)
    (receipt,) = place.mails(EVA)
    assert subject(receipt) == "Följs: News"
    place.post(OWNER, "Ten centimetres.", more=ANSWER)
    assert got(place, EVA) == 2
    place.write(EVA, REQUEST, "Sluta följa tråden", subject="SV: News", more=ANSWER)
    place.post(OWNER, "Or twelve.", more=ANSWER)
    assert got(place, EVA) == 2


def test_a_reply_without_references_is_known_by_its_subject_and_outlooks_by_its_index(
    place: Place,
) -> None:
    place.write(BO, REQUEST, "mute", subject="Re: News")
    assert wishes(place, BO) == [("mute", False)]
    outlook = "Thread-Topic: News\r\nThread-Index: AdPbV1Z5c5b8Yq2sR0e6Zr5fYy3kXQAAAAAA\r\n"
    place.write(EVA, REQUEST, "tysta om jag inte nämns", subject="News", more=outlook)
    assert wishes(place, EVA) == [("mute", True)]


def test_a_code_in_the_subject_names_the_thread_where_a_program_drops_the_references(
    place: Place,
) -> None:
    place.post(OWNER, "Another thread.")
    hash_ = permalink_hash("post-1@mail.example")
    place.write(BO, REQUEST, "", subject=f"mute #{hash_[:10]}")
    place.post(OWNER, "Ten centimetres.", more=ANSWER)
    assert got(place, BO) == 2


def test_who_names_no_thread_is_asked_which_and_nothing_changes(place: Place) -> None:
    place.write(BO, REQUEST, "mute", subject="Hello")
    place.write(BO, REQUEST, "follow #zzzzzzzzzz", subject="Hello")
    assert [subject(mail) for mail in place.mails(BO)] == ["Which thread on Friends?"] * 2
    assert wishes(place, BO) == []


@pytest.fixture
def doubted() -> Iterator[Zone]:
    """Serve a domain that has a policy and says nothing of who may send for it."""
    zone = Zone()
    zone.add("_dmarc.example.com", ("TXT", "v=DMARC1; p=none"))
    zone.add("example.com", ("MX", "10 mx.example.com."))
    with serving(zone):
        yield zone


def test_a_from_that_fails_its_own_domains_rules_is_asked_at_the_members_address(
    place: Place, doubted: Zone
) -> None:
    place.app.__dict__["resolver"] = Resolver((doubted.server,))
    place.write(BO, REQUEST, "mute", subject="Re: News", more=ANSWER)
    (asked,) = place.mails(BO)
    assert subject(asked) == "Was that you, on Friends?"
    assert 'the thread "News"' in text(asked)
    assert wishes(place, BO) == []
    place.reply(asked, "yes", BO)
    assert wishes(place, BO) == [("mute", False)]
    assert subject(place.mails(BO)[-1]) == "Muted: News"


def test_an_owner_mutes_for_themselves_without_being_asked(place: Place) -> None:
    place.write(OWNER, REQUEST, "mute", subject="Re: News", more=ANSWER)
    assert wishes(place, OWNER) == [("mute", False)]


def test_a_stranger_mutes_nothing(place: Place) -> None:
    place.write("stranger@example.net", REQUEST, "mute", subject="Re: News", more=ANSWER)
    assert [subject(mail) for mail in place.mails("stranger@example.net")] != ["Muted: News"]


def test_many_threads_can_be_muted_in_a_day_and_leave_the_other_budget_alone(place: Place) -> None:
    for number in range(2, 16, 2):  # letters are counted, too
        place.post(OWNER, f"Thread {number}.")
        answer = f"In-Reply-To: <post-{number}@mail.example>\r\n"
        place.write(BO, REQUEST, "mute", subject="Re: News", more=answer)
    assert len(wishes(place, BO)) == 7
    place.write(BO, REQUEST, "help")
    assert "What you can write" in text(place.mails(BO)[-1])


def test_muting_again_and_following_after_it_leave_one_wish(place: Place) -> None:
    place.write(ANNA, REQUEST, "mute", subject="Re: News", more=ANSWER)
    place.write(ANNA, REQUEST, "mute unless named", subject="Re: News", more=ANSWER)
    assert wishes(place, ANNA) == [("mute", True)]
    place.write(ANNA, REQUEST, "follow", subject="Re: News", more=ANSWER)
    assert wishes(place, ANNA) == [("follow", False)]
    place.write(ANNA, reply_to(place.mails(ANNA)[-1]), "undo")
    assert wishes(place, ANNA) == [("mute", True)]
