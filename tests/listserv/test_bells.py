"""The doorbell: a server that hangs is no reason for anybody to wait."""

import socket
import time
from pathlib import Path

from listserv.bells import DEAF_SECONDS, PATIENCE, Bells, connect


def test_a_server_that_accepts_and_never_answers_holds_up_nobody(tmp_path: Path) -> None:
    """The thread that commits mail rings too: were it to wait, no 250 would be given."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        bells = Bells(connect(f"unix://{tmp_path / 's'}"))
        began = time.monotonic()
        assert not bells.ring("sort")
        assert time.monotonic() - began < PATIENCE + 2
        began = time.monotonic()
        assert not any(bells.ring("sort") for _ in range(100))
        assert time.monotonic() - began < DEAF_SECONDS / 5
        bells.client.close()
