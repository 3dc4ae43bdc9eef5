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
FRIENDS = "friends@example.org"


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
    assert shown["members"] == {"pending": 0, "active": 0, "paused": 0, "left": 0, "given-up": 0}
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
        ("public", True, True),
        ("none", False, False),
    ):
        result = run("set", "friends@example.org", "--archive", policy, "--yes")
        assert result.exit_code == 0, result.output
        assert (bool(pages("public")), bool(pages("members"))) == (public, members), policy
        assert not [page for page in pages("public") if "secret" in page.read_text()]
    assert run("set", "friends@example.org", "--max-size", "3000000000").exit_code == 2


def _friends(run: Run, store: Store) -> None:
    """Make a closed list with two messages by one person."""
    run("create", FRIENDS, "--archive", "members", "--join", "invite")
    with store.write() as session:
        for number in range(2):
            raw = f"From: A <a@x.org>\nMessage-ID: <{number}@x>\nSubject: s\n\nHi\n".encode()
            (sha,) = put_raw(session, [raw])
            place(session, get_list(session, FRIENDS), raw, sha, 1_700_000_000.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--archive", "public"), "2 messages by 1 person, stays with the members"),
        (("--archive", "public", "--also-past"), "all that is there, 2 messages by 1 person"),
        (("--post", "anyone"), "Anybody may write to 0 members"),
        (("--join", "open"), "Anybody may join, and may then read the 2 messages"),
        (("--join", "approve"), "Anybody may ask to join"),
        (("--archive", "public", "--title", "Other"), "members -> public"),
    ],
)
def test_what_opens_a_list_is_refused_until_somebody_agrees(
    run: Run, store: Store, words: tuple[str, ...], said: str
) -> None:
    """It says what would be open and changes nothing, the rest of the command neither."""
    _friends(run, store)
    before = run("show", FRIENDS, "--json").stdout
    result = run("set", FRIENDS, *words)
    assert result.exit_code == 1
    assert said in str(result.exception)
    assert run("show", FRIENDS, "--json").stdout == before
    agreed = run("set", FRIENDS, *words, "--yes")
    assert agreed.exit_code == 0
    assert said in agreed.stderr


def test_yes_alone_opens_what_comes_later(run: Run, store: Store, tmp_path: Path) -> None:
    """The past takes words of its own, then or later; closing asks nothing."""
    _friends(run, store)
    public = tmp_path / "archive" / "public" / FRIENDS / "m"
    run("set", FRIENDS, "--archive", "public", "--yes")
    assert not list(public.glob("*/index.html"))
    assert json.loads(run("show", FRIENDS, "--json").stdout)["public_since"]
    assert run("set", FRIENDS, "--also-past").exit_code == 1
    assert run("set", FRIENDS, "--also-past", "--yes").exit_code == 0
    assert len(list(public.glob("*/index.html"))) == 2
    assert json.loads(run("show", FRIENDS, "--json").stdout)["public_since"] == ""
    assert run("set", FRIENDS, "--also-past", "--yes").exit_code == 2
    assert run("set", FRIENDS, "--archive", "members", "--join", "invite").exit_code == 0
    assert not list(public.glob("*/index.html"))
