"""What one source may make us mail to strangers and to owners, by letters to our addresses."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from listserv.letters.visit import Visit
from listserv.moderation import decisions, moderator_mail
from listserv.moderation.holds import decide
from listserv.reception import sorter
from listserv.upkeep import flood_alarm
from listserv.wiring.listserv_tables import Hold, HoldState
from mailer.ledger.mailings import Recipient
from mailer.reading.addresses import parse
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, Incoming
from subscriptions.lists import roster
from subscriptions.permission import budget
from subscriptions.permission.consent import Consent
from tests.place import EVE, LIST, OWNER, Place, make_place, text

JOIN, HELP = "friends-join@example.org", "friends-help@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Make a list, and let five strangers be one source's."""
    monkeypatch.setattr(budget, "SOURCE", 5)
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def letters(place: Place, who: list[str], clients: list[str], to: str = JOIN) -> None:
    raws = [f"From: {one}\r\nTo: {to}\r\nSubject: Hello\r\n\r\n\r\n".encode() for one in who]
    came = [
        Incoming(one, (to,), raw, client, "h", "ESMTP", 1e9)
        for one, raw, client in zip(who, raws, clients, strict=True)
    ]
    with place.app.store.write() as session:
        arrivals.keep(session, came)
    sorter.sort(place.app, lambda: False)


def strangers(place: Place) -> int:
    with place.app.store.read() as session:
        mailed = select(func.count()).where(Recipient.address.like("v%@d%.example"))
        return session.scalar(mailed) or 0


VICTIMS = [f"v{number}@d{number}.example" for number in range(12)]


@pytest.mark.parametrize(
    "clients",
    [
        ["198.51.100.7"] * 12,
        ["127.0.0.1"] * 12,
        [f"2001:db8:1:2::{number}" for number in range(12)],
        [""] * 12,  # a front that says nothing
    ],
)
def test_one_source_reaches_so_many_strangers_and_no_more(place: Place, clients: list[str]) -> None:
    letters(place, VICTIMS[:6], clients[:6])
    letters(place, VICTIMS[6:], clients[6:], HELP)
    assert strangers(place) == 5
    letters(place, ["v@d99.example"], ["203.0.113.1"])
    assert strangers(place) == 6


def test_who_is_vouched_for_joins_through_a_source_that_has_spent_its_share(place: Place) -> None:
    letters(place, VICTIMS, ["192.0.2.9"] * 12)
    letters(place, [EVE], ["192.0.2.9"])  # the address from which example.com sends
    assert strangers(place) == 5
    assert place.mails(EVE)


def test_writers_of_held_posts_are_answered_within_their_sources_share(place: Place) -> None:
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        visit = Visit(session, place.app, lst, time.time())
        said = [
            decisions.tell_writer(
                visit,
                decisions.HeldWriter(parse(who), "", "News", "", automatic=False,
                                     source="198.51.100.7"),
                "poster-expired",
            )
            for who in VICTIMS
        ]  # fmt: skip
        assert sum(said) == 5


def test_editors_get_so_many_letters_of_a_source_and_the_rest_waits(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "LETTERS_FROM", 3)
    with place.app.store.write() as session:
        roster.get_list(session, LIST).kind = roster.ListKind.NEWSLETTER
    letters(place, VICTIMS[:6], ["198.51.100.7"] * 6, LIST)
    moderator_mail.attend(place.app, lambda: False, now=time.time() + 3600)
    with place.app.store.read() as session:
        states = session.scalars(select(Hold.state)).all()
    assert sorted(states) == ["forwarded"] * 3 + ["waiting"] * 3


def test_owners_get_so_many_letters_of_a_source_and_the_rest_waits(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "LETTERS_FROM", 3)
    letters(place, VICTIMS[:6], ["198.51.100.7"] * 6, "friends-owner@example.org")
    assert len(place.mails(OWNER)) == 3
    assert place.hold().rules == '["budget"]'
    letters(place, VICTIMS[6:7], ["203.0.113.1"], "friends-owner@example.org")
    assert len(place.mails(OWNER)) == 4
    held = place.hold()
    with place.app.store.write() as session:
        arrival = session.get_one(Arrival, held.arrival_id)
        decide(session, arrival, HoldState.RELEASED, by="olga", now=1e9)
    sorter.sort(place.app, lambda: False)
    assert len(place.mails(OWNER)) == 5


def test_a_full_minute_is_told_in_the_log_and_once_a_day_to_the_operator(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = place.app.settings.listserv.model_copy(
        update={"strangers_per_minute": 2, "operator": EVE}
    )
    place.app.settings = place.app.settings.model_copy(update={"listserv": lines})
    assert not flood_alarm.look(place.app, time.time())
    for number in range(4):
        letters(place, [f"v@d{number}.example"], [f"198.51.{number}.1"])
    now = time.time()
    with capture_logs() as told:
        assert flood_alarm.look(place.app, now)
        assert not flood_alarm.look(place.app, now)
    assert [one["held_back"] for one in told] == [2, 2]
    (mail,) = place.mails(EVE)
    assert "(listserv.strangers_per_minute). Requests not answered so far: 2." in " ".join(
        text(mail).split()
    )
    assert not flood_alarm.look(place.app, now + 3600)


def test_the_ledger_keeps_who_brought_a_yes_by_mail(place: Place) -> None:
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "", EVE)
    assert place.state(EVE) == "active"
    with place.app.store.read() as session:
        ips = session.scalars(select(Consent.ip).where(Consent.address == EVE)).all()
    assert ips == ["192.0.2.9"]
