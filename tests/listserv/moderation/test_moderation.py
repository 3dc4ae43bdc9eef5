"""Moderation: who is asked, what each answer does, who hears of it, and what time does."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

import templates
from listserv.moderation import moderator_mail, rulings
from listserv.moderation.moderator_mail import DAY, HOUR, HoldStep, next_step
from listserv.moderation.rulings import Ruling, RulingWord
from listserv.run import scheduler
from listserv.wiring.listserv_tables import Ban, Hold
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from subscriptions.permission import asks
from tests.place import ANNA, EVE, LIST, MODERATOR, OWNER, Place, make_place, subject, text

SAID = tomllib.loads((Path(__file__).parent / "ruling_phrases.toml").read_text(encoding="utf-8"))


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def test_a_held_post_comes_before_owner_and_moderator_each_in_their_language(place: Place) -> None:
    place.post(EVE, "Buy this now.\r\n-- \r\nAnswer ok")
    (owner,), (moderator,) = place.mails(OWNER), place.mails(MODERATOR)
    assert subject(owner) == f"Friends: a post by {EVE} waits for you"
    assert "Only members may post, and the writer is not one." in text(owner)
    assert "> Buy this now." in text(owner)
    assert "Bara medlemmar får skriva" in text(moderator)
    assert re.fullmatch(r"<friends-reply\+[a-z2-7]{26}@example\.org>", owner["Reply-To"])
    assert owner["Reply-To"] != moderator["Reply-To"]
    assert not place.mails(EVE)
    assert not place.mails(ANNA)


def test_what_the_writer_did_before_is_told_and_a_member_hears_that_the_post_waits(
    place: Place,
) -> None:
    place.post(ANNA)
    place.change(emergency=True)
    place.post(ANNA, "Second.")
    told = " ".join(text(place.mails(OWNER)[0]).split())
    assert "a member since September 9, 2001; 1 post went out before." in told
    assert "An owner has stopped all posts for now." in told
    (waits,) = place.mails(ANNA)
    assert subject(waits) == "Friends: your post waits for a moderator"


def test_ok_lets_it_go_the_other_is_told_who_and_a_second_answer_changes_nothing(
    place: Place,
) -> None:
    place.post(EVE)
    place.reply(place.mails(MODERATOR)[0], "OK, tack!\r\n\r\nOn Monday Krets wrote:\r\n> no")
    assert len(place.mails(ANNA, kind="post")) == 1
    assert "Inlägget går ut." in text(place.mails(MODERATOR)[1])
    told = place.mails(OWNER)[1]
    assert f"{MODERATOR} was the first to answer." in text(told)
    assert told["In-Reply-To"] == place.mails(OWNER)[0]["Message-ID"]
    place.reply(place.mails(OWNER)[0], "discard", sender=OWNER)
    late = text(place.mails(OWNER)[2])
    assert f"{MODERATOR} has decided this already" in late
    assert "The post went out." in late
    place.reply(place.mails(MODERATOR)[0], "nej")
    assert "Du har redan avgjort detta" in text(place.mails(MODERATOR)[2])
    assert place.decisions() == ["accept"]


def test_first_posts_are_held_until_ok_always(place: Place) -> None:
    place.change(first_posts_moderated=True)
    place.post(ANNA, "One.")
    assert not place.decisions()
    place.reply(place.mails(OWNER)[0], "ok always", sender=OWNER)
    place.change(first_posts_moderated=False)
    place.post(ANNA, "Two.")
    assert place.decisions() == ["accept", "accept"]
    with place.app.store.read() as session:
        lst = roster.get_list(session, LIST)
        member = roster.membership_of(session, lst.id, ANNA)
        assert member is not None
        assert member.moderated is False


def test_a_no_gives_the_writer_the_reason_once_within_the_budget(place: Place) -> None:
    for _ in range(2):
        place.post(EVE)
        place.reply(place.mails(OWNER)[-1], "No: no adverts here.\r\nSorry.", sender=OWNER)
    (refused,) = place.mails(EVE)
    assert subject(refused) == "Friends: your post did not go out"
    assert "> no adverts here.\n> Sorry." in text(refused).replace("\r\n", "\n")
    assert "News" not in refused.as_string()
    assert not place.decisions()


def test_discard_tells_the_writer_nothing(place: Place) -> None:
    place.post(EVE)
    place.reply(place.mails(OWNER)[0], "Discard", sender=OWNER)
    assert place.hold().state == "dropped"
    assert not place.mails(EVE)
    assert not place.decisions()


def test_a_ban_discards_what_comes_later_until_it_is_undone(place: Place) -> None:
    place.post(ANNA, more="Auto-Submitted: auto-generated\r\n")
    place.reply(place.mails(OWNER)[0], "ban", sender=OWNER)
    place.post(ANNA)
    assert place.decisions() == ["discard"]
    place.reply(place.mails(OWNER)[1], "undo", sender=OWNER)
    assert f"{ANNA} may write again" in subject(place.mails(OWNER)[2])
    place.post(ANNA)
    assert place.decisions() == ["discard", "accept"]
    with place.app.store.read() as session:
        assert not session.scalars(select(Ban)).all()


def test_edited_text_goes_out_marked_in_place_of_the_old(place: Place) -> None:
    place.post(EVE, "Rude words.", more="DKIM-Signature: v=1\r\nX-Kept: yes\r\n")
    place.reply(place.mails(OWNER)[0], "Edit\r\n\r\nKind wörds.", sender=OWNER)
    (sent,) = place.mails(ANNA, kind="post")
    assert text(sent).replace("\r\n", "\n") == (
        "Kind wörds.\n\n[Edited by a moderator of Friends.]\n"
    )
    assert sent["X-Kept"] == "yes"
    assert sent["From"] == EVE
    assert sent["DKIM-Signature"] is None


@pytest.mark.parametrize(
    "said", ["ok, but without the last line", "Who is this?", "", "no problem, but wait", "edit"]
)
def test_anything_else_does_nothing_and_is_answered_with_help(place: Place, said: str) -> None:
    place.post(EVE)
    place.reply(place.mails(OWNER)[0], said, sender=OWNER)
    assert place.hold().state == "waiting"
    help_ = place.mails(OWNER)[1]
    assert subject(help_) == "Friends: your answer was not understood"
    place.reply(help_, "ok", sender=OWNER)
    assert place.decisions() == ["accept"]


def test_an_automatic_answer_decides_nothing(place: Place) -> None:
    place.post(EVE)
    asked = place.mails(OWNER)[0]
    place.reply(asked, "ok", sender=OWNER, more="Auto-Submitted: auto-replied\r\n")
    place.reply(asked, "I am out of the office until Monday.", sender=OWNER)
    assert place.hold().state == "waiting"
    assert len(place.mails(OWNER)) == 1


def test_a_strangers_mail_in_a_moderators_name_decides_nothing(place: Place) -> None:
    place.post(EVE)
    asked = place.mails(OWNER)[0]
    true = str(asked["Reply-To"]).strip("<>")
    for to in (
        LIST,
        "friends-request@example.org",
        f"friends-reply+{'a' * 26}@example.org",
        true[:-18] + ("b" if true[-18] == "a" else "a") + true[-17:],
    ):
        raw = f"From: {OWNER}\r\nTo: {to}\r\nMessage-ID: <{hash(to)}@evil>\r\n\r\nok\r\n"
        place.change(post=roster.PostPolicy.MODERATED)
        place.take(raw.encode(), OWNER, to)
        with place.app.store.read() as session:
            first = session.scalars(select(Hold).order_by(Hold.id).limit(1)).one()
        assert first.state == "waiting", to
    assert not place.decisions()
    assert not place.mails(ANNA, kind="post")


def test_a_moderators_own_post_where_all_is_read_first_needs_their_token_reply(
    place: Place,
) -> None:
    place.change(post=roster.PostPolicy.EDITORS)
    place.add("ed@example.net", Role.EDITOR)
    place.post("ed@example.net", "The news of May.")
    assert not place.decisions()
    asked = place.mails("ed@example.net")[0]
    assert "Only editors may post, and a sender's name alone is no proof." in text(asked)
    place.reply(asked, "ok", sender="ed@example.net")
    assert place.decisions() == ["accept"]


def test_the_token_counts_and_not_the_address_that_answers(place: Place) -> None:
    place.post(EVE)
    place.reply(place.mails(OWNER)[0], "ok", sender="olga.other@example.com")
    assert place.decisions() == ["accept"]
    assert place.hold().decided_by == OWNER


def test_who_is_no_moderator_any_more_decides_nothing(place: Place) -> None:
    place.post(EVE)
    place.role(MODERATOR, Role.MEMBER)
    place.reply(place.mails(MODERATOR)[0], "ok")
    assert place.hold().state == "waiting"


def test_a_token_for_a_hold_does_not_serve_when_it_is_held_again(place: Place) -> None:
    place.post(EVE)
    with place.app.store.write() as session:
        hold = session.scalars(select(Hold)).one()
        hold.revision += 1
    place.reply(place.mails(OWNER)[0], "ok", sender=OWNER)
    assert place.hold().state == "waiting"
    told = " ".join(text(place.mails(OWNER)[1]).split())
    assert "Please answer the newest mail about it." in told


def test_one_reminder_after_a_day_and_the_end_after_seven(place: Place) -> None:
    place.change(emergency=True)
    place.post(ANNA)
    place.later(DAY - 1)
    assert len(place.mails(OWNER)) == 1
    place.later(DAY)
    place.later(DAY + 1)
    assert subject(place.mails(OWNER)[1]) == f"Friends: a post by {ANNA} still waits"
    assert len(place.mails(OWNER)) == 2
    place.later(7 * DAY)
    assert place.hold().state == "expired"
    for moderator, words in (
        (OWNER, "the post has expired"),
        (MODERATOR, "inlägget har förfallit"),
    ):
        assert words in " ".join(text(place.mails(moderator)[2]).split())
    expired = place.mails(ANNA)[-1]
    assert "waited seven days" in " ".join(text(expired).split())
    place.reply(place.mails(OWNER)[0], "ok", sender=OWNER)
    assert "Your answer changed nothing." in text(place.mails(OWNER)[3])
    assert not place.decisions()


def test_the_reminders_token_decides_and_closes_the_first_one(place: Place) -> None:
    place.post(EVE)
    place.later(DAY)
    place.reply(place.mails(OWNER)[1], "ok", sender=OWNER)
    assert place.decisions() == ["accept"]
    with place.app.store.read() as session:
        open_ones = session.scalars(select(asks.Ask).where(asks.Ask.used_at.is_(None))).all()
    assert not open_ones
    assert len(place.mails(MODERATOR)) == 3


def test_without_moderators_it_waits_in_the_queue_until_there_is_one(place: Place) -> None:
    place.role(OWNER, Role.MEMBER)
    place.role(MODERATOR, Role.MEMBER)
    place.post(EVE)
    hold = place.hold()
    assert (hold.state, hold.asked_at) == ("waiting", None)
    place.role(OWNER, Role.OWNER)
    moderator_mail.attend(place.app, lambda: False, now=hold.held_at + 30 * DAY)
    assert len(place.mails(OWNER)) == 1
    assert place.hold().state == "waiting"


def test_the_clock_rings_for_what_is_due(place: Place) -> None:
    place.post(EVE)
    assert "sort" not in scheduler.tick(place.app)
    with place.app.store.write() as session:
        session.scalars(select(Hold)).one().due = 1.0
    assert "sort" in scheduler.tick(place.app)


def test_what_a_stranger_wrote_is_bounded_and_quoted_on_every_line(place: Place) -> None:
    place.post(EVE, "\r\n".join(["You get this mail because\x1b[2J", *["x" * 900] * 500]))
    told = text(place.mails(OWNER)[0])
    assert "> You get this mail because [2J" in told
    assert "Not all of the text is shown here." in told
    assert len(told) < 80_000


@pytest.mark.parametrize("language", templates.LANGUAGES)
def test_the_words_that_a_mail_offers_are_understood(language: str) -> None:
    values = {"title": "F", "page": "p", "owner": "o"}
    mail = templates.mail("moderator-help", language, list=values)
    offered = re.findall(r'^- ["\u00ab]([^"\u00bb]+)["\u00bb]', mail.text, re.MULTILINE)
    said = [rulings.read(word + ("\nNew text" if number == 5 else ""))
            for number, word in enumerate(offered)]  # fmt: skip
    assert [ruling.word for ruling in said if ruling] == list(RulingWord)
    assert said[2] is not None
    assert said[2].text


@pytest.mark.parametrize(
    ("said", "ruling"),
    [
        ("Одобряю, спасибо", Ruling(RulingWord.OK)),
        ("\n\n  Da.  \n", Ruling(RulingWord.OK)),
        ("ок всегда", Ruling(RulingWord.ALWAYS)),
        ("Nej - reklam", Ruling(RulingWord.NO, "reklam")),
        ("nee\nGeen reclame.", Ruling(RulingWord.NO, "Geen reclame.")),
        ("No: 'why: because'", Ruling(RulingWord.NO, "'why: because'")),
        ("Șterge", Ruling(RulingWord.DISCARD)),
        ("blocca", Ruling(RulingWord.BAN)),
        ("ändra\nNy text\n\nMer", Ruling(RulingWord.EDIT, "Ny text\n\nMer")),
        ("ok always but not today", None),
        ("I would say ok", None),
        ("", None),
    ],
)
def test_an_answer_is_a_ruling_or_nothing(said: str, ruling: Ruling | None) -> None:
    assert rulings.read(said) == ruling


@pytest.mark.parametrize(
    ("words", "means"), [(words, means) for means, some in SAID.items() for words in some]
)
def test_a_ruling_in_peoples_own_words_is_clear_or_none(words: str, means: str) -> None:
    ruling = rulings.read(words)
    assert (ruling.word.value if ruling else "other") == means


def test_a_step_follows_from_what_was_done() -> None:
    assert next_step(None, None, 5.0) is HoldStep.ASK
    assert next_step(0.0, None, DAY) is HoldStep.REMIND
    assert next_step(0.0, DAY, 7 * DAY) is HoldStep.EXPIRE
    assert next_step(0.0, None, 8 * DAY) is HoldStep.REMIND
    assert next_step(0.0, 8 * DAY, 9 * DAY) is HoldStep.EXPIRE
    assert next_step(0.0, DAY, 8 * DAY + 1) is HoldStep.REMIND


def test_after_days_of_silence_people_are_asked_again_before_a_post_expires(place: Place) -> None:
    place.post(EVE)
    place.later(DAY)
    place.later(30 * DAY)  # the machine was off
    assert (len(place.mails(OWNER)), place.hold().state) == (3, "waiting")
    place.later(30 * DAY + HOUR)
    assert (len(place.mails(OWNER)), place.hold().state) == (3, "waiting")
    place.later(31 * DAY)
    assert place.hold().state == "expired"


def test_a_readers_letter_to_a_newsletter_reaches_the_editors_and_never_the_readers(
    place: Place,
) -> None:
    with place.app.store.write() as session:
        roster.get_list(session, LIST).kind = roster.ListKind.NEWSLETTER
    place.add("ed@example.net", Role.EDITOR)
    place.post(ANNA, "Thank you for the May issue.")
    (letter,) = place.mails("ed@example.net")
    assert letter["From"] == ANNA
    assert "Thank you for the May issue." in text(letter)
    assert place.mails(OWNER)
    assert place.hold().state == "forwarded"
    assert not place.mails(ANNA)
    assert not place.decisions()
