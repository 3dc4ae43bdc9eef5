"""What lies in the tree: sizes, words, and nothing that tells where it was written."""

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 500

MOST_FILES = 25
MOST_OF_A_FUNCTION = 60
# Functions that are longer, and why.
LONG = {
    "audit": "is one account of a run after a kill, read from its first line to its last",
    "test_no_writer_of_files_writes_what_was_taken_out": "is a list of all writers of files",
}
# Folders that grow by their nature: a file for each migration, mail, journey and noun of commands.
GROWING = (
    "listserv/cli",
    "tests/journeys",
    "listserv/migrations/versions",
    "templates/",
    "tests/golden",
    "docs/",
)

# Words that promise what we cannot know, or that name people as targets.
AVOIDED = {
    r"\bdelivered\b(?!-to)": "accepted (a relay took it; what comes after we do not know)",
    r"\bsubscribers?\b": "member",
    r"\b(e-?mail )?blasts?\b": "mailing",
    r"\bcampaigns?\b": "issue or mailing",
    r"\bunsubscribers?\b": "people who left",
    r"\busers? list\b": "list",
    r"\bdouble opt-?in\b": "confirmation",
}
LEAKS = re.compile(r"(?<![\w.$}/])/(?:home|root|Users|work|workspace)/(?=[\w.])")


def tracked() -> list[Path]:
    """Return the files that belong to the project."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("Not a git checkout: no list of the project's files.")
    names = [name for name in listed.decode().split("\0") if name]
    return [path for name in names if (path := ROOT / name).is_file() and not path.is_symlink()]


def texts() -> list[tuple[str, str]]:
    """Return each text file of the project, by its name."""
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data:
            found.append((path.relative_to(ROOT).as_posix(), data.decode("utf-8", "replace")))
    return found


def read_by_people(name: str) -> bool:
    """Tell whether a file is words of ours for people: documents, templates, catalogues."""
    if name.startswith("templates/words/"):
        return False  # what others write
    if name.startswith("templates/"):
        return not name.endswith((".py", ".css", ".js"))
    return (
        name.endswith(".md")
        and name != "CONTRIBUTING.md"
        and not name.startswith("docs/decisions/")
    )


def test_a_long_file_has_its_reason_in_decisions() -> None:
    pages = (ROOT / "docs" / "decisions").glob("*.md")
    decisions = "".join(page.read_text(encoding="utf-8") for page in pages)
    long = [
        name
        for name, text in texts()
        if name.endswith(".py") and text.count("\n") > MOST_LINES and name not in decisions
    ]
    assert not long, f"over {MOST_LINES} lines: split, or say why in docs/decisions"


def test_a_long_function_has_its_reason() -> None:
    long = {
        f"{name}: {node.name}"
        for name, text in texts()
        if name.endswith(".py") and "migrations/versions" not in name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MOST_OF_A_FUNCTION
        and node.name not in LONG
    }
    assert not long, "cut it in two, or say here why not"


def test_a_folder_of_modules_is_read_in_one_glance() -> None:
    count = Counter(
        name.rpartition("/")[0]
        for name, _ in texts()
        if name.endswith(".py") and not name.endswith("/__init__.py")
    )
    full = {
        folder: files
        for folder, files in count.items()
        if files > MOST_FILES and not folder.startswith(GROWING)
    }
    assert not full, "give what belongs together a folder of its own"


def test_what_a_test_says_of_time_is_a_ratio_of_one_run() -> None:
    """Seconds are other seconds on a slower machine, under a tracer, beside other work."""
    clocks = [
        name
        for name, text in texts()
        if name.startswith("tests/") and not name.startswith(("tests/bench/", "tests/house/"))
        if re.search(r"process_time|perf_counter", text) and name != "tests/cost.py"
    ]
    assert not clocks, "tests/cost.py compares with a fixed piece of work"


def test_our_words_do_not_promise_or_sell() -> None:
    found = [
        f"{name}: {hit.group()!r}, say {better}"
        for name, text in texts()
        if read_by_people(name)
        for pattern, better in AVOIDED.items()
        for hit in re.finditer(pattern, text, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


def test_documents_do_not_shout() -> None:
    shouting = [
        f"{name}: {line.strip()}"
        for name, text in texts()
        if read_by_people(name) and name.endswith(".md")
        for line in text.splitlines()
        if re.search(r"\w!(\s|$)", line) or re.search("[\U0001f300-\U0001faff\u2600-\u27bf]", line)
    ]
    assert not shouting


def test_nothing_tells_where_it_was_written() -> None:
    leaks = [
        f"{name}: {line.strip()[:120]}"
        for name, text in texts()
        for line in text.splitlines()
        if LEAKS.search(line) or (name.endswith(".lock") and "://" in line)
    ]
    assert not leaks


def test_catalogues_and_code_end_in_a_newline_and_hold_no_tabs_by_accident() -> None:
    untidy = [
        name
        for name, text in texts()
        if name.endswith((".py", ".po", ".md", ".toml", ".txt", ".html", ".css"))
        and text
        and (not text.endswith("\n") or "\r" in text)
    ]
    assert not untidy
