"""The day that people name, in six languages; what is past, impossible or rough is asked about."""

import json
from datetime import date
from pathlib import Path

import pytest

from listserv.answers import dates, holidays

PHRASES = json.loads((Path(__file__).parent / "phrases.json").read_text(encoding="utf-8"))
TODAY = date(2026, 11, 29)


def read(text: str) -> str:
    found = dates.read(text, TODAY)
    return found.day.isoformat() if found else "-"


def test_the_given_phrases_are_right_or_asked_about() -> None:
    cases = [one for one in PHRASES if one["asked"] == "pause-until" and one["means"] != "?"]
    wrong = [
        (c["text"], read(c["text"])) for c in cases if read(c["text"]) not in c["means"].split("|")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("till den femtonde december", "2026-12-15"), ("до двадцать первого декабря", "2026-12-21"),
        ("fino al ventuno dicembre", "2026-12-21"), ("tot eenentwintig december", "2026-12-21"),
        ("până pe douăzeci și unu decembrie", "2026-12-21"), ("until Saturday week", "2026-12-12"),
        ("till tisdag nästa vecka", "2026-12-01"), ("tot volgende week vrijdag", "2026-12-04"),
        ("меня не будет до 7 января", "2027-01-07"), ("non ci sono fino al 7/1", "2027-01-07"),
        ("inte hemma förrän 7 januari", "2027-01-07"), ("until old Febtember", "-"),
        ("från måndag", "-"), ("from 5 January", "-"), ("da lunedì", "-"), ("с понедельника", "-"),
        ("two weeks from 5 January", "-"), ("a week from Saturday", "-"),
        ("until fivteenth december", "-"), ("до старого Нового года", "2027-01-14"),
        ("until the 15th", "2026-12-15"), ("until after Easter", "2027-03-30"),
        ("until the end of January", "2027-01-31"),
        ("from 20 December until 5 January", "2027-01-05"),
        ("until 12/25", "2026-12-25"),
        ("for half a year", "2027-05-29"),
        ("a fortnight", "2026-12-13"),
        ("till efter påsk", "2027-03-30"),
        ("en vecka till", "2026-12-06"),
        ("till vecka 3", "2027-01-18"),
        ("till midsommar", "2027-06-25"), ("till i övermorgon", "2026-12-01"),
        ("fino a dopo Pasqua", "2027-03-30"), ("per due mesi", "2027-01-29"),
        ("fino all'Epifania", "2027-01-06"), ("până după Paște", "2027-05-04"),
        ("două luni", "2027-01-29"), ("până marți", "2026-12-01"), ("până în mai", "2027-05-01"),
        ("до Рождества", "2027-01-07"), ("до Пасхи", "2027-05-02"), ("на две недели", "2026-12-13"),
        ("до 15 числа", "2026-12-15"), ("с 30.12 по 08.01", "2027-01-08"),
        ("tot na Pasen", "2027-03-30"),
        ("tot eind januari", "2027-01-31"),
        ("tot week 2", "2027-01-11"),
    ],
)  # fmt: skip
def test_a_day_is_read_in_the_habits_of_its_language(text: str, day: str) -> None:
    assert read(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "until 25 October",
        "until yesterday",
        "until 2025-01-01",
        "until 30 February",
        "till 31 april",
        "until Monday 5 January 2027",
        "a few weeks",
        "until summer",
        "några veckor",
        "till sommaren",
        "fino al 1 dicembre 2025",
        "до 31 ноября",
        "tot de zomer",
        "until Monday or Tuesday",
        "until 1999",
        "until 2199-01-01", "",
    ],
)  # fmt: skip
def test_a_day_that_is_past_impossible_rough_or_far_is_asked_about(text: str) -> None:
    assert read(text) == "-"


@pytest.mark.parametrize(
    ("text", "resumes"),
    [
        ("until 6 January", date(2027, 1, 6)),
        ("through 6 January", date(2027, 1, 7)),
        ("till och med 6 januari", date(2027, 1, 7)),
        ("t/m 6 januari", date(2027, 1, 7)),
        ("fino al 6 gennaio compreso", date(2027, 1, 7)),
        ("până pe 6 ianuarie inclusiv", date(2027, 1, 7)),
        ("по 6 января", date(2027, 1, 7)),
        ("до 6 января включительно", date(2027, 1, 7)),
    ],
)
def test_mail_comes_again_on_the_day_or_behind_it_as_the_language_says(
    text: str, resumes: date
) -> None:
    found = dates.read(text, TODAY)
    assert found is not None
    assert found.day == date(2027, 1, 6)
    assert found.resumes == resumes


def test_a_year_turns_and_a_leap_day_is_found() -> None:
    assert dates.read("until 3 January", date(2026, 12, 31)) == dates.When(
        date(2027, 1, 3), date(2027, 1, 3)
    )
    assert dates.read("until 29 February", date(2027, 12, 1)) is not None
    assert dates.read("until 29 February", date(2026, 12, 1)) is None
    assert dates.read("for a month", date(2027, 1, 31)) == dates.When(
        date(2027, 2, 28), date(2027, 2, 28)
    )


def test_easter_is_where_the_calendars_have_it() -> None:
    western = [holidays.easter(year) for year in (2024, 2025, 2026, 2027, 2038)]
    assert western == [
        date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28),
        date(2038, 4, 25),
    ]  # fmt: skip
    eastern = [holidays.orthodox_easter(year) for year in (2024, 2025, 2026, 2027)]
    assert eastern == [date(2024, 5, 5), date(2025, 4, 20), date(2026, 4, 12), date(2027, 5, 2)]


@pytest.mark.parametrize("text", ["𐹠", "until ²", "pause ٣", "week 𐹡", "20²6"])
def test_digits_of_any_script_stop_nothing(text: str) -> None:
    assert dates.read(text, date(2026, 11, 30)) is None or dates.names_one(text)
