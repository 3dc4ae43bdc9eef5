"""Read the three locks and say what they leave open.

Knows: the lines of a lock, what locked packages ask for, and the Pythons that Krets runs on.
Refuses to know: where packages come from; pip and uv fetch them.

pip with ``--require-hashes`` looks for the newest release of whatever a locked package asks for
and the lock does not say in the same words: ``coverage[toml]`` where the lock says ``coverage``.
Such a lock works until that newest release is another one than the locked one.

    locks.py minus MORE LESS     print the pins of one lock that the other does not have
    locks.py versions LOCK       print name==version alone, to hold another resolution to
    locks.py bare LOCK...        print every pin without its marker
    locks.py check REPORT        judge the locks by what a report of pip says of each package
"""

import dataclasses
import functools
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
BUILD, RUN, TEST = "requirements-build.lock", "requirements.lock", "requirements-test.lock"
# The first and a late release of each: markers compare full versions too.
PYTHONS = (
    "3.11.0",
    "3.11.2",
    "3.11.15",
    "3.12.0",
    "3.12.15",
    "3.13.0",
    "3.13.15",
    "3.14.0",
    "3.14.9",
)
MACHINES = (
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
)
# These carry what they need within them.
WHOLE = {"pip", "setuptools"}


@dataclasses.dataclass(frozen=True)
class Pin:
    """One pin: a line of a lock with the hashes below it."""

    asked: Requirement
    text: str

    @property
    def name(self) -> str:
        """Return the name as every tool compares it."""
        return canonicalize_name(self.asked.name)

    @property
    def version(self) -> str:
        """Return the one version that the line allows."""
        (only,) = self.asked.specifier
        return only.version

    def bare(self) -> str:
        """Return the pin as it would stand without a marker."""
        line, _, hashes = self.text.partition("\n")
        return f"{line.split(' ;')[0].removesuffix(chr(92)).rstrip()} \\\n{hashes}"


@dataclasses.dataclass(frozen=True)
class Asks:
    """What one package says of itself: what it asks for, and of which Python."""

    requires: tuple[str, ...] = ()
    python: str = ""


def read(text: str) -> list[Pin]:
    """Read the pins of a lock; refuse one that is no version or has no hash."""
    pins = []
    for block in re.findall(r"^[^\s#].*\n(?:[ \t]+.*\n?)*", text, re.MULTILINE):
        asked = Requirement(block.split("\\\n")[0].strip())
        exact = [spec.operator for spec in asked.specifier] == ["=="]
        if not exact or "--hash=sha256:" not in block:
            raise ValueError(f"{block.splitlines()[0]}: not a version with its hashes")
        pins.append(Pin(asked, block if block.endswith("\n") else block + "\n"))
    return pins


def minus(more: Iterable[Pin], less: Iterable[Pin]) -> list[Pin]:
    """Return the pins that the other lock does not have in the same words."""
    have = {str(pin.asked) for pin in less}
    return [pin for pin in more if str(pin.asked) not in have]


def environments() -> Iterator[dict[str, str]]:
    """Yield what markers read, for each Python on each kind of machine that Krets runs on."""
    for full in PYTHONS:
        for machine in MACHINES:
            yield {
                **machine,
                "python_full_version": full,
                "python_version": full.rpartition(".")[0],
                "implementation_name": "cpython",
                "implementation_version": full,
                "platform_python_implementation": "CPython",
                "platform_release": "",
                "platform_version": "",
                "os_name": "posix",
            }


def left_open(
    pins: Sequence[Pin], asks: Mapping[str, Asks], roots: Iterable[str], extras: Iterable[str] = ()
) -> list[str]:
    """Return what the pins leave to the newest release, or contradict, on some Python of ours.

    `roots` is what the project itself asks for; `asks` what each locked package does. A package
    that `asks` does not know is left out: the caller knows which those may be.
    """
    found: dict[str, str] = {}
    for there in environments():
        held = {pin.name: pin for pin in pins if _applies(pin.asked.marker, there)}
        wanted = [("krets", line) for line in _wanted(roots, there, extras)]
        for name, pin in held.items():
            said = asks.get(name, Asks())
            wanted += [(name, line) for line in _wanted(said.requires, there, pin.asked.extras)]
            if not SpecifierSet(said.python).contains(there["python_full_version"]):
                found.setdefault(
                    f"{name} {pin.version} is not for Python {said.python}", _where(there)
                )
        for who, line in wanted:
            problem = _problem(_read(line), held)
            if problem:
                found.setdefault(f"{who} asks for {line}: {problem}", _where(there))
    return sorted(f"{what} ({where})" for what, where in found.items())


