"""The flight recorder tells what was sent, and nothing that it cannot know."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import Temporary
from mailer.ledger import flight_recorder
from mailer.ledger.flight_recorder import FlightRecorder, Flown, read_record


def test_dots_and_answers_are_read_back_by_their_latest(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, "boot")
    recorder.dot(1, 0)
    recorder.answer(1, 0, 250, "")
    recorder.dot(2, 0)
    recorder.answer(3, 1, 550, "5.1.1 nobody here")
    recorder.dot(1, 1)
    assert read_record(recorder.path, "boot") == {
        1: Flown(1, dotted=True),
        2: Flown(0, dotted=True),
        3: Flown(1, dotted=False, code=550, words="5.1.1 nobody here"),
    }
    recorder.close(remove=True)
    assert read_record(recorder.path, "boot") is None


@pytest.mark.parametrize("boot", ["", "another"])
def test_another_boot_proves_nothing(tmp_path: Path, boot: str) -> None:
    recorder = FlightRecorder(tmp_path, "boot" if boot else "")
    recorder.dot(1, 0)
    assert read_record(recorder.path, boot) is None
    recorder.close()


@given(st.binary(max_size=80))
def test_a_torn_or_foreign_tail_is_ignored(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes
) -> None:
    recorder = FlightRecorder(tmp_path_factory.mktemp("flight"), "boot")
    recorder.dot(7, 0)
    recorder.close()
    whole = recorder.path.read_bytes()
    recorder.path.write_bytes(whole + b"D 8 0\nA 7 0 25")
    found = read_record(recorder.path, "boot")
    assert found == {7: Flown(0, dotted=True), 8: Flown(0, dotted=True)}
    recorder.path.write_bytes(whole + tail)
    assert read_record(recorder.path, "boot") is not None


def test_a_long_file_keeps_only_what_is_not_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_recorder, "MAX_SIZE", 1000)
    recorder = FlightRecorder(tmp_path, "boot")
    for row in range(200):
        recorder.dot(row, 0)
        recorder.answer(row, 0, 250, "")
    recorder.trim({198, 199})
    recorder.dot(300, 0)
    found = read_record(recorder.path, "boot")
    assert found is not None
    assert set(found) == {198, 199, 300}
    assert found[199].code == 250
    assert recorder.path.stat().st_size < 200
    recorder.close()


class FullDisk:
    """Let ``room`` more octets into the recorder's file, then none."""

    def __init__(self, recorder: FlightRecorder, room: int) -> None:
        self._fd = recorder._fd
        self._write = os.write
        self.room = room

    def __call__(self, fd: int, data: bytes) -> int:
        if fd != self._fd:
            return self._write(fd, data)
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(fd, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", range(len("A 1 0 250 \nD 2 0\n")))
def test_a_disk_that_fills_in_the_middle_of_a_line_loses_no_answer_and_no_later_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    recorder = FlightRecorder(tmp_path, "boot")
    recorder.dot(1, 0)
    recorder.answer(1, 0, 250, "")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(recorder, room))
        for _ in range(2):
            with pytest.raises(Temporary):
                recorder.dot(2, 0)  # so its dot does not leave
        torn = read_record(recorder.path, "boot")
        assert torn is not None
        assert torn[1].code in {0, 250}  # a torn answer is no answer, and not another one
    recorder.dot(3, 0)
    read = read_record(recorder.path, "boot")
    assert read is not None
    assert read[1] == Flown(0, dotted=True, code=250)
    assert read[3] == Flown(0, dotted=True)
    recorder.close()


def test_a_recorder_that_finds_no_room_to_begin_is_a_temporary_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(Temporary, match="No space left"):
            FlightRecorder(tmp_path, "boot")


def test_a_header_that_finds_no_room_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda _fd, _data: 3)
        with pytest.raises(Temporary):
            FlightRecorder(tmp_path, "boot")
    assert not list(tmp_path.iterdir())
