"""The store keeps raw mail and lets one writer in at a time."""

import hashlib
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select

from mailer.errors import Misconfigured
from mailer.storage import tokens
from mailer.storage.store import RawMessage, Store, get_raw, hold_raw, put_raw
from mailer.storage.writer_gate import _locked


def test_raw_mail_comes_back_byte_for_byte_and_is_kept_once(store: Store) -> None:
    raw = b"Subject: \xff\x00\r\n\r\n" + b"x" * 100_000
    with store.write() as session:
        first, second = put_raw(session, [raw, raw])
    assert first == second
    with store.read() as session:
        assert get_raw(session, first) == raw
        assert session.scalar(select(func.count()).select_from(RawMessage)) == 1
        assert get_raw(session, b"\0" * 32) is None


def test_ingest_passes_the_writers_that_queue(store: Store) -> None:
    """While the turnstile is taken, an ordinary writer waits outside and ingest walks in."""
    if store._gate is None:
        pytest.skip("PostgreSQL has no single writer and no gate")
    order: list[str] = []

    def ordinary() -> None:
        with store.write():
            order.append("ordinary")

    thread = threading.Thread(target=ordinary)
    with _locked(store._gate._turnstile):
        thread.start()
        with store.write(first=True):
            order.append("ingest")
    thread.join()
    assert order == ["ingest", "ordinary"]


@pytest.mark.parametrize("url", ["mysql://x/y", "::::", "sqlite://"])
def test_an_unusable_database_url_says_what_to_write(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"mailer\.database"):
        Store(url, tmp_path)


def test_standing_tokens_open_one_door_only(store: Store) -> None:
    with store.read() as session:
        ring = tokens.load_keyring(session)
    assert ring is not None
    token = ring.standing(tokens.TokenPurpose.LEAVE, "a@x.org", 7)
    assert len(token) == tokens.LENGTH
    assert ring.read(token.upper(), tokens.TokenPurpose.LEAVE, "a@x.org") == 7
    assert ring.read(token, tokens.TokenPurpose.BOUNCE, "a@x.org") is None
    assert ring.read(token, tokens.TokenPurpose.LEAVE, "b@x.org") is None
    for place in range(tokens.LENGTH):
        flipped = token[:place] + ("b" if token[place] == "a" else "a") + token[place + 1 :]
        assert ring.read(flipped, tokens.TokenPurpose.LEAVE, "a@x.org") is None
    with store.write() as session:
        tokens.new_key(session)
    with store.read() as session:
        newer = tokens.load_keyring(session)
    assert newer is not None
    assert newer.read(token, tokens.TokenPurpose.LEAVE, "a@x.org") == 7
    assert newer.standing(tokens.TokenPurpose.LEAVE, "a@x.org", 7) != token


def test_a_checkpoint_carries_the_log_beside_a_reader(store: Store, tmp_path: Path) -> None:
    if not store.sqlite:
        store.checkpoint()  # PostgreSQL has its own
        return
    with store.write() as session:
        put_raw(session, [b"carried"])
    with store.read() as reading:
        reading.scalar(select(func.count()).select_from(RawMessage))
        store.checkpoint()
        alone = tmp_path / "alone.db"
        shutil.copyfile(str(store.url.database), alone)
    with closing(sqlite3.connect(alone)) as copy:
        shas = [row[0] for row in copy.execute("SELECT sha FROM raw_message")]
    assert shas == [hashlib.sha256(b"carried").digest()]


def test_the_same_bytes_that_come_in_again_wait_for_who_lets_go_of_them(store: Store) -> None:
    if store.sqlite:
        pytest.skip("SQLite has one writer at a time.")
    with store.write() as session:
        (sha,) = put_raw(session, [b"the same"])

    def come_in_again() -> None:
        with store.write() as session:
            put_raw(session, [b"the same", b"another", b"the same"])

    with ThreadPoolExecutor(1) as pool:
        with store.write() as session:
            hold_raw(session, {sha})
            again = pool.submit(come_in_again)
            with pytest.raises(TimeoutError):
                again.result(0.3)
            session.execute(delete(RawMessage).where(RawMessage.sha == sha))
        again.result(20)
    with store.read() as session:
        assert get_raw(session, sha) == b"the same"
