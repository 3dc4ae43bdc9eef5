"""What members wish by mail: done once it is proven, told in a receipt, undone by a reply."""

import contextlib
import json
from collections.abc import Iterator

import pytest

import listserv.wiring.every_table  # noqa: F401 - registers every room's tables
from mailer.rehearsal.sink import Caught
from mailer.storage.store import Base, Store, decompress
from tests.journeys.letters import (
    link,
    mails_to,
    member,
    reply_to,
    send,
    settled,
    state,
    subject_of,
    text_of,
    wait_mail,
)
from tests.tree import Krets, wait_for

LIST = "friends@example.org"
ANNA = "anna@example.net"
BORIS = "boris@example.com"
OWNER = "olga@example.org"
REQUEST = "friends-request@example.org"


@pytest.fixture
def friends(krets: Krets) -> Krets:
    """Serve a list of three: a member, another with a language, an owner."""
    krets.krets("list", "create", LIST, "--title", "Friends")
    krets.krets("member", "add", LIST, ANNA, "--consent", "paper")
    krets.krets("member", "add", LIST, BORIS, "--consent", "paper", "--language", "ru")
    krets.krets("member", "add", LIST, OWNER, "--consent", "founder", "--role", "owner")
    krets.start()
    return krets


def test_leaving_needs_one_confirmation_and_comes_back_by_one_reply(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, "friends-leave@example.org")
    asked = wait_mail(outbox, ANNA)
    assert subject_of(asked) == "Do you want to leave Friends?"
    assert state(friends, LIST, ANNA) == "active"
    send(friends, ANNA, reply_to(asked), "")
    left = wait_mail(outbox, ANNA, 2)
    assert state(friends, LIST, ANNA) == "left"
    send(friends, ANNA, reply_to(left), "Undo\r\n\r\nAnna")
    assert subject_of(wait_mail(outbox, ANNA, 3)) == "Everything is as it was before"
    assert state(friends, LIST, ANNA) == "active"


def test_unsubscribe_me_posted_to_all_reaches_nobody_and_shows_its_writer_the_way_out(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, LIST, "Please remove me from this list!!!\r\n\r\nAnna")
    asked = wait_mail(outbox, ANNA)
    assert subject_of(asked) == "Do you want to leave Friends?"
    (held,) = friends.json("queue", "ls")["held"]
    assert "leave-wish" in held["why"]
    assert state(friends, LIST, ANNA) == "active"
    send(friends, ANNA, reply_to(asked), "Yes please")
    wait_mail(outbox, ANNA, 2)
    settled(friends)
    assert state(friends, LIST, ANNA) == "left"
    assert {one.recipient for one in outbox} == {ANNA}


def test_a_leave_address_acts_at_once_whoever_writes(friends: Krets, outbox: list[Caught]) -> None:
    send(friends, ANNA, "friends-leave@example.org")
    token = link(wait_mail(outbox, ANNA), "leave").rpartition("/")[2]
    send(friends, "anything@elsewhere.example", f"friends-leave+{token}@example.org", envelope="")
    assert subject_of(wait_mail(outbox, ANNA, 2)) == "You have left Friends"
    assert state(friends, LIST, ANNA) == "left"
    bent = token[:-1] + ("a" if token[-1] != "a" else "b")
    send(friends, ANNA, f"friends-leave+{bent}@example.org")
    settled(friends)
    assert len(mails_to(outbox, ANNA)) == 2


def test_a_pause_is_told_with_its_end_and_undone_in_russian(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, BORIS, REQUEST, "пауза до 1 мая 2099")
    receipt = wait_mail(outbox, BORIS)
    assert subject_of(receipt) == "Ваша пауза в рассылке «Friends»"
    assert "1 мая 2099" in text_of(receipt)
    assert state(friends, LIST, BORIS) == "paused"
    shown = friends.json("member", "show", LIST, BORIS)
    assert shown["paused_until"] == "2099-05-01T00:00:00+00:00"
    send(friends, BORIS, reply_to(receipt), "отменить")
    wait_mail(outbox, BORIS, 2)
    assert state(friends, LIST, BORIS) == "active"


@pytest.mark.journey
def test_another_language_is_spoken_from_the_receipt_on(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, REQUEST, "language svenska")
    assert subject_of(wait_mail(outbox, ANNA)) == "Nu skriver vi till dig på svenska"
    assert member(friends, LIST, ANNA)["language"] == "sv"


