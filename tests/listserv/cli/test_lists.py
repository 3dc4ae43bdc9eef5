"""The list commands: what they print, refuse and leave behind."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from archive.filing.mail_threading import place
from listserv.cli.lists import lists
from mailer.errors import KretsError
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import get_list

Run = Callable[..., Result]


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Run:
    listserv = SimpleNamespace(base_url="https://lists.example.org")
    settings = SimpleNamespace(archive_path=tmp_path / "archive", listserv=listserv)
    app = SimpleNamespace(store=store, settings=settings)

    def ran(*words: str) -> Result:
        result = CliRunner().invoke(lists, words, obj=app)
        if isinstance(result.exception, KretsError):
            result.exit_code = result.exception.exit_code
        elif result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return ran


def test_a_list_is_made_with_the_promised_defaults(run: Run) -> None:
    assert run("create", "Friends@Example.org").exit_code == 0
    (lst,) = json.loads(run("ls", "--json").stdout)
    assert (lst["list"], lst["kind"], lst["members"]) == ("friends@example.org", "discussion", 0)
    assert (lst["language"], lst["join"], lst["archive"], lst["post"]) == (
        "en",
        "open",
        "public",
        "members",
    )


def test_ls_is_an_empty_array_before_the_first_list(run: Run) -> None:
    assert json.loads(run("ls", "--json").stdout) == []
    assert "krets list create" in run("ls").stderr


def test_a_list_shows_what_was_set(run: Run) -> None:
    run("create", "friends@example.org", "--title", "Friends [of] Krets")
    result = run(
        *("set", "friends@example.org", "--language", "sv", "--emergency", "--subject-tag", "[F]")
    )
    assert result.exit_code == 0
    assert "signatures break" in result.stderr
    shown = json.loads(run("show", "FRIENDS@example.org", "--json").stdout)
    assert (shown["language"], shown["emergency"], shown["subject_tag"]) == ("sv", True, "[F]")
    assert shown["members"] == {"pending": 0, "active": 0, "paused": 0, "left": 0}
    assert "Friends [of] Krets" in run("show", "friends@example.org").stdout
    assert "Nothing" in run("set", "friends@example.org", "--emergency").stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("create", "friends-join@example.org"), 1),
        (("create", "postmaster@example.org"), 1),
        (("create", "friends"), 2),
        (("create", "friends@example.org", "--language", "de"), 2),
        (("create", "friends@example.org", "--join", "maybe"), 2),
        (("create", "n@example.org", "--kind", "newsletter", "--post", "anyone"), 2),
        (("show", "nowhere@example.org"), 1),
    ],
)
def test_a_refusal_has_the_right_exit_code(run: Run, words: tuple[str, ...], code: int) -> None:
    assert run(*words).exit_code == code
    assert json.loads(run("ls", "--json").stdout) == []


@pytest.mark.parametrize("name", sorted(lists.commands))
def test_every_command_has_help_with_an_example(run: Run, name: str) -> None:
    assert "krets list " + name in run(name, "--help").stdout


def test_an_archive_that_is_closed_to_strangers_is_gone_for_them_at_once(
    run: Run, store: Store, tmp_path: Path
) -> None:
    run("create", "friends@example.org")
    raw = b"From: a@x.org\r\nSubject: secret\r\n\r\nHi\r\n"
    with store.write() as session:
        (sha,) = put_raw(session, [raw])
        place(session, get_list(session, "friends@example.org"), raw, sha, 1_700_000_000.0)

    def pages(tree: str) -> list[Path]:
        return list((tmp_path / "archive" / tree / "friends@example.org").rglob("*.html"))

    for policy, public, members in (
        ("members", False, True),
        ("public", True, False),
        ("none", False, False),
    ):
        result = run("set", "friends@example.org", "--archive", policy)
        assert result.exit_code == 0, result.output
        assert (bool(pages("public")), bool(pages("members"))) == (public, members), policy
    assert run("set", "friends@example.org", "--max-size", "3000000000").exit_code == 2
