"""An owner deletes a list by mail: it stops at once, members hear it once, and it can come back."""

import json
import time
from email import message_from_bytes
from email.message import Message as EmailMessage

import pytest
from sqlalchemy import func, select

from archive.site import build
from archive.threads.archive_tables import Message
from listserv.actions import deleting, lists, queue
from listserv.actions.call import OPERATOR, Call
from listserv.actions.deleting import DeleteList, RestoreList
from listserv.actions.lists import CreateList, SetList
from listserv.mailings import audience_freezing, farewells
from listserv.reception import sorter
from listserv.reception.smtp_door import recipient_verdict
from listserv.upkeep import deleted_lists
from listserv.wiring.listserv_tables import Hold, HoldState, Post
from mailer.errors import Refused
from mailer.ledger.mailings import Mailing, Recipient, composition
from mailer.storage.arrivals import Arrival
from mailer.storage.store import RawMessage
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import deletion, roster
from subscriptions.lists.roster import ArchivePolicy, Membership, Person, Role
from tests.listserv.owners.owner_mail import REQUEST, order, said, the_list
from tests.place import ANNA, EVE, LIST, MODERATOR, OWNER, Place, subject, text

DAY = 86400.0


def delete(place: Place, archive: str = "keep") -> None:
    deleting.delete(Call(place.app, OPERATOR, time.time()), DeleteList(LIST, archive))


def restore(place: Place, at: float = 0.0) -> None:
    deleting.restore(Call(place.app, OPERATOR, at or time.time()), RestoreList(LIST))


def is_deleted(place: Place) -> bool:
    return the_list(place).deleted_at is not None


def told(place: Place) -> list[str]:
    """Return who was told, in the order of the mailings; the audience is frozen first."""
    sorter.sort(place.app, lambda: False)
    with place.app.store.read() as session:
        assert not audience_freezing.freezing(session)
        return list(
            session.scalars(
                select(Recipient.address)
                .join(Mailing, Mailing.id == Recipient.mailing_id)
                .where(Mailing.kind == farewells.KIND)
                .order_by(Mailing.id, Recipient.address)
            )
        )


def farewell(place: Place, to: str) -> list[EmailMessage]:
    """Return what somebody was told, each in the words of their own copy."""
    told(place)
    with place.app.store.read() as session:
        rows = session.execute(
            select(Recipient.mailing_id, Recipient.variant)
            .join(Mailing, Mailing.id == Recipient.mailing_id)
            .where(Mailing.kind == farewells.KIND, Recipient.address == to)
            .order_by(Mailing.id)
        ).all()
        found = [composition(session, row.mailing_id, row.variant) for row in rows]
    return [
        message_from_bytes(one.join(dict.fromkeys(one.slots, b"token"))) for one in found if one
    ]


def later(place: Place, days: float) -> None:
    while deleted_lists.tend(place.app, time.time() + days * DAY):
        pass


WORDS = [
    ("en", "Please delete the list, we have merged with the choir."),
    ("en", "Could you delete the list friends@example.org for us"),
    ("sv", "Hej! Kan du radera listan? Föreningen finns inte längre. Mvh Olga"),
    ("it", "Buongiorno, potete eliminare la lista? Grazie"),
    ("ro", "Vă rog ștergeți lista, mulțumesc"),
    ("ru", "Здравствуйте! Удалите рассылку, пожалуйста"),
    ("nl", "Wil je de lijst verwijderen? Alvast bedankt"),
]


@pytest.mark.parametrize(("language", "words"), WORDS)
def test_an_owner_deletes_the_list_in_their_own_words_and_takes_it_back(
    place: Place, language: str, words: str
) -> None:
    place.add("ivar@example.net", Role.OWNER, language=language)
    order(place, words, "ivar@example.net", {"ru": "да", "en": "yes"}.get(language, "ok"))
    assert is_deleted(place)
    assert told(place) == sorted([ANNA, "ivar@example.net", MODERATOR, OWNER])
    assert "has deleted Friends (friends@example.org)" in said(place)  # the other owner
    place.reply(place.mails("ivar@example.net")[-1], "undo", "ivar@example.net")
    assert not is_deleted(place)
    assert "has brought Friends (friends@example.org) back" in said(place)


