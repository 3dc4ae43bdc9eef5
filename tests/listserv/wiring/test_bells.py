"""The doorbell: a server that hangs is no reason for anybody to wait."""

import inspect
import logging
import socket
import time
from pathlib import Path

import pytest

from listserv.run import jobs
from listserv.wiring import valkey
from listserv.wiring.bells import BELLS, PATIENCE, Bells, connect


def test_a_server_that_accepts_and_never_answers_holds_up_nobody(tmp_path: Path) -> None:
    """The thread that commits mail rings too: were it to wait, no 250 would be given."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        bells = Bells(connect(f"unix://{tmp_path / 's'}"))
        began = time.monotonic()
        assert not bells.ring("sort")
        assert not any(bells.ring("sort") for _ in range(100))
        assert time.monotonic() - began < 20 * PATIENCE
        bells.client.close()


def test_every_job_has_its_bell_and_every_bell_its_job() -> None:
    found = {
        name
        for name, job in inspect.getmembers(jobs, inspect.isfunction)
        if job.__module__ == jobs.__name__ and not inspect.signature(job).parameters
    }
    assert found == set(BELLS)


@pytest.mark.parametrize(("own", "lines"), [(True, 0), (False, 1)])
def test_nobody_at_home_is_told_only_where_somebody_should_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, own: bool, lines: int
) -> None:
    bells = Bells(connect(f"unix://{tmp_path / 'nobody'}"), own=own)
    with caplog.at_level(logging.WARNING, "krets.bells"):
        assert not bells.ring("deliver")
    assert len(caplog.records) == lines
    bells.client.close()


def test_the_server_has_a_socket_where_every_folder_has_a_long_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("a-name-that-goes-on-" * 6)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert len(str(valkey.socket_path(long / "data"))) < 108


def test_a_short_folder_made_for_the_socket_is_gone_when_the_server_is(tmp_path: Path) -> None:
    data = tmp_path / ("a-name-that-goes-on-" * 6)
    (data / "run").mkdir(parents=True)
    short = valkey.socket_path(data).parent
    server = valkey.Valkey(data)
    server.start()
    assert short.is_dir()
    assert short != data / "run"
    server.stop()
    assert not short.exists()
    assert (data / "run").is_dir()
