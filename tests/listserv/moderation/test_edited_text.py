"""What a moderator's program and manners put into an edited post does not go out with it."""

import email
import email.policy
from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.moderation.edited_text import changes, post_text, reason
from tests.place import ANNA, MODERATOR, OWNER, Place, make_place, text


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


BEFORE = "Come to the garden.\n\nBring rude words.\n\nBest,\nEve"
WANTED = "Come to the garden.\n\nBring kind words.\n\nBest,\nEve"
ATTRIBUTIONS = [
    "On Sun, 22 Nov 2026 at 10:00, Friends <friends-reply+abc@example.org> wrote:",
    "On Sun, 22 Nov 2026 at 10:00, Friends\n<friends-reply+abc@example.org> wrote:",
    "Den sön 22 nov. 2026 kl 10:00 skrev Friends <friends-reply+abc@example.org>:",
    "Il giorno dom 22 nov 2026 alle ore 10:00 Friends <f@example.org> ha scritto:",
    "În dum., 22 nov. 2026 la 10:00, Friends <f@example.org> a scris:",
    "вс, 22 нояб. 2026 г. в 10:00, Friends <f@example.org>:",
    "Op zo 22 nov 2026 om 10:00 schreef Friends <f@example.org>:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_an_attribution_of_the_moderators_program_stays_behind(attribution: str) -> None:
    assert post_text(f"{attribution}\n\n{WANTED}", "Mia Ek", BEFORE) == WANTED
    assert post_text(f"{WANTED}\n\n{attribution}", "Mia Ek", BEFORE) == WANTED
    quoted = "\n".join(f"> {line}".rstrip() for line in WANTED.split("\n"))
    assert post_text(f"{attribution}\n{quoted}", "Mia Ek", BEFORE) == WANTED


@pytest.mark.parametrize(
    "below",
    [
        "-- \nMia Ek\nThe garden\n+46 70 123 45 67",
        "Mia",
        "Mia Ek",
        "Mvh\nMia",
        "Thanks,\nMia Ek",
        "Med vänliga hälsningar\nMia",
    ],
)
def test_a_moderators_name_is_not_the_writers(below: str) -> None:
    assert post_text(f"{WANTED}\n\n{below}", "Mia Ek", BEFORE) == WANTED


def test_the_writers_own_name_quotes_and_words_stay() -> None:
    before = "Hello\n\n> quoted by me\n\nThanks,\nMia"
    assert post_text(before, "Mia Ek", before) == before
    assert post_text("Shorter.\n\nBest,\nEve", "Mia Ek", BEFORE) == "Shorter.\n\nBest,\nEve"


def test_the_reason_is_the_reason_and_nothing_else() -> None:
    assert reason("too long\n\nMvh\nMia", "Mia Ek") == "too long"
    assert reason("too long\nand off topic\n-- \nMia", "Mia Ek") == "too long\nand off topic"
    assert reason("no adverts here.\nSorry.", "Mia Ek") == "no adverts here.\nSorry."


def test_what_was_changed_is_told_line_by_line() -> None:
    assert changes(BEFORE, WANTED) == (["Bring rude words."], ["Bring kind words."])
    assert changes(BEFORE, BEFORE) == ([], [])


MIXED = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    "Message-ID: <files@mail.example>\r\nSubject: News\r\n\r\n"
    "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    "--c\r\nContent-Type: text/plain\r\n\r\nRude words.\r\n"
    "--c\r\nContent-Type: text/html\r\n\r\n<p>Rude words.</p>\r\n--c--\r\n"
    "--b\r\nContent-Type: application/pdf; name=plan.pdf\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "Content-Disposition: attachment; filename=plan.pdf\r\n\r\n"
    "JVBERi0xLjQK\r\n"
    "--b\r\nContent-Type: text/plain; name=notes.txt\r\n"
    "Content-Disposition: attachment; filename=notes.txt\r\n\r\nMy notes.\r\n--b--\r\n"
)


def test_files_go_out_with_the_edited_text_and_the_old_words_do_not(place: Place) -> None:
    place.change(emergency=True)
    place.take(f"From: {ANNA}\r\n{MIXED}".encode(), ANNA, "friends@example.org")
    place.reply(
        place.mails(MODERATOR)[0],
        "redigera\r\n\r\nKind words.\r\n\r\nMvh\r\nMia",
        sender=f"Mia Ek <{MODERATOR}>",
    )
    (sent,) = place.mails(ANNA, kind="post")
    parsed = email.message_from_bytes(sent.as_bytes(), policy=email.policy.default)
    assert b"Rude" not in sent.as_bytes()
    assert [part.get_filename() for part in parsed.iter_attachments()] == ["plan.pdf", "notes.txt"]
    body = parsed.get_body()
    assert body is not None
    said = body.get_content().replace("\r\n", "\n")
    assert said == "Kind words.\n\n[Edited by a moderator of Friends.]\n"
    told = text(place.mails(ANNA)[-1]).replace("\r\n", "\n")
    assert "Removed:\n\n> Rude words." in told
    assert "Added:\n\n> Kind words." in told


def test_a_stranger_is_not_told_what_was_changed(place: Place) -> None:
    """Their From may be somebody else's address."""
    place.post("eve@mail.example", "Rude words.")
    place.reply(place.mails(OWNER)[0], "Edit\r\n\r\nKind words.", sender=OWNER)
    assert len(place.mails(ANNA, kind="post")) == 1
    assert not place.mails("eve@mail.example")
