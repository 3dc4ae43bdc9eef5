"""A list that gets another address goes on: who writes to the old one, and every old link."""

import re
import time

import pytest

from archive.site import build, whole_archive
from archive.threads.archive_tables import Message
from listserv.actions import people, renaming
from listserv.actions.call import OPERATOR, Call
from listserv.actions.renaming import RenameList
from listserv.web import door
from mailer.errors import BadInput, Refused
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.lists.roster import MailList, Role
from tests.listserv.owners.owner_mail import REQUEST, said
from tests.listserv.web.conftest import Web
from tests.place import ANNA, EVE, LIST, OWNER, Place, text

NEW = "garden@example.org"


def rename(place: Place, to: str = NEW, *, of: str = LIST) -> None:
    renaming.rename(Call(place.app, OPERATOR, time.time()), RenameList(of, to))


def the_list(place: Place) -> MailList:
    with place.app.store.read() as session:
        return roster.get_list(session, NEW)


def test_posts_joins_and_answers_to_the_old_address_still_come(place: Place) -> None:
    place.write(EVE, "friends-join@example.org", "hi")
    confirmation = place.mails(EVE)[-1]
    rename(place)
    place.reply(confirmation, "yes", EVE)
    assert place.state(EVE, NEW) == "active"
    place.post(ANNA)
    assert place.decisions() == ["accept"]
    copy = place.mails(EVE, kind="post")[-1]
    assert copy["List-Post"] == f"<mailto:{NEW}>"
    assert "<friends.example.org>" in copy["List-Id"]  # nobody's filter breaks


def test_a_way_out_of_before_works_for_ever(place: Place) -> None:
    with place.app.store.read() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        token = place.app.keyring.standing(TokenPurpose.LEAVE, LIST, member.id)
    rename(place)
    rename(place, "plot@example.org", of=NEW)
    place.write(ANNA, f"friends-leave+{token}@example.org", "")
    assert place.state(ANNA, LIST) == "left"


def test_what_the_list_has_sent_under_either_name_is_a_loop(place: Place) -> None:
    rename(place)
    for dotted in ("friends.example.org", "garden.example.org"):
        place.post(ANNA, f"Again {dotted}.", more=f"List-Id: <{dotted}>\r\n")
    assert place.decisions() == ["discard", "discard"]


def test_no_other_list_gets_an_address_that_was_one_and_it_may_come_back(place: Place) -> None:
    rename(place)
    with place.app.store.write() as session:
        with pytest.raises(Refused, match="was the address of garden"):
            roster.create_list(session, LIST, now=1.0)
        roster.create_list(session, "others@example.org", now=1.0)
    with pytest.raises(Refused, match="was the address of"):
        rename(place, LIST, of="others@example.org")
    rename(place, "friends", of=NEW)
    with place.app.store.read() as session:
        lst = roster.get_list(session, NEW)
    assert (lst.address, lst.identity, lst.addresses) == (LIST, LIST, (LIST, NEW))


@pytest.mark.parametrize("name", ["friends", "postmaster", "garden-join", "g" * 29, "gård", "%"])
def test_a_name_that_no_list_can_have_is_refused(place: Place, name: str) -> None:
    with pytest.raises((Refused, BadInput)):
        rename(place, name)
    with place.app.store.read() as session:
        assert roster.get_list(session, LIST).formerly == ""


def test_a_stranger_cannot_reach_a_list_with_a_pattern(place: Place) -> None:
    rename(place)
    with place.app.store.read() as session:
        assert roster.find_list(session, "%@example.org") is None
        assert roster.find_list(session, "frie_ds@example.org") is None


def test_its_addresses_of_before_cannot_become_members(place: Place) -> None:
    rename(place)
    lst = the_list(place)
    assert lst.owns("friends-bounces@example.org")
    assert lst.owns("garden-join@example.org")
    with pytest.raises(Refused):
        people.ban(Call(place.app, OPERATOR, 1.0), people.BanAddress(NEW, LIST))


def test_every_owner_is_told_and_no_member(place: Place) -> None:
    rename(place)
    assert "(before: friends@example.org)" in " ".join(text(place.mails(OWNER)[-1]).split())
    assert place.mails(ANNA) == []


