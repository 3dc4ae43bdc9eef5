"""What members ask for by mail: the given phrases, and what is no wish of theirs."""

import json
from datetime import date
from pathlib import Path

import pytest

from listserv.answers import mailed_commands
from listserv.answers.own_words import OwnWords

PHRASES = json.loads((Path(__file__).parent / "phrases.json").read_text(encoding="utf-8"))
TODAY = date(2026, 11, 29)


def test_the_given_commands_are_understood() -> None:
    wrong = [
        one["text"]
        for one in PHRASES
        if one["asked"] == "command"
        and mailed_commands.read(OwnWords(one["text"]), TODAY).means != one["means"]
    ]
    # One word for two wishes; the one that can be taken back is taken.
    assert wrong == ["șterge-mă"]


def test_what_natives_ask_for_is_understood() -> None:
    lines = (Path(__file__).parent / "natives.txt").read_text(encoding="utf-8")
    asked = lines.partition("## command\n")[2].partition("\n## ")[0].splitlines()
    cases = [line.split("|", 1) for line in asked if "|" in line]
    wrong = [
        text for means, text in cases if mailed_commands.read(OwnWords(text), TODAY).means != means
    ]
    assert len(cases) > 600
    assert len(wrong) < len(cases) * 0.01, wrong


@pytest.mark.parametrize(
    "text", ["Agreed", "Yes", "I confirm my subscription", "Confirmed", "Принято к сведению", "Ja"]
)
def test_a_yes_to_no_question_neither_joins_nor_leaves(text: str) -> None:
    assert mailed_commands.read(OwnWords(text), TODAY).means not in {"leave", "join"}


@pytest.mark.parametrize(
    "text",
    [
        "Please do not reply to this email", "Gelieve niet op deze e-mail te antwoorden",
        "Detta mejl går inte att svara på", "Your ticket number is 882",
        "Please click the link to be added to my guest list", "Jag jobbar inte här längre",
    ],
)  # fmt: skip
def test_what_machines_say_is_no_wish(text: str) -> None:
    assert mailed_commands.read(OwnWords(text), TODAY).means in {"unclear", "thanks"}


def test_no_mail_until_a_day_is_a_pause() -> None:
    found = mailed_commands.read(OwnWords("Please stop my mails until 7 January"), TODAY)
    assert (found.means, found.until) == ("pause", "2027-01-07")


@pytest.mark.parametrize(
    "text",
    [
        "Please don't remove me", "Remove anna@example.net", "Ta bort Anna Svensson",
        "Leave it to me to tell all of you about the meeting", "Jag vill inte lämna listan",
        "What a lovely garden", "Non cancellatemi", "Не удаляйте меня",
    ],
)  # fmt: skip
def test_what_is_negated_or_about_somebody_else_is_no_wish_to_leave(text: str) -> None:
    assert mailed_commands.read(OwnWords(text), TODAY).means not in {"leave", "forget"}


def test_a_wish_names_its_day_its_language_and_its_address() -> None:
    paused = mailed_commands.read(
        OwnWords("Hej! Pausa t.o.m. 7 januari tack\n\nMvh Bengt\n070-12 34 56"), TODAY
    )
    assert (paused.means, paused.until) == ("pause", "2027-01-07")
    assert mailed_commands.read(OwnWords("in het Nederlands graag"), TODAY).rest == "nl"
    named = mailed_commands.read(OwnWords("Jag har bytt adress: ny@example.com."), TODAY)
    assert (named.means, named.rest) == ("address", "ny@example.com")


def test_a_subject_alone_is_read_and_thanks_are_thanks() -> None:
    assert mailed_commands.read(OwnWords("", subject="Unsubscribe please"), TODAY).means == "leave"
    assert mailed_commands.read(OwnWords("Thanks for everything, bye"), TODAY).means == "thanks"
    assert (
        mailed_commands.read(OwnWords("Thanks, but please unsubscribe me"), TODAY).means == "leave"
    )
