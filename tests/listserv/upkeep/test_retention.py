"""What time takes, and what it never takes: an injected clock looks at one installation."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from listserv.upkeep import retention
from listserv.upkeep.retention import DAY
from listserv.wiring.config import Settings
from mailer.errors import Refused
from mailer.ledger import ledger, mailing_control, mailings
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState
from mailer.reading.addresses import parse
from mailer.storage.arrivals import Arrival
from mailer.storage.store import RawMessage, get_raw
from subscriptions.lists.roster import Address, Person, get_list
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission import consent
from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import Consent
from tests.place import ANNA, EVE, LIST, Place, make_place

CAME = 1e9  # when the letters of a Place came in
JOIN = "friends-join@example.org"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with a post that went out, and a stranger who asked to join."""
    made = make_place(tmp_path, database_url)
    made.post(ANNA)
    made.write(EVE, JOIN)
    yield made
    made.end()


def _tend(place: Place, days: float, **kept: int) -> int:
    """Let the clock look until nothing is left to do; return how often something was."""
    settings = place.app.settings
    told = {name: kept.get(name, 0) for name in ("keep_ledger", "keep_envelopes", "keep_mail")}
    asked = {name: kept.get(name, 0) for name in ("keep_pending", "keep_consent_ips")}
    place.app.settings = Settings(
        listserv=settings.listserv.model_copy(update=asked),
        mailer=settings.mailer.model_copy(update=told),
        archive=settings.archive,
    )
    turns = 0
    while retention.tend(place.app, CAME + days * DAY):
        turns += 1
        assert turns < 50
    return turns


def _end_all(place: Place) -> dict[int, mailings.Status]:
    """Let every copy be accepted and every mailing end; return how each stands."""
    store = place.app.store
    with store.write() as session:
        epoch = 7
        session.execute(update(Recipient).values(state=RecipientState.CLAIMED, epoch=epoch))
        rows = session.scalars(select(Recipient.id)).all()
        ledger.mark(session, [Mark(row, epoch, RecipientState.ACCEPTED, 250) for row in rows])
        mailing_control.finish(session, now=CAME)
        found = session.scalars(select(Mailing.id)).all()
        session.execute(update(Mailing).values(finished=CAME, state=MailingState.DONE))
        return {one: mailings.status(session, one) for one in found}


def test_rows_of_the_ledger_go_and_their_totals_stay(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.ledger.expiry.PIECE", 2)
    before = _end_all(place)
    assert sum(status.accepted for status in before.values()) > len(before)
    assert _tend(place, 9.9, keep_ledger=10) == 0
    assert _tend(place, 10.1, keep_ledger=10) >= 2 * len(before)
    with place.app.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Recipient)) == 0
        assert {one: mailings.status(session, one) for one in before} == before
    with pytest.raises(Refused), place.app.store.write() as session:
        mailing_control.resend(session, next(iter(before)), RecipientState.REFUSED, now=CAME)


def test_a_mailing_that_was_sent_again_meanwhile_is_left_alone(place: Place) -> None:
    _end_all(place)
    with place.app.store.write() as session:
        session.execute(update(Mailing).values(finished=None, state=MailingState.SENDING))
    assert _tend(place, 999, keep_ledger=10) == 0


def test_who_connected_is_forgotten_and_the_mail_stays(place: Place) -> None:
    assert _tend(place, 1.1, keep_envelopes=1) > 0
    with place.app.store.read() as session:
        rows = session.scalars(select(Arrival)).all()
        assert {(row.client, row.helo) for row in rows} == {("", "")}
        assert all(get_raw(session, row.raw_sha) for row in rows)
    assert _tend(place, 1.2, keep_envelopes=1) == 0


def test_mail_that_became_nothing_goes_and_posts_holds_and_proofs_stay(place: Place) -> None:
    place.reply(place.mails(EVE)[0], "yes", EVE)  # her proof
    place.write(ANNA, "friends-help@example.org")  # becomes nothing
    place.post("stranger@example.com", "Buy this.")  # held, or refused
    with place.app.store.read() as session:
        raws = {row.recipient: row.raw_sha for row in session.scalars(select(Arrival))}
        held = set(session.scalars(select(Arrival.raw_sha).where(Arrival.state == 2)))
        proofs = set(session.scalars(select(Consent.raw_sha))) - {None}
        from_anna = select(Arrival.raw_sha).where(Arrival.sender == ANNA).order_by(Arrival.id)
        posted = session.scalars(from_anna).first()
    assert held
    assert proofs
    _tend(place, 31, keep_mail=30)
    with place.app.store.read() as session:
        left = set(session.scalars(select(RawMessage.sha)))
        assert session.scalar(select(func.count()).select_from(Arrival)) >= len(raws)
    assert raws["friends-help@example.org"] not in left
    assert {*held, *proofs, posted} <= left
    assert _tend(place, 32, keep_mail=30) == 0


def test_who_never_answered_is_forgotten_and_who_is_a_member_is_not(place: Place) -> None:
    late = Candidate(parse("late@example.net"))
    with place.app.store.write() as session:
        lst = get_list(session, LIST)
        add_member(session, lst, late, keyring=place.app.keyring, now=CAME)
        session.execute(update(Ask).values(expires_at=CAME))
    assert place.state("late@example.net") == "pending"
    assert _tend(place, 89, keep_pending=90) == 0
    assert _tend(place, 91, keep_pending=90) > 0
    assert place.state("late@example.net") == ""
    assert place.state(ANNA) == "active"
    with place.app.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Ask)) == 0
        assert "late@example.net" not in session.scalars(select(Address.key)).all()
        assert session.scalar(select(func.count()).select_from(Person)) == 3
        entries = consent.history(session, place.app.keyring, ["late@example.net"])
        assert [(entry.act, entry.address) for entry in entries] == [("asked", None)]
        assert consent.history(session, place.app.keyring, [ANNA])[0].address == ANNA


def test_the_ledger_of_permissions_keeps_its_words_and_loses_its_traces(place: Place) -> None:
    note = consent.ConsentNote("ticked", consent.Source.WEB, ip="192.0.2.7", user_agent="Lynx")
    entry = consent.entry(
        place.app.keyring,
        act=consent.Act.CONSENTED,
        list_address=LIST,
        address=(ANNA, ANNA),
        note=note,
        now=CAME,
    )
    with place.app.store.write() as session:
        consent.record(session, [entry])
    assert _tend(place, 99, keep_consent_ips=100) == 0
    assert _tend(place, 101, keep_consent_ips=100) == 1
    with place.app.store.read() as session:
        told = consent.history(session, place.app.keyring, [ANNA])[-1]
    assert (told.wording, told.address, told.ip, told.user_agent) == ("ticked", ANNA, None, None)


def test_nothing_is_ever_taken_where_the_settings_say_for_ever(place: Place) -> None:
    _end_all(place)
    assert _tend(place, 36_000) == 0
    assert set(dataclasses.asdict(retention.ages(place.app.settings, 9e9)).values()) == {0.0}
