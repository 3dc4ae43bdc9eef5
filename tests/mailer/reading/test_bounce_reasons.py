"""What a server says outweighs its number, in the languages of our readers' providers."""

import re
from pathlib import Path

import pytest

from mailer.reading.bounce_reasons import BounceKind, spoken
from mailer.reading.bounces import said

SAMPLES = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "refusals.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
# neither counts, so they may be taken for each other
OURS = {BounceKind.POLICY, BounceKind.CONTENT}
_NUMBERS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


def words(kind: BounceKind) -> list[str]:
    return [text for name, text in SAMPLES if name == kind]


@pytest.mark.parametrize(("name", "text"), SAMPLES)
def test_a_refusal_is_read_as_its_server_means_it(name: str, text: str) -> None:
    found, meant = said(text).kind, BounceKind(name)
    assert found is meant or {found, meant} == OURS


@pytest.mark.parametrize("text", [*words(BounceKind.POLICY), *words(BounceKind.CONTENT)])
def test_what_speaks_of_us_is_nobodys_death_whatever_number_stands_before_it(text: str) -> None:
    for number in ("5.1.1", "5.1.10", "5.0.0", "5.4.1"):
        assert said(_NUMBERS.sub(number, text)).kind not in {BounceKind.DEAD, BounceKind.FULL}


def test_most_deaths_are_told_by_words_alone() -> None:
    told = [
        text for text in words(BounceKind.DEAD) if spoken(_NUMBERS.sub("", text)) is BounceKind.DEAD
    ]
    assert len(told) / len(words(BounceKind.DEAD)) > 0.9


@pytest.mark.parametrize(
    "repeated", ["utente ", "получатель ", "avsändare ", "casella di ", "mailbox ", "5.1.1 "]
)
def test_no_words_take_long_to_read(repeated: str) -> None:
    assert said("550 " + repeated * 5000).kind in BounceKind
