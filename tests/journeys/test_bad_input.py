"""Bad input: each says what, why and what to do, with its exit code, and never a traceback."""

import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

import mailer.storage.store
from listserv.cli.main import krets as command
from tests.tree import Krets

LIST = "friends@example.org"
USAGE, REFUSED, LATER, CONFIGURATION = 2, 1, 75, 78
HELP = "Try 'krets"


@dataclass(frozen=True)
class Case:
    """One mistake: the words typed, the exit code, and what must be said on standard error."""

    words: str
    code: int
    says: tuple[str, ...]
    stdin: bytes = b""
    env: Mapping[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join((self.words, *map(str, self.env.values()), repr(self.stdin[:20])))


IMPORT = f"member import {LIST} - --consent told-us --yes"
ARGUMENTS = (
    Case("frobnicate", USAGE, ("No such command 'frobnicate'", HELP)),
    Case("serve --fast", USAGE, ("No such option '--fast'", HELP)),
    Case("list create", USAGE, ("Missing argument 'LIST'", HELP)),
    Case("list create a@example.org --kind zine", USAGE, ("'zine' is not one of", HELP)),
    Case("list create friends", USAGE, ("'friends' is not a list's address", "Write it in full")),
    Case(f"list create {LIST}", REFUSED, ("is there already", "krets list show")),
    Case("list create friends-join@example.org", REFUSED, ("an address of", "Choose a name")),
    Case("list show nobody@example.org", REFUSED, ("There is no list nobody@", "krets list ls")),
    Case("member ls nobody@example.org", REFUSED, ("There is no list nobody@", "krets list ls")),
    Case(f"member add {LIST} anna --consent x", USAGE, ("'anna' is not a mail address", "needs")),
    Case(f"member set {LIST} a@b.org --state left", REFUSED, ("not on friends@", "member ls")),
    Case(f"member import {LIST} none.csv --consent x", USAGE, ("'none.csv' does not exist", HELP)),
    Case(IMPORT, USAGE, ("The file has no lines.", "One address a line")),
    Case(
        IMPORT, REFUSED, ("not UTF-8", "line 1", "no address on this line", "Nobody"),
        stdin=b"\x00\xff\x00 binary",
    ),
    Case(IMPORT, REFUSED, ("line 2: Anna;123", "invalid"), stdin=b"name;phone\nAnna;123\n"),
    Case(IMPORT, REFUSED, ("line 2: a@@b: invalid", "Nobody"), stdin=b"email\na@@b\n"),
    Case(f"explain post {LIST} -", USAGE, ("The file is empty.", "Give one message")),
    Case(f"explain post {LIST} none.eml", USAGE, ("No such file", HELP)),
    Case("explain post nobody@example.org -", REFUSED, ("no list nobody@",), stdin=b"A: b\n\nc"),
    Case("queue show twelve", USAGE, ("'twelve' is not a valid integer", HELP)),
    Case("queue show 12", REFUSED, ("There is no message 12", "krets queue ls")),
    Case("queue drop 12 --yes", REFUSED, ("There is no message 12", "krets queue ls")),
    Case("sink --listen nowhere", USAGE, ("'nowhere' is not HOST:PORT", "such as")),
    Case("--set mailer.workers list ls", USAGE, ("is not SECTION.KEY=VALUE", "Try ")),
)  # fmt: skip
SETTINGS = (
    Case(
        "list ls", CONFIGURATION, ("WORKRS is not a setting", "mean workers?"),
        env={"KRETS_MAILER__WORKRS": "2"},
    ),
    Case(
        "list ls", CONFIGURATION, ("mailer.relays", "JSON list but is not one", "config example"),
        env={"KRETS_MAILER__RELAYS": '["smtp://a'},
    ),
    Case(
        "list ls", CONFIGURATION, ("/none, which cannot be read", "Correct the path"),
        env={"KRETS_MAILER__REDIS_FILE": "/none"},
    ),
    Case(
        "list ls", CONFIGURATION, ("none.toml is not there", "Correct KRETS_CONFIG"),
        env={"KRETS_CONFIG": "none.toml"},
    ),
    Case("--config . list ls", CONFIGURATION, ("cannot be read: Is a directory", "Check")),
    Case("--config none.toml list ls", CONFIGURATION, ("none.toml is not there", "Correct")),
    Case("--set mailer.data=/proc/krets list ls", CONFIGURATION, ("/proc/krets cannot", "Set ")),
    Case("--set mailer.data=letter list ls", CONFIGURATION, ("letter is not a folder", "Set ")),
    Case("--set mailer.data=letter/in list ls", CONFIGURATION, ("Not a directory", "Set ")),
    Case("--set archive.path=/proc/x web", CONFIGURATION, ("/proc/x/public cannot", "Set arch")),
    Case("--set mailer.smtp=192.0.2.1:25 smtp", CONFIGURATION, ("192.0.2.1:25 cannot", "Set ")),
    Case("--set mailer.smtp=a.invalid:25 smtp", CONFIGURATION, ("a.invalid:25 cannot", "Set ")),
    Case(
        "--set mailer.smtp= --set mailer.lmtp=/none/lmtp smtp", CONFIGURATION,
        ("/none/lmtp cannot", "Set "),
    ),
    Case("--set mailer.tls_cert=/none serve", CONFIGURATION, ("mailer.tls_cert", "Name a PEM")),
    Case(
        "--set mailer.database=postgresql://a:secret@127.0.0.1:1/x list ls", LATER,
        ("Connection refused", "try again"),
    ),
)  # fmt: skip
FILES = {
    "[mailer\n": ("is not valid TOML", "line 1", "Correct that line"),
    "[mailer]\nworker = 2\n": ("mailer.worker is not a setting", "Did you mean workers?"),
    "[mailers]\na = 1\n": ("a section [mailers]", "Did you mean mailer?"),
    "mailer = 3\n": ("mailer must be a section", "[mailer]"),
    "\xff\n": ("is not valid TOML", "Correct that line"),
    "[mailer]\nworkers = 'many'\n": ("mailer.workers", "valid integer", "config example"),
    "[mailer]\nworkers = 0\n": ("mailer.workers", "greater than or equal to 1", "config example"),
    "[mailer]\nsmtp = '25'\n": ("mailer.smtp", "'25' is not HOST:PORT", "config example"),
    "[mailer]\nrelays = ['ftp://x']\n": ("mailer.relays", "neither smtp:// nor", "Write smtp://"),
    "[mailer]\nfront = ['a b']\n": ("mailer.front", "no network", "Write addresses or networks"),
    "[mailer]\nredis = 'here'\n": ("mailer.redis", "must begin with redis://", "config example"),
    "[mailer]\ndatabase = 'mysql://x'\n": ("'mysql', which Krets does not speak", "Use postgres"),
    "[listserv]\nproxies = ['z']\n": ("listserv.proxies", "no network", "Write addresses"),
    "[listserv]\nbase_url = 'x'\n": ("listserv.base_url", "http://", "config example"),
    "[listserv]\ndomain = 'a b'\n": ("listserv.domain", "not a domain name", "config example"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Krets:
    """Give an installation with one list, from whose folder the commands are typed."""
    made = Krets(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter").write_text("Dear Anna,\n")
    made.krets("list", "create", LIST)
    return made


def typed(krets: Krets, case: Case) -> None:
    """Type a command that must fail as the case says."""
    done = CliRunner().invoke(
        command, case.words.split(), input=case.stdin, env=krets._clean_env() | dict(case.env)
    )
    unforeseen = done.exception if not isinstance(done.exception, SystemExit) else None
    assert unforeseen is None
    assert done.exit_code == case.code, done.stderr
    missing = [words for words in case.says if words not in done.stderr]
    assert not missing, f"{missing} in: {done.stderr}"
    assert "secret" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("case", ARGUMENTS, ids=str)
def test_wrong_arguments_and_names(place: Krets, case: Case) -> None:
    typed(place, case)


@pytest.mark.parametrize("case", SETTINGS, ids=str)
def test_settings_and_places_that_cannot_be_used(place: Krets, case: Case) -> None:
    typed(place, case)


@pytest.mark.parametrize(("text", "says"), FILES.items(), ids=map(repr, FILES))
def test_a_settings_file_that_cannot_be_used(
    place: Krets, text: str, says: tuple[str, ...]
) -> None:
    (place.folder / "krets.toml").write_text(text, encoding="latin-1")
    unset = {name: None for name in place.env if name.startswith("KRETS_")}
    typed(place, Case("--set mailer.data=data list ls", CONFIGURATION, says, env=unset))


@pytest.mark.parametrize(
    ("part", "setting"),
    [("smtp", "mailer.smtp"), ("web", "listserv.http"), ("serve", "mailer.smtp")],
)
def test_an_occupied_port_is_named_with_its_setting(place: Krets, part: str, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        door = f"127.0.0.1:{other.getsockname()[1]}"
        words = f"--set {setting}={door} {part}"
        typed(place, Case(words, CONFIGURATION, (f"{setting} = {door}", "in use", "Stop what")))


def test_a_second_serve_on_one_data_folder_names_the_first(krets: Krets) -> None:
    krets.start()
    assert krets.process is not None
    second = krets.run("serve")
    assert second.returncode == LATER
    assert f"Another krets serve (process {krets.process.pid}) runs on" in second.stderr
    assert "Stop it first, or set mailer.data" in second.stderr
    assert krets.get("/healthz")[0] == 200


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")


def a_letter(file: Path) -> None:
    file.write_text("Dear Anna, this is no database. " * 100)


def somebody_elses(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE places (url TEXT)")


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (newer, ("made by a newer Krets", "9999", "Upgrade Krets, or restore")),
        (a_letter, ("is not a database of Krets", "Restore it from a backup, or set")),
        (somebody_elses, ("tables that Krets did not make", "Set mailer.database")),
        (a_folder, ("The database file cannot be used", "See that mailer.data")),
    ],
)
@pytest.mark.parametrize("words", ["list ls", "serve"])
def test_a_database_that_is_not_ours_to_open(
    place: Krets, words: str, spoil: Callable[[Path], None], says: tuple[str, ...]
) -> None:
    data = place.folder / "data"
    for beside in data.glob("krets.db-*"):
        beside.unlink()
    spoil(data / "krets.db")
    typed(place, Case(words, CONFIGURATION, says))


@pytest.fixture
def mounts(place: Krets, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the kernel's table of mounts say what a test wants."""
    table = place.folder / "mounts"
    monkeypatch.setattr(mailer.storage.store, "MOUNTS", table)
    return table


def test_a_network_file_system_is_refused_for_sqlite(place: Krets, mounts: Path) -> None:
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nnas:/x {place.folder} nfs4 rw 0 0\n")
    says = ("is on a network file system (nfs4)", "a local disk, or mailer.database to a Post")
    typed(place, Case("list ls", CONFIGURATION, says))


def test_a_local_disk_below_a_network_mount_is_taken(place: Krets, mounts: Path) -> None:
    mounts.write_text(f"nas:/x / nfs rw 0 0\n/dev/b {place.folder} ext4 rw 0 0\n")
    assert LIST in place.krets("list", "ls")
