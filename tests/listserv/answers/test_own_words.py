"""A person's own words in a mail: before attributions, below signature marks, in the subject."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.answers import own_words
from mailer.reading.quotes import split
from tests.place import EVE, Place, make_place
from tests.replies import LANGUAGES, SPEECH

JOIN = "friends-join@example.org"
SAID = {
    "sv": "Nej tack.", "it": "No, grazie.", "ro": "Nu, mulțumesc.", "ru": "Нет, спасибо.",
    "nl": "Nee, dank u.", "en": "No, thank you.",
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("program", ["gmail", "apple", "thunderbird"])
def test_what_stands_before_an_attribution_on_its_line_is_the_writers(
    language: str, program: str
) -> None:
    attribution = getattr(SPEECH[language], program)
    found = own_words.read(split(f"{SAID[language]} {attribution}\n\n> Do you want to join?\n"))
    assert found.text == SAID[language]


@pytest.mark.parametrize("program", ["gmail", "apple", "thunderbird"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_attribution_alone_says_nothing(language: str, program: str) -> None:
    attribution = getattr(SPEECH[language], program)
    assert own_words.read(split(f"{attribution}\n\n> Do you want to join?\n")).whole == ""


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("Anna Berg\nUndo Street 1\n+46 70 123 45 67", ""),
        ("I do not want this mail.", "I do not want this mail."),
        ("Anna\nПожалуйста, уберите меня отсюда.", "Пожалуйста, уберите меня отсюда."),
        ("No", "No"),
    ],
)
def test_a_sentence_below_a_signature_mark_is_the_writers_and_a_name_is_not(
    signature: str, said: str
) -> None:
    found = own_words.read(split(f"\n\n-- \n{signature}\n\n> Do you want to join?\n"))
    assert found.text == ""
    assert found.signature == said


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Re: Do you want to join Friends?", ""),
        ("SV: [EXTERN] Do you want to join Friends?", ""),
        ("R: Do you want to join Fr", ""),
        ("Antw: Re: Do you want to join Friends?", ""),
        ("NO - Re: Do you want to join Friends?", "no re"),
        ("Re: NO, not me", "NO, not me"),
        ("Unsubscribe", "Unsubscribe"),
        ("", ""),
        ("(no subject)", ""),
    ],
)
def test_a_changed_subject_is_the_writers(subject: str, said: str) -> None:
    assert own_words.of_subject(subject, "Do you want to join Friends?")[0] == said


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("", "I don't want to join. Take me off this list."),
        ("", "Jag vill inte vara med"),
        ("", "Я не подписывался"),
        ("", "Nee hoor"),
        ("", "Who are you?"),
        ("Unsubscribe", ""),
        ("Re: NO, not me", ""),
        ("Who is this", ""),
        ("", "-- \nI never asked for this."),
        ("", "No, thank you. On Tue, Dec 1, 2026 Friends <friends-join@example.org> wrote:\n> Hi"),
        ("", "Yes, take me off"),
    ],
)
def test_an_answer_that_is_neither_empty_nor_a_yes_joins_nobody(
    place: Place, subject: str, text: str
) -> None:
    place.write(EVE, JOIN)
    (asked,) = place.mails(EVE)
    place.write(EVE, str(asked["Reply-To"]).strip("<>"), text, subject=subject)
    assert place.state(EVE) == ""


STRUCK = [
    "y<s>es</s>",
    "<p>j<del>a</del></p>",
    "<form><input type=hidden value=yes></form>",
    '<input type="hidden" name="answer" value="yes">',
    "<del>yes</del>",
    '<p style="display:none">Yes</p>',
    "<font color=white>ja</font>",
]


@pytest.mark.parametrize(
    ("markup", "beside"),
    [*((one, "") for one in STRUCK), *((one, "yes") for one in STRUCK if "input" not in one)],
)
def test_a_yes_that_is_struck_or_hidden_joins_nobody_and_is_asked_about(
    place: Place, markup: str, beside: str
) -> None:
    place.write(EVE, JOIN)
    (asked,) = place.mails(EVE)
    plain = f"--b\r\nContent-Type: text/plain\r\n\r\n{beside}\r\n" if beside else ""
    to = str(asked["Reply-To"]).strip("<>")
    raw = (
        f"From: {EVE}\r\nTo: {to}\r\nSubject: Re: {asked['Subject']}\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/alternative; boundary=b\r\nMessage-ID: <s@mail.example>\r\n\r\n"
        f"{plain}--b\r\nContent-Type: text/html\r\n\r\n{markup}\r\n--b--\r\n"
    )
    place.take(raw.encode(), EVE, to)
    assert place.state(EVE) == ""
    assert len(place.mails(EVE)) == 2


@pytest.mark.parametrize("text", ["~~Yes~~", "<s>yes</s>", "y\u0336e\u0336s\u0336"])
def test_a_yes_that_is_struck_in_plain_text_joins_nobody(place: Place, text: str) -> None:
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], text, EVE)
    assert place.state(EVE) == ""


@pytest.mark.parametrize(
    "text",
    ["", "Yes", "Ja, gärna!", "Sì, volentieri", "Da, mulțumesc", "Да, с удовольствием", "Ja graag",
     "> Do you want to join?", "-- \nEve Adams\nGarden Street 3"],
)  # fmt: skip
def test_an_answer_that_is_empty_or_a_yes_joins(place: Place, text: str) -> None:
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], text, EVE)
    assert place.state(EVE) == "active"
