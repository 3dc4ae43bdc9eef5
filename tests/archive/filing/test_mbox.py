"""Mbox files: each kind is read, what we write reads back the same."""

import bz2
import gzip
import io
import lzma
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from archive.filing.mail_import import import_mails
from archive.threads.archive_tables import Message, Node, Thread
from mailer.reading.headers.head_facts import read_head
from mailer.reading.mbox import open_mail_file, read_mbox, write_mbox
from mailer.storage.store import Store
from subscriptions.lists.roster import MailList

NOW = 1_780_000_000.0
DATE = "Mon Jan  1 00:00:00 2024"


def mails(data: bytes) -> list[bytes]:
    return [found.raw for found in read_mbox(io.BytesIO(data))]


LINE = st.sampled_from(
    ["Hello", "From here", ">From there", ">>From x", "", "From a@b Mon Jan  1 00:00:00 2024"]
)


@given(
    bodies=st.lists(st.lists(LINE, max_size=6), min_size=1, max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_reads_back_the_same(bodies: list[list[str]], end: str) -> None:
    """Mboxrd out and in again is identical, with LF and with CRLF."""
    raws = [("\n".join(["A: b", "", *body, ""]).replace("\n", end)).encode() for body in bodies]
    assert mails(b"".join(write_mbox((raw, 0.0) for raw in raws))) == raws


def test_a_line_that_says_from_in_a_body_divides_nothing() -> None:
    """Best effort with files whose writer quoted nothing."""
    raw = b"Subject: x\n\nWell.\n\nFrom my window I see 2024.\n"
    assert mails(f"From a@b {DATE}\n".encode() + raw + b"\n") == [raw]


def test_content_length_is_believed_where_it_holds() -> None:
    """mboxcl2: a From line inside of a counted body is part of it."""
    body = f"Hi\n\nFrom a@b {DATE}\nX: y\n".encode()
    head = b"Subject: x\nContent-Length: %d\n\n" % len(body)
    first = f"From a@b {DATE}\n".encode() + head + body + b"\n"
    assert mails(first * 2) == [head + body] * 2


def test_content_length_that_lies_is_not_believed() -> None:
    """A wrong count divides at the From lines."""
    one = f"From a@b {DATE}\nSubject: x\nContent-Length: 9999\n\nHi\n\n".encode()
    assert mails(one * 3) == [b"Subject: x\nContent-Length: 9999\n\nHi\n"] * 3


def test_a_file_cut_short_gives_what_there_is() -> None:
    """The last mail ends in the middle of a word."""
    one = f"From a@b {DATE}\nSubject: x\n\nHi\n\n".encode()
    assert mails(one + one[:-4]) == [b"Subject: x\n\nHi\n", b"Subject: x\n\n"]


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_opened_by_what_it_is(tmp_path: Path, squeeze: type[bytes]) -> None:
    """The name does not matter."""
    path = tmp_path / "old.mbox"
    path.write_bytes(squeeze(f"From a@b {DATE}\nSubject: x\n\nHi\n\n".encode()))
    with open_mail_file(path) as file:
        assert [found.raw for found in read_mbox(file)] == [b"Subject: x\n\nHi\n"]


def count(store: Store) -> tuple[int, int]:
    with store.read() as session:
        threads = session.scalar(select(func.count()).select_from(Thread).where(Thread.size > 0))
        messages = session.scalar(select(func.count()).select_from(Message))
        return threads or 0, messages or 0


@pytest.mark.no_cover
def test_a_real_list_is_imported_once(store: Store, circle: MailList, corpora: Path) -> None:
    """1,967 mails: 1,966 distinct, 194 of them with a parent that never came."""
    path = corpora / "community" / "speakup.mbox.xz"
    for new in (1966, 0):
        with open_mail_file(path) as file:
            report = import_mails(store, circle, read_mbox(file), NOW)
        assert (report.read, report.new, report.unreadable) == (1967, new, 0)
    assert count(store) == (374, 1966)  # six answers name no mail, and say which talk they mean
    with store.read() as session:
        present = set(session.scalars(select(Node.hash).where(Node.present)))
        parents = session.scalars(select(Node.parent).where(Node.present))
        assert sum(p is not None and p not in present for p in parents) == 194


def test_the_torture_file_keeps_the_loop_and_leaves_out_who_asked(
    store: Store, circle: MailList, corpora: Path
) -> None:
    """Both mails of the reference loop are there, the private one is not."""
    with open_mail_file(corpora / "community" / "torture.mbox") as file:
        report = import_mails(store, circle, read_mbox(file), NOW)
    assert (report.read, report.new, report.not_archived) == (13, 12, 1)
    with store.read() as session:
        ids = set(session.scalars(select(Message.message_id)))
    assert {"m11@x", "m12@x"} <= ids
    assert "m9@x" not in ids


# The old page hangs these on a mail with their subject ("possible follow-ups"), for what they
# name never came to it; we thread by what mails say, never by a subject.
BY_SUBJECT = {6, 11, 12, 153, 285}


@pytest.mark.no_cover
def test_a_pipermail_month_has_the_threads_that_its_page_has(
    store: Store, circle: MailList, corpora: Path
) -> None:
    """The old page shows few levels: each mail hangs there on its parent or an ancestor of it."""
    folder = corpora / "threading"
    with open_mail_file(folder / "2010-January.txt.gz") as file:
        hashes = [read_head(found.raw).hash for found in read_mbox(file)]
    with open_mail_file(folder / "2010-January.txt.gz") as file:
        report = import_mails(store, circle, read_mbox(file), NOW)
    assert (report.read, report.new) == (292, 292)
    page = gzip.decompress((folder / "2010-January_thread.html.gz").read_bytes()).decode("latin-1")
    theirs = page_parents(page.partition("<HR>")[2])
    with store.read() as session:
        nodes = session.execute(select(Node.hash, Node.parent, Node.present)).all()
    above = {node.hash: node.parent for node in nodes}
    numbers = {hash_: number for number, hash_ in enumerate(hashes)}
    different = set()
    for number, hash_ in enumerate(hashes):
        line = []  # the ancestors that are here, the nearest first
        here = above[hash_]
        while here is not None:
            line += [numbers[here]] if here in numbers else []
            here = above[here]
        if theirs[number] not in (set(line) or {None}):
            different.add(number)
    assert different <= BY_SUBJECT, different


def page_parents(page: str) -> dict[int, int | None]:
    """Return mail -> the mail that it hangs on, from nested lists."""
    stack: list[int | None] = []
    last: int | None = None
    found: dict[int, int | None] = {}
    marks = re.findall(r'(<ul>)|(</ul>)|<a name="(\d+)" href="msg', page, re.IGNORECASE)
    for down, up, number in marks:
        if down:
            stack.append(last)
        elif up:
            last = stack.pop() if stack else None
        elif number:
            last = int(number)
            found[last] = stack[-1] if stack else None
    return found
