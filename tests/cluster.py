"""A private PostgreSQL for one test run: a folder, a unix socket, no TCP port, no fsync.

The pytest process that was started by hand owns it; xdist workers only get its address. When
that process dies in any way the kernel stops the server (setpriv --pdeathsig).
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

INITDB = ("--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C")
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


class ClusterMissing(Exception):
    """PostgreSQL's programs are not on this machine."""


def programs() -> Path:
    """Return the folder of the newest initdb; raise ClusterMissing where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise ClusterMissing("PostgreSQL is not installed (apt-get install postgresql).")
    return Path(on_path).resolve().parent


def _as_its_user(folder: Path) -> list[str]:
    """Return the words that run a program as a user PostgreSQL accepts: it refuses root."""
    die_with_us = ["--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return ["setpriv", *die_with_us] if shutil.which("setpriv") else []
    name = "postgres" if _known("postgres") else "nobody"
    user = pwd.getpwnam(name)
    os.chown(folder, user.pw_uid, user.pw_gid)
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, *die_with_us]


def _known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


class Cluster:
    """One private server, to be started and stopped; ``folder`` holds its data and its socket."""

    def __init__(self, settings: Mapping[str, str] = SETTINGS) -> None:
        self.programs = programs()
        # Not under pytest's own folder: that one is closed to the user PostgreSQL runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="krets-pg-"))
        self._words = _as_its_user(self.folder)
        self._settings = settings
        self._data = self.folder / "data"
        self._server: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Create the databases that every server has."""
        subprocess.run(
            [*self._words, self.programs / "initdb", *INITDB, "-D", self._data],
            check=True,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        told = [word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    *self._words,
                    self.programs / "postgres",
                    *("-D", self._data, "-k", self.folder),
                    *told,
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
            )
        _wait_until_it_answers(self._server, self.folder)

    def answers(self) -> bool:
        """Tell whether it lets anybody in."""
        try:
            psycopg.connect(url(str(self.folder), "postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT is its fast shutdown, SIGQUIT its immediate one."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(30)
            self._server = None

    def remove(self) -> None:
        """Stop it and remove everything it had."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running_cluster() -> Iterator[str]:
    """Give the folder of a running cluster's socket; the user is ``postgres``, without password."""
    cluster = Cluster()
    try:
        cluster.make()
        cluster.start()
        yield str(cluster.folder)
    finally:
        cluster.remove()


def _wait_until_it_answers(server: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            psycopg.connect(url(str(folder), "postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                break
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("PostgreSQL did not start:\n" + (folder / "log").read_text())


def url(folder: str, name: str) -> str:
    """Return the address of database ``name``."""
    return f"postgresql://postgres@/{name}?host={folder}"


def run(folder: str, statement: str, *names: str) -> None:
    """Run one statement about databases, outside any transaction, with quoted ``names``."""
    with psycopg.connect(url(folder, "postgres"), autocommit=True) as connection:
        # The statements are written in conftest.py; only the names vary.
        connection.execute(
            sql.SQL(statement).format(*map(sql.Identifier, names))  # type: ignore[arg-type]
        )


# Triggers and foreign keys sleep meanwhile (the consent ledger refuses to be emptied); the
# template's own rows, the revision and the token key, stay.
_EMPTY = """
SET session_replication_role = replica;
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables
      WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'token_key') LOOP
    EXECUTE 'DELETE FROM ' || name;
    IF pg_relation_size(name::regclass) > 100000 THEN
      EXECUTE 'TRUNCATE ' || name || ' CASCADE';
    END IF;
  END LOOP;
  FOR name IN SELECT quote_ident(sequencename) FROM pg_sequences
      WHERE schemaname = 'public' AND last_value IS NOT NULL AND sequencename !~ '^token_key' LOOP
    PERFORM setval(name::regclass, 1, false);
  END LOOP;
  DELETE FROM token_key WHERE id > (SELECT min(id) FROM token_key);
END $$;
"""


def empty(folder: str, name: str) -> None:
    """Empty every table of database ``name`` and end whoever else is connected to it.

    A tenth of the price of a new database for each test.
    """
    with psycopg.connect(url(folder, name), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute(_EMPTY)
