"""One person, several lists: which row of the ledger may be sent, whatever comes in which order."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from listserv.mailings import cross_posts
from listserv.mailings.cross_posts import ELSEWHERE, PATIENCE
from listserv.moderation import holds
from listserv.reception import sorter
from listserv.wiring.app import App
from listserv.wiring.config import load
from listserv.wiring.listserv_tables import HoldState
from mailer.ledger.mailings import Mailing, Recipient, RecipientState
from mailer.reading import message
from mailer.reading.addresses import parse
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from subscriptions.lists.roster import Address, MailList, Membership, create_list, find_list
from subscriptions.membership.members import Candidate, enrol
from subscriptions.permission.consent import ConsentNote, Source

A, B, C = "a@example.org", "b@example.org", "c@example.org"
ANNA, BO = "anna@example.net", "bo@example.net"
READY, SKIPPED = RecipientState.READY, RecipientState.SKIPPED


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """Open three lists; Anna is on all of them, Bo on the second alone."""
    env = {"KRETS_MAILER__DATA": str(tmp_path), "KRETS_MAILER__DATABASE": database_url}
    made = App(load(env))
    note = ConsentNote("asked", Source.CLI)
    with made.store.write() as session:
        for address in (A, B, C):
            lst = create_list(session, address, now=time.time())
            people = [ANNA, BO] if address == B else [ANNA]
            candidates = [Candidate(parse(one), consent=note) for one in people]
            enrol(session, lst, candidates, keyring=made.keyring, now=time.time())
    yield made
    made.close()


def mail(to: str, *, text: str = "Hello", number: int = 1) -> bytes:
    return (
        f"From: {ANNA}\r\nTo: {to}\r\nSubject: x\r\nMessage-ID: <{number}@x>\r\n\r\n{text}\r\n"
    ).encode()


def come(app: App, raw: bytes, *lists: str) -> None:
    with app.store.write() as session:
        arrivals.keep(session, [Incoming(ANNA, lists, raw, "", "h", "ESMTP", time.time())])
    while sorter.sort(app, lambda: False):
        pass


def rows(app: App, who: str = ANNA) -> dict[str, tuple[int, bool]]:
    """Return by list the state of a person's row, and whether it waits."""
    with app.store.read() as session:
        found = session.execute(
            select(Mailing.list_address, Recipient.state, Recipient.due)
            .join(Recipient, Recipient.mailing_id == Mailing.id)
            .where(Recipient.address == who, Mailing.kind == "post")
        )
        return {row[0]: (row[1], row[2] > time.time()) for row in found}


def mark(app: App, address: str, state: RecipientState, attempts: int = 0) -> None:
    with app.store.write() as session:
        mailing = select(Mailing.id).where(Mailing.list_address == address).scalar_subquery()
        changed = update(Recipient).where(Recipient.mailing_id == mailing)
        session.execute(changed.values(state=state, attempts=attempts))


def test_a_copy_waits_for_the_list_named_before_and_goes_without_it_in_the_end(app: App) -> None:
    come(app, mail(f"{A}, {B}"), B)
    assert rows(app) == {B: (READY, True)}
    assert rows(app, BO) == {B: (READY, False)}
    with app.store.read() as session:
        due = session.scalar(select(Recipient.due).where(Recipient.address == ANNA))
    assert due is not None
    assert due <= time.time() + PATIENCE


def test_the_list_named_first_takes_the_copy_over_while_it_waits(app: App) -> None:
    raw = mail(f"{A}, {B}")
    come(app, raw, B)
    come(app, raw, A)
    assert rows(app) == {A: (READY, False), B: (SKIPPED, False)}