@pytest.mark.parametrize(
    "answer", ["", "no", "nej tack", "Let me think about it.", "What happens?"]
)
def test_only_a_clear_yes_deletes(place: Place, answer: str) -> None:
    order(place, "delete the list", answer=answer)
    assert not is_deleted(place)
    assert told(place) == []


@pytest.mark.parametrize(
    "words",
    [
        "Don't delete the list",
        "Should we delete the list?",
        "Vi ska inte radera listan",
        "Non eliminate la lista, per favore",
        "Не удаляйте рассылку",
        "Nu ștergeți lista",
        "Verwijder de lijst niet",
    ],
)
def test_what_is_denied_or_wondered_about_asks_nothing(place: Place, words: str) -> None:
    place.write(OWNER, REQUEST, words)
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    assert not is_deleted(place)


@pytest.mark.parametrize("sender", [MODERATOR, ANNA, EVE])
def test_nobody_but_an_owner_can(place: Place, sender: str) -> None:
    place.write(sender, REQUEST, "delete the list")
    for mail in place.mails(sender):
        place.reply(mail, "yes", sender)
    assert not is_deleted(place)


@pytest.mark.parametrize(
    ("words", "archive"),
    [
        ("Delete the list and its archive", ArchivePolicy.NONE),
        ("radera listan och arkivet", ArchivePolicy.NONE),
        ("Delete the list but keep the archive", ArchivePolicy.PUBLIC),
        ("Удалите рассылку вместе с архивом", ArchivePolicy.NONE),
        ("verwijder de lijst, het archief blijft", ArchivePolicy.PUBLIC),
        ("eliminate la lista ma non l'archivio", ArchivePolicy.PUBLIC),
        ("ștergeți lista cu tot cu arhivă", ArchivePolicy.NONE),
    ],
)
def test_the_archive_goes_or_stays_as_it_was_said(
    place: Place, words: str, archive: ArchivePolicy
) -> None:
    order(place, words)
    assert is_deleted(place)
    assert the_list(place).archive is archive
    order(place, "restore the list")
    assert the_list(place).archive is ArchivePolicy.PUBLIC


def test_the_question_says_how_many_are_told_and_until_when_it_can_be_undone(
    place: Place,
) -> None:
    place.write(OWNER, REQUEST, "delete the list")
    asked = said(place)
    assert "3 members are told" in asked
    assert "bring all of it back; then what is kept of members is erased" in asked
    assert 'answer this mail with "yes"' in asked


def test_at_once_nobody_posts_or_joins_and_the_door_says_why(place: Place) -> None:
    delete(place)
    for local in ("friends", "friends-join"):
        verdict = recipient_verdict(place.app, f"{local}@example.org")
        assert verdict is not None
        assert (verdict.code, verdict.enhanced) == (550, "5.7.1")
        assert "deleted" in verdict.text
    for local in ("friends-leave", "friends-request", "friends-owner", "friends-bounces+abc"):
        assert recipient_verdict(place.app, f"{local}@example.org") is None


@pytest.mark.parametrize("to", [LIST, "friends-join@example.org"])
def test_who_writes_through_a_front_is_told_clearly(place: Place, to: str) -> None:
    delete(place)
    place.write(EVE, to, "Hello all.")
    assert "Nobody can join, and what is written to it goes to nobody" in said(place, EVE)
    place.write(ANNA, to, "Hello all.")
    assert "/friends@example.org/" in said(place, ANNA)  # where the archive is
    assert "restore the list" not in said(place, ANNA)
    assert place.decisions() == []
    assert place.state(EVE) == ""


def test_several_posts_at_once_are_each_answered_and_none_is_sent(place: Place) -> None:
    delete(place)
    place.post(EVE)
    place.post(ANNA)
    assert "goes to nobody" in said(place, EVE)
    assert "goes to nobody" in said(place, ANNA)
    assert place.mails(ANNA, kind="post") == []


