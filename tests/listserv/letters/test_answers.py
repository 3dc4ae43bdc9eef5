"""What people answer, in the shapes of their mail programs, and what only machines answer."""

import hashlib
import re

import pytest

import templates
from listserv.answers import meaning
from listserv.answers.own_words import OwnWords
from listserv.letters import commands, incoming_letter
from listserv.reception import incoming
from mailer.storage.arrivals import Arrival
from tests.replies import LANGUAGES, PROGRAMS, SPEECH, reply
from tests.templates.test_mails import context_of

each = pytest.mark.parametrize("language", LANGUAGES)
by_program = pytest.mark.parametrize("program", PROGRAMS)


def read(raw: bytes, sender: str = "anna@example.net") -> incoming_letter.IncomingLetter:
    arrival = Arrival(
        id=1, received_at=1.0, sender=sender, recipient="x@example.org", protocol="ESMTP",
        raw_sha=hashlib.sha256(raw).digest(), size=len(raw), client="", helo="",
    )  # fmt: skip
    return incoming_letter.read(arrival, raw)


@each
@by_program
def test_a_yes_is_read_whatever_is_quoted_below_it(program: str, language: str) -> None:
    letter = read(reply(program, language, SPEECH[language].yes))
    assert letter.automatic == ""
    assert meaning.confirm(letter.words).means == "yes"


@each
@by_program
def test_an_empty_answer_is_a_yes_although_the_quote_says_no(program: str, language: str) -> None:
    letter = read(reply(program, language, ""))
    assert letter.automatic == ""
    assert meaning.confirm(letter.words).means == "empty"


@each
@by_program
def test_a_no_and_a_never_are_read_in_their_language(program: str, language: str) -> None:
    speech = SPEECH[language]
    assert meaning.confirm(read(reply(program, language, speech.no)).words).means == "no"
    assert meaning.confirm(read(reply(program, language, speech.never)).words).means == "never"


THANKS = {
    "sv": "Tack!",
    "it": "Grazie!",
    "ro": "Mulțumesc!",
    "ru": "Спасибо!",
    "nl": "Bedankt!",
    "en": "Thanks!",
}


@each
@by_program
def test_undo_is_read_and_thanks_are_not(program: str, language: str) -> None:
    undone = read(reply(program, language, SPEECH[language].undo))
    assert meaning.undo(undone.words).means == "undo"
    thanks = read(reply(program, language, THANKS[language]))
    assert meaning.undo(thanks.words).means == "no"
    assert commands.command(thanks.text) == commands.Command("thanks")


ABSENT = {
    "sv": ("Autosvar: Friends", "Hej!\n\nJag är på semester till den 7 januari."),
    "it": ("Risposta automatica: Friends", "Buongiorno,\nsono fuori ufficio fino al 7 gennaio."),
    "ro": ("Răspuns automat: Friends", "Bună ziua,\nSunt în concediu până la 7 ianuarie."),
    "ru": ("Автоответ: Friends", "Здравствуйте!\nЯ в отпуске до 7 января."),
    "nl": ("Automatisch antwoord: Friends", "Dag,\nik ben afwezig tot 7 januari."),
    "en": ("Automatic reply: Friends", "Hello,\nI am out of the office until 7 January."),
}


def mail(subject: str, text: str, headers: str = "") -> bytes:
    return (
        f"From: Anna <anna@example.net>\r\nSubject: {subject}\r\n{headers}"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


@each
def test_an_absence_note_is_known_by_its_subject_alone_and_by_its_text_alone(
    language: str,
) -> None:
    subject, text = ABSENT[language]
    assert read(mail(subject, "...")).automatic == "absence"
    assert read(mail("Re: Friends", text)).automatic == "absence"


@pytest.mark.parametrize(
    "mark",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (vacation)",
        "Precedence: bulk",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Auto-Response-Suppress: All",
        "List-Id: <other.example.com>",
    ],
)
def test_a_marked_mail_is_automatic_whatever_it_says(mark: str) -> None:
    assert read(mail("Re: Friends", "yes", f"{mark}\r\n")).automatic


