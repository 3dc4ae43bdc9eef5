"""What pagefind, a program beside us, hands over is whole, or nothing is taken of it."""

import base64
import json
import sys
from pathlib import Path

import pytest

from archive.pages import search

ENTRY = search.SearchEntry(
    1,
    2024,
    "sv",
    {"url": "t/a/#m", "content": "Båtarna i hamnen", "meta": {}, "filters": {"kind": ["first"]}},
)
BUNDLE = search.Bundle("2024-sv", 2024, "sv", 1)


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, *answers: object) -> None:
    """Put a program in pagefind's place that answers with these."""
    coded = [base64.b64encode(json.dumps({"payload": one}).encode()) for one in answers]
    program = folder / "pagefind"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nfor one in {coded!r}:\n"
        "    while sys.stdin.read(1) not in (',', ''):\n        pass\n"
        "    sys.stdout.buffer.write(one + b',')\n    sys.stdout.flush()\n"
    )
    program.chmod(0o700)
    monkeypatch.setattr(search, "get_executable", lambda: str(program))


def test_a_bundle_is_whole_when_it_is_handed_over() -> None:
    """Each file has something in it, and the entry counts the mail."""
    files = search._index(BUNDLE, [ENTRY], "x/search")
    told = json.loads(files["x/search/2024-sv/pagefind-entry.json"])
    assert told["languages"]["sv"]["page_count"] == 1
    assert "x/search/pagefind.js" in files
    assert all(files.values())


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([{"type": "NewIndex", "index_id": 1}], "ended before it answered"),
        ([{"type": "Error", "message": "no such index"}], "no such index"),
        (
            [
                {"type": "NewIndex", "index_id": 1},
                {"type": "IndexedFile"},
                {
                    "type": "GetFiles",
                    "files": [{"path": "pagefind-entry.json", "content": ""}],
                },
            ],
            "pagefind-entry.json is empty",
        ),
    ],
)
def test_what_is_not_whole_is_not_taken(
    answers: list[object], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that ends, complains or hands over nothing is an error that says so."""
    pretend(tmp_path, monkeypatch, *answers)
    with pytest.raises(OSError, match=why):
        search._index(BUNDLE, [ENTRY], "x/search")