def test_a_confirmation_of_before_joins_nobody(place: Place) -> None:
    place.write(EVE, "friends-join@example.org", "hi")
    confirmation = place.mails(EVE)[-1]
    delete(place)
    place.reply(confirmation, "yes", EVE)
    assert place.state(EVE) == ""
    assert "Nobody can join" in said(place, EVE)


def test_an_automatic_mail_to_a_deleted_list_is_not_answered(place: Place) -> None:
    delete(place)
    place.write(EVE, LIST, "I am away.", more="Auto-Submitted: auto-replied\r\n")
    assert place.mails(EVE) == []


def test_members_hear_once_in_their_language_with_a_way_out(place: Place) -> None:
    delete(place)
    assert told(place) == sorted([ANNA, MODERATOR, OWNER])
    with place.app.store.read() as session:
        variants = session.scalars(
            select(Recipient.variant)
            .join(Mailing, Mailing.id == Recipient.mailing_id)
            .where(Mailing.kind == farewells.KIND)
        ).all()
    assert len(set(variants)) == 2  # English and Swedish
    (mail,) = farewell(place, ANNA)
    assert "friends-leave+token@example.org" in str(mail["List-Unsubscribe"])
    assert "/leave/token" in text(mail)
    assert subject(farewell(place, MODERATOR)[0]) == "Friends har upphört"


def test_a_way_out_still_works(place: Place) -> None:
    with place.app.store.read() as session:
        member = roster.membership_of(session, roster.get_list(session, LIST).id, ANNA)
        assert member is not None
        token = place.app.keyring.standing(TokenPurpose.LEAVE, LIST, member.id)
    delete(place)
    place.write(ANNA, f"friends-leave+{token}@example.org")
    assert place.state(ANNA) == "left"


def test_a_post_that_waits_is_neither_asked_about_nor_released(place: Place) -> None:
    place.change(emergency=True)
    place.post(ANNA)
    asked = place.mails(MODERATOR)[-1]
    delete(place)
    place.reply(asked, "yes", MODERATOR)
    sorter.sort(place.app, lambda: False)
    assert place.mails(ANNA, kind="post") == []
    assert "accept" not in place.decisions()


@pytest.mark.parametrize(
    "words",
    [
        "add bo@example.org: said yes",
        "invite bo@example.org",
        "title: Other",
        "change the address of the list to garden",
    ],
)
def test_other_orders_wait_until_it_is_back(place: Place, words: str) -> None:
    delete(place)
    place.write(OWNER, REQUEST, words)
    assert "The list is deleted" in said(place)


@pytest.mark.parametrize(
    "words",
    [
        "Please bring the list back!",
        "open the list again",
        "Ta tillbaka listan, tack",
        "ripristinate la lista per favore",
        "Restaurați lista, vă rog",
        "Верните рассылку, пожалуйста",
        "Kun je de lijst terugzetten?",
    ],
)
def test_an_owner_brings_it_back_in_their_own_words(place: Place, words: str) -> None:
    place.change(closed=True)
    delete(place, "hide")
    order(place, words)
    lst = the_list(place)
    assert (lst.deleted_at, lst.closed, lst.archive) == (None, True, ArchivePolicy.PUBLIC)


def test_an_owner_who_posts_to_it_hears_how_to_bring_it_back(place: Place) -> None:
    delete(place)
    place.write(OWNER, LIST, "Hello?")
    assert 'write "restore the list" to friends-request@example.org' in said(place)


def test_restored_it_is_as_before_and_members_hear_it(place: Place) -> None:
    delete(place)
    told(place)
    restore(place)
    assert told(place) == 2 * sorted([ANNA, MODERATOR, OWNER])
    place.post(ANNA)
    assert place.decisions() == ["accept"]
    mails = farewell(place, ANNA)
    assert [subject(mail) for mail in mails] == ["Friends has ended", "Friends goes on"]


