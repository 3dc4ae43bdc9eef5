"""What a run knows of itself: where its time went, and which journeys are green already.

``make journeys`` is resumable: each green test is written down under the id of the working tree,
and a second run of the same tree leaves it out. A file that is changed, added or removed is another
tree, so nothing counts that was seen with other code. What is skipped is not green.
"""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".tools" / "journeys"
KEPT = 5  # trees whose journeys are remembered
WORTH_TELLING = 60.0  # CPU seconds of a run


def tree(root: Path = ROOT) -> str:
    """Return the id of what stands in the checkout now, "" where there is no git."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "GIT_INDEX_FILE": f"{folder}/index"}
        try:
            for words in (["read-tree", "HEAD"], ["add", "--all"]):
                subprocess.run(["git", *words], cwd=root, env=env, check=True, capture_output=True)
            done = subprocess.run(
                ["git", "write-tree"], cwd=root, env=env, check=True, capture_output=True, text=True
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
    return done.stdout.strip()


class Green:
    """The journeys of one tree that are green on one database."""

    def __init__(self, database: str, root: Path = ROOT, folder: Path = FOLDER) -> None:
        known = tree(root)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        self.file = folder / f"{known}-{python}-{database}.txt" if known else None
        self.before = set(self.file.read_text().splitlines()) if self._exists() else set[str]()

    def _exists(self) -> bool:
        return self.file is not None and self.file.exists()

    def add(self, name: str) -> None:
        """Write one down; at once, because a run may be stopped."""
        if self.file is None:
            return
        if not self._exists():
            self.file.parent.mkdir(parents=True, exist_ok=True)
            older = sorted(self.file.parent.glob("*.txt"), key=lambda one: one.stat().st_mtime)
            for one in older[: max(0, len(older) - 2 * KEPT)]:
                one.unlink()
        with self.file.open("a") as file:
            file.write(f"{name}\n")


class Resuming:
    """Leave out what is green, in every process of a run; write down what becomes so."""

    def __init__(self, config: pytest.Config, root: Path = ROOT, folder: Path = FOLDER) -> None:
        self.green: Green | None = None  # in the process that owns the run
        if hasattr(config, "workerinput"):
            self.before = set(config.workerinput["krets_green"])
        else:
            self.green = Green(config.getoption("--database"), root, folder)
            self.before = self.green.before
        self.others: set[str] = set()  # red, or skipped

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        """Tell each process the same, however late it is started."""
        node.workerinput["krets_green"] = sorted(self.before)  # type: ignore[attr-defined]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep what is not green."""
        config.hook.pytest_deselected(items=[one for one in items if one.nodeid in self.before])
        items[:] = [one for one in items if one.nodeid not in self.before]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down what ended well."""
        if not report.passed:
            self.others.add(report.nodeid)
        elif report.when == "teardown" and report.nodeid not in self.others and self.green:
            self.green.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Be content where everything is green."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.before:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.before:
            terminalreporter.write_line(f"{len(self.before)} were green already at this tree.")


class Spent:
    """Tell where the CPU time of a run went, which is the same on a busy machine."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.begun = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self.begun = sum(os.times()[:4])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.when == "teardown":
            item.user_properties.append(("cpu", sum(os.times()[:4]) - self.begun))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            room = "/".join(report.nodeid.split("::")[0].split("/")[1:2])
            self.seconds[room] += dict(report.user_properties).get("cpu", 0.0)  # type: ignore[arg-type]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if (whole := sum(self.seconds.values())) > WORTH_TELLING:
            told = ", ".join(f"{room} {spent:.0f}" for room, spent in self.seconds.most_common())
            terminalreporter.write_line(f"CPU seconds: {whole:.0f} ({told})")
