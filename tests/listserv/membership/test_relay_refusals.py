"""A refusal at the relay is weighed as a bounce is: once, whatever dies, and by its words."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from listserv.membership import address_care, relay_refusals
from listserv.membership.relay_refusals import judge, weigh
from listserv.run import scheduler
from mailer.client.smtp_transaction import Offers, OutgoingLetter, problems
from mailer.ledger import claim_owners, ledger
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import Mailing, Recipient, RecipientState
from mailer.ledger.refusals import Refusal
from mailer.reading.bounce_reasons import BounceKind
from subscriptions.lists import roster
from subscriptions.membership import bouncing
from subscriptions.membership.bouncing import DAY, Bounced
from subscriptions.permission import suppression
from subscriptions.permission.suppression import Reason
from tests.place import ANNA, Place, make_place

NOW = 1_000_000_000.0
DEAD = (550, "5.1.1 <anna@example.net>: Recipient address rejected: User unknown")


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with a member whose relay answers what a test says."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def refuse(place: Place, code: int, reason: str, *, day: int = 0, to: str = ANNA) -> None:
    """Send a post to everybody; the relay refuses ``to`` and takes the others."""
    place.post(ANNA)
    with place.app.store.write() as session:
        epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=0.0)
        rows = ledger.claim(session, epoch=epoch, quota=100, now=4e9, wanted=ledger.everyone)
        accepted, refused = (
            Mark(0, epoch, RecipientState.ACCEPTED, 250),
            (RecipientState.REFUSED, code, reason),
        )
        marks = [
            Mark(row.id, epoch, *refused) if row.address == to else accepted._replace(id=row.id)
            for row in rows
        ]
        assert ledger.mark(session, marks, now=NOW + day * DAY) == len(rows)
        claim_owners.retire(session, epoch)


def weighed(place: Place) -> list[str]:
    """Weigh everything; return the kinds of all that counted so far."""
    assert not weigh(place.app, lambda: False)
    with place.app.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Refusal)) == 0
        return list(session.scalars(select(Bounced.kind).order_by(Bounced.id)))


def given_up(place: Place) -> bool:
    with place.app.store.read() as session:
        return suppression.has(session, ANNA, Reason.DEAD)


def test_an_address_that_its_relay_refuses_for_days_is_asked_and_given_up_and_none_came_back(
    place: Place,
) -> None:
    for day in range(5):
        refuse(place, *DEAD, day=day)
        assert "weigh" in scheduler.tick(place.app)
        assert weighed(place) == ["dead"] * (day + 1)
        address_care.look(place.app, NOW + day * DAY)
    assert not given_up(place)
    assert len(place.mails(ANNA, kind="probe")) == 1
    refuse(place, *DEAD, day=5)
    weighed(place)
    assert given_up(place)
    assert "weigh" not in scheduler.tick(place.app)
    with place.app.store.read() as session:
        (first, *_) = session.scalars(select(Mailing.id).where(Mailing.kind == "post"))
        assert bouncing.count(session, first) == 0  # it never left: the ledger counts it
        found = session.scalars(select(Bounced)).first()
        assert found is not None
        assert (found.at, found.status, found.mailing_id) == (NOW, "5.1.1", first)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (550, "5.7.1 Message rejected due to DMARC policy"),
        (554, "5.7.1 Service unavailable; Client host blocked using zen.spamhaus.org"),
        (550, "5.1.1 This message was identified as spam"),
        (552, "5.3.4 12345 bytes; the relay takes 100 (SIZE)"),
        (0, "expired: the copy could not be made: KeyError"),
    ],
)
def test_what_speaks_of_us_or_our_words_never_counts(place: Place, code: int, reason: str) -> None:
    refuse(place, code, reason)
    assert weighed(place) == []


def test_a_kill_between_the_refusal_and_its_weighing_loses_nothing_and_counts_it_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(place, *DEAD)
    with monkeypatch.context() as patch:

        def die(*_words: object, **_more: object) -> str:
            raise SystemExit(9)

        patch.setattr(bouncing, "scores", die)
        with pytest.raises(SystemExit):
            weigh(place.app, lambda: False)
    assert weighed(place) == ["dead"]
    assert weighed(place) == ["dead"]


def test_what_is_sent_again_before_it_was_weighed_has_been_refused_all_the_same(
    place: Place,
) -> None:
    refuse(place, *DEAD)
    with place.app.store.write() as session:
        again = update(Recipient).where(Recipient.state == RecipientState.REFUSED)
        session.execute(
            again.values(state=RecipientState.READY, reason="refused: sent again by command")
        )
    assert weighed(place) == ["dead"]


def test_a_refusal_of_an_address_of_before_says_nothing_of_the_new_one(place: Place) -> None:
    refuse(place, *DEAD)
    with place.app.store.write() as session:
        session.execute(
            update(roster.Address)
            .where(roster.Address.key == ANNA)
            .values(given="anna@example.com", key="anna@example.com", domain="example.com")
        )
    assert weighed(place) == []


def test_a_letter_to_somebody_who_is_no_member_is_nobodys_bounce(place: Place) -> None:
    refuse(place, *DEAD)
    with place.app.store.write() as session:
        session.execute(update(Recipient).values(ref=0))
    assert weighed(place) == []


def test_the_weighing_stops_when_it_is_told_and_says_that_more_waits(place: Place) -> None:
    refuse(place, *DEAD)
    with place.app.store.write() as session:
        (row,) = session.scalars(select(Refusal.recipient_id))
        more = [{"recipient_id": row, "at": NOW, "code": 550, "reason": DEAD[1]}] * 150
        session.execute(insert(Refusal), more)
    turns = iter([False, True])
    assert relay_refusals.weigh(place.app, lambda: next(turns))
    assert len(weighed(place)) == 151


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (550, "5.1.1 no such user", BounceKind.DEAD),
        (452, "expired: 4.2.2 mailbox full", BounceKind.FULL),
        (450, "expired: 4.1.1 user unknown", BounceKind.TEMPORARY),
        (550, "expired: 5.1.1 user unknown", BounceKind.TEMPORARY),
        (421, "expired: try again later", BounceKind.TEMPORARY),
    ],
)
def test_a_relays_answer_is_read_by_its_words_and_the_last_word_later_kills_nobody(
    code: int, reason: str, kind: BounceKind
) -> None:
    assert judge(code, reason).kind is kind


def test_what_our_own_relay_cannot_carry_is_never_the_end_of_an_address() -> None:
    letter = OutgoingLetter((1,), "b@x.org", ("žofie@x.org",), "ž\r\n.\r\n".encode())
    for offers in (Offers(), Offers(utf8=True), Offers(utf8=True, eight_bit=True, size=2)):
        (reply,) = problems(letter, offers).values()
        assert judge(reply.code, ledger.plain_reason(reply.text)).kind is BounceKind.CONTENT
