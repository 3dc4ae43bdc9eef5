"""`krets config check` tries what it says can be used."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from listserv.cli.main import krets as command
from mailer.rehearsal.sink import Sink, rehearsal
from tests.tree import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    with rehearsal(Sink()) as sink:
        yield {
            "KRETS_MAILER__DATA": str(tmp_path / "data"),
            "KRETS_MAILER__SMTP": f"127.0.0.1:{free_port()}",
            "KRETS_MAILER__RELAYS": f"smtp://127.0.0.1:{sink.port}",
            "KRETS_LISTSERV__HTTP": f"127.0.0.1:{free_port()}",
        }


def checked(settings: dict[str, str]) -> tuple[int, str]:
    done = CliRunner().invoke(command, ["config", "check"], env=settings)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stderr


def test_settings_that_work_can_be_used(settings: dict[str, str]) -> None:
    assert checked(settings) == (0, "The settings can be used.\n")


def test_a_relay_that_is_away_is_told_and_is_no_fault_of_the_settings(
    settings: dict[str, str],
) -> None:
    code, said = checked(settings | {"KRETS_MAILER__RELAYS": f"smtp://127.0.0.1:{free_port()}"})
    assert code == 0
    assert "does not answer" in said


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KRETS_MAILER__DATABASE", "postgresql://krets@127.0.0.1:{free}/krets", "database"),
        ("KRETS_MAILER__REDIS", "redis://127.0.0.1:{free}", "Redis"),
        ("KRETS_MAILER__TLS_CERT", "/no/such.pem", "tls_cert"),
        ("KRETS_LISTSERV__HTTP", "127.0.0.1:{taken}", "listserv.http"),
        ("KRETS_MAILER__SMTP", "127.0.0.1:{taken}", "mailer.smtp"),
        ("KRETS_MAILER__DATA", "/proc/krets", "/proc/krets"),
    ],
)
def test_what_cannot_be_used_is_named_with_78(
    settings: dict[str, str], name: str, value: str, words: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        filled = value.format(free=free_port(), taken=other.getsockname()[1])
        code, said = checked(settings | {name: filled})
    assert code == 78
    assert words in said
    assert "can be used.\n" not in said
