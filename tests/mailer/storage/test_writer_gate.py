"""The gate: who goes first to SQLite's one writer, and for how long."""

import time
from pathlib import Path

import pytest

from mailer.storage import writer_gate
from mailer.storage.writer_gate import Gate


def test_an_ordinary_writer_stands_back_after_an_ingest_commit_of_any_process(
    tmp_path: Path,
) -> None:
    with Gate(tmp_path).passing(first=True):
        committed = time.monotonic()
    with Gate(tmp_path).passing():
        assert time.monotonic() - committed >= writer_gate._BREATH


def test_a_burst_without_end_holds_an_ordinary_writer_up_for_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_gate, "_COURTESY", 0.01)
    mine = Gate(tmp_path)
    slept: list[float] = []

    def another_commits(seconds: float) -> None:
        slept.append(seconds)
        with mine.passing(first=True):
            pass

    monkeypatch.setattr("time.sleep", another_commits)
    with mine.passing(first=True):
        pass
    with mine.passing():
        assert slept


def test_a_moment_of_before_the_last_boot_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_seconds: float) -> None:
        pytest.fail("an ordinary writer waited for a commit of another life")

    mine = Gate(tmp_path)
    writer_gate._MOMENT.pack_into(mine._shared(), 0, time.monotonic() + 3600)
    monkeypatch.setattr("time.sleep", never)
    with mine.passing():
        pass