@pytest.mark.parametrize(
    ("state", "attempts"),
    [
        (RecipientState.CLAIMED, 0),
        (RecipientState.ACCEPTED, 1),
        (RecipientState.UNSURE, 1),
        (RecipientState.DEFERRED, 1),
        (RecipientState.READY, 1),  # its answer was lost, and it is sent again
    ],
)
def test_a_copy_that_somebody_has_begun_to_send_stays_the_only_one(
    app: App, state: RecipientState, attempts: int
) -> None:
    raw = mail(f"{A}, {B}")
    come(app, raw, B)
    mark(app, B, state, attempts)
    come(app, raw, A)
    assert rows(app)[A][0] == SKIPPED
    assert rows(app)[B][0] == state


def test_a_post_held_on_one_list_and_released_later_brings_no_second_copy(app: App) -> None:
    with app.store.write() as session:
        lst = find_list(session, A)
        assert lst is not None
        lst.emergency = True
    come(app, mail(f"{A}, {B}"), A, B)
    assert rows(app) == {B: (READY, False)}  # it does not wait for a human
    mark(app, B, RecipientState.ACCEPTED, 1)
    with app.store.write() as session:
        (held,) = arrivals.held(session, 10)
        holds.decide(session, held, HoldState.RELEASED, by="cli", now=time.time())
    come(app, mail(C, number=2), C)
    assert rows(app)[A] == (SKIPPED, False)


@pytest.mark.parametrize("first", [A, B])
def test_a_list_that_holds_or_has_held_the_mail_is_not_waited_for(app: App, first: str) -> None:
    with app.store.write() as session:
        lst = find_list(session, A)
        assert lst is not None
        lst.emergency = True
    raw = mail(f"{A}, {B}")
    come(app, raw, first)
    come(app, raw, B if first == A else A)
    assert rows(app)[B] == (READY, False)


def test_the_same_id_with_other_words_takes_no_copy_away(app: App) -> None:
    come(app, mail(A, text="Mine"), A)
    come(app, mail(A, text="Somebody else's"), B)
    assert [state for state, _ in rows(app).values()] == [READY, READY]


def test_who_names_no_list_keeps_the_copy_that_came_first(app: App) -> None:
    raw = mail("undisclosed-recipients:;")
    come(app, raw, C)
    come(app, raw, A)
    assert rows(app) == {C: (READY, False), A: (SKIPPED, False)}


def test_a_person_with_two_addresses_is_one_person(app: App) -> None:
    with app.store.write() as session:
        lst = find_list(session, B)
        anna = session.scalar(select(Address).where(Address.key == ANNA))
        assert lst is not None
        assert anna is not None
        other = Address(
            person_id=anna.person_id, given="a@work.example", key="a@work.example",
            domain="work.example", created=1.0,
        )  # fmt: skip
        session.add(other)
        session.flush()
        theirs = update(Membership).where(
            Membership.list_id == lst.id, Membership.person_id == anna.person_id
        )
        session.execute(theirs.values(address_id=other.id))
    come(app, mail(f"{A}, {B}"), A, B)
    assert rows(app)[A][0] == READY
    assert rows(app, "a@work.example")[B][0] == SKIPPED
    with app.store.read() as session:
        reasons = session.scalars(select(Recipient.reason).where(Recipient.state == SKIPPED)).all()
    assert reasons == [ELSEWHERE]


def test_who_gets_digests_of_the_list_named_first_does_not_wait_for_it(app: App) -> None:
    with app.store.write() as session:
        lst = find_list(session, A)
        assert lst is not None
        theirs = update(Membership).where(Membership.list_id == lst.id)
        session.execute(theirs.values(rhythm="daily", digest_since=time.time()))
    come(app, mail(f"{A}, {B}"), B)
    assert rows(app) == {B: (READY, False)}


def test_lists_are_named_in_order_once_and_at_most_so_many(app: App) -> None:
    head = message.head(
        mail(f"{B}, x@example.org, A@EXAMPLE.ORG, {B}").replace(
            b"\r\nSub", b"\r\nCc: c@example.org\r\nSub"
        )
    )
    with app.store.read() as session:
        found = cross_posts.named_lists(session, head)
        assert [session.get_one(MailList, one).address for one in found] == [B, A, C]
