"""Fixtures that every room's tests share: a store, real mail, and programs to talk to.

``pytest --database postgresql`` runs the tests that use a database, and only those, on a
private PostgreSQL. What is missing on this machine is skipped with its reason; with CI=true
it fails instead, except for the shared mail that only some machines have.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

from mailer.authentication.resolver import NOTHING, DnsAnswer, Resolver
from mailer.storage import tokens
from mailer.storage.store import Store
from tests import cluster, green, shape

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# The rooms' code runs in other processes there: tracing would cost much and tell nothing.
ELSEWHERE = {"bench", "browser", "faults", "house", "journeys"}
CLUSTER = pytest.StashKey[str]()
CLOSING = pytest.StashKey[ExitStack]()
# Where the two databases could differ most. On PostgreSQL only these run, but with --whole, as
# `make postgresql` has it: all that use a database, which takes three times as long.
CLOSEST = (
    "faults", "mailer", "subscriptions", "archive/erasure/test_redaction.py",
    "archive/site/test_opened_later.py",
    "journeys/test_issue.py", "journeys/test_parts.py", "journeys/test_post.py",
    "listserv/digests/test_digest_clocks.py", "listserv/digests/test_digest_making.py",
    "listserv/digests/test_digests_apart.py", "listserv/mailings/test_audience.py",
    "listserv/mailings/test_thread_ways.py",
    "listserv/membership/test_forgetting.py", "listserv/upkeep/test_backup.py",
    "listserv/upkeep/test_retention.py", "listserv/wiring/test_journals.py",
    "listserv/wiring/test_upgrades.py",
)  # fmt: skip

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=5_000)
hypothesis.settings.load_profile("default")


def missing(what: str) -> NoReturn:
    """Skip this test and say why; where CI=true, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} CI must have it: see tools/test-parts.", pytrace=False)
    pytest.skip(what)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default=os.environ.get("KRETS_TEST_DATABASE", "sqlite"),
        help="what `store` opens; postgresql runs only the tests that use a database",
    )
    parser.addoption(
        "--whole",
        action="store_true",
        help="with postgresql: every test that uses a database, not the closest to it alone",
    )
    parser.addoption(
        "--resume",
        action="store_true",
        help="leave out what was green at this very tree (make journeys; tests/green.py)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Copy SQLite's shape; start PostgreSQL once, in the process that owns the run."""
    shape.use_copies()
    _ask_no_dns()
    config.pluginmanager.register(green.Spent())
    if config.getoption("--resume"):
        config.pluginmanager.register(green.Resuming(config))
    if config.getoption("--database") != "postgresql":
        return
    if hasattr(config, "workerinput"):
        config.stash[CLUSTER] = config.workerinput["krets_cluster"]
        return
    config.stash[CLOSING] = closing = ExitStack()
    try:
        config.stash[CLUSTER] = closing.enter_context(cluster.running_cluster())
    except cluster.ClusterMissing:
        config.stash[CLUSTER] = ""


def _ask_no_dns() -> None:
    """Let the system's resolver know of nothing; a test that wants more serves its own zone."""
    look = Resolver._look

    def here(
        asking: Resolver, name: str, kind: str, seconds: float
    ) -> tuple[float, DnsAnswer | None]:
        return look(asking, name, kind, seconds) if asking._servers else (60.0, NOTHING)

    Resolver._look = here  # type: ignore[method-assign]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let one tracer be enough: in xdist's workers pytest-cov starts a second beside the first."""
    tracing = session.config.pluginmanager.getplugin("_cov")
    if hasattr(session.config, "workerinput") and getattr(tracing, "cov_controller", None):
        tracing.cov_controller.pause()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker where PostgreSQL is."""
    node.workerinput["krets_cluster"] = node.config.stash.get(CLUSTER, "")  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if CLOSING in config.stash:
        config.stash[CLOSING].close()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave unread what would be left out: each process of the run would import all of it."""
    if config.getoption("--database") != "postgresql" or collection_path.is_dir():
        return None
    return None if _close(collection_path, config) else True


def _close(path: Path, config: pytest.Config) -> bool:
    """Tell whether tests of a file are to be seen on PostgreSQL."""
    return config.getoption("--whole") or path.relative_to(HERE).as_posix().startswith(CLOSEST)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest; on PostgreSQL, leave out what a database cannot change."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if item.path.relative_to(HERE).parts[0] in ELSEWHERE:
            item.add_marker("no_cover")
    if config.getoption("--database") != "postgresql":
        return
    kept, left_out = [], []
    for item in items:
        uses = "database_url" in getattr(item, "fixturenames", ())
        (kept if uses and _close(item.path, config) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="session")
def _made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make this worker's database as the migrations make it; each test empties it."""
    from listserv.wiring import schema  # noqa: PLC0415 - most tests need no migrations
    from listserv.wiring.data_folder import make_data_folder  # noqa: PLC0415

    folder = request.config.stash[CLUSTER]
    if not folder:
        missing("PostgreSQL is not installed.")
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    cluster.run(folder, "CREATE DATABASE {}", name)
    opened = Store(cluster.url(folder, name), Path())
    data = tmp_path_factory.mktemp("template")
    make_data_folder(data)
    schema.bring_up_to_date(opened, data)
    opened.close()
    return name


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the value of ``mailer.database`` for this test: empty (SQLite), or a PostgreSQL.

    The PostgreSQL database has every table, empty, and a token key; the SQLite file does not
    exist yet.
    """
    if request.config.getoption("--database") == "sqlite":
        return ""
    name = request.getfixturevalue("_made")
    folder = request.config.stash[CLUSTER]
    cluster.empty(folder, name)
    return cluster.url(folder, name)


@pytest.fixture
def store(tmp_path: Path, database_url: str) -> Iterator[Store]:
    """Open an empty database with every room's tables and one token key."""
    opened = Store(database_url, tmp_path)
    if not database_url:
        with closing(sqlite3.connect(tmp_path / "krets.db")) as file:
            shape.made().backup(file)
        with opened.write() as session:
            tokens.new_key(session)
    yield opened
    opened.close()


@pytest.fixture
def postfix_tools(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of Postfix's smtp-source and smtp-sink, ready to be started."""
    unpacked = ROOT / ".tools" / "postfix" / "usr"
    installed = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if installed and not (unpacked / "sbin" / "smtp-sink").exists():
        return Path(installed).parent
    if not (unpacked / "sbin" / "smtp-sink").exists():
        missing("Postfix's smtp-sink is not unpacked (tools/test-parts does it).")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(unpacked / "lib" / "postfix"))
    return unpacked / "sbin"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Give the folder of real mail that stands beside some checkouts and is never copied."""
    shared = Path(os.environ.get("KRETS_SHARED", ROOT / ".." / "shared")).resolve()
    if not (shared / "corpora").is_dir():
        pytest.skip("No shared/corpora beside this checkout (KRETS_SHARED names another place).")
    return shared / "corpora"
