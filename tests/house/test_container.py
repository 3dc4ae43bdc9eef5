"""The container's definition: what it copies is there and is enough, and nothing runs as root.

No image is built here, which would need a daemon and the network: the files that the builder
would get are put aside, and Krets is built from those alone.
"""

import fnmatch
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("archive", "listserv", "mailer", "subscriptions", "templates")


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile."""

    word: str
    rest: str


def stages() -> list[list[Step]]:
    """Return the instructions of each stage of the Dockerfile."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found: list[list[Step]] = []
    for line in lines.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        if word:
            found[-1].append(Step(word, rest.strip()))
    return found


def copied() -> list[tuple[list[str], str]]:
    """Return what the first stage copies from the checkout, and where to."""
    steps = [one.rest.split() for one in stages()[0] if one.word == "COPY"]
    return [(words[:-1], words[-1]) for words in steps if not words[0].startswith("--from")]


def is_sent(path: str) -> bool:
    """Tell whether the builder gets ``path``: the last line of .dockerignore that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        heads = [path, *(str(one) for one in Path(path).parents if str(one) != ".")]
        if pattern.startswith("**/"):
            fits = any(fnmatch.fnmatch(Path(one).name, pattern[3:]) for one in heads)
        else:
            fits = any(fnmatch.fnmatch(one, pattern) for one in heads)
        if fits:
            sent = line.startswith("!")
    return sent


def context(folder: Path) -> None:
    """Put into ``folder`` what the first stage would have in /src."""
    for sources, target in copied():
        for source in sources:
            whole = ROOT / source
            files = [whole] if whole.is_file() else [f for f in whole.rglob("*") if f.is_file()]
            for file in files:
                name = file.relative_to(ROOT).as_posix()
                if not is_sent(name):
                    continue
                base = folder / target.removeprefix("/src").strip("/")
                to = base / (file.name if whole.is_file() else file.relative_to(whole))
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, to)


def wheel_from(source: Path, folder: Path) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=source,
        check=True,
        capture_output=True,
    )
    made = zipfile.ZipFile(next(folder.glob("*.whl")))
    return {name: made.read(name) for name in made.namelist()}


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    sources = [one for found, _ in copied() for one in found]
    assert set(ROOMS) < set(sources)
    for one in sources:
        assert (ROOT / one).exists(), one
        assert is_sent(one), one


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".venv/bin/python", "krets-data/krets.db", "krets.toml", ".env",
        "tests/conftest.py", "requirements-test.lock", "archive/__pycache__/head.cpython-312.pyc",
        "krets-try/data/krets.db", "dist/krets-0.1.0.tar.gz", "deploy/compose.yaml",
    ],
)  # fmt: skip
def test_data_keys_and_tests_are_not_sent_to_the_builder(path: str) -> None:
    assert not is_sent(path)


def test_krets_can_be_built_whole_from_what_is_copied(tmp_path: Path) -> None:
    context(tmp_path / "src")
    ours = wheel_from(ROOT, tmp_path / "checkout")
    theirs = wheel_from(tmp_path / "src", tmp_path / "image")
    assert theirs == ours


def test_what_runs_is_installed_as_locked_and_no_test_tool_is() -> None:
    runs = [one.rest for one in stages()[0] if one.word == "RUN"]
    locks = [one for one in runs if "-r " in one]
    assert len(locks) == 2
    assert all("--require-hashes" in one for one in locks)
    assert {re.search(r"-r /src/(\S+)", one)[1] for one in locks} == {  # type: ignore[index]
        "requirements-build.lock",
        "requirements.lock",
    }
    assert not any("test" in one for one in runs)


def test_the_container_runs_as_nobodys_root_and_says_how_it_is() -> None:
    last = {one.word: one.rest for one in stages()[-1]}
    words = [one.word for one in stages()[-1]]
    assert last["USER"] == "krets"
    assert "--uid 990 " in last["RUN"]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "/healthz" in last["HEALTHCHECK"]
    assert (last["ENTRYPOINT"], last["CMD"]) == ('["krets"]', '["serve"]')


def test_its_pythons_are_one_and_the_locks_are_for_it() -> None:
    images = {steps[0].rest.partition(" AS ")[0] for steps in stages()}
    (image,) = images
    version = re.fullmatch(r"python:3\.(\d+)-slim", image)
    assert version is not None
    assert 11 <= int(version[1]) <= 14


def test_each_part_of_the_compose_file_has_a_check_of_its_own() -> None:
    text = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    checks = dict(re.findall(r"    command: \[ (\w+) \]\n(    healthcheck:)?", text))
    assert checks.pop("web") == "", "the image's own is for it"
    assert set(checks) == {"smtp", "worker", "clock"}
    assert all(checks.values())
