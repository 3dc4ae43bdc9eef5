"""What people and machines write to a list: something is understood or nothing, and never a bug."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from listserv.answers import dates, meaning, own_words
from listserv.letters import commands
from mailer.reading import bodies
from tests.fuzz.pieces import MAILS

WORDS = st.sampled_from([
    "join", "leave", "pause until", "yes", "no", "never", "ja", "nej", "да", "нет", "sì", "nu", "help",
    "resume", "make anna@example.net owner", "31 February", "2026-13-45", "until 99", "imorgon", "Å" * 80,
    "\u202eon", "> yes", "-- ", "On Monday, Bo wrote:", "не", "inte", "geen", "forget me", "language sv",
    "?", "!", "...", "\n", "\n\n", "\0", "💐", "subscribe", "undo", "till 3 maj", "с 1 по 9 мая",
])  # fmt: skip
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=12)), max_size=12).map(" ".join)


@given(TEXTS, TEXTS)
def test_a_command_is_one_that_we_know_or_none(text: str, subject: str) -> None:
    found = commands.command(text, subject)
    assert found is None or (found.verb and len(found.rest) < 1000)


@given(MAILS, st.sampled_from([meaning.confirm, meaning.leave, meaning.undo, meaning.admit]))
def test_an_answer_means_something_or_is_unclear(raw: bytes, reader: object) -> None:
    own = own_words.read(bodies.read(raw).quoted)
    assert callable(reader)
    found = reader(own)
    assert 0 <= found.sure <= 1


@given(TEXTS)
def test_a_day_is_one_of_the_calendar_or_none(text: str) -> None:
    found = dates.read(text, date(2026, 11, 30))
    assert found is None or found.day <= found.resumes
