"""The keys of tokens stand in a file of their own, and are never lost or shown to others."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import Misconfigured
from mailer.storage import key_file
from mailer.storage.key_file import StoredKey

ONE = StoredKey(1, b"\x01" * 32, 86400.0)
TWO = StoredKey(2, b"\x02" * 32, 86400.0)


def test_what_is_written_is_read_and_only_its_owner_can(tmp_path: Path) -> None:
    path = tmp_path / key_file.NAME
    mask = os.umask(0)
    try:
        key_file.add(path, [ONE])
        key_file.add(path, [TWO])
    finally:
        os.umask(mask)
    assert key_file.read(path) == {1: ONE, 2: TWO}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [key_file.NAME]


def test_a_file_of_another_database_is_laid_aside_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / key_file.NAME
    other = StoredKey(1, b"\x09" * 32, 0.0)
    key_file.add(path, [other])
    key_file.add(path, [ONE])
    (aside,) = tmp_path.glob("tokens.key.of-another-*")
    assert key_file.read(aside) == {1: other}
    assert key_file.read(path) == {1: ONE}


@pytest.mark.parametrize(
    "said",
    ["1 xyz 1970-01-01", "1 abc 1970-01-01", "300 ab 1970-01-01", "1 ab 1970-13-01", "1 ab",
     "1 ab 1970-01-01\n1 ab 1970-01-01", "\N{LATIN SMALL LETTER E WITH ACUTE}"],
)  # fmt: skip
def test_a_damaged_file_is_refused_and_never_taken_for_an_empty_one(
    said: str, tmp_path: Path
) -> None:
    path = tmp_path / key_file.NAME
    path.write_text(said, "utf-8")
    with pytest.raises(Misconfigured, match="not a file of token keys"):
        key_file.read(path)
    with pytest.raises(Misconfigured):
        key_file.add(path, [ONE])
    assert path.read_text("utf-8") == said


@given(st.dictionaries(st.integers(1, 255), st.binary(min_size=1, max_size=64), max_size=5))
def test_a_fingerprint_tells_keys_apart(keys: dict[int, bytes]) -> None:
    seen = {secret: key_file.fingerprint(secret) for secret in keys.values()}
    assert len(set(seen.values())) == len(seen)
    assert all(secret.hex() not in print_ for secret, print_ in seen.items() if len(secret) > 1)
