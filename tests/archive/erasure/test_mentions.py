"""What others wrote of a person is listed to be decided about, and each decision is one command."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from archive.filing.mail_threading import place
from archive.site import build
from listserv.cli.archive import archives
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage import tokens
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import MailList

BASE = "https://lists.example.org"
LIST = "circle@example.org"
BO = "Thank you, Anna, and annas dog.\n\n-- \nBo & Anna\n"
Write = Callable[..., bytes]
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(store: Store, circle: MailList, mail: Write, tmp_path: Path) -> Run:
    """Make a talk in which others name, greet and quote Anna Person, and another Anna signs."""
    said = "The well behind the house is dry since the spring.\n"
    own = b"From: Anna Berg <berg@example.org>"
    raws = [
        mail("anna", body=said + "\n-- \nAnna\n"),
        mail(
            "bo",
            "anna",
            at=1,
            body=f"> {said}\nThank you, Anna, and annas dog.\n\n-- \nBo & Anna\n",
        ),
        mail(
            "kim",
            "anna",
            at=2,
            body="Anna Person wrote:\n> Something else.\n\nAnna Person knows.\n",
        ),
        mail("berg", at=3, body="I am another.\n\nAnna\n").replace(
            b"From: Berg Person <berg@example.org>", own
        ),
        mail("ask", at=4).replace(b"About ask", b"A question for Anna"),
    ]
    with store.write() as session:
        if tokens.load_keyring(session) is None:
            tokens.new_key(session)
        for raw, sha in zip(raws, put_raw(session, raws), strict=True):
            place(session, circle, raw, sha, 1_700_000_000.0)
    while build.render_dirty(store, tmp_path, BASE):
        pass
    settings = SimpleNamespace(archive_path=tmp_path, listserv=SimpleNamespace(base_url=BASE))
    app = SimpleNamespace(store=store, settings=settings)

    def ran(*words: str) -> dict[str, Any]:
        result = CliRunner().invoke(archives, words, obj=app, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout) if "--json" in words else {}
        return found

    return ran


def person(run: Run, *more: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = run(
        "redact", LIST, "--person", "anna@example.org", "--json", *more
    )["mentions"]
    return found


def test_what_stands_in_others_words_is_listed_with_its_place(run: Run) -> None:
    """Not the person's own mail, not another's own name, not what goes by itself."""
    found = person(run, "--dry-run")
    assert [(one["hash"], one["kind"], one["phrase"]) for one in found] == [
        (permalink_hash("bo@x"), "quote", ""),
        (permalink_hash("bo@x"), "mention", "Anna"),
        (permalink_hash("bo@x"), "signature", "Anna"),
        (permalink_hash("kim@x"), "quote", ""),
        (permalink_hash("ask@x"), "subject", "Anna"),
    ]
    assert "Thank you, Anna, and" in found[1]["text"]


@pytest.mark.journey
def test_each_command_takes_it_out_there_and_nowhere_else(
    store: Store, run: Run, tmp_path: Path
) -> None:
    for one in person(run, "--yes"):
        words = shlex.split(one["command"])
        assert words[:2] == ["krets", "archive"]
        run(*words[2:], "--yes")
    assert person(run, "--yes") == []
    read = [path.read_text() for path in (tmp_path / "public" / LIST).rglob("thread.json")]
    told = {one["id"]: one for text in read for one in json.loads(text)["messages"]}
    assert "Anna" not in json.dumps(told["bo@x"])
    assert "dry since" not in told["bo@x"]["quoted"]
    assert "dry since" in told["anna@x"]["text"]
    assert "annas dog" in told["bo@x"]["text"]
    assert "I am another.\n\nAnna" in told["berg@x"]["text"]
    assert told["berg@x"]["author"] == "Anna Berg"
    month = json.loads((tmp_path / "public" / LIST / "2023-11" / "index.json").read_text())
    assert "A question for [\u2026]" in [one["subject"] for one in month["threads"]]