def test_old_pages_lead_to_the_new_ones(place: Place) -> None:
    place.post(ANNA)
    store, root = place.app.store, place.app.settings.archive_path
    build.render_dirty(store, root, "http://localhost:8080")
    with store.read() as session:
        hash_ = session.query(Message).one().hash
    rename(place)
    web = Web(place.app, door.build(place.app, dict))
    found = web.get(f"/{LIST}/m/{hash_}/")
    assert (found.status, found.headers["location"]) == (301, f"/{NEW}/m/{hash_}/")
    assert web.get(f"/{NEW}/m/{hash_}/").status == 200
    assert web.get(f"/{LIST}").headers["location"] == f"/{NEW}/"
    assert not (root / "public" / LIST).exists()


def test_readers_of_feeds_see_nothing_twice_and_the_pages_keep_their_colour(place: Place) -> None:
    place.post(ANNA)
    store, root = place.app.store, place.app.settings.archive_path / "public"
    build.render_dirty(store, place.app.settings.archive_path, "http://localhost:8080")
    feed, page = ((root / LIST / name).read_text() for name in ("feed.atom", "index.html"))
    rename(place)
    fresh, after = ((root / NEW / name).read_text() for name in ("feed.atom", "index.html"))
    assert re.findall("<id>.*</id>", fresh) == re.findall("<id>.*</id>", feed)
    assert re.findall(r"hue\d+", after) == re.findall(r"hue\d+", page) != []


def test_an_export_leads_from_the_old_address_and_keeps_nothing_there(place: Place) -> None:
    place.post(ANNA)
    store, folder = place.app.store, place.app.data / "export"
    build.render_dirty(store, place.app.settings.archive_path, "http://localhost:8080")
    with store.read() as session:
        whole_archive.export(store, folder, "", roster.get_list(session, LIST))
    rename(place)
    whole_archive.export(store, folder, "", the_list(place))
    assert f"/{LIST}/* /{NEW}/:splat 301\n" in (folder / "_redirects").read_text()
    assert not list((folder / LIST).rglob("*.html"))
    assert list((folder / NEW).rglob("*.html"))


ADDRESS_ORDERS = [
    ("en", "Please change the address of the list to garden"),
    ("en", "Rename friends@example.org to garden@example.org, thanks"),
    ("en", "New list address: garden@example.org"),
    ("sv", "Hej! Kan du byta adress på listan till garden?"),
    ("sv", "Listans adress: garden"),
    ("it", "Cambiate l'indirizzo della lista in garden@example.org per favore"),
    ("ro", "Vă rog schimbați adresa listei în garden"),
    ("ru", "Пожалуйста, смените адрес рассылки на garden@example.org"),
    ("nl", "Wil je het adres van de lijst wijzigen naar garden"),
]


@pytest.mark.parametrize(("language", "words"), ADDRESS_ORDERS)
def test_an_owner_gives_the_list_another_address_by_mail_and_takes_it_back(
    place: Place, language: str, words: str
) -> None:
    place.add("ivar@example.net", Role.OWNER, language=language)
    place.write("ivar@example.net", REQUEST, words)
    asked = place.mails("ivar@example.net")[-1]
    assert NEW in text(asked)
    place.reply(asked, "ok", "ivar@example.net")
    with place.app.store.read() as session:
        assert roster.get_list(session, LIST).address == NEW
    assert "(before: friends@example.org)" in said(place)  # the other owner
    place.reply(place.mails("ivar@example.net")[-1], "undo", "ivar@example.net")
    with place.app.store.read() as session:
        assert roster.get_list(session, LIST).address == LIST


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("list address: garden@elsewhere.example", "Only whoever runs the service"),
        ("list address: postmaster", "A list cannot have this address."),
        ("list address: others", "This address is another list's, or once was."),
        ("list address: friends", "It is so already."),
    ],
)
def test_an_address_that_the_list_cannot_have_is_answered_with_the_reason(
    place: Place, words: str, answer: str
) -> None:
    with place.app.store.write() as session:
        roster.create_list(session, "others@example.org", now=1.0)
    place.write(OWNER, REQUEST, words)
    assert answer in said(place)


@pytest.mark.parametrize(
    "words",
    [
        "Don't change the address of the list to garden@example.org",
        "Should we change the list's address to garden@example.org?",
        "Vi ska inte byta adress på listan till garden@example.org",
    ],
)
def test_a_denied_or_doubtful_address_changes_nothing(place: Place, words: str) -> None:
    place.write(OWNER, REQUEST, words)
    place.reply(place.mails(OWNER)[-1], "yes", OWNER)
    with place.app.store.read() as session:
        assert roster.get_list(session, LIST).formerly == ""
