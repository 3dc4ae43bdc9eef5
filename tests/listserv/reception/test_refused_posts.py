"""A post that many servers refuse is about the post: people hear why, and it can go again."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from listserv.membership import relay_refusals
from listserv.reception import refused_posts
from mailer.ledger import claim_owners, ledger
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import Mailing, Recipient, RecipientState
from mailer.reading.bounce_reasons import BounceKind
from subscriptions.lists import roster
from subscriptions.membership import bouncing
from subscriptions.membership.bouncing import BounceReport
from subscriptions.membership.changes import ChangeContext
from subscriptions.permission.consent import ConsentNote, Source
from tests.place import ANNA, LIST, OWNER, Place, make_place, subject, text

NOW = time.time()  # answers are read by the clock on the wall
READERS = ["bo@mail.example", "cia@mail.example", "dan@mail.example", "eva@post.example"]
DMARC = "5.7.26 mail from <bo@mail.example> is unauthenticated due to example.net's DMARC policy"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with readers at two providers; Anna writes."""
    made = make_place(tmp_path, database_url)
    for reader in READERS:
        made.add(reader)
    yield made
    made.end()


def refuse(place: Place, people: list[str], reason: str = DMARC, code: int = 550) -> None:
    """Send Anna's post; the relay refuses ``people`` and takes the others."""
    place.post(f"Anna <{ANNA}>")
    settle(place, people, reason, code)


def settle(place: Place, people: list[str], reason: str = DMARC, code: int = 550) -> list[str]:
    with place.app.store.write() as session:
        epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=0.0)
        rows = ledger.claim(session, epoch=epoch, quota=100, now=4e9, wanted=ledger.everyone)
        taken = Mark(0, epoch, RecipientState.ACCEPTED, 250)
        refused = (RecipientState.REFUSED, code, reason)
        marks = [
            Mark(row.id, epoch, *refused) if row.address in people else taken._replace(id=row.id)
            for row in rows
        ]
        ledger.mark(session, marks, now=NOW)
        claim_owners.retire(session, epoch)
    relay_refusals.weigh(place.app, lambda: False)
    return sorted(row.address for row in rows)


def told(place: Place, who: str) -> list[str]:
    return [subject(mail) for mail in place.mails(who)]


def test_owner_and_writer_hear_once_what_which_provider_said_and_no_address(place: Place) -> None:
    refuse(place, READERS)
    for _ in range(2):
        refused_posts.look(place.app, NOW + 120)
    assert told(place, OWNER) == ['Many mail servers refused "News"']
    assert told(place, ANNA) == ['Many mail servers refused "News"']
    for who in (OWNER, ANNA):
        said = text(place.mails(who)[0])
        assert "mail.example (3):" in said
        assert "post.example (1):" in said
        assert "DMARC policy" in said
        assert "bo@mail.example" not in said
    assert 'answer this mail with the single word "yes"' in " ".join(
        text(place.mails(OWNER)[0]).split()
    )


def test_a_post_that_two_servers_refuse_troubles_nobody(place: Place) -> None:
    refuse(place, READERS[:2])
    refused_posts.look(place.app, NOW + 120)
    assert told(place, OWNER) == []


def test_a_yes_sends_it_from_the_list_to_those_alone_who_did_not_get_it(place: Place) -> None:
    refuse(place, READERS[:3])
    refused_posts.look(place.app, NOW + 120)
    (asked,) = place.mails(OWNER)
    place.reply(asked, "yes", OWNER)
    assert told(place, OWNER)[-1] == "Friends: the post goes out once more"
    with place.app.store.read() as session:
        first, again = session.scalars(select(Mailing).where(Mailing.kind == "post")).all()
        rows = session.scalars(select(Recipient).where(Recipient.mailing_id == again.id)).all()
        assert {row.address for row in rows} == set(READERS[:3])
        assert again.message_id == first.message_id
    copy = place.mails("bo@mail.example", kind="post")[-1]
    assert copy["From"].startswith('"Anna via Friends" <friends-from+')
    assert copy["X-Original-From"] == f"Anna <{ANNA}>"
    assert "Hello all." in text(copy)
    place.reply(asked, "yes", OWNER)
    with place.app.store.read() as session:
        assert len(session.scalars(select(Mailing).where(Mailing.kind == "post")).all()) == 2


def test_anything_but_a_clear_yes_sends_nothing(place: Place) -> None:
    refuse(place, READERS)
    refused_posts.look(place.app, NOW + 120)
    (asked,) = place.mails(OWNER)
    place.reply(asked, "", OWNER)
    place.reply(asked, "I wonder what that means", OWNER)
    with place.app.store.read() as session:
        assert len(session.scalars(select(Mailing).where(Mailing.kind == "post")).all()) == 1


def test_what_came_back_of_such_a_post_counts_against_nobody(place: Place) -> None:
    refuse(place, READERS[:3])
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        post = session.scalars(select(Mailing).where(Mailing.kind == "post")).one()
        member = roster.membership_of(session, lst.id, READERS[3])
        assert member is not None
        desk = ChangeContext(session, lst, place.app.keyring, ConsentNote("", Source.BOUNCE), NOW)
        report = BounceReport(BounceKind.DEAD, "5.1.1", "no such user", about=post.message_id)
        bouncing.take(desk, member, report)
        scores = bouncing.scores(session, [member.address_id], NOW + 1)
        assert scores[member.address_id].points == 0


def test_what_comes_back_later_is_counted_with_what_the_relay_refused(place: Place) -> None:
    refuse(place, READERS[:2])
    with place.app.store.write() as session:
        lst = roster.get_list(session, LIST)
        post = session.scalars(select(Mailing).where(Mailing.kind == "post")).one()
        member = roster.membership_of(session, lst.id, READERS[3])
        assert member is not None
        desk = ChangeContext(session, lst, place.app.keyring, ConsentNote("", Source.BOUNCE), NOW)
        report = BounceReport(BounceKind.CONTENT, "5.7.1", "554 spam", about=post.message_id)
        bouncing.take(desk, member, report)
    refused_posts.look(place.app, NOW + 120)
    assert "post.example (1):" in text(place.mails(OWNER)[0])
