"""The Debian package on a machine of its own: a user, settings for it alone, and the way out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.journeys.machine import ROOT, Machine, fresh_machine

pytestmark = pytest.mark.journey
LIBRARIES = Path(sys.prefix) / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Install the package; its libraries are those of this checkout, linked into their place."""
    if not Path(f"/usr/bin/python3.{sys.version_info[1]}").exists():
        missing("The package runs on the machine's own Python, which is not the one of the tests.")
    env = {**os.environ, "KRETS_DEB_LIBRARIES": "no"}
    subprocess.run([ROOT / "tools/deb", tmp_path], check=True, env=env, capture_output=True)
    (package,) = tmp_path.glob("krets_*.deb")
    with fresh_machine(tmp_path) as made:
        farm = f"mkdir -p /usr/lib/krets && cp -as {LIBRARIES}/. /usr/lib/krets/"
        made.run("sh", "-c", f"{farm} && rm -f /usr/lib/krets/*krets*.pth")
        made.run(
            "chmod", "a+rx", *(str(one) for one in LIBRARIES.resolve().parents if str(one) != "/")
        )
        made.run("sh", "-c", f"DEBIAN_FRONTEND=noninteractive dpkg --force-depends -i {package}")
        yield made


def owner(machine: Machine, path: str) -> str:
    return machine.run("stat", "-c", "%U %a", path).strip()


def test_the_package_is_set_up_used_and_taken_away_again(machine: Machine) -> None:
    assert owner(machine, "/etc/krets/krets.toml") == "krets 600"
    assert owner(machine, "/var/lib/krets") == "krets 700"

    machine.run(
        "krets", "quickstart", "ida@example.org", "--front", "none", "--proxy", "none", "--yes"
    )
    assert owner(machine, "/etc/krets/krets.toml") == "krets 600"
    assert owner(machine, "/var/lib/krets/krets.db") == "krets 600"
    machine.run("krets", "list", "create", "friends@lists.example.org")
    assert "friends@lists.example.org" in machine.run("krets", "list", "ls")
    strangers = machine.run("find", "/var/lib/krets", "!", "-user", "krets")
    assert strangers == "", "a command of root's leaves nothing that the service cannot change"

    machine.run("dpkg", "--force-depends", "--purge", "krets")
    assert owner(machine, "/var/lib/krets/krets.db").endswith(" 600"), "the members stay"
    machine.run("sh", "-c", "! test -e /etc/krets")
