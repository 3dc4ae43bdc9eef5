"""A bounce finds its member by the token, is counted beside the ledger, and is never answered."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from listserv.cli.explain import explain
from listserv.membership import address_care
from mailer.ledger.mailings import Mailing
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage.arrivals import Arrival
from mailer.storage.tokens import TokenPurpose
from subscriptions.audience.audience import audience_select
from subscriptions.lists import roster
from subscriptions.membership import bouncing
from subscriptions.membership.bouncing import DAY, Bounced
from subscriptions.membership.doubts import DoubtfulAddress
from subscriptions.membership.given_up import at as given_up_at
from subscriptions.permission import suppression
from subscriptions.permission.budget import AutomaticMail
from subscriptions.permission.consent import Consent, Source
from subscriptions.permission.suppression import Reason
from tests.place import ANNA, LIST, Place, make_place, subject

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
    columns = ("since", "warned_at", "asked_at")
    earlier = {column: getattr(DoubtfulAddress, column) - DAY for column in columns}
    with place.app.store.write() as session:
        session.execute(update(Bounced).values(at=Bounced.at - DAY))
        session.execute(update(DoubtfulAddress).values(**earlier))
        session.execute(update(AutomaticMail).values(at=AutomaticMail.at - DAY))


def probe_token(place: Place) -> str:
    """Return the token of the return path that a mail asking Anna's address has."""
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, ANNA)
        assert member is not None
        return place.app.keyring.standing(TokenPurpose.PROBE, LIST, member.id)


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


def test_an_address_that_stays_dead_is_doubted_asked_and_given_up_with_an_entry(
    place: Place,
) -> None:
    said = []
    for _ in range(5):
        said.append(bounce(place, DEAD).rpartition(" ")[2])
        address_care.look(place.app, time.time())
        a_day_goes_by(place)
    assert said == ["noted", "doubted", "doubted", "doubted", "doubted"]
    assert not given_up(place)
    (probe,) = place.mails(ANNA, kind="probe")
    assert subject(probe) == "Friends: does mail reach you here?"
    asked = probe_token(place)
    assert bounce(place, DEAD, token=asked) == "bounces dead given-up"
    assert given_up(place)
    assert place.state(ANNA) == "active"
    assert bounce(place, DEAD) == "bounces dead had-been-given-up"
    assert bounce(place, DEAD, token=asked) == "bounces dead noted"
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


def test_after_a_complaint_no_list_mails_that_address_until_they_write(place: Place) -> None:
    other = "others@example.org"
    with place.app.store.write() as session:
        roster.create_list(session, other, now=1.0, title="Others")
    place.add(ANNA, lst=other)
    bounce(place, "", kind="complaint about message from 192.0.2.1")
    with place.app.store.read() as session:
        lst = roster.get_list(session, other)
        assert not session.execute(audience_select(lst.id, now=time.time())).all()
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        found = given_up_at(session, member)
        assert found is not None
        assert found.why == "a mail to them was reported as spam"
    place.write(ANNA, "others-request@example.org", "my settings")
    with place.app.store.read() as session:
        lst = roster.get_list(session, other)
        assert len(session.execute(audience_select(lst.id, now=time.time())).all()) == 1
    assert place.state(ANNA) == "left"


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