def _applies(marker: Marker | None, there: dict[str, str], extra: str = "") -> bool:
    return marker is None or marker.evaluate({**there, "extra": extra})


@functools.cache
def _read(line: str) -> Requirement:
    return Requirement(line)


def _wanted(lines: Iterable[str], there: dict[str, str], extras: Iterable[str]) -> list[str]:
    chosen = ["", *extras]
    asked = [(line, _read(line).marker) for line in lines]
    return [line for line, mark in asked if any(_applies(mark, there, extra) for extra in chosen)]


def _problem(wanted: Requirement, held: Mapping[str, Pin]) -> str:
    pin = held.get(canonicalize_name(wanted.name))
    if pin is None:
        return "not in the lock"
    if lacking := wanted.extras - pin.asked.extras:
        return f"the lock does not name [{','.join(sorted(lacking))}]"
    if not wanted.specifier.contains(pin.version, prereleases=True):
        return f"the lock has {pin.version}"
    return ""


def _where(there: Mapping[str, str]) -> str:
    machine = f"{there['sys_platform']} {there['platform_machine']}"
    return f"Python {there['python_full_version']}, {machine}"


def installed(pins: Iterable[Pin]) -> dict[str, Asks]:
    """Read what the installed packages ask for; one in another version is left out."""
    asks = {}
    for pin in pins:
        try:
            found = metadata.distribution(pin.name)
        except metadata.PackageNotFoundError:
            continue
        if found.version == pin.version:
            said = found.metadata.get("Requires-Python") or ""
            asks[pin.name] = Asks(tuple(found.requires or ()), said)
    return asks


def reported(report: str) -> dict[str, Asks]:
    """Read what packages ask for from a report that pip wrote with --dry-run --report."""
    asks = {}
    for item in json.loads(report)["install"]:
        said = item["metadata"]
        asks[canonicalize_name(said["name"])] = Asks(
            tuple(said.get("requires_dist", ())), said.get("requires_python", "")
        )
    return asks


def project() -> dict[str, list[str]]:
    """Return what pyproject.toml asks for: to install, to run, and to test besides."""
    read_in = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        "build": read_in["dependency-groups"]["build"],
        "run": read_in["project"]["dependencies"],
        "dev": read_in["project"]["optional-dependencies"]["dev"],
    }


def lock(name: str) -> list[Pin]:
    """Read one of the project's locks."""
    return read((ROOT / name).read_text(encoding="utf-8"))


def faults(asks: Mapping[str, Asks]) -> list[str]:
    """Judge the three locks, each as it is installed: alone, or on top of another."""
    wanted = project()
    build, run, test = lock(BUILD), lock(RUN), lock(TEST)
    found = left_open(build, {k: v for k, v in asks.items() if k not in WHOLE}, wanted["build"])
    found += left_open(run, asks, wanted["run"])
    found += left_open([*run, *test], asks, [*wanted["run"], *wanted["dev"]])
    versions: dict[str, set[str]] = {}
    for pin in [*build, *run, *test]:
        versions.setdefault(pin.name, set()).add(pin.version)
    found += [f"{name} stands in two versions" for name, ways in versions.items() if len(ways) > 1]
    found += [f"{pin.name} stands in both locks" for pin in test if pin not in minus(test, run)]
    return list(dict.fromkeys(found))


def main(words: list[str]) -> int:
    """Do what the first word says; see the head of this file."""
    order, *paths = words
    texts = [Path(path).read_text(encoding="utf-8") for path in paths]
    if order == "minus":
        sys.stdout.write("".join(pin.text for pin in minus(read(texts[0]), read(texts[1]))))
    elif order == "versions":
        sys.stdout.write("".join(f"{p.name}=={p.version}\n" for p in read(texts[0])))
    elif order == "bare":
        every = {pin.name: pin for text in texts for pin in read(text)}
        sys.stdout.write("".join(pin.bare() for pin in every.values()))
    else:
        asks = reported(texts[0])
        names = {pin.name for name in (BUILD, RUN, TEST) for pin in lock(name)}
        found = [*faults(asks), *(f"{name}: not in the report" for name in names - asks.keys())]
        sys.stdout.write("".join(f"{line}\n" for line in found))
        return bool(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
