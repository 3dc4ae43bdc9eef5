"""A member's own name in their own words: what gives one, and what only looks like it."""

import pytest

from listserv.answers import own_names

ANNA = [
    "my name is Anna Berg", "My name is Anna Berg.", "Name: Anna Berg",
    "Hi! Could you change my name to Anna Berg? Thanks", 'please change my name to "Anna Berg"',
    "Call me Anna Berg, please", "I'd like to be called Anna Berg from now on",
    "Hello,\n\nmy name is Anna Berg.\n\nThanks,\nAnna",
    "jag heter Anna Berg", "Hej! Kalla mig Anna Berg tack",
    "Kan ni ändra mitt namn till Anna Berg?",
    "Mitt namn är Anna Berg", "Byt mitt namn till Anna Berg, tack!",
    "mi chiamo Anna Berg", "Chiamatemi Anna Berg per favore", "Il mio nome è Anna Berg",
    "Potete cambiare il mio nome in Anna Berg? Grazie", "Ciao, cambiate il mio nome in Anna Berg",
    "mă numesc Anna Berg", "Numele meu este Anna Berg", "Spuneți-mi Anna Berg, vă rog",
    "Vă rog să-mi schimbați numele în Anna Berg", "Bună ziua, schimbați-mi numele în Anna Berg",
    "ik heet Anna Berg", "Mijn naam is Anna Berg", "Noem me voortaan Anna Berg",
    "Kunnen jullie mijn naam veranderen in Anna Berg?", "Verander mijn naam in Anna Berg, graag",
]  # fmt: skip
RUSSIAN = [
    "меня зовут Анна Берг", "Здравствуйте! Измените моё имя на Анна Берг, пожалуйста",
    "Моё имя — Анна Берг", "Зовите меня Анна Берг", "Можете поменять моё имя на Анна Берг?",
    "Называйте меня «Анна Берг»",
]  # fmt: skip
OTHERS = {
    "Call me Anna": "Anna",
    "my name is Jan-Willem van der Berg": "Jan-Willem van der Berg",
    "My name is J. R. Ek": "J. R. Ek",
    "call me Léa d'Arco": "Léa d'Arco",
    "my name is 山田 太郎": "山田 太郎",
    "my name is Anna\u202e \u200bBerg": "Anna Berg",
    "change my name to 'bo'": "",
    'change my name to "bo ek"': "bo ek",
}
NONE = [
    "", "my name is", "name", "call me tomorrow", "Call me Monday", "Call me at 555 1234",
    "my name is on your list", "Take my name off the list", "My name is not Anna",
    "Don't call me Anna", "My name is Anna and I want to leave", "My name is Anna?",
    "My name is Anna Berg.\nPlease unsubscribe me.", "My name is Anna Berg. Unsubscribe me.",
    "is my name Anna?", "change my name to http://evil.example", "my name is eve@evil.example",
    "my name is <b>Anna</b>", "my name is Www.evil.example", "My name is Anna, remove me",
    "My name is " + "Anna " * 9, "My name is " + "A" * 200, "what is my name?",
    "jag heter Anna och vill gå ur", "Jag heter inte Anna", "ring mig Anna",
    "mi chiamo Anna e vorrei disiscrivermi", "Non mi chiamo Anna",
    "mă numesc Anna și vreau să plec", "Nu mă numesc Anna",
    "меня зовут Анна, отпишите меня", "Меня зовут не Анна",
    "ik heet Anna en wil weg", "Ik heet niet Anna", "My name is Anna. Call me Bo.",
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "name"),
    [*((one, "Anna Berg") for one in ANNA), *((one, "Анна Берг") for one in RUSSIAN),
     *OTHERS.items()],
)  # fmt: skip
def test_a_name_is_read_as_members_write_it(said: str, name: str) -> None:
    assert own_names.read(said) == name


@pytest.mark.parametrize("said", NONE)
def test_what_says_more_or_less_than_a_name_gives_none(said: str) -> None:
    assert own_names.read(said) == ""


def test_a_name_keeps_no_character_that_is_unseen_or_turns_the_writing() -> None:
    assert own_names.clean("A\u202en\u2066n\x00a\r\n\u200b  Be\u00adrg\ufeff") == "Anna Berg"
    assert own_names.clean("e" + "\u0301" * 50) == "\u00e9" + "\u0301" * 3
