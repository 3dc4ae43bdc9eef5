"""What owners write is understood, and nothing else is: 342 phrases of six languages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listserv.answers import owner_orders
from listserv.answers.owner_order import UNCLEAR, Order

PHRASES = Path(__file__).with_name("owner_phrases.txt").read_text(encoding="utf-8")
READS = {"members", "count", "find", "queue", UNCLEAR}
DENIED = {
    "en": "Please don't {}", "sv": "Snälla, {} inte", "it": "Per favore non {}",
    "ro": "Vă rog nu {}", "ru": "Пожалуйста, не {}", "nl": "Alsjeblieft niet {}",
}  # fmt: skip
VERBS = {
    "en": ("remove @", "add @", "ban @", "pause @", "invite @"),
    "sv": ("ta bort @", "lägg till @", "spärra @", "pausa @", "bjud in @"),
    "it": ("togliere @", "aggiungere @", "bloccare @", "sospendere @", "invitare @"),
    "ro": ("scoateți @", "adăugați @", "blocați @", "suspendați @", "invitați @"),
    "ru": ("удаляйте @", "добавляйте @", "блокируйте @", "удалить @", "приглашайте @"),
    "nl": ("@ verwijderen", "@ toevoegen", "@ blokkeren", "@ pauzeren", "@ uitnodigen"),
}


def cases() -> Iterator[tuple[str, str]]:
    for line in PHRASES.splitlines():
        if not line.startswith("#"):
            wanted, _, text = line.partition(" | ")
            yield wanted, text.replace("\\n", "\n")


def meant(orders: tuple[Order, ...]) -> set[tuple[str, str]]:
    """Return what is ordered of whom, without what nobody understood."""
    bare = {"members", "count", "queue", "export"}
    return {
        (one.verb, "" if one.verb in bare else one.who or one.rest)
        for one in orders
        if one.verb != UNCLEAR
    }


def wanted_of(said: str) -> set[tuple[str, str]]:
    verb, *who = said.split()
    return {(verb, one) for one in who if one != "until"} or {(verb, "")}


def test_nothing_is_ordered_that_a_phrase_does_not_mean() -> None:
    wrong = []
    for wanted, text in cases():
        found = {one for one in meant(owner_orders.read(text)) if one[0] not in READS}
        if not found <= wanted_of(wanted):
            wrong.append((text, found))
    assert wrong == []


def test_ninety_five_of_a_hundred_phrases_are_understood() -> None:
    orders = [(wanted, text) for wanted, text in cases() if wanted != "-"]
    missed = [
        text for wanted, text in orders if meant(owner_orders.read(text)) != wanted_of(wanted)
    ]
    assert len(missed) <= len(orders) * 0.05, missed


@given(st.sampled_from(sorted(VERBS)), st.integers(0, 4))
def test_a_denied_order_is_none_in_any_language(language: str, verb: int) -> None:
    said = VERBS[language][verb].replace("@", "anna@example.net")
    found = owner_orders.read(DENIED[language].format(said))
    assert {one.verb for one in found} <= {UNCLEAR}


@pytest.mark.parametrize("word", ["remove", "add", "take put pause make"])
def test_a_mail_full_of_orders_costs_little_and_orders_at_most_forty(word: str) -> None:
    found = owner_orders.read("\n".join([f"{word} {word} " * 40 + "a@b.example"] * 500))
    assert len(found) <= owner_orders.MOST
