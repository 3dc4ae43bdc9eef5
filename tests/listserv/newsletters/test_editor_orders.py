"""An order to send, in six languages: a whole line or none, and a moment that cannot be misread."""

import tomllib
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listserv.newsletters.editors import editor_orders
from listserv.newsletters.editors.editor_orders import EditorOrder, Verb
from templates import lexicon

SAID = tomllib.loads((Path(__file__).parent / "editor_phrases.toml").read_text(encoding="utf-8"))
ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 11, 25, 10, 0, tzinfo=ROME).timestamp()  # a Wednesday


def read(text: str) -> EditorOrder | None:
    return editor_orders.read(text, NOW, ROME)


def when(text: str) -> str:
    order = read(text)
    assert order is not None
    assert order.verb is Verb.SEND
    assert order.at is not None
    return datetime.fromtimestamp(order.at, ZoneInfo(order.zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize("verb", [v for v in Verb if v not in {Verb.TEXT, Verb.FIELDS}])
def test_every_phrase_of_every_language_is_the_order_it_says(verb: Verb) -> None:
    for phrase in lexicon.phrases("issue", verb):
        if verb is Verb.ONLY:
            assert read(f" {phrase.title()} Choir and tag = x.") == EditorOrder(
                verb, segment="Choir and tag = x"
            )
            continue
        for line in (
            phrase,
            f"{phrase.title()}.",
            f"  {phrase}!",
            f"{phrase}, thanks",
            f"please {phrase}",
        ):
            assert read(line) == EditorOrder(verb), line


@pytest.mark.parametrize(
    "line",
    [
        "send anyway", "Skicka ändå", "invia comunque", "trimite oricum", "отправить всё равно",
        "verstuur toch", "comunque invia", "ändå skicka",
    ],
)  # fmt: skip
def test_send_anyway_is_said_in_every_language(line: str) -> None:
    assert read(line) == EditorOrder(Verb.SEND, anyway=True)


@pytest.mark.parametrize(
    "line",
    [
        "send friday 9:30 reader's time", "Skicka fredag 9:30 läsarens tid",
        "invia venerdì alle 9:30 ora del lettore", "trimite vineri la 9:30 ora cititorului",
        "отправить в пятницу в 9:30 по времени читателя", "verstuur vrijdag 9:30 lokale tijd",
    ],
)  # fmt: skip
def test_an_hour_may_be_each_readers_own(line: str) -> None:
    order = read(line)
    assert order is not None
    assert (order.own, order.hour) == (True, "2026-11-27T09:30")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("send tomorrow 8", "2026-11-26 08:00"),
        ("Send tomorrow at 8:15.", "2026-11-26 08:15"),
        ("skicka imorgon kl 8", "2026-11-26 08:00"),
        ("invia domani alle 8", "2026-11-26 08:00"),
        ("trimite mâine la ora 8", "2026-11-26 08:00"),
        ("отправить завтра в 8", "2026-11-26 08:00"),
        ("verstuur morgen om 8 uur", "2026-11-26 08:00"),
        ("send friday 9:30", "2026-11-27 09:30"),
        ("skicka på fredag kl. 9.30", "2026-11-27 09:30"),
        ("invia venerdì alle 9:30", "2026-11-27 09:30"),
        ("trimite vineri la 9:30", "2026-11-27 09:30"),
        ("отправить в пятницу в 9:30", "2026-11-27 09:30"),
        ("отправить в среду в 9:30", "2026-12-02 09:30"),
        ("verstuur vrijdag om 9:30", "2026-11-27 09:30"),
        ("skicka imorgon bitti kl 8", "2026-11-26 08:00"),
        ("invia domani mattina alle 8, grazie", "2026-11-26 08:00"),
        ("trimite mâine seară la 8", "2026-11-26 20:00"),
        ("отправить завтра в 8 утра", "2026-11-26 08:00"),
        ("verstuur morgenochtend om 8 uur aub", "2026-11-26 08:00"),
        ("please send tonight at 8", "2026-11-25 20:00"),
        ("send tomorrow at 8 pm", "2026-11-26 20:00"),
        ("send wednesday 9", "2026-12-02 09:00"),  # today's nine has gone
        ("send wednesday 11", "2026-11-25 11:00"),
        ("send at 11", "2026-11-25 11:00"),
        ("send at 9", "2026-11-26 09:00"),
        ("send 9:05pm", "2026-11-25 21:05"),
        ("send today 12am", "2026-11-25 00:00"),
        ("send 24 december 9", "2026-12-24 09:00"),
        ("send on the 24th of december 2027 at 9", "2027-12-24 09:00"),
        ("skicka 1 mars kl 7", "2027-03-01 07:00"),
        ("send 2026-12-24 09:00", "2026-12-24 09:00"),
        ("invia 24/12 alle 9", "2026-12-24 09:00"),
        ("send anyway tomorrow 8", "2026-11-26 08:00"),
        ("send tomorrow 8 anyway", "2026-11-26 08:00"),
        ("send tomorrow 8 UTC", "2026-11-26 08:00"),
        ("send tomorrow 8 Europe/London", "2026-11-26 08:00"),
    ],
)
def test_a_moment_is_the_next_one_of_its_name(line: str, said: str) -> None:
    assert when(line) == said


