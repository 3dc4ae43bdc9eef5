"""Decisions by subject: numbers are given once, and what no longer stands says what replaced it."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "decisions"
RECORD = re.compile(r"(?m)^## (\d+)\. .+\n\n\*(\d{4}-\d\d-\d\d), (.+)\*\n\n\S")
STATUS = re.compile(r"(stands, in part )?replaced by (\d+)|stands")


def pages() -> dict[str, str]:
    """Return the pages of decisions by their names, without the index."""
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    del found["README.md"]
    return found


def records() -> dict[int, tuple[str, str]]:
    """Return (page, status) of each record by its number."""
    return {
        int(number): (name, status)
        for name, text in pages().items()
        for number, _, status in RECORD.findall(text)
    }


def test_every_record_has_a_number_of_its_own_a_date_and_a_status() -> None:
    for name, text in pages().items():
        heads = re.findall(r"(?m)^## (.+)$", text)
        found = RECORD.findall(text)
        assert len(found) == len(heads), f"{name}: ## NUMBER. What, then *DATE, STATUS*"
        assert all(date.fromisoformat(day) and STATUS.fullmatch(what) for _, day, what in found)
    numbers = Counter(n for text in pages().values() for n, _, _ in RECORD.findall(text))
    twice = [number for number, times in numbers.items() if times > 1]
    assert not twice, f"given twice, the next free number is {max(map(int, numbers)) + 1}"


def test_what_replaced_a_record_is_there_and_the_index_says_so() -> None:
    known = records()
    said = {
        (f"{number}", page, by, known[int(by)][0], " (in part)" if part else "")
        for number, (page, status) in known.items()
        for part, by in STATUS.findall(status)
        if by
    }
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"(?m)^\| \[(\d+)\]\((\S+?)\) \| .+ \| \[(\d+)\]\((\S+?)\)( \(in part\))? \|$", index
    )
    assert set(rows) == said


def test_the_index_leads_to_every_subject() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    subjects = index.partition("\n## ")[0]
    assert set(re.findall(r"(?m)^\| \[.+?\]\((\S+?)\) \|", subjects)) == set(pages())


def test_no_record_stands_where_they_stood_before() -> None:
    pointer = (ROOT / "DECISIONS.md").read_text(encoding="utf-8")
    assert not re.search(r"(?m)^\d+\. ", pointer), "move it to its subject in docs/decisions"
