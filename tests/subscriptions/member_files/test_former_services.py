"""Exports in the shapes of other services: each state has its end, and they add up.

The people and lines are invented; the headings are as the services write them. Of every shape it
is said who may be a member and who comes paused; everybody else stays out.
"""

import io
import re
from pathlib import Path

import pytest

from mailer.errors import BadInput
from subscriptions.member_files.former_state import FormerState
from subscriptions.member_files.member_file import Defaults, read_people
from subscriptions.permission.consent import ConsentNote, Source

DEFAULTS = Defaults(
    consent=ConsentNote("joined there", Source.IMPORT),
    template=ConsentNote("", Source.IMPORT),
    now=2e9,
)
# "== service == name of the file == local parts of the members | and of the paused", and the text
EXPORTS = Path(__file__).with_name("exports.txt")


def _shapes() -> list[tuple[str, str, str, str]]:
    blocks = re.split(r"^== (.*) == (.*) ==(.*)\n", EXPORTS.read_text("utf-8"), flags=re.MULTILINE)[
        1:
    ]
    return [
        (service, name, text, good.strip())
        for service, name, good, text in zip(*(blocks[at::4] for at in range(4)), strict=True)
    ]


SHAPES = _shapes()


@pytest.mark.parametrize(
    ("name", "text", "good"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES]
)
def test_each_state_of_each_service_has_its_end(name: str, text: str, good: str) -> None:
    members, _, paused = good.partition("|")
    reading = read_people(io.BytesIO(text.encode()), DEFAULTS, name=name)
    found: dict[str, set[str]] = {"member": set(), "paused": set(), "out": set()}
    for line in reading.lines:
        who = line.email.partition("@")[0]
        if line.outcome or line.candidate is None:
            found["out"].add(who)
        else:
            found["paused" if line.candidate.paused else "member"].add(who)
    assert found["member"] - found["out"] == set(members)
    assert found["paused"] == set(paused)


def test_what_is_shown_before_is_what_is_done() -> None:
    for _, name, text, _ in SHAPES:
        reading = read_people(io.BytesIO(text.encode()), DEFAULTS, name=name)
        lines = list(reading.lines)
        if not reading.survey.rules.silent:
            shown = reading.survey.rows - reading.survey.kept_out
            good = [
                line for line in lines if line.standing in {FormerState.MEMBER, FormerState.PAUSED}
            ]
            assert shown >= len([line for line in good if line.outcome is None])
            assert sum(reading.survey.standings.values()) == reading.survey.rows


def test_another_heading_amid_the_rows_stops_the_file() -> None:
    text = "Email Address,First Name\na@x.se,A\nEmail Address,UNSUB_TIME\nb@x.se,2022-01-01\n"
    with pytest.raises(BadInput, match="Line 3 is a heading"):
        read_people(io.BytesIO(text.encode()), DEFAULTS)
