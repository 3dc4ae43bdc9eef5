"""A journal that is lost, damaged, old or of another service is no witness."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mailer.storage import journal, standstill
from mailer.storage.journal import JournalWord
from subscriptions.permission import suppression
from subscriptions.permission.suppression import Reason
from tests.listserv.wiring.journal_service import LIST, Opened, Service


def test_a_journal_of_another_service_is_refused(
    kept: str, service: Opened, tmp_path: Path
) -> None:
    other = Service(tmp_path / "other")
    other.done("list", "create", LIST)
    other.app.close()
    told = service("new").run("restore", kept, "--yes", "--journal", str(other.journal))
    assert (told.exit_code, "is not a journal of this backup" in told.output) == (2, True)


def test_a_journal_with_a_line_missing_is_no_witness(old: Service, kept: str) -> None:
    for name in ("anna", "boris", "chiara"):
        old.put(name, "left")
    rows = old.journal.read_bytes().splitlines(keepends=True)
    old.journal.write_bytes(b"".join(row for row in rows if b'"s":2,' not in row))
    told = json.loads(old.done("restore", kept, "--yes", "--json").stdout)
    assert told["journal"]["whole"] is False
    assert old.states()["anna"] == "left"


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-10],  # the mark of the last word is cut
        lambda raw: raw[: raw.rindex(b'"do"')],  # the last word is
        lambda raw: raw.replace(b'"do":"left","who":"', b'"do":"lef?","who":"'),
        lambda raw: b"".join(
            b"\0" * (len(row) - 1) + b"\n" if b'"s":2,"at"' in row else row
            for row in raw.splitlines(keepends=True)
        ),
        lambda raw: b"".join(
            row for row in raw.splitlines(keepends=True) if b'"s":2,"at"' not in row
        ),
    ],
)
def test_a_damaged_journal_is_no_witness(
    old: Service, kept: str, damage: Callable[[bytes], bytes]
) -> None:
    for name in ("anna", "boris"):
        old.put(name, "left")
    raw = old.journal.read_bytes()
    old.app.close()
    old.journal.write_bytes(damage(raw))
    for end in ("", "-wal", "-shm"):  # all that knew more is gone
        Path(f"{old.folder / 'krets.db'}{end}").unlink(missing_ok=True)
    told = json.loads(old.done("restore", kept, "--yes", "--json").stdout)
    assert told["journal"]["whole"] is False


def test_an_old_copy_of_the_journal_is_no_witness_beside_a_database_that_knows_more(
    old: Service, kept: str
) -> None:
    old.put("anna", "left")
    aside = old.journal.read_bytes()
    old.put("boris", "left")
    old.app.close()
    old.journal.write_bytes(aside)
    told = json.loads(old.done("restore", kept, "--yes", "--json").stdout)
    assert (told["journal"]["whole"], old.states()["anna"]) == (False, "left")


def test_one_damaged_word_of_many_at_once_is_missed(old: Service) -> None:
    with old.app.store.write() as session:
        for number in range(3):
            suppression.suppress(session, f"r{number}@y.org", Reason.NEVER, 1e9)
    rows = old.journal.read_bytes().splitlines(keepends=True)
    old.journal.write_bytes(b"".join([rows[0], rows[1], b"?" + rows[2], *rows[3:]]))
    book = journal.read(old.journal)
    assert book is not None
    assert (book.highest, book.whole) == (1, False)


def test_a_database_without_the_journal_that_it_had_stands_still(
    old: Service, database_url: str
) -> None:
    old.put("anna", "left")
    old.app.close()
    old.journal.unlink()
    with old.app.store.read() as session:
        assert "is missing" in standstill.reason(session)
    old.done("queue", "decide", "--policy", "never-twice", "--yes")
    old.app.close()
    with old.app.store.read() as session:
        assert standstill.reason(session) == ""


def test_a_journal_that_was_lost_is_begun_anew_and_older_backups_say_so(
    old: Service, kept: str
) -> None:
    old.put("anna", "left")
    old.app.close()
    old.journal.unlink()
    old.put("boris", "left")
    assert old.journal.exists()
    again = str(old.folder / "again.backup")
    old.done("backup", again)
    assert json.loads(old.done("restore", again, "--yes", "--json").stdout)["journal"]["whole"]
    assert not json.loads(old.done("restore", kept, "--yes", "--json").stdout)["journal"]["whole"]


def test_a_line_cut_in_the_middle_spoils_no_other(old: Service) -> None:
    old.put("anna", "left")
    with old.journal.open("ab") as file:
        file.write(b'{"s":2,"at":17')
    old.put("boris", "left")
    book = journal.read(old.journal)
    assert book is not None
    assert [(line.word, line.done) for line in book.lines] == [(JournalWord.LEFT, True)] * 2
    assert book.whole
