"""Where is my mail, and why: one command follows it from the 250 to each recipient's answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from listserv.cli.main import Door
from listserv.cli.queue import queue
from mailer.ledger import claim_owners, ledger, mailing_control, mailings
from mailer.ledger.ledger import ClaimedRow, Mark
from mailer.ledger.mailings import RecipientState
from subscriptions.permission import suppression
from subscriptions.permission.suppression import Reason
from tests.place import ANNA, EVE, LIST, MODERATOR, OWNER, Place, make_place

ID = "post-1@mail.example"
FULL = "4.2.2 mailbox full\x1b[31m"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with three members."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def find(place: Place, what: str, *more: str) -> Result:
    return CliRunner().invoke(queue, ["find", what, *more], obj=place.app)


def told(place: Place, what: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    found = find(place, what, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def answer(place: Place, **answers: Mark) -> None:
    """Let the relay answer: 250, or what ``answers`` says by the first part of an address."""
    with place.app.store.write() as session:
        now = place.app.store.now(session)
        epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=now - 1)
        rows = ledger.claim(session, epoch=epoch, quota=9, now=now, wanted=ledger.everyone)

        def mark(row: ClaimedRow) -> Mark:
            said = answers.get(
                row.address.partition("@")[0], Mark(0, 0, RecipientState.ACCEPTED, 250)
            )
            due = now + 300 if said.state is RecipientState.DEFERRED else 0
            return said._replace(id=row.id, epoch=epoch, due=due)

        ledger.mark(session, [mark(row) for row in rows], now=now)
        claim_owners.retire(session, epoch)


def test_a_post_is_followed_to_each_recipient_those_without_a_copy_first(place: Place) -> None:
    place.post(ANNA)
    answer(place, mats=Mark(0, 0, RecipientState.DEFERRED, 452, FULL))
    (letter,) = told(place, f"<{ID}>")["letters"]
    assert (letter["decision"], letter["subject"], letter["sender"]) == ("accept", "News", ANNA)
    assert (letter["mailing"]["accepted"], letter["mailing"]["deferred"]) == (2, 1)
    first, *others = letter["copies"]
    assert (first["address"], first["state"], first["code"]) == (MODERATOR, "deferred", 452)
    assert [step["state"] for step in first["steps"]] == ["deferred"]
    assert first["next_due"] == pytest.approx(first["steps"][0]["at"] + 300, abs=5)
    assert {(one["address"], one["state"]) for one in others} == {
        (OWNER, "accepted"),
        (ANNA, "accepted"),
    }
    shown = find(place, ID).output
    assert "2 of 3 accepted, 1 deferred (sending)" in shown
    assert "452 4.2.2 mailbox full [31m" in shown
    assert "in 5 min" in shown
    assert "accepted" in shown
    assert "\x1b" not in shown


def test_what_keeps_a_copy_is_said(place: Place) -> None:
    place.post(ANNA)
    (letter,) = told(place, ID)["letters"]
    assert {one["waits_for"] for one in letter["copies"]} == {"no worker is running"}
    with place.app.store.write() as session:
        mailing_control.pause(session, letter["mailing"]["mailing"])
    shown = find(place, ID).output
    assert f"the mailing is paused (krets queue resume {letter['mailing']['mailing']})" in shown


def test_a_held_post_says_by_which_rule_and_what_to_do(place: Place) -> None:
    place.post(EVE)
    (letter,) = told(place, ID)["letters"]
    assert (letter["state"], letter["decision"], letter["mailing"]) == ("held", "hold", None)
    assert letter["rules"]
    shown = find(place, ID).output
    assert f"held for a human, by {', '.join(letter['rules'])}" in shown
    assert f"krets queue show {letter['arrival']}" in shown


def test_an_address_shows_what_it_is_what_it_sent_and_what_it_was_sent(place: Place) -> None:
    place.post(ANNA)
    answer(place, anna=Mark(0, 0, RecipientState.REFUSED, 550, "5.1.1 unknown"))
    with place.app.store.write() as session:
        suppression.suppress(session, ANNA, Reason.DEAD, 1.0)
    found = told(place, ANNA.upper())
    (seat,) = found["seats"]
    assert (seat["list"], seat["state"], seat["role"]) == (LIST, "given-up", "member")
    assert found["suppressed"] == ["dead"]
    (copy,) = found["copies"]
    assert (copy["message_id"], copy["state"], copy["code"]) == (ID, "refused", 550)
    assert [letter["message_id"] for letter in told(place, ANNA)["letters"]] == [ID]
    shown = find(place, ANNA).output
    assert "not mailed" in shown
    assert "550 5.1.1 unknown" in shown
    assert shown.index("550 5.1.1") < shown.index("News")


def test_a_letter_of_ours_is_found_by_its_id(place: Place) -> None:
    place.write(EVE, "friends-join@example.org", "Please")
    with place.app.store.read() as session:
        notice = mailings.view(session, 1)
    (letter,) = told(place, notice.message_id)["letters"]
    assert (letter["arrival"], letter["decision"]) == (None, "notice")
    assert [one["address"] for one in letter["copies"]] == [EVE]
    assert "a letter of ours" in find(place, notice.message_id).output


@pytest.mark.parametrize("what", ["nobody@example.net", "no-such-id", "<>", "\x1b[31m"])
def test_what_is_not_known_is_said_with_the_next_place_to_look(place: Place, what: str) -> None:
    place.post(ANNA)
    found = CliRunner().invoke(Door("krets"), ["queue", "find", what], obj=place.app)
    assert found.exit_code == 1
    assert "Nothing is known" in found.stderr
    assert "\x1b" not in found.output


def test_a_stranger_who_sent_a_command_is_found_by_the_sender(place: Place) -> None:
    place.write(EVE, "friends-join@example.org", "Please")
    (letter,) = told(place, EVE)["letters"]
    assert letter["detail"].startswith("join")
    assert find(place, EVE).exit_code == 0