def test_hours_are_the_lists_own_unless_a_zone_is_named() -> None:
    here, there = read("send tomorrow 8"), read("send tomorrow 8 Europe/London")
    assert here is not None
    assert there is not None
    assert (here.zone, there.zone) == ("Europe/Rome", "Europe/London")
    assert (there.at or 0) - (here.at or 0) == 3600


@pytest.mark.parametrize(
    "line",
    [
        "", "yes", "ok", "looks good, send it when you can", "send, but without the last line",
        "send 8", "send friday", "send tomorrow", "send tomorrow 25", "send tomorrow 8:61",
        "send 31 february 9", "send tomorrow 8 Europe/Nowhere", "do send", "resend",
        "send me the proof", "Could you send", "send 24 december november 9",
        "send tomorrow morning at 20",
    ],
)  # fmt: skip
def test_anything_else_is_no_order(line: str) -> None:
    assert read(line) is None


def test_greetings_and_a_name_stand_around_an_order() -> None:
    assert read("\n\nsend\n\nOlga\n") == EditorOrder(Verb.SEND)
    assert read("Hello,\nsend") == EditorOrder(Verb.SEND)


@given(st.text(max_size=60))
def test_no_words_stumble(text: str) -> None:
    editor_orders.read(text, NOW, ROME)
    editor_orders.read(f"send {text}", NOW, ROME)


@pytest.mark.parametrize("words", SAID["send"])
def test_a_clear_yes_in_peoples_own_words_sends(words: str) -> None:
    assert read(words) == EditorOrder(Verb.SEND)


@pytest.mark.parametrize("words", SAID["not"])
def test_doubt_conditions_questions_and_remarks_send_nothing(words: str) -> None:
    order = read(words)
    assert order is None or order.verb is Verb.CANCEL


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("New text:\n\nDear all,\nsend", "\nDear all,\nsend"),
        ("Hej!\n\nHär är den nya texten\nBästa vänner", "Bästa vänner"),
        ("Testo nuovo: Cari amici", "Cari amici"),
        ("**Text nou**\nDragi", "Dragi"),
        ("Новый текст\n2027", "2027"),
        ("nieuwe tekst\nBeste", "Beste"),
        ("Please write a new text\nabout the garden", ""),
        ("The second paragraph is long.\nNew text\nDear all", ""),
    ],
)
def test_a_text_is_one_only_where_it_is_asked_for(words: str, text: str) -> None:
    assert editor_orders.new_text(words) == text
    assert (read(words) == EditorOrder(Verb.TEXT)) is bool(text)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("subject: Winter", (("subject", "Winter"),)),
        ("Ämne: Vinter\nTema: plain\n\nTack!", (("subject", "Vinter"), ("theme", "plain"))),
        ("oggetto: Inverno: freddo", (("subject", "Inverno: freddo"),)),
        ("Segment: alla", (("segment", "all"),)),
        ("тема: Зима", (("subject", "Зима"),)),
        ("onderwerp: Winter\npreheader: koud", (("subject", "Winter"), ("preheader", "koud"))),
        ("subject: Winter\n\nAnd the date is wrong.", ()),
        ("subject: Winter\nsubject: Summer", ()),
        ("The subject: it is too long", ()),
        ("subject:", ()),
    ],
)
def test_single_lines_change_just_what_they_name(
    words: str, fields: tuple[tuple[str, str], ...]
) -> None:
    assert read(words) == (EditorOrder(Verb.FIELDS, fields=fields) if fields else None)
