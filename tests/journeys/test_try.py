"""``krets try``: what is answered on its page goes through the real door and changes things."""

import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.tree import PATIENCE, ROOT, free_port, wait_for

GARDEN = "garden@krets.example"
KAI = "kai@example.net"


@dataclass
class Trial:
    """A running ``krets try``."""

    folder: Path
    pages: str
    box: str

    def fetch(self, url: str, form: dict[str, str] | None = None, **headers: str) -> str:
        """Return a page's text, that of an error too; "" where nobody answers."""
        data = urlencode(form).encode() if form is not None else None
        try:
            request = urllib.request.Request(url, data, headers)  # noqa: S310 - ours
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()
        except OSError:
            return ""

    def mails(self, reader: str) -> list[tuple[str, str]]:
        """Return (path, subject) of a reader's mails, the newest first."""
        page = self.fetch(f"{self.box}/?{urlencode({'reader': reader})}")
        return re.findall(r'class="about" href="(/mail/\d+)"[^>]*>([^<]*)<', page)


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KRETS_")}
    return kept | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"} | more


@pytest.fixture
def trial(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Trial]:
    """Run the command as a newcomer does."""
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("krets try is SQLite's")
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "listserv", "try", "--port", str(free_port())],
            stdout=file,
            stderr=file,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    try:
        said = wait_for("krets try to be up", lambda: _announced(log, process))
        urls = dict(re.findall(r"(every mail|the lists)\s+(http://\S+)/", said))
        yield Trial(tmp_path, urls["the lists"], urls["every mail"])
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)


def _announced(log: Path, process: "subprocess.Popen[bytes]") -> str:
    said = log.read_text()
    assert process.poll() is None, said
    return said if "Ctrl-C" in said else ""


class Terminal:
    """A person at a terminal who has typed a command."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.said = ""
        self.pid, self._end = pty.fork()
        if self.pid == 0:  # our own programs in a child of their own
            os.chdir(folder)
            command = [sys.executable, "-m", "listserv", "try", *words]
            os.execve(sys.executable, command, _environment(**environment))  # noqa: S606 - ours

    def wait(self, words: str) -> str:
        """Read until ``words`` have been said; return what was said before them."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.said:
            assert time.monotonic() < deadline, f"waited for {words!r}:\n{self.said}"
            ready, _, _ = select.select([self._end], [], [], 1)
            if ready:
                self.said += os.read(self._end, 65_536).decode()
        before, _, self.said = self.said.partition(words)
        return before

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._end, keys.encode())

    def end(self, again: str = "") -> int:
        """Read to the end; return the exit code as a shell has it.

        ``again`` is typed each second until then: Python forgets a Ctrl-C that comes in the very
        moment in which it begins to wait for a line.
        """
        while True:
            if again and not select.select([self._end], [], [], 1)[0]:
                self.type(again)
                continue
            try:
                piece = os.read(self._end, 65_536)
            except OSError:  # EIO: nobody has the terminal open any more
                break
            if not piece:
                break
            self.said += piece.decode()
        _, status = os.waitpid(self.pid, 0)
        os.close(self._end)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._end)


def _children(pid: int) -> set[int]:
    """Return all processes below one."""
    found = {int(n) for t in Path(f"/proc/{pid}/task").glob("*") for n in _below(t)}
    return found.union(*(_children(one) for one in found))


