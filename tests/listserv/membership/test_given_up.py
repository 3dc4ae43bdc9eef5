"""An address that is given up says so at every door, and comes back by its owner's word alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from listserv.cli.main import krets as command
from mailer.reading import addresses
from mailer.reading.bounce_reasons import BounceKind
from subscriptions.lists import roster
from subscriptions.membership import bouncing
from subscriptions.membership.bouncing import BounceReport
from subscriptions.permission import suppression
from subscriptions.permission.suppression import Reason
from tests.place import ANNA, LIST, Place, make_place, reply_to, subject, text

SAID = "550 5.1.1 <anna@example.net>: no such user here"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list whose member Anna has an address that is given up."""
    made = make_place(tmp_path, database_url)
    give_up(made)
    yield made
    made.end()


def give_up(place: Place, reason: Reason = Reason.DEAD) -> None:
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        row = bouncing.row(
            member.id, member.address_id, 1e9, BounceReport(BounceKind.DEAD, "5.1.1", SAID), None
        )
        bouncing.enter(session, [row])
        suppression.suppress(session, ANNA, reason, 1e9, kind="dead", said=SAID)


def given_up(place: Place, key: str = ANNA) -> bool:
    with place.app.store.read() as session:
        return bool(suppression.suppressed(session, [key], Reason.DEAD, Reason.COMPLAINT))


def krets(place: Place, *words: str) -> str:
    settings = place.app.settings
    env = {
        "KRETS_MAILER__DATA": str(settings.mailer.data),
        "KRETS_MAILER__DATABASE": settings.mailer.database,
        "KRETS_LISTSERV__DOMAIN": "example.org",
    }
    done = CliRunner().invoke(command, words, env=env)
    assert done.exit_code == 0, done.output
    return done.stdout


def unproved(place: Place, to: str, said: str = "") -> None:
    """Let a letter come in that only says to be from Anna."""
    raw = (
        f"From: {ANNA}\r\nTo: {to}\r\nSubject: Hello\r\n"
        f"Message-ID: <forged-{len(said)}@mail.example>\r\n\r\n{said}\r\n"
    )
    place.take(raw.encode(), "somebody@elsewhere.example", to)


def test_every_door_of_the_operator_shows_since_when_and_why(place: Place) -> None:
    shown = json.loads(krets(place, "member", "show", LIST, ANNA, "--json"))
    assert shown["state"] == "given-up"
    assert shown["since"].startswith("2001-09-09")
    assert shown["why"] == f"there is no such mailbox or host: {SAID}"
    assert [one["said"] for one in shown["bounces"]] == [SAID]
    rows = json.loads(krets(place, "member", "ls", LIST, "--state", "given-up", "--json"))
    assert [row["email"] for row in rows] == [ANNA]
    export = json.loads(krets(place, "member", "export", ANNA))
    assert export["memberships"][0]["state"] == "given-up"
    assert export["bounces"][0]["said"] == SAID
    assert SAID in export["suppression"][0]["why"]
    found = json.loads(krets(place, "queue", "find", ANNA, "--json"))
    assert found["seats"][0]["state"] == "given-up"
    assert found["bounces"][0]["said"] == SAID
    assert "given-up" in krets(place, "member", "ls", LIST, "--csv")
    assert SAID in krets(place, "queue", "find", ANNA)
    assert SAID in krets(place, "member", "show", LIST, ANNA)


def test_a_sheet_with_a_given_up_member_brings_them_back_on_no_list(
    place: Place, tmp_path: Path
) -> None:
    sheet = tmp_path / "members.csv"
    sheet.write_text(krets(place, "member", "ls", LIST, "--csv"))
    krets(place, "list", "create", "others@example.org")
    words = ("member", "import", "others@example.org", str(sheet), "--consent", "paper", "--yes")
    krets(place, *words)
    rows = json.loads(krets(place, "member", "ls", "others@example.org", "--json"))
    assert ANNA not in {row["email"] for row in rows if row["state"] == "active"}


def test_join_asks_and_an_answer_from_there_brings_mail_back(place: Place) -> None:
    unproved(place, "friends-join@example.org")
    (asked,) = place.mails(ANNA)
    assert subject(asked) == "Shall mail from Friends come to you again?"
    assert SAID in text(asked)
    assert given_up(place)
    place.reply(asked, "", ANNA)
    assert not given_up(place)
    assert subject(place.mails(ANNA)[-1]) == "Mail from Friends comes to you again"


