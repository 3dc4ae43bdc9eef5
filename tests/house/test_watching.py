"""Alerts and their how-to name numbers and labels that a door tells, and all of them."""

import re
import subprocess
from pathlib import Path

import pytest

from listserv.upkeep import metrics
from listserv.web.visitor import CameBy
from mailer.reading.bounce_reasons import BounceKind
from mailer.storage.store import Store
from subscriptions.permission import budget
from tests.conftest import missing

ROOT = Path(__file__).resolve().parents[2]
RULES = (ROOT / "deploy/prometheus/krets.rules.yaml").read_text("utf-8")
PAGE = (ROOT / "docs/how-to/watch-it.md").read_text("utf-8")
NAMED = re.compile(r"\bkrets_[a-z_]+\b")


def told(store: Store) -> str:
    return metrics.page(store, {"web": 2}, {way.word: 1 for way in CameBy}).decode()


def test_rules_and_page_name_numbers_that_are_told(store: Store) -> None:
    there = set(re.findall(r"^# TYPE (krets_\w+) ", told(store), re.MULTILINE))
    assert set(NAMED.findall(RULES)) <= there
    assert set(NAMED.findall(PAGE)) == there


def test_labels_in_the_rules_have_values_that_there_are(store: Store) -> None:
    said = told(store)
    for name, label, value in re.findall(r'(krets_\w+)\{(\w+)="(\w+)"\}', RULES):
        known = {"kind": set(BounceKind), "bound": set(budget.SHARED)}.get(label)
        assert value in known if known else f'{name}{{{label}="{value}"}}' in said


def test_each_alert_says_what_is_the_matter() -> None:
    form = r"- alert: (\w+)\n\s+expr: .+\n(?:\s+for: \w+\n)?\s+annotations: (.+)"
    alerts = re.findall(form, RULES)
    assert len(alerts) == RULES.count("- alert:")
    assert all(re.fullmatch(r'\{ summary: "[^"]{20,120}" \}', words) for _, words in alerts)


@pytest.mark.journey
def test_prometheus_reads_the_rules() -> None:
    promtool = ROOT / ".tools/prometheus/usr/bin/promtool"
    if not promtool.is_file():
        missing("promtool is not unpacked (JOURNEYS=yes tools/test-parts does it).")
    rules = str(ROOT / "deploy/prometheus/krets.rules.yaml")
    done = subprocess.run([promtool, "check", "rules", rules], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert f"{RULES.count('- alert:')} rules found" in done.stdout.decode()
