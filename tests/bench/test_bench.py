"""The benchmark itself: whatever it measures, it must run."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.usefixtures("postfix_tools")
def test_the_benchmark_prints_its_table() -> None:
    script = Path(__file__).with_name("bench_service.py")
    done = subprocess.run(
        [sys.executable, str(script), "--short"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for row in ("the reference", "posts taken", "personal copies", "first delivery", "mbox"):
        assert row in done.stdout
