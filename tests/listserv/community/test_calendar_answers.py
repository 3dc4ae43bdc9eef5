"""What a calendar answers, and hostile bytes that say they are a calendar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listserv.community import calendar_answers

ANSWER = (
    "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VTIMEZONE\r\nTZID:x\r\nEND:VTIMEZONE\r\n"
    "BEGIN:VEVENT\r\nUID:a\r\n b@example.org\r\nSEQUENCE:2\r\nCOMMENT:late\\, sorry\r\n"
    'ATTENDEE;CN="Ek; Anna";PARTSTAT=ACCEPTED;X-NUM-GUESTS=2:MAILTO:Anna@Example.NET\r\n'
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_an_answer_is_read_with_its_folded_lines_and_quoted_parameters() -> None:
    found = calendar_answers.of_calendar(ANSWER)
    assert found is not None
    assert (found.method, found.uid, found.sequence) == ("REPLY", "ab@example.org", 2)
    assert found.comment == "late, sorry"
    (one,) = found.attendees
    assert (one.key, one.partstat, one.guests) == ("anna@example.net", "ACCEPTED", 2)
    assert not one.delegated


@pytest.mark.parametrize(
    "hostile",
    [
        "METHOD:REPLY\nBEGIN:VEVENT\n" + "ATTENDEE:mailto:a@b.example\n" * 30_000,
        "METHOD:REPLY\nBEGIN:VEVENT\nATTENDEE" + ";A=b" * 200_000 + ":mailto:a@b.example",
        "METHOD:REPLY\nBEGIN:VEVENT\nATTENDEE:" + "\n a" * 200_000,
        "BEGIN:VEVENT\n" * 50_000,
        'METHOD:REPLY\nBEGIN:VEVENT\nATTENDEE;A="' + '","' * 100_000,
    ],
)
def test_what_is_too_long_or_too_many_is_left_unread(hostile: str) -> None:
    found = calendar_answers.of_calendar(hostile)
    assert found is None or len(found.attendees) <= calendar_answers.MAX_ATTENDEES


@given(st.text(alphabet='AB:;="\\,\r\n \tMETHODVEVNTBEGI', max_size=300))
def test_nothing_raises(text: str) -> None:
    calendar_answers.of_calendar(f"METHOD:REPLY\r\nBEGIN:VEVENT\r\n{text}")
    calendar_answers.read(b"Content-Type: text/calendar\r\n\r\n" + text.encode())
