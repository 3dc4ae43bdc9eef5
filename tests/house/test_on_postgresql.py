"""The settings that the page about PostgreSQL gives are settings, and are read as they stand."""

import re
import textwrap
from pathlib import Path

from listserv.wiring.config import load

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/on-postgresql.md"


def test_the_settings_of_the_page_are_read(tmp_path: Path) -> None:
    block = re.search(r"(?m)^( +\[mailer\]\n(?: +\w.*\n)+)", PAGE.read_text("utf-8"))
    assert block is not None
    path = tmp_path / "krets.toml"
    path.write_text(textwrap.dedent(block[1]), encoding="utf-8")
    settings = load({"KRETS_CONFIG": str(path)})
    assert settings.mailer.database.startswith("postgresql://krets:")
    assert settings.mailer.redis.startswith("redis://")
