"""A bounce finds its member by the token, is counted beside the ledger, and is never answered."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from listserv.cli.explain import explain
from mailer.ledger.mailings import Mailing
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage.arrivals import Arrival
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.membership import bouncing
from subscriptions.membership.bouncing import DAY, Bounced
from subscriptions.permission import suppression
from subscriptions.permission.consent import Consent, Source
from subscriptions.permission.suppression import Reason
from tests.place import ANNA, LIST, Place, make_place

DEAD = "550 5.1.1 User unknown"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with a member, to whom one post went."""
    made = make_place(tmp_path, database_url)
    made.post(ANNA)
    yield made
    made.end()


def bounce(place: Place, words: str, *, token: str = "", kind: str = "failure notice") -> str:
    """Let a bounce of the post come back to Anna's return path; return what was noted."""
    with place.app.store.read() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        made = place.app.keyring.standing(TokenPurpose.BOUNCE, LIST, member.id)
    raw = (
        f"From: MAILER-DAEMON@mx.example.net\r\nSubject: {kind}\r\n\r\n<{ANNA}>:\r\n{words}\r\n\r\n"
        "--- Below this line is a copy of the message.\r\n\r\nMessage-ID: <post-1@mail.example>\r\n"
    )
    place.take(raw.encode(), "", f"friends-bounces+{token or made}@example.org")
    with place.app.store.read() as session:
        return session.scalars(select(Arrival.note).order_by(Arrival.id.desc()).limit(1)).one()


def mailings(place: Place) -> int:
    with place.app.store.read() as session:
        return session.scalar(select(func.count()).select_from(Mailing)) or 0


def a_day_goes_by(place: Place) -> None:
    with place.app.store.write() as session:
        session.execute(update(Bounced).values(at=Bounced.at - DAY))


def given_up(place: Place) -> bool:
    with place.app.store.read() as session:
        return suppression.has(session, ANNA, Reason.DEAD)


def test_a_bounce_is_counted_with_its_mailing_and_never_answered(place: Place) -> None:
    before = mailings(place)
    assert bounce(place, DEAD) == "bounces dead noted"
    assert bounce(place, DEAD) == "bounces dead noted"
    assert mailings(place) == before
    with place.app.store.read() as session:
        (post,) = session.scalars(select(Mailing.id).where(Mailing.kind == "post"))
        assert bouncing.count(session, post) == 1
    assert not given_up(place)


def test_an_address_that_stays_dead_for_days_is_given_up_with_an_entry_and_comes_back_by_a_yes(
    place: Place,
) -> None:
    for _ in range(4):
        assert bounce(place, DEAD).endswith("noted")
        a_day_goes_by(place)
    assert bounce(place, DEAD) == "bounces dead given-up"
    assert given_up(place)
    assert place.state(ANNA) == "active"
    assert bounce(place, DEAD) == "bounces dead had-been-given-up"
    with place.app.store.read() as session:
        (entry,) = session.scalars(select(Consent).where(Consent.source == Source.BOUNCE))
        assert "5.1.1" in entry.detail


def test_what_was_refused_for_its_words_never_counts(place: Place) -> None:
    for _ in range(9):
        assert bounce(place, "550 5.1.1 rejected as spam") == "bounces content not-counted"
        a_day_goes_by(place)
    assert not given_up(place)


def test_a_forged_token_is_nobody_and_an_absence_says_nothing(place: Place) -> None:
    assert bounce(place, DEAD, token="a" * 26) == "bounces dead nobody"
    assert bounce(place, "Away", kind="Out of office") == "bounces auto-reply not-counted"


def test_a_complaint_is_a_goodbye_without_another_mail(place: Place) -> None:
    before = mailings(place)
    assert bounce(place, "", kind="complaint about message from 192.0.2.1") == (
        "bounces complaint left"
    )
    assert place.state(ANNA) == "left"
    assert mailings(place) == before


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("550 5.1.1 User unknown", BounceKind.DEAD),
        (
            "From: MAILER-DAEMON@x.org\nSubject: failure notice\n\n550 Mailbox full\n",
            BounceKind.FULL,
        ),
        ("", BounceKind.TEMPORARY),
    ],
)
def test_explain_bounce_reads_a_mail_or_bare_words(given: str, kind: BounceKind) -> None:
    ran = CliRunner().invoke(explain, ["bounce", "-", "--json"], input=given)
    assert json.loads(ran.stdout)["kind"] == kind
    assert CliRunner().invoke(explain, ["bounce", "-"], input=given).stdout.startswith(kind)
