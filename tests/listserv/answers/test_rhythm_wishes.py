"""How often somebody wants mail: what is a wish, what ends a digest, what only looks like one."""

import pytest

from listserv.answers import rhythm_wishes

WISHES = {
    "daily": [
        "daily",
        "DIGEST",
        "Daily digest please",
        "Could I get a summary every day?",
        "digest on",
        "Hej! En gång om dagen tack",
        "Vorrei un riepilogo al giorno, grazie",
        "zilnic, vă rog",
        "хочу получать письма раз в день",
        "graag een dagelijks overzicht",
    ],
    "weekly": [
        "weekly",
        "Please send me one mail a week.",
        "switch me to weekly",
        "can I get a summary once a week",
        "Jag vill gärna ha ett mejl i veckan",
        "un riassunto alla settimana per favore",
        "o dată pe săptămână vă rog",
        "Здравствуйте! Раз в неделю, пожалуйста",
        "graag een keer per week",
    ],
    "first": ["first", "only new threads please", "doar discuții noi", "только новые темы"],
    "each": [
        "each",
        "stop the digest",
        "No more digests please",
        "I want each mail again",
        "daily digest off",
        "inget sammandrag tack",
        "basta riepilogo",
        "nu mai vreau rezumat",
        "без дайджеста",
        "geen overzicht meer",
    ],
}
NONE = [
    "How do I post for the first time?",
    "First, thank you for adding me",
    "I get mail every day",
    "I get too many mails every day",
    "Jag får mejl varje dag",
    "I don't want the daily digest",
    "ricevo troppe mail ogni giorno",
    "не присылайте каждый день",
    "ik krijg elke dag mail",
    "digest?",
    "What is a digest?",
    "where is the digest?",
    "Each of us wants to know who runs this list",
    "daily or weekly",
    "my first mail did not arrive",
    "unsubscribe me from the daily digest",
    "",
    "primesc prea multe mesaje zilnic",
    "Tack för allt",
    "The weekly meeting is on Monday",
    "thanks",
    "Mi arriva ogni giorno",
]


@pytest.mark.parametrize(
    ("said", "rhythm"), [(said, rhythm) for rhythm, some in WISHES.items() for said in some]
)
def test_a_wish_is_read_whole(said: str, rhythm: str) -> None:
    assert rhythm_wishes.read(said) == rhythm


@pytest.mark.parametrize("said", NONE)
def test_what_says_more_or_something_else_is_no_wish(said: str) -> None:
    assert rhythm_wishes.read(said) == ""
