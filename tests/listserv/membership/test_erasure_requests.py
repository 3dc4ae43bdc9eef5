"""Who is forgotten is gone: from every byte of the data folder but what other people wrote."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from archive.filing.mail_threading import place as put_in_archive
from archive.site import build
from archive.threads.archive_tables import Message
from listserv.mailings import audience_freezing, delivery
from listserv.membership import erasure_requests, person_erasure
from listserv.run import scheduler
from listserv.run.background import BackgroundThread
from listserv.wiring.listserv_tables import Erasure
from mailer.ledger import claim_owners, ledger, mailings
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import Composition, Mailing, Recipient, RecipientState
from mailer.ledger.splice import check_lines, unpack
from mailer.reading import addresses
from mailer.storage.store import Base, decompress, get_raw, put_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from subscriptions.permission import bars, suppression
from subscriptions.permission.consent import ConsentNote, Source
from subscriptions.permission.suppression import Reason
from tests.place import EVE, LIST, MODERATOR, OWNER, Place, make_place, reply_to, text

DANA = "dana.wolfram@nightjar.example"
NAME = "Dana Wolfram"
FROM = f"{NAME} <{DANA}>"
SECRET = "xylophone orchards"
DEFERRED = Mark(0, 0, RecipientState.DEFERRED, 451, f"4.2.2 <{DANA}> is over quota", 1.0)
REFUSED = Mark(0, 0, RecipientState.REFUSED, 550, f"5.1.1 <{DANA}> is unknown")
TELLTALES = (b"wolfram", b"nightjar", b"xylophone")


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def test_no_byte_of_a_forgotten_person_is_left(place: Place, tmp_path: Path) -> None:
    live_through(place)
    draw(place)
    assert traces(place, tmp_path)
    forget(place)
    draw(place)
    assert traces(place, tmp_path) == []


def test_the_place_of_an_erased_post_stays_and_an_import_does_not_bring_it_back(
    place: Place,
) -> None:
    live_through(place)
    with place.app.store.read() as session:
        known = session.scalar(select(Message.message_id))
    place.post(OWNER, "I agree with all of that.", f"In-Reply-To: <{known}>\r\n")
    with place.app.store.read() as session:
        before = session.execute(select(Message.hash, Message.thread_id).order_by(Message.id)).all()
        first = session.scalars(select(Message.raw_sha).order_by(Message.id)).first()
        raw = get_raw(session, first or b"") or b""
    forget(place)
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        (sha,) = put_raw(session, [raw])
        put_in_archive(session, lst, raw, sha, 1e9)
    draw(place)
    with place.app.store.read() as session:
        after = session.execute(select(Message.hash, Message.thread_id).order_by(Message.id)).all()
    assert after == before
    folder = place.app.settings.archive_path / "public" / LIST / "t"
    (thread,) = [json.loads(one.read_text()) for one in folder.glob("*/thread.json")]
    stone, answer = thread["messages"]
    assert stone["author"] == ""
    assert stone["text"] == "[This mail was erased, as its writer wished.]"
    assert answer["parent"] == stone["id"]
    assert answer["text"] == "I agree with all of that."


def test_forgetting_twice_and_forgetting_a_stranger_harm_nobody(place: Place) -> None:
    live_through(place)
    for address in (DANA, DANA, "nobody@example.org"):
        forget(place, address)
    assert place.state(OWNER) == "active"
    with place.app.store.read() as session:
        key = addresses.parse(DANA).key
        assert suppression.erased(session, place.app.keyring, [key]) == {key}


def test_a_wish_stops_mail_at_once_and_is_carried_out_by_whoever_comes_next(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_through(place)
    draw(place)
    key = addresses.parse(DANA).key
    with place.app.store.write() as session:
        erasure_requests.ask(session, place.app.keyring, key, how="button", now=1e9)
        erasure_requests.ask(
            session, place.app.keyring, key, how="button", now=2e9
        )  # a double click
    assert place.state(DANA) == "left"
    assert "erase" in scheduler.tick(place.app)

    def stumble(_session: object, _keys: object) -> None:
        raise RuntimeError("the last transaction fails")

    with monkeypatch.context() as broken:
        broken.setattr(person_erasure.asks, "forget", stumble)
        erasure_requests.carry_out(place.app, 1e9)
    assert "left" in place.state(DANA)
    with place.app.store.read() as session:
        assert erasure_requests.waiting(session, 1e9) is None  # not again before an hour has gone
        assert erasure_requests.waiting(session, 1e9 + erasure_requests.LATER) is not None
    forgetter = BackgroundThread(
        "an erasure", lambda app: erasure_requests.carry_out(app, time.time())
    )
    forgetter.begin(place.app)
    forgetter.end(30)
    draw(place)
    assert traces(place, tmp_path) == []
    with place.app.store.read() as session:
        assert session.scalars(select(Erasure)).all() == []
    assert "erase" not in scheduler.tick(place.app)


def test_who_is_forgotten_while_a_letter_is_under_way_stops_nobody_elses(place: Place) -> None:
    place.write(FROM, "friends-join@example.org")
    readers = delivery.Readers(place.app.keyring)
    with place.app.store.write() as session:
        epoch = claim_owners.register(session, claim_owners.here(), flight="x", lease_until=9e9)
        claimed = ledger.claim(session, epoch=epoch, quota=9, now=9e9, wanted=readers.wanted)
    (row,) = claimed
    forget(place)
    place.write(EVE, "friends-join@example.org")
    with place.app.store.write() as session:
        late = ledger.defer(
            row.id, epoch, code=451, reason=f"<{DANA}> later", now=1.0, expires_at=9e9, wait=1.0
        )
        assert ledger.mark(session, [late]) == 1
        session.flush()
        again = ledger.claim(session, epoch=epoch, quota=9, now=9e9, wanted=readers.wanted)
        erased = session.get_one(Recipient, row.id)
    assert [one.address for one in again] == [EVE]
    assert (erased.state, erased.reason) == (RecipientState.SKIPPED, "erased")
    assert late.reason == "<...> later"


@pytest.mark.parametrize("to", ["friends-owner@example.org", "postmaster@example.org"])
def test_a_letter_with_odd_line_ends_that_a_front_took_reaches_the_owners(
    place: Place, to: str
) -> None:
    raw = f"From: {EVE}\nTo: {to}\r\nSubject: Hi\r\n\r\nOne\nTwo\rThree\0\r\n".encode()
    place.take(raw, EVE, to)
    with place.app.store.read() as session:
        packed = session.scalars(select(Composition.packed)).all()
    read = [unpack(decompress(one)) for one in packed]
    (letter,) = [one for one in read if b"Three" in b"".join(one.parts)]
    check_lines(letter)
    assert b"One\r\nTwo\r\nThree\r\n" in b"".join(letter.parts)


def test_a_letter_to_several_owners_reaches_those_who_stay(place: Place) -> None:
    place.add(DANA, Role.OWNER)
    place.write(EVE, "friends-owner@example.org", "Is anybody there?")
    assert len(place.mails(OWNER)) == len(place.mails(DANA)) == 1
    forget(place)
    (letter,) = place.mails(OWNER)
    assert "Is anybody there?" in text(letter)
    assert place.mails(DANA) == []


def test_who_is_forgotten_while_a_post_is_entered_stops_only_that_post(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add(DANA)
    with monkeypatch.context() as cut:
        cut.setattr(audience_freezing, "PIECE", 2)
        cut.setattr(audience_freezing, "freeze_some", lambda *_: False)
        place.post(FROM, f"All about {SECRET}.")
    forget(place)
    place.post(OWNER)
    with place.app.store.read() as session:
        posts = session.scalars(select(Mailing).where(Mailing.kind == "post").order_by(Mailing.id))
        stopped, other = [mailings.status(session, one.id) for one in posts]
    assert (stopped.state, stopped.audience, stopped.skipped) == ("stopped", 2, 2)
    assert (other.state, other.ready) == ("sending", 3)


def live_through(place: Place) -> None:
    """Let Dana do everything that leaves a trace: join, write, be held, ask, be decided about."""
    place.write(FROM, "friends-join@example.org")
    place.reply(place.mails(DANA)[0], "Yes, gladly.", FROM)
    assert place.state(DANA) == "active"
    place.post(FROM, f"All about {SECRET}.")
    place.write(FROM, "friends-request@example.org", "my settings")
    place.write(FROM, "friends-owner@example.org", f"A word about {SECRET}.")
    place.change(emergency=True)
    place.post(FROM, f"More about {SECRET}.")
    place.change(emergency=False)
    held = reply_to(place.mails(OWNER)[-1])
    place.write(OWNER, held, "no: not now", subject="Re: held")  # an owner's mail may name her
    report = "Content-Type: multipart/report; report-type=delivery-status\r\nX-Nothing: y\r\n"
    daemon = "mailer-daemon@elsewhere.example"
    place.write(daemon, "friends-bounces@example.org", f"<{DANA}> is unknown", more=report)
    bounce(place)
    assert place.mails(MODERATOR)
    assert not place.mails(EVE)


def bounce(place: Place) -> None:
    """Let a post to Dana be put off, refused, and come back in words that follow no standard."""
    with place.app.store.write() as session:
        row = session.scalar(select(Recipient).where(Recipient.address == DANA).limit(1))
        member = roster.membership_of(session, roster.get_list(session, LIST).id, DANA)
        assert row is not None
        assert member is not None
        token = place.app.keyring.standing(TokenPurpose.BOUNCE, LIST, member.id)
        for epoch, mark in ((7, DEFERRED), (8, REFUSED)):
            claimed = update(Recipient).where(Recipient.id == row.id)
            session.execute(claimed.values(state=RecipientState.CLAIMED, epoch=epoch))
            assert ledger.mark(session, [mark._replace(id=row.id, epoch=epoch)]) == 1
    told = f"Hi. This is the program at mail.example.\r\n<{DANA}>:\r\n550 5.1.1 user unknown\r\n"
    raw = f"From: MAILER-DAEMON@mail.example\r\nSubject: failure notice\r\n\r\n{told}"
    place.take(raw.encode(), "", f"friends-bounces+{token}@example.org")


def forget(place: Place, address: str = DANA) -> None:
    note = ConsentNote("", Source.CLI)
    person_erasure.forget(place.app, addresses.parse(address).key, note=note, now=1.8e9)


def draw(place: Place) -> None:
    settings = place.app.settings
    while build.render_dirty(place.app.store, settings.archive_path, settings.listserv.base_url):
        pass


def traces(place: Place, folder: Path) -> list[str]:
    """Return where the person still stands: in files, byte by byte, and in unpacked values."""
    found = [
        f"{path.relative_to(folder)}: {word.decode()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for word in TELLTALES
        if word in path.read_bytes().lower()
    ]
    with place.app.store.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(table.select()).mappings():
                for column, value in row.items():
                    data = value if isinstance(value, bytes) else str(value).encode()
                    packed = data.startswith(b"\x28\xb5\x2f\xfd")
                    text = (decompress(data) if packed else data).lower()
                    found += [f"{table.name}.{column}" for word in TELLTALES if word in text]
    return found


def test_never_stays_never_when_the_address_is_forgotten_until_they_take_it_back(
    place: Place,
) -> None:
    key, keyring = addresses.parse(DANA).key, place.app.keyring
    with place.app.store.write() as session:
        suppression.suppress(session, key, Reason.NEVER, 1e9)
    forget(place)
    for to in ("friends-join@example.org", "friends-help@example.org", LIST):
        place.write(FROM, to)
    assert place.mails(DANA) == []
    with place.app.store.write() as session:
        assert bars.all_bars(session) == []  # whom it stands against, nobody can read any more
        assert bars.against(session, keyring, key) == [Reason.NEVER]
        note = ConsentNote("asked me by phone", Source.CLI)
        bars.lift(session, keyring, addresses.parse(DANA), note=note, now=1e9)
    place.write(FROM, "friends-join@example.org")
    assert len(place.mails(DANA)) == 1
