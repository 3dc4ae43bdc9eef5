"""A copy of the database makes no token, and no move of the keys makes an old token useless."""

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from listserv.cli.main import krets
from listserv.wiring import token_keys
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.errors import Misconfigured
from mailer.storage import key_file, tokens
from mailer.storage.store import Store
from mailer.storage.tokens import TokenKey, TokenPurpose

LIST = "friends@lists.example.org"


def run(data: Path, *words: str, database: str = "") -> Result:
    place = ["--set", f"mailer.data={data}", "--set", f"mailer.database={database}"]
    return CliRunner().invoke(krets, [*place, *words])


def token_of(data: Path, database: str = "") -> str:
    app = App(load({"KRETS_MAILER__DATA": str(data), "KRETS_MAILER__DATABASE": database}))
    with closing(app):
        return app.keyring.standing(TokenPurpose.LEAVE, LIST, 7)


def written_in(data: Path) -> bytes:
    """Return every byte of the database and what SQLite keeps beside it."""
    return b"".join(path.read_bytes() for path in sorted(data.glob("krets.db*")))


@pytest.fixture
def old(tmp_path: Path) -> tuple[Path, bytes]:
    """Give the data folder of an installation whose key still stands in the database."""
    data = tmp_path / "old"
    assert run(data, "list", "create", LIST).exit_code == 0
    secret = key_file.read(data / key_file.NAME)[1].secret
    with closing(Store("", data)) as store:
        token_keys.put_back(store)
    (data / key_file.NAME).unlink()
    assert secret in written_in(data)
    return data, secret


def test_a_new_database_never_holds_its_key(tmp_path: Path) -> None:
    data = tmp_path / "new"
    assert run(data, "list", "create", LIST).exit_code == 0
    held = key_file.read(data / key_file.NAME)
    assert stat.S_IMODE((data / key_file.NAME).stat().st_mode) == 0o600
    assert held[1].secret not in written_in(data)


def test_an_old_key_moves_at_the_next_start_and_its_tokens_go_on(old: tuple[Path, bytes]) -> None:
    data, secret = old
    ring = tokens.Keyring({1: secret})
    assert token_of(data) == ring.standing(TokenPurpose.LEAVE, LIST, 7)
    assert key_file.read(data / key_file.NAME)[1].secret == secret
    assert secret not in written_in(data)


def test_a_move_that_was_cut_after_the_file_is_finished(old: tuple[Path, bytes]) -> None:
    data, secret = old
    key_file.add(data / key_file.NAME, [key_file.StoredKey(1, secret, 0.0)])
    assert token_of(data) == tokens.Keyring({1: secret}).standing(TokenPurpose.LEAVE, LIST, 7)
    assert secret not in written_in(data)


@pytest.mark.parametrize("other", [None, b"\x07" * 32])
def test_a_start_without_the_right_file_refuses_and_makes_no_other_key(
    other: bytes | None, tmp_path: Path
) -> None:
    data = tmp_path / "new"
    run(data, "list", "create", LIST)
    path = data / key_file.NAME
    kept = path.read_bytes()
    (known,) = key_file.read(path).values()
    path.unlink()
    if other is not None:
        key_file.write(path, [key_file.StoredKey(1, other, 0.0)])
    done = run(data, "member", "ls", LIST)
    assert done.exit_code == 78
    assert key_file.fingerprint(known.secret) in done.output
    assert run(data, "config", "check").exit_code == 78
    (found,) = [
        one
        for one in json.loads(run(data, "doctor", "--json").stdout)
        if one["check"] == "database"
    ]
    assert found["state"] == "fail"
    assert path.exists() == (other is not None)
    path.write_bytes(kept)
    assert run(data, "member", "ls", LIST).exit_code == 0


def test_the_doctor_and_config_check_see_a_file_that_others_can_read(tmp_path: Path) -> None:
    data = tmp_path / "new"
    run(data, "list", "create", LIST)
    (data / key_file.NAME).chmod(0o644)
    found = json.loads(run(data, "doctor", "--json").stdout)
    assert any(one["state"] == "fail" and key_file.NAME in one["what"] for one in found)
    assert key_file.NAME in run(data, "config", "check").output


def test_machines_on_one_database_get_the_file_before_it_forgets(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    if store.sqlite:
        return  # one machine, whose start has moved them
    one, two = tmp_path / "one", tmp_path / "two"
    before = {token_of(data, database_url) for data in (one, two)}
    assert len(before) == 1
    assert key_file.read(one / key_file.NAME) == key_file.read(two / key_file.NAME)
    try:
        assert run(one, "keys", "apart", database=database_url).exit_code == 1  # asks first
        assert run(one, "keys", "apart", "--yes", database=database_url).exit_code == 0
        with store.read() as session:
            assert list(session.scalars(select(TokenKey.secret))) == [b""]
        assert {token_of(data, database_url) for data in (one, two)} == before
        three = run(tmp_path / "three", "keys", "check", database=database_url)
        assert three.exit_code == 78
        assert "from another machine" in three.output
        (place,) = json.loads(run(two, "keys", "check", "--json", database=database_url).stdout)
        assert (place["file"], place["database"]) == (True, False)
    finally:
        assert run(one, "keys", "together", database=database_url).exit_code == 0
    assert token_of(tmp_path / "three", database_url) in before


def test_the_database_keeps_a_key_that_the_file_does_not_hold(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_keys, "_copy_out", lambda _store: None)
    key_file.write(store.key_file, [key_file.StoredKey(1, b"\x05" * 32, 0.0)])
    with pytest.raises(Misconfigured, match="Nothing was taken out"):
        token_keys.take_out(store)
    with store.read() as session:
        assert all(session.scalars(select(TokenKey.secret)))