def test_a_report_a_null_sender_and_a_machine_are_automatic() -> None:
    assert read(mail("Re: Friends", "yes"), sender="").automatic == "null-sender"
    assert read(mail("x", "yes"), sender="MAILER-DAEMON@example.net").automatic == "machine"
    report = mail("x", "yes").replace(b"text/plain", b"multipart/report")
    assert read(report).automatic == "report"


@pytest.mark.parametrize("said", ["no", "No"])
def test_auto_submitted_no_is_a_person(said: str) -> None:
    assert read(mail("Re: Friends", "yes", f"Auto-Submitted: {said}\r\n")).automatic == ""


def test_a_yes_that_tells_of_a_holiday_is_a_yes() -> None:
    letter = read(mail("Re: Friends", "Yes please. I am on vacation until Monday."))
    assert letter.automatic == ""


@pytest.mark.parametrize(
    ("line", "verb", "until"),
    [
        ("pause until 2027-01-05", "pause", 1799107200.0),
        ("Pausa till den 5 januari 2027", "pause", 1799107200.0),
        ("pausa fino al 5 gennaio 2027", "pause", 1799107200.0),
        ("pauză până la 5 ianuarie 2027", "pause", 1799107200.0),
        ("пауза до 5 января 2027", "pause", 1799107200.0),
        ("pauze tot 5 januari 2027", "pause", 1799107200.0),
        ("pauza pana pe 5.1.2027", "pause", 1799107200.0),
        ("mina inställningar", "settings", None),
        ("le mie impostazioni", "settings", None),
        ("setarile mele", "settings", None),
        ("мои данные", "data", None),
        ("mijn gegevens", "data", None),
        ("HELP!", "help", None),
        ("?", "help", None),
    ],
)
def test_commands_are_plain_words_of_six_languages(
    line: str, verb: str, until: float | None
) -> None:
    found = commands.command(line)
    assert found is not None
    assert found.verb == verb
    assert commands.until(found.rest, 1795000000.0) == until


def test_talk_that_begins_with_a_verb_is_no_command() -> None:
    assert commands.command("Leave it to me to tell all of you about the meeting") is None


VERBS = [
    *(
        "leave",
        "pause",
        "resume",
        "-",
        "mute",
        "follow",
    ),  # "-": five rhythms at once mean none
    *("settings", "data", "language", "name", "address", "archive", "help"),
]


@each
def test_every_line_of_our_own_help_is_understood(language: str) -> None:
    words = templates.mail("member-help", language, **context_of("member-help")).text
    lines = [line.strip().partition(":")[0] for line in words.splitlines() if line[:2] == "  "]
    found = [commands.command(line) for line in lines[: len(VERBS)]]
    assert [one.verb if one else "-" for one in found] == VERBS
    assert commands.until(found[1].rest if found[1] else "", 1795000000.0) is not None
    assert commands.language(found[8].rest if found[8] else "") == language


@each
def test_every_single_word_that_a_mail_asks_for_is_understood(language: str) -> None:
    def quoted(name: str) -> list[str]:
        text = templates.mail(name, language, **context_of(name)).text
        return re.findall(r"[\"\u00ab](\w+)[\"\u00bb]", text)

    assert meaning.undo(OwnWords(quoted("member-left")[0])).means == "undo"
    assert meaning.confirm(OwnWords(quoted("stranger-confirm")[0])).means == "never"
    assert meaning.confirm(OwnWords(quoted("stranger-help")[0])).means == "yes"


def test_a_wish_for_a_holiday_is_no_absence_note_where_it_begins_a_conversation() -> None:
    letter = read(mail("semester till 3 maj", ""))
    wish = commands.command(letter.text, letter.subject)
    assert wish is not None
    assert incoming._is_fresh_wish(letter, wish)
    answered = read(mail("semester till 3 maj", "", "In-Reply-To: <notice@example.org>\r\n"))
    assert not incoming._is_fresh_wish(answered, wish)