def test_a_held_post_waits_for_the_list_to_come_back(place: Place) -> None:
    place.change(emergency=True)
    place.post(ANNA, "held")
    with place.app.store.read() as session:
        (waits,) = session.scalars(select(Hold.arrival_id))
    delete(place)
    call = Call(place.app, OPERATOR, time.time())
    with pytest.raises(Refused, match="is deleted"):
        queue.release(call, queue.DecideHold(waits))
    restore(place)
    queue.release(call, queue.DecideHold(waits))
    sorter.sort(place.app, lambda: False)
    assert place.decisions() == ["accept"]


def test_after_thirty_days_it_cannot_be_brought_back_and_its_people_are_gone(
    place: Place,
) -> None:
    with place.app.store.write() as session:
        roster.create_list(session, "others@example.org", now=1.0)
    place.add(ANNA, lst="others@example.org")
    place.post(ANNA)
    place.change(emergency=True)
    place.post(ANNA, "held")
    delete(place)
    later(place, 29)
    assert place.state(OWNER) == "active"
    with pytest.raises(Refused, match="30 days"):
        restore(place, time.time() + 31 * DAY)
    later(place, 31)
    with place.app.store.read() as session:
        number = roster.get_list(session, LIST).id
        left = session.scalar(
            select(func.count()).select_from(Membership).where(Membership.list_id == number)
        )
        people = session.scalar(select(func.count()).select_from(Person))
        authors = set(session.scalars(select(Post.author)))
        senders = set(session.scalars(select(Arrival.sender)))
        kept = session.scalar(select(func.count()).select_from(Message))
        states = set(session.scalars(select(Hold.state)))
    assert (left, people) == (0, 1)  # Anna is on another list
    assert authors == {""}
    assert senders == {""}
    assert kept == 1  # the archive was to stay
    assert states == {HoldState.DROPPED.value}
    assert place.state(ANNA, "others@example.org") == "active"
    verdict = recipient_verdict(place.app, "friends-request@example.org")
    assert verdict is not None
    assert recipient_verdict(place.app, "friends-leave@example.org") is None
    with pytest.raises(Refused, match="30 days"):
        restore(place)


def test_an_archive_that_goes_too_leaves_no_mail_behind(place: Place) -> None:
    place.post(ANNA)
    root = place.app.settings.archive_path
    build.render_dirty(place.app.store, root, "http://localhost:8080")
    assert (root / "public" / LIST / "index.html").exists()
    delete(place, "hide")
    assert not (root / "public" / LIST).exists()
    later(place, 31)
    with place.app.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0
        assert session.scalar(select(func.count()).select_from(RawMessage)) == 0


def test_its_address_is_never_given_to_another_list(place: Place) -> None:
    delete(place)
    for days in (0, 31):
        later(place, days)
        with pytest.raises(Refused, match="was deleted"):
            lists.create(Call(place.app, OPERATOR, time.time()), CreateList(LIST))


def test_settings_cannot_open_it_half(place: Place) -> None:
    delete(place)
    with pytest.raises(Refused, match="deleted"):
        lists.set_(Call(place.app, OPERATOR, time.time()), SetList(LIST, {"closed": False}))


def test_the_history_says_who_deleted_it(place: Place) -> None:
    order(place, "delete the list")
    found = lists.history(Call(place.app, OPERATOR, time.time()), LIST)
    assert (found[0].action, found[0].by, found[0].proven) == ("list delete", OWNER, "token")
    assert found[0].detail == "archive: keep, members: 3"


def test_it_is_not_among_the_public_lists_and_list_show_says_when(place: Place) -> None:
    delete(place)
    shown = lists.show(Call(place.app, OPERATOR, time.time()), LIST)
    assert str(shown.settings["deleted"]).startswith("20")
    with place.app.store.read() as session:
        stood = json.loads(roster.get_list(session, LIST).before_deletion)
        assert stood["hide"] is False
        assert deletion.can_return(roster.get_list(session, LIST), time.time())


def test_a_mail_of_the_farewell_reads_well(place: Place) -> None:
    delete(place, "hide")
    (mail,) = farewell(place, ANNA)
    words = text(mail)
    assert "Its archive can no longer be read." in words
    assert "friends-owner@example.org" in words