def test_settings_data_and_help_come_to_the_members_own_address(
    friends: Krets, outbox: list[Caught]
) -> None:
    for number, wish in enumerate(("my settings", "my data", "help"), 1):
        send(friends, ANNA, REQUEST, "", subject=wish)
        wait_mail(outbox, ANNA, number)
    mine, data, helped = mails_to(outbox, ANNA)
    assert f"Address: {ANNA}" in text_of(mine)
    assert link(mine, "me").startswith(friends.url)
    file = next(part for part in data.walk() if part.get_content_type() == "application/json")
    payload = file.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert json.loads(payload)["memberships"][0]["list"] == LIST
    assert "pause until 1 May" in text_of(helped)


def test_a_wish_in_an_owners_name_waits_for_the_owners_reply(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, OWNER, REQUEST, "pause")
    asked = wait_mail(outbox, OWNER)
    assert subject_of(asked) == "Was that you, on Friends?"
    assert state(friends, LIST, OWNER) == "active"
    send(friends, OWNER, reply_to(asked), "yes")
    wait_mail(outbox, OWNER, 2)
    assert state(friends, LIST, OWNER) == "paused"
    send(friends, OWNER, REQUEST, f"gör {BORIS} till moderator")
    send(friends, OWNER, reply_to(wait_mail(outbox, OWNER, 3)), "ja")
    assert subject_of(wait_mail(outbox, BORIS)) == "Friends: ваша роль теперь модератор"
    assert member(friends, LIST, BORIS)["role"] == "moderator"
    send(friends, OWNER, reply_to(wait_mail(outbox, OWNER, 4)), "ångra")
    wait_mail(outbox, BORIS, 2)
    assert member(friends, LIST, BORIS)["role"] == "member"


@pytest.mark.journey
def test_one_more_address_is_proven_from_there(friends: Krets, outbox: list[Caught]) -> None:
    work = "a.berg@work.example"
    send(friends, ANNA, REQUEST, f"address {work}")
    asked = wait_mail(outbox, work)
    send(friends, work, reply_to(asked), "yes")
    wait_mail(outbox, ANNA)
    emails = [one["email"] for one in friends.json("member", "export", ANNA)["addresses"]]
    assert emails == [ANNA, work]


def test_a_letter_to_the_owners_reaches_them_as_it_was_written(
    friends: Krets, outbox: list[Caught]
) -> None:
    for to in ("friends-owner@example.org", "postmaster@example.org", "abuse@example.org"):
        send(friends, "eve@example.com", to, "A question.", subject=to)
    wait_for("three letters", lambda: len(mails_to(outbox, OWNER)) == 3)
    for mail in mails_to(outbox, OWNER):
        assert mail["From"] == "eve@example.com"
        assert text_of(mail) == "A question.\r\n"


@pytest.mark.journey
def test_bounces_and_automatic_mail_are_never_answered(
    friends: Krets, outbox: list[Caught]
) -> None:
    send(friends, ANNA, "friends-bounces@example.org", envelope="")
    send(friends, ANNA, "friends-join@example.org", headers="Auto-Submitted: auto-replied\r\n")
    send(friends, ANNA, REQUEST, "help", headers="Precedence: bulk\r\n")
    send(friends, ANNA, "friends-help@example.org", envelope="")
    settled(friends)
    assert outbox == []


def test_an_invited_person_is_a_member_by_one_reply(friends: Krets, outbox: list[Caught]) -> None:
    friends.krets("list", "set", LIST, "--join", "invite")
    friends.krets("member", "invite", LIST, "Chiara <chiara@example.it>", "--language", "it")
    asked = wait_mail(outbox, "chiara@example.it")
    assert subject_of(asked) == "Invito a «Friends»"
    assert state(friends, LIST, "chiara@example.it") == "pending"
    send(friends, "chiara@example.it", reply_to(asked), "")
    wait_mail(outbox, "chiara@example.it", 2)
    assert state(friends, LIST, "chiara@example.it") == "active"


def test_who_is_forgotten_leaves_no_address_behind(friends: Krets, outbox: list[Caught]) -> None:
    dana = "dana@example.net"
    send(friends, dana, "friends-join@example.org")
    send(friends, dana, reply_to(wait_mail(outbox, dana)), "")
    wait_mail(outbox, dana, 2)
    settled(friends)
    friends.krets("member", "forget", dana, "--yes")
    assert [place for place, value in cells(friends) if b"dana" in value] == []
    folder = friends.folder / "data"  # the doorbell's and the flight recorder's files too
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if b"dana@example.net" in path.read_bytes()] == []


def cells(krets: Krets) -> Iterator[tuple[str, bytes]]:
    """Yield every value of the database, packed ones unpacked, with its table and column."""
    store = Store(krets.database, krets.folder / "data")
    with contextlib.closing(store), store.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(table.select()).mappings():
                for column, value in row.items():
                    data = value if isinstance(value, bytes) else str(value).encode()
                    packed = data.startswith(b"\x28\xb5\x2f\xfd")
                    yield f"{table.name}.{column}", decompress(data) if packed else data
