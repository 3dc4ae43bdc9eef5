"""The commands about the archive, run as a person would."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from listserv.cli.archive import archives, imports
from mailer.errors import BadInput, Refused
from mailer.reading.mbox import write_mbox
from mailer.storage.store import Store
from subscriptions.lists.roster import MailList

LIST = "circle@example.org"


@dataclass
class Section:
    base_url: str = "https://lists.example.org"


@dataclass
class Settings:
    archive_path: Path
    listserv: Section


@dataclass
class App:
    store: Store
    settings: Settings


@pytest.fixture
def app(store: Store, circle: MailList, tmp_path: Path) -> App:
    return App(store, Settings(tmp_path / "archive", Section()))


@pytest.fixture
def mbox(tmp_path: Path, mail: Callable[..., bytes]) -> Path:
    path = tmp_path / "old.mbox"
    raws = [mail("a"), mail("b", "a", at=1), b"X-No-Archive: yes\n" + mail("c")]
    path.write_bytes(b"".join(write_mbox((raw, 0.0) for raw in raws)))
    return path


def run(app: App, *words: str) -> str:
    group = imports if words[0] == "import" else archives
    result = CliRunner().invoke(group, words[1:], obj=app, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_import_reports_what_it_did_and_again_adds_nothing(app: App, mbox: Path) -> None:
    """The report is one JSON object."""
    first = json.loads(run(app, "import", "mbox", LIST, str(mbox), "--json"))
    assert {k: first[k] for k in ("read", "new", "duplicates", "not_archived")} == {
        "read": 3,
        "new": 2,
        "duplicates": 0,
        "not_archived": 1,
    }
    again = json.loads(run(app, "import", "mbox", LIST, str(mbox), "--json"))
    assert (again["new"], again["duplicates"]) == (0, 2)


def test_check_refuses_a_difference_and_build_repairs_it(app: App, mbox: Path) -> None:
    """Exit 1 names the files."""
    run(app, "import", "mbox", LIST, str(mbox))
    run(app, "archive", "check", LIST)
    next(app.settings.archive_path.rglob("thread.json")).unlink()
    for words in (("check",), ("build", "--check")):
        with pytest.raises(Refused, match="1 files missing"):
            run(app, "archive", *words, LIST)
    run(app, "archive", "build")
    run(app, "archive", "check")


def test_export_asks_before_it_writes_into_a_full_folder(
    app: App, mbox: Path, tmp_path: Path
) -> None:
    """Without a terminal and without --yes it refuses."""
    run(app, "import", "mbox", LIST, str(mbox))
    folder = tmp_path / "site"
    run(app, "archive", "export", LIST, str(folder))
    assert (folder / "index.html").is_file()
    with pytest.raises(Refused):
        run(app, "archive", "export", LIST, str(folder))
    run(app, "archive", "export", LIST, str(folder), "--yes")


def test_a_redaction_reaches_the_exports_and_check_finds_what_is_left(
    app: App, mbox: Path, tmp_path: Path
) -> None:
    """The copy that stands is written anew; an old page that holds the name makes check exit 1."""
    run(app, "import", "mbox", LIST, str(mbox))
    folder = tmp_path / "site"
    run(app, "archive", "export", LIST, str(folder))
    kept = folder / LIST / "2023-11" / "index.json"
    assert "A Person" in kept.read_text()
    told = json.loads(
        run(app, "archive", "redact", LIST, "--person", "a@example.org", "--yes", "--json")
    )
    assert (told["left"], told["exports"]) == ([], [str(folder)])
    assert "A Person" not in kept.read_text()
    run(app, "archive", "check")
    kept.write_text('{"author": "A Person"}')
    with pytest.raises(Refused, match="1 files hold what was taken out"):
        run(app, "archive", "check")


@pytest.mark.parametrize("content", ["", "no mail at all\n"])
def test_a_file_without_mail_is_an_error_that_says_what_an_mbox_is(
    app: App, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "nothing.mbox"
    file.write_text(content)
    done = CliRunner().invoke(imports, ["mbox", LIST, str(file)], obj=app)
    assert isinstance(done.exception, BadInput)
    assert "no mail" in done.exception.what