def test_an_absence_note_and_a_bounce_bring_nobody_back(place: Place) -> None:
    unproved(place, "friends-join@example.org")
    (asked,) = place.mails(ANNA)
    place.reply(asked, "I am away until Monday.", ANNA, more="Auto-Submitted: auto-replied\r\n")
    bounce = b"From: MAILER-DAEMON@x.example\r\nSubject: failure notice\r\n\r\nno\r\n"
    place.take(bounce, "", reply_to(asked))
    assert given_up(place)


def test_a_no_leaves_the_address_alone(place: Place) -> None:
    unproved(place, "friends-join@example.org")
    place.reply(place.mails(ANNA)[0], "No", ANNA)
    assert given_up(place)


def test_a_resume_by_a_from_alone_is_asked_about_and_its_answer_brings_mail_back(
    place: Place,
) -> None:
    unproved(place, "friends-request@example.org", "resume")
    assert given_up(place)
    (asked,) = place.mails(ANNA)
    place.reply(asked, "", ANNA)
    assert not given_up(place)
    last = place.mails(ANNA)[-1]
    assert subject(last) == "Mail from Friends comes to you again"
    assert SAID in text(last)


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("friends-request@example.org", "resume"),
        ("friends-request@example.org", "my settings"),
        ("friends-join@example.org", "join"),
        ("friends-owner@example.org", "A question"),
        (LIST, "The roses are out"),
    ],
)
def test_any_proved_mail_brings_the_address_back_and_says_so(
    place: Place, to: str, said: str
) -> None:
    asks = "request" in to
    place.write(ANNA, to, said if asks else "Hello, how are you all?", subject=said)
    assert not given_up(place)
    told = [subject(mail) for mail in place.mails(ANNA)]
    assert told.count("Mail from Friends comes to you again") == 1
    assert "You are a member of Friends already" not in told


@pytest.mark.parametrize(
    ("to", "said", "more"),
    [
        (LIST, "unsubscribe", ""),
        ("friends-request@example.org", "leave", ""),
        (LIST, "Out of office", "Auto-Submitted: auto-replied\r\n"),
        ("friends-request@example.org", "Out of office", "Auto-Submitted: auto-replied\r\n"),
    ],
)
def test_a_proved_goodbye_or_absence_note_brings_nothing_back(
    place: Place, to: str, said: str, more: str
) -> None:
    place.write(ANNA, to, said, subject=said, more=more)
    assert given_up(place)


def test_settings_by_mail_and_the_own_page_tell_the_truth_and_a_button_brings_mail_back(
    place: Place,
) -> None:
    unproved(place, "friends-request@example.org", "my settings")
    assert "nothing is sent to anna@example.net since" in text(place.mails(ANNA)[-1])


def test_the_operator_brings_an_address_back_by_making_them_active(place: Place) -> None:
    shown = json.loads(krets(place, "member", "set", LIST, ANNA, "--state", "active", "--json"))
    assert shown["state"] == "active"
    assert not given_up(place)


def test_bounces_of_one_day_from_two_lists_are_one_and_those_before_a_proof_none(
    place: Place,
) -> None:
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        for day in range(3):
            for _ in range(2):
                at = 1e9 + day * bouncing.DAY
                report = BounceReport(BounceKind.DEAD)
                bouncing.enter(
                    session, [bouncing.row(member.id, member.address_id, at, report, None)]
                )
        now = 1e9 + 3 * bouncing.DAY
        score = bouncing.scores(session, [member.address_id], now)[member.address_id]
        assert 2.5 < score.points < 3.1
        session.execute(
            update(roster.Address).where(roster.Address.key == ANNA).values(proven_at=now)
        )
        assert bouncing.scores(session, [member.address_id], now)[member.address_id].points == 0


def test_what_comes_back_from_an_address_of_before_counts_against_that_one(place: Place) -> None:
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        who = addresses.parse("anna@work.example")
        new = roster.Address(
            person_id=member.person_id, given=who.given, key=who.key, domain=who.domain, created=1.0
        )
        session.add(new)
        session.flush()
        old, member.address_id = member.address_id, new.id
        session.flush()
        assert bouncing._meant(session, member, ANNA).id == old
        assert bouncing._meant(session, member, "else@where.example").id == new.id
