"""From a fresh machine to files and records: shown first, merged, and taken back if it fails."""

import json
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from listserv.cli.main import krets as command
from listserv.wiring.config import load
from mailer.rehearsal.sink import Caught, Sink, rehearsal

ROOT = Path(__file__).resolve().parents[3]
YOU = "ida@example.org"
LISTS = "lists.example.org"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Give a folder that looks like a machine with Postfix and nginx."""
    (tmp_path / "etc/postfix").mkdir(parents=True)
    (tmp_path / "etc/nginx").mkdir()
    main_cf = tmp_path / "etc/postfix/main.cf"
    main_cf.write_text("relay_domains = other.example\n", encoding="utf-8")
    return tmp_path


def quickstart(machine: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(command, ["quickstart", YOU, "--into", str(machine), *words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def files(machine: Path) -> dict[str, bytes]:
    found = (path for path in machine.rglob("*") if path.is_file())
    return {path.relative_to(machine).as_posix(): path.read_bytes() for path in found}


def test_a_dry_run_prints_everything_and_writes_nothing(machine: Path) -> None:
    before = files(machine)
    code, said, _ = quickstart(machine, "--dry-run")
    assert code == 0
    assert files(machine) == before
    for told in (
        "/etc/krets/krets.toml",
        f'domain = "{LISTS}"',
        f'operator = "{YOU}"',
        "ExecStart=",
        f"relay_domains = other.example, {LISTS}",
        "proxy_pass http://127.0.0.1:8080;",
        f"{LISTS}. IN MX 10 ",
        f'{LISTS}. IN TXT "v=spf1 mx -all"',
        "IN PTR",
        "systemctl enable --now krets",
    ):
        assert told in said


def test_a_dry_run_tells_no_secret(machine: Path) -> None:
    _, said, _ = quickstart(machine, "--dry-run")
    assert 'metrics_token = "(made when it is written)"' in said


def test_what_is_written_can_be_used_and_secrets_are_the_services_alone(machine: Path) -> None:
    code, said, _ = quickstart(machine, "--yes")
    assert code == 0
    settings = machine / "etc/krets/krets.toml"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    read = load({}, file=str(settings))
    assert (read.listserv.domain, read.listserv.operator) == (LISTS, YOU)
    assert read.mailer.front == read.listserv.proxies == ("127.0.0.1",)
    assert len(read.listserv.metrics_token) >= 32
    assert stat.S_IMODE((machine / "var/lib/krets").stat().st_mode) == 0o700
    assert stat.S_IMODE((machine / "usr/local/bin/krets").stat().st_mode) == 0o755
    assert len(re.findall(r"_domainkey\.lists\.example\.org\. IN TXT", said)) == 2


def test_the_sites_own_postfix_stays_beside_ours(machine: Path) -> None:
    main_cf = machine / "etc/postfix/main.cf"
    main_cf.chmod(0o640)
    quickstart(machine, "--yes")
    assert f"relay_domains = other.example, {LISTS}\n" in main_cf.read_text(encoding="utf-8")
    assert stat.S_IMODE(main_cf.stat().st_mode) == 0o640
    kept = main_cf.with_name("main.cf.before-krets")
    assert kept.read_text(encoding="utf-8") == "relay_domains = other.example\n"


def test_posts_are_at_most_what_postfix_takes_less_what_headers_add(machine: Path) -> None:
    quickstart(machine, "--yes")
    read = tomllib.loads((machine / "etc/krets/krets.toml").read_text(encoding="utf-8"))
    assert read["mailer"]["max_size"] == 10_240_000 - 65_536


@pytest.mark.parametrize("blocked", ["etc/nginx/sites-available", "var/lib/krets"])
def test_after_a_failure_everything_is_as_it_was(machine: Path, blocked: str) -> None:
    path = machine / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way", encoding="utf-8")
    before = files(machine)
    code, _, said = quickstart(machine, "--yes")
    assert code in {1, 78}
    assert said
    assert files(machine) == before
    assert not (machine / "etc/krets").exists()


def test_a_second_time_writes_nothing_over_what_is_there(machine: Path) -> None:
    quickstart(machine, "--yes")
    before = files(machine)
    code, _, said = quickstart(machine, "--yes")
    assert code == 1
    assert "is there already" in said
    assert files(machine) == before


@pytest.mark.parametrize(
    "words", [("--address", "999.1.1.1"), ("--host", "no host"), ("--domain", "x y")]
)
def test_what_is_malformed_is_usage(machine: Path, words: tuple[str, str]) -> None:
    code, _, said = quickstart(machine, "--dry-run", *words)
    assert code == 2
    assert words[1] in said


def test_without_a_terminal_and_without_yes_nothing_is_written(machine: Path) -> None:
    before = files(machine)
    code, _, said = quickstart(machine)
    assert code == 1
    assert "--yes" in said
    assert files(machine) == before


def test_programs_get_one_json_object(machine: Path) -> None:
    code, said, _ = quickstart(machine, "--dry-run", "--json")
    read = json.loads(said)
    assert code == 0
    assert {one["path"] for one in read["files"]} >= {
        "/etc/krets/krets.toml",
        "/etc/postfix/main.cf",
    }
    assert all(one["line"] and one["why"] for one in read["records"])


@pytest.mark.parametrize("split", [False, True])
def test_exim_gets_its_lines_in_one_file_or_in_its_parts(tmp_path: Path, *, split: bool) -> None:
    acl = tmp_path / "etc/exim4/conf.d/acl/30_exim4-config_check_rcpt"
    acl.parent.mkdir(parents=True)
    acl.write_text("acl_check_rcpt:\n  accept hosts = :\n", encoding="utf-8")
    word = "true" if split else "false"
    conf = tmp_path / "etc/exim4/update-exim4.conf.conf"
    conf.write_text(f"dc_use_split_config='{word}'\n", encoding="utf-8")
    one = tmp_path / "etc/exim4/exim4.conf.template"
    sections = "begin acl\nacl_check_rcpt:\n\nbegin routers\n\nbegin transports\n"
    one.write_text(sections, encoding="utf-8")
    code, said, _ = quickstart(tmp_path, "--dry-run", "--json")
    made = {file["path"]: file["text"] for file in json.loads(said)["files"]}
    assert code == 0
    assert "driver = manualroute" in made["/etc/exim4/exim4.conf.template"]
    parts = "/etc/exim4/conf.d/router/050_krets", f"/{acl.relative_to(tmp_path)}"
    assert all((part in made) is split for part in parts)
    assert "defer_ok" not in str(made), "unknown addresses are not taken while Krets is down"


def test_one_real_mail_leaves_when_asked(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox: list[Caught] = []
    with rehearsal(Sink(keep=outbox.append)) as sink:
        monkeypatch.setattr("listserv.quickstart.plan.RELAY", f"smtp://127.0.0.1:{sink.port}")
        code, _, said = quickstart(machine, "--yes", "--send")
    assert code == 0, said
    assert [one.recipients for one in outbox] == [(YOU,)]
    assert b"\r\nDKIM-Signature: " in b"\r\n" + outbox[0].raw


def test_the_unit_is_the_one_that_deploy_shows() -> None:
    pieces = ROOT / "listserv/quickstart/pieces"
    shown = (ROOT / "deploy/systemd/krets.service").read_bytes()
    assert (pieces / "krets.service").read_bytes() == shown


@pytest.mark.parametrize("unit", ["krets.service", "krets@.service"])
def test_a_unit_leaves_systemd_little_to_complain_of(unit: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here.")
    shutil.copy(ROOT / "deploy/systemd" / unit, tmp_path / unit)
    words = [analyze, "security", "--offline=true", "--no-pager", str(tmp_path / unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    score = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert score is not None, done.stdout + done.stderr
    assert float(score[1]) < 2.5
