"""Bounces of systems that no corpus of ours holds are judged by general rules."""

from mailer.reading.bounce_reasons import BounceKind
from mailer.reading.bounces import read
from tests.mailer.reading.other_bounces import BOUNCES, WHO


def test_of_other_systems_dead_95_of_100_are_found_and_4_of_the_others_called_dead() -> None:
    found = {one.name: read(one.raw) for one in BOUNCES}
    dead = [one.name for one in BOUNCES if one.kind is BounceKind.DEAD]
    others = [one.name for one in BOUNCES if one.kind is not BounceKind.DEAD]
    missed = [name for name in dead if found[name].kind is not BounceKind.DEAD]
    slandered = [name for name in others if found[name].kind is BounceKind.DEAD]
    assert len(BOUNCES) >= 40
    assert len(missed) <= 0.05 * len(dead), missed
    assert len(slandered) <= 0.04 * len(others), slandered
    nobody = [name for name, one in found.items() if one.recipient != WHO]
    assert len(nobody) <= 0.02 * len(found), nobody


def test_most_reasons_of_other_systems_are_right() -> None:
    wrong = {
        one.name: read(one.raw).kind.value for one in BOUNCES if read(one.raw).kind is not one.kind
    }
    assert len(wrong) <= 0.1 * len(BOUNCES), wrong
