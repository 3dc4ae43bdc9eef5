"""What the tests of the whole tree share."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def locks() -> ModuleType:
    """Load tools/locks.py, which judges the locks."""
    spec = importlib.util.spec_from_file_location("locks", ROOT / "tools" / "locks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
