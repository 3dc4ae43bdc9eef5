"""Each row of docs/reference/standards.md is shown by tests that exist, or says why not."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/standards.md"
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("| what", "|---"))
]
WRITTEN = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_a_row_names_tests_that_exist_or_a_reason(row: tuple[str, ...]) -> None:
    assert len(row) == 2
    what, shown = row
    named = re.findall(r"`(test_\w+)`", shown)
    if what.startswith("*not*"):
        assert len(shown.split()) > 5, "why not"
        assert named == []
    else:
        assert named, "shown by which test"
        assert set(named) <= WRITTEN


def test_the_page_covers_what_it_promises() -> None:
    assert len(ROWS) > 60
    text = PAGE.read_text(encoding="utf-8")
    for number in (2033, 2369, 3207, 3464, 3676, 3834, 5321, 5965, 6376, 6531, 7208, 8058, 9989):
        assert str(number) in text
