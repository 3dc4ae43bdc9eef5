"""Run ``krets`` as its users do: the real command, real sockets, a folder of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner

from listserv.cli.main import krets as command
from tests import warm
from tests.zone import people_zone

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")
PATIENCE = 90.0  # seconds; a test that waits longer has failed, however busy the machine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, check: Callable[[], T], patience: float = PATIENCE) -> T:
    """Return the first true value of ``check()``; fail with ``what`` after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while True:
        if value := check():
            return value
        assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what}"
        time.sleep(0.02)


@dataclass
class Krets:
    """One installation: its folder, its ports, and its process tree while it runs."""

    folder: Path
    relay: str = "smtp://127.0.0.1:9"
    database: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    smtp_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | warm.Child | None = None

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KRETS_")}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "KRETS_MAILER__DATA": str(self.folder / "data"),
            "KRETS_MAILER__DATABASE": self.database,
            "KRETS_MAILER__SMTP": f"127.0.0.1:{self.smtp_port}",
            "KRETS_MAILER__RELAYS": self.relay,
            "KRETS_LISTSERV__HTTP": f"127.0.0.1:{self.http_port}",
            "KRETS_LISTSERV__BASE_URL": self.url,
            "KRETS_LISTSERV__DOMAIN": "example.org",
            "KRETS_MAILER__RESOLVER": people_zone(),
            **self.settings,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log(self) -> str:
        path = self.folder / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(
        self, *words: str, stdin: bytes | str = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end, whatever its exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "listserv", *words],
            input=stdin if isinstance(stdin, bytes) else stdin.encode(),
            capture_output=True,
            env=self.env | dict(env or {}),
            cwd=self.folder,
            check=False,
            timeout=120,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def krets(self, *words: str, stdin: bytes | str = b"") -> str:
        """Run one command that must succeed; return its standard output.

        The command runs in this process: a second saved for each, and the same code from the
        argument words to the exit code. ``run`` is the real process.
        """
        done = CliRunner().invoke(command, words, input=stdin, env=self._clean_env())
        assert done.exit_code == 0, f"krets {' '.join(words)}: {done.exit_code}\n{done.output}"
        return done.stdout

    def _clean_env(self) -> dict[str, str | None]:
        ours = {name: value for name, value in self.env.items() if name.startswith("KRETS_")}
        return {name: None for name in os.environ if name.startswith("KRETS_")} | ours

    def json(self, *words: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        return json.loads(self.krets(*words, "--json"))

    def start(self, *, cold: bool = False) -> None:
        """Start ``krets serve`` and wait until every part is up."""
        self.spawn(cold=cold)
        wait_for(f"krets serve to be up:\n{self.log[-3000:]}", self._up)

    def spawn(self, *, cold: bool = False) -> None:
        """Start ``krets serve`` and do not wait.

        It is forked from a process that has imported Krets (tests/warm.py); ``cold`` starts the
        interpreter as a shell would.
        """
        with (self.folder / "serve.log").open("ab") as log, Path(os.devnull).open("rb") as nothing:
            if cold:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "listserv", "serve"],
                    stdin=nothing,
                    stdout=log,
                    stderr=log,
                    env=self.env,
                    cwd=self.folder,
                    start_new_session=True,
                )
            else:
                streams = [nothing.fileno(), log.fileno(), log.fileno()]
                self.process = warm.stove().spawn(["serve"], self.env, self.folder, streams)

    def _up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"krets serve ended:\n{self.log[-3000:]}"
        return self.get("/healthz")[0] == 200

    def get(self, path: str) -> tuple[int, bytes]:
        """Return (status, body) of a page; status 0 where nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as answer:  # noqa: S310 - ours
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def pids(self) -> list[int]:
        """Return the process ids of the tree, parent first."""
        if self.process is None:
            return []
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text()
                found += [int(child) for child in tasks.split()]
        return found

    def kill_tree(self) -> None:
        """Kill -9 everything at once, as a pulled plug would."""
        pids = self.pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._gone(pids)

    def kill_parent(self) -> None:
        """Kill -9 the parent alone; its parts must follow by themselves."""
        pids = self.pids()
        os.kill(pids[0], signal.SIGKILL)
        self._gone(pids)

    def _gone(self, pids: list[int]) -> None:
        assert self.process is not None
        self.process.wait(PATIENCE)
        self.process = None
        wait_for("the parts to end with their parent", lambda: not any(map(_alive, pids)))

    def stop(self) -> int:
        """Ask the tree to stop and return its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        self.process = None
        return code


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def running(krets: Krets) -> Iterator[Krets]:
    """Start an installation and stop it at the end, whatever happens."""
    krets.start()
    try:
        yield krets
    finally:
        krets.kill_tree() if krets.process and krets.process.poll() is not None else krets.stop()