def _below(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


def _alive(pids: set[int]) -> list[int]:
    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return [pid for pid in pids if lives(pid)]


def test_ctrl_c_ends_it_in_silence_and_leaves_no_process(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--port", str(free_port()), "--no-browser")
    terminal.wait("Ctrl-C ends it.")
    children = _children(terminal.pid)
    assert len(children) > 5
    terminal.type("\x03")
    assert terminal.end() == 0
    assert terminal.said.split() in ([], ["^C"])
    assert not _alive(children)


@pytest.mark.journey
def test_it_ends_with_its_terminal(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--port", str(free_port()), "--no-browser")
    terminal.wait("Ctrl-C ends it.")
    children = _children(terminal.pid)
    terminal.hang_up()
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert not _alive(children)


@pytest.mark.journey
def test_ctrl_c_at_a_question_is_130_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "krets-try").mkdir()
    (tmp_path / "krets-try" / "told").write_text("13")
    terminal = Terminal(tmp_path)
    terminal.wait("1 or 2 [1]:")
    terminal.type("\x03")
    assert terminal.end(again="\x03") == 130
    assert "Traceback" not in terminal.said
    assert "Aborted" not in terminal.said
    assert (tmp_path / "krets-try" / "told").read_text() == "13"


def test_a_terminal_is_asked_to_go_on_or_begin_anew_and_whether_a_browser_opens(
    tmp_path: Path,
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "a-browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new; mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    old = tmp_path / "krets-try" / "mail" / "000001.eml"
    old.parent.mkdir(parents=True)
    old.touch()
    (tmp_path / "krets-try" / "told").write_text("13")
    asked = {"BROWSER": str(browser), "LC_ALL": "", "LC_MESSAGES": "sv_SE.UTF-8"}
    terminal = Terminal(tmp_path, "--port", str(free_port()), **asked)
    assert "finns redan en trädgård" in terminal.wait("1 eller 2 [1]:")
    terminal.type("perhaps\n")
    terminal.wait("1 eller 2 [1]:")
    terminal.type("2\n")
    assert "Börjar om" in terminal.wait("1 eller 2 [1]:")
    assert not old.exists()
    terminal.type("\n")
    said = terminal.wait("Ctrl-C avslutar.")
    box = re.search(r"alla mejl\s+(\S+)", said)
    assert box is not None
    wait_for("the browser", opened.exists)
    assert opened.read_text().strip() == box[1]
    terminal.type("\x03")
    assert terminal.end() == 0


@pytest.mark.journey
def test_without_a_terminal_nothing_is_asked_and_no_browser_opens(trial: Trial) -> None:
    said = (trial.folder / "log").read_text()
    assert "[1]:" not in said
    with socket.socket() as probe:  # the port it has is taken now, and so is its folder
        port = int(trial.pages.rpartition(":")[2])
        assert probe.connect_ex(("127.0.0.1", port)) == 0
    words = [sys.executable, "-m", "listserv", "try", "--port", str(port), "--browser"]
    env = _environment(BROWSER="/bin/false")
    second = subprocess.run(
        words, cwd=trial.folder, env=env, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert second.returncode == 75
    assert "runs in krets-try already" in second.stderr
    third = subprocess.Popen(
        [*words, "--folder", "other"], cwd=trial.folder, env=env, text=True,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert third.stderr is not None
    said = "".join(iter(third.stderr.readline, "Ctrl-C ends it.\n"))
    third.send_signal(signal.SIGTERM)
    assert third.wait(30) == 0
    third.stderr.close()
    assert "No browser opens" in said
    assert f"Port {port} is taken; {port + 2} is used instead." in said


def test_an_answer_on_the_page_passes_the_real_door_and_makes_a_member(trial: Trial) -> None:
    trial.fetch(f"{trial.pages}/{GARDEN}/join", {"email": KAI, "name": "Kai"})
    path = wait_for("the question", lambda: trial.mails(KAI))[0][0]
    page = trial.fetch(trial.box + path)
    to = re.search(r"<option>(garden-confirm\+[^<]+)</option>", page)
    assert to is not None
    foreign = trial.fetch(trial.box + path, {"to": to[1]}, Origin="http://evil.example")
    assert "own address only" in foreign
    trial.fetch(trial.box + path, {"to": to[1], "subject": "Re: Do you", "text": ""})
    wait_for("the welcome", lambda: any("Welcome" in s for _, s in trial.mails(KAI)))
    mail = {"from": KAI, "to": GARDEN, "subject": "A wheelbarrow", "text": "Who lends me one?"}
    assert "Sent." in trial.fetch(f"{trial.box}/", mail)
    ingrid = "ingrid@bladverk.example"
    wait_for("the post", lambda: any("wheelbarrow" in s for _, s in trial.mails(ingrid)))
    home = f"{trial.pages}/{GARDEN}/"
    wait_for("its page", lambda: "wheelbarrow" in trial.fetch(home))
    issue = wait_for(
        "the issue", lambda: [p for p, s in trial.mails(ingrid) if s.endswith("in June")]
    )[0]
    assert f'src="{issue}/html"' in trial.fetch(trial.box + issue)
    assert "<strong>new valve</strong>" in trial.fetch(f"{trial.box}{issue}/html")
    # A machine with no time for its leases may warn of it; whatever goes well is silent.
    said = [
        line
        for line in (trial.folder / "log").read_text().splitlines()
        if line and "level=warning" not in line
    ]
    assert said[-1] == "Ctrl-C ends it.", "nothing covers what to try"
    refused = trial.fetch(f"{trial.box}/", {**mail, "to": "nobody@krets.example"})
    assert "550" in refused


def _once(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "listserv", "try", "--once", *words], cwd=folder, check=False,
        env=_environment(TMPDIR=str(folder), **more), capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=110,
    )  # fmt: skip


def test_the_tour_is_walked_once_through_the_real_doors_and_leaves_nothing(tmp_path: Path) -> None:
    done = _once(tmp_path, LC_ALL="ro_RO.UTF-8")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = re.findall(r"^(\d)\. (\S+)", done.stdout, re.MULTILINE)
    assert [number for number, _ in steps] == ["1", "2", "3", "4", "5"]
    assert "ioana@livada.example" in done.stdout, "who reads Romanian decides"
    assert "Tot turul" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.journey
def test_the_tour_is_walked_a_second_time_in_a_folder_that_is_named(tmp_path: Path) -> None:
    for _ in range(2):
        done = _once(tmp_path, "--folder", "garden")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "goes on where it was left" in done.stderr
    assert (tmp_path / "garden" / "data" / "krets.db").exists()
