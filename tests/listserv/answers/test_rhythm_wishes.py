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
    "followed": [
        "followed",
        "Only threads I follow, please",
        "bara trådar jag följer tack",
        "solo le discussioni che seguo",
        "doar discuțiile pe care le urmăresc",
        "только темы, за которыми слежу",
        "alleen gesprekken die ik volg graag",
    ],
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
MORE = {
    "daily at=18": [
        "daily at 18",
        "A daily digest at 6pm please",
        "Hi! One mail a day, at 6 in the evening please",
        "dagligen kl 18",
        "en gång om dagen klockan 18.00 tack",
        "un riepilogo al giorno alle ore 18, grazie",
        "zilnic la ora 18",
        "ежедневно в 18:00",
        "раз в день в 6 вечера",
        "elke dag om 18 uur",
        "dagelijks om 6 uur 's avonds",
    ],
    "daily weekends=off": [
        "daily, no weekends",
        "a daily digest on weekdays",
        "daily but not at weekends",
        "dagligen, inte på helger",
        "ogni giorno, ma non nel fine settimana",
        "zilnic, fără weekend",
        "ежедневно, кроме выходных",
        "dagelijks, niet in het weekend",
    ],
    "weekends=off": ["no weekends please", "inga helger tack", "по будням", "alleen op werkdagen"],
    "weekends=on": ["weekends too", "även på helger", "anche nel fine settimana", "и в выходные"],
    "at=7": ["at 7", "at 7 am", "kl 7", "alle 7 di mattina", "la ora 7", "в 7 утра", "om 7 uur"],
    "digest at=18": ["digest at 18:00", "I want the digest at 6 pm"],
    "weekly form=mime": ["weekly mime digest", "mime digest, weekly", "veckovis, som mime"],
    "form=plain": ["plain text please", "bara text", "solo testo", "простым текстом"],
    "daily at=9 zone=Europe/Rome": ["daily at 9, time zone Europe/Rome", "daily 9:00 europe/rome"],
    "zone=Europe/Bucharest": ["time zone Europe/Bucharest", "fus orar Europe/Bucharest"],
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
    "18",
    "daily at 25",
    "daily at 7 or 8",
    "We meet at 7",
    "Are you open at weekends?",
    "the meeting is at 18 on weekdays",
]


@pytest.mark.parametrize(
    ("said", "rhythm"), [(said, rhythm) for rhythm, some in WISHES.items() for said in some]
)
def test_a_wish_is_read_whole(said: str, rhythm: str) -> None:
    assert rhythm_wishes.read(said) == rhythm


@pytest.mark.parametrize(
    ("said", "wish"), [(said, wish) for wish, some in MORE.items() for said in some]
)
def test_an_hour_a_zone_weekends_and_a_form_are_read_with_it(said: str, wish: str) -> None:
    assert rhythm_wishes.read(said) == wish
    assert rhythm_wishes.unspelled(wish).spelled() == wish


@pytest.mark.parametrize("said", NONE)
def test_what_says_more_or_something_else_is_no_wish(said: str) -> None:
    assert rhythm_wishes.read(said) == ""


def test_a_digest_is_daily_unless_something_else_is_said_of_it() -> None:
    read = rhythm_wishes.read
    assert [read("a summary please"), read("a weekly summary please")] == ["daily", "weekly"]
    assert read("the digest as plain text") == read("as plain text")
