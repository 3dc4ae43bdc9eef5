"""What deploy/ and the package say is so: schemas, checks, owners, and nothing that is not ours."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from listserv.wiring import config
from tests.conftest import missing

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "deploy/kubernetes/krets.yaml"
VARIABLES = {f"KRETS_{name.replace('.', '__').upper()}" for name, _, _ in config.described()}


READER = ROOT / ".tools/kubernetes/bin/python"  # tools/test-parts: 108 MB of schemas, and PyYAML


def read(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    if not READER.exists():
        missing("kubernetes-validate is not here (`make journeys` brings it).")
    script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))"
    text = path.read_bytes()
    done = subprocess.run([READER, "-c", script], input=text, capture_output=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def documents() -> list[dict[str, Any]]:
    return read(MANIFESTS)


def pods() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for one in documents():
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found.append((one["metadata"]["name"], spec["template"]["spec"]))
    return found


@pytest.mark.journey
def test_every_manifest_keeps_to_the_schemas_of_kubernetes() -> None:
    count = len(documents())
    words = [READER.parent / "kubernetes-validate", "--strict", MANIFESTS]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert (done.stdout + done.stderr).count(" passed ") == count


@pytest.mark.journey
def test_every_part_runs_as_nobody_with_nothing_to_write_but_its_data() -> None:
    assert {name for name, _ in pods()} == {
        "krets-smtp", "krets-web", "krets-worker", "krets-clock", "krets-backup"
    }  # fmt: skip
    for _, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        guard = container["securityContext"]
        assert (guard["readOnlyRootFilesystem"], guard["allowPrivilegeEscalation"]) == (True, False)
        assert guard["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.journey
def test_every_part_has_its_probe_and_there_are_several_workers() -> None:
    for name, pod in pods():
        if name != "krets-backup":
            assert "livenessProbe" in pod["containers"][0], name
    (workers,) = [one for one in documents() if one["metadata"]["name"] == "krets-worker"][:1]
    assert workers["spec"]["replicas"] > 1


@pytest.mark.journey
def test_the_settings_that_manifests_give_are_settings() -> None:
    given = set()
    for one in documents():
        given |= set(one.get("data", {})) | set(one.get("stringData", {}))
    assert given
    assert given <= VARIABLES


def compose() -> dict[str, Any]:
    return read(ROOT / "deploy/compose.yaml")[0]["services"]  # type: ignore[no-any-return]


@pytest.mark.journey
def test_one_image_is_built_once_and_used_by_every_part() -> None:
    services = compose()
    assert [name for name, one in services.items() if "build" in one] == ["image"]
    parts = [one for name, one in services.items() if name in {"smtp", "web", "worker", "clock"}]
    assert {one["image"] for one in parts} == {services["image"]["image"]}


@pytest.mark.journey
def test_every_service_that_stays_has_a_check_and_proxies_and_fronts_are_said() -> None:
    services = compose()
    unchecked = {name for name, one in services.items() if "healthcheck" not in one}
    assert unchecked == {"web"}, "the image's own is for it"
    said = services["web"]["environment"]
    assert said["KRETS_LISTSERV__PROXIES"]
    assert "KRETS_MAILER__FRONT" in said


def test_what_compose_asks_for_is_in_its_example_of_an_env_file() -> None:
    text = (ROOT / "deploy/compose.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(KRETS_\w+)", text))
    example = (ROOT / "deploy/compose.env").read_text(encoding="utf-8")
    assert asked == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the package without its libraries, and unpack it."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not here.")
    folder = tmp_path_factory.mktemp("deb")
    env = {**os.environ, "KRETS_DEB_LIBRARIES": "no"}
    subprocess.run([ROOT / "tools/deb", folder], check=True, env=env, capture_output=True)
    (made,) = folder.glob("krets_*.deb")
    subprocess.run(["dpkg-deb", "-R", made, folder / "in"], check=True)
    return folder / "in"


@pytest.mark.journey
def test_the_package_has_a_user_of_its_own_and_settings_for_it_alone(package: Path) -> None:
    script = (package / "DEBIAN/postinst").read_text(encoding="utf-8")
    assert "adduser --quiet --system --group" in script
    assert "install -m 600 -o krets -g krets /dev/null /etc/krets/krets.toml" in script
    assert "install -d -m 700 -o krets -g krets /var/lib/krets" in script
    for name in ("postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", package / "DEBIAN" / name], check=True)


@pytest.mark.journey
def test_the_package_brings_the_rooms_and_both_units_and_no_tests(package: Path) -> None:
    library = package / "usr/lib/krets"
    assert {one.name for one in library.iterdir()} == {
        "archive", "listserv", "mailer", "subscriptions", "templates"
    }  # fmt: skip
    for unit in ("krets.service", "krets@.service"):
        text = (package / "usr/lib/systemd/system" / unit).read_text(encoding="utf-8")
        assert "/usr/bin/krets" in text
        assert "/srv/krets" not in text


@pytest.mark.journey
def test_data_stay_when_the_package_goes(package: Path) -> None:
    gone = (package / "DEBIAN/postrm").read_text(encoding="utf-8")
    assert re.findall(r"rm -rf (\S+)", gone) == ["/etc/krets"]
