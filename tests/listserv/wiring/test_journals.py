"""What people decided after a backup is known after its restore, from the journal beside it."""

import json
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.membership import erasure_requests
from listserv.newsletters.writing import pictures
from listserv.upkeep import restoring
from listserv.wiring.listserv_tables import Picture
from mailer.errors import Temporary
from mailer.ledger import ledger
from mailer.reading.addresses import parse
from mailer.storage import journal, standstill
from mailer.storage.journal import JournalLine, JournalWord
from mailer.storage.store import RawMessage, Store
from subscriptions.lists.roster import Rhythm, find_list, get_list
from subscriptions.membership import optin
from subscriptions.permission import suppression
from subscriptions.permission.suppression import Reason
from tests.listserv.wiring.journal_service import LIST, NAMES, Opened, Service


def test_whoever_went_after_the_backup_is_gone_after_its_restore(old: Service, kept: str) -> None:
    old.put("anna", "left")
    old.complain("boris", 1e9)
    old.put("chiara", "left")
    old.put("chiara", "active")
    old.give_up("dora", 1e9)
    with old.app.store.write() as session:
        optin.never(old.desk(session, 1e9), parse("elena@x.org"))
    old.done("member", "forget", "frans@x.org", "--yes")
    told = old.done("restore", kept, "--yes")
    assert "is missing" not in told.stderr
    assert old.states() == {
        "anna": "left", "boris": "left", "chiara": "active", "dora": "given-up",
        "elena": "given-up",
    }  # fmt: skip
    assert old.barred("dora") == {Reason.DEAD}
    assert old.barred("elena") == {Reason.NEVER}
    assert old.barred("frans") == {Reason.ERASED}
    with old.app.store.read() as session:
        assert standstill.reason(session) == ""


def test_what_was_taken_back_before_the_restore_stays_taken_back(old: Service, kept: str) -> None:
    who = parse("elena@x.org")
    with old.app.store.write() as session:
        optin.never(old.desk(session, 1e9), who)
    with old.app.store.write() as session:
        optin.take_back_never(old.desk(session, 1e9), who)
    old.put("anna", "paused")
    old.put("boris", "left")
    old.done("restore", kept, "--yes")
    assert old.barred("elena") == set()
    assert (old.states()["anna"], old.states()["boris"]) == ("paused", "left")
    old.put("boris", "active")
    old.done("restore", kept, "--yes")
    assert old.states()["boris"] == "active"


def test_who_had_left_before_the_backup_and_came_back_after_it_is_a_member(
    old: Service, tmp_path: Path
) -> None:
    old.put("anna", "left")
    kept = str(tmp_path / "kept.backup")
    old.done("backup", kept)
    with old.app.store.write() as session:
        optin.join(old.desk(session, 1e9), parse("anna@x.org"))
    old.done("restore", kept, "--yes")
    assert old.states()["anna"] == "active"


def test_the_journal_names_nobody_and_is_for_its_owner_alone(old: Service) -> None:
    old.put("anna", "left")
    with old.app.store.write() as session:
        erasure_requests.ask(session, old.app.keyring, "boris@x.org", how="button", now=1e9)
    text = old.journal.read_text()
    assert "@x.org" not in text
    assert "anna" not in text
    assert stat.S_IMODE(old.journal.stat().st_mode) == 0o600


def test_elsewhere_nothing_leaves_without_the_journal_until_somebody_decides(
    old: Service, kept: str, service: Opened
) -> None:
    old.put("anna", "left")
    new = service("new")
    told = new.done("restore", kept, "--yes")
    assert "is missing" in told.stderr
    assert "Nothing leaves until you decide" in told.stderr
    with new.app.store.read() as session:
        assert standstill.reason(session)
    assert "Nothing leaves" in new.done("queue", "decide").stderr
    assert new.run("queue", "decide", "--policy", "never-twice").exit_code == 1
    new.done("queue", "decide", "--policy", "never-twice", "--yes")
    with new.app.store.read() as session:
        assert standstill.reason(session) == ""
    again = str(new.folder / "again.backup")
    new.done("backup", again)
    new.put("boris", "left")
    assert "is missing" not in new.done("restore", again, "--yes").stderr
    assert new.states()["boris"] == "left"


def test_nothing_is_claimed_while_the_house_stands_still(store: Store) -> None:
    with store.write() as session:
        standstill.begin(session, "why", 1.0, settled=True)
    with store.read() as session:
        assert session.execute(ledger._LIVE, {"now": 1e9}).all() == []
        assert standstill.reason(session) == "why"


def test_elsewhere_the_journal_of_the_old_folder_is_named_and_goes_along(
    old: Service, kept: str, service: Opened
) -> None:
    old.put("anna", "left")
    new = service("new")
    told = new.done("restore", kept, "--yes", "--journal", str(old.journal), "--json")
    assert (json.loads(told.stdout)["journal"]["whole"], new.states()["anna"]) == (True, "left")
    new.put("boris", "left")
    later = json.loads(new.done("restore", kept, "--yes", "--json").stdout)
    assert later["journal"]["whole"] is True
    assert (new.states()["anna"], new.states()["boris"]) == ("left", "left")


def test_a_database_put_back_by_hand_is_noticed_and_hears_its_journal(
    old: Service, database_url: str
) -> None:
    if database_url:
        pytest.skip("a file is put back by hand")
    old.app.close()
    database = old.folder / "krets.db"
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(database, old.folder / "aside.db")
    old.put("anna", "left")
    old.app.close()
    for end in ("", "-wal", "-shm"):
        Path(f"{database}{end}").unlink(missing_ok=True)
    (old.folder / "aside.db").replace(database)
    assert old.states()["anna"] == "left"
    with old.app.store.read() as session:
        assert "put an old file back" in standstill.reason(session)
    assert restoring.settle_rolled_back(old.app.store, 1e9)
    assert not restoring.settle_rolled_back(old.app.store, 1e9)
    old.done("queue", "decide", "--policy", "never-twice", "--yes")
    with old.app.store.read() as session:
        assert standstill.reason(session) == ""


class _PulledError(Exception):
    """Stand for a plug that is pulled."""


def test_a_leave_that_was_cut_before_its_commit_is_a_leave_and_a_yes_is_none(
    old: Service, kept: str
) -> None:
    witness = old.app.store.witness
    assert witness is not None

    def cut(session: Session) -> Callable[[], None]:
        witness(session)
        raise _PulledError

    old.put("boris", "left")
    for name, word in (("anna", JournalWord.LEFT), ("boris", JournalWord.ACTIVE)):
        old.app.store.witness = cut
        with pytest.raises(_PulledError), old.app.store.write() as session:
            journal.note(session, word, f"{name}@x.org", list_address=LIST)
        old.app.close()
    assert (old.states()["anna"], old.states()["boris"]) == ("left", "left")
    with old.app.store.read() as session:
        assert standstill.reason(session) == ""
    old.done("restore", kept, "--yes")
    assert (old.states()["anna"], old.states()["boris"]) == ("left", "left")


def test_a_leave_that_the_journal_cannot_take_is_refused(old: Service) -> None:
    assert old.app.store.witness is not None
    old.journal.unlink()
    old.journal.mkdir()
    with pytest.raises(Temporary, match="cannot be written to"), old.app.store.write() as session:
        optin.never(old.desk(session, 1e9), parse("anna@x.org"))
    assert old.barred("anna") == set()


def test_the_backup_holds_the_journal_for_backups_that_are_older(
    old: Service, kept: str, service: Opened, tmp_path: Path
) -> None:
    old.put("anna", "left")
    newer = str(tmp_path / "newer.backup")
    old.done("backup", newer)
    new = service("new")
    new.done("restore", newer, "--yes", "--journal", str(old.journal))
    old.journal.unlink()
    told = json.loads(new.done("restore", kept, "--yes", "--json").stdout)
    assert (told["journal"]["whole"], new.states()["anna"]) == (True, "left")


def test_many_at_once_cost_one_write(old: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fdatasync", synced.append)
    with old.app.store.write() as session:
        for number in range(1000):
            suppression.suppress(session, f"r{number}@y.org", Reason.NEVER, 1e9)
    assert len(synced) == 1
    book = journal.read(old.journal)
    assert book is not None
    assert (len(book.lines), book.highest, book.whole) == (1000, 1, True)


def test_a_long_journal_keeps_the_last_word_of_each(
    old: Service, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_BIG", 1000)
    for _ in range(6):
        old.put("anna", "left")
        old.put("anna", "active")
    old.put("boris", "left")
    assert journal.compact(old.journal)
    book = journal.read(old.journal)
    assert book is not None
    assert [line.word for line in book.lines] == [JournalWord.ACTIVE, JournalWord.LEFT]
    assert stat.S_IMODE(old.journal.stat().st_mode) == 0o600
    told = json.loads(old.done("restore", kept, "--yes", "--json").stdout)
    assert told["journal"]["whole"] is True
    assert (old.states()["anna"], old.states()["boris"]) == ("active", "left")


def test_a_stranger_who_said_never_after_the_backup_is_not_added_by_a_file(
    old: Service, kept: str
) -> None:
    with old.app.store.write() as session:
        optin.never(old.desk(session, 1e9), parse("zoe@x.org"))
    old.done("restore", kept, "--yes")
    old.run("member", "add", LIST, "zoe@x.org", "--consent", "asked")
    assert "zoe" not in old.states()
    assert old.barred("zoe") == {Reason.NEVER}


def test_a_rhythm_without_mail_outlives_a_restore_and_so_does_its_end(
    old: Service, tmp_path: Path, kept: str
) -> None:
    def rhythms() -> dict[str, str]:
        told = json.loads(old.done("member", "ls", LIST, "--json").stdout)
        return {one["email"].partition("@")[0]: one["rhythm"] for one in told}

    for name in ("anna", "boris", "chiara", "dora"):
        old.done("member", "set", LIST, f"{name}@x.org", "--rhythm", "paused")
    old.done("member", "set", LIST, "boris@x.org", "--rhythm", "each")
    old.put("chiara", "active")
    old.put("dora", "left")
    with old.app.store.write() as session:
        optin.join(old.desk(session, 4e9), parse("dora@x.org"))
    old.done("restore", kept, "--yes")
    assert rhythms() == dict.fromkeys(NAMES, "each") | {"anna": "paused"}


def test_a_rhythm_with_mail_that_was_not_committed_is_none(old: Service) -> None:
    words = ((Rhythm.PAUSED, ["paused"]), (Rhythm.EACH, []))
    for rhythm, heard in words:
        line = JournalLine(1, 1.0, JournalWord.RHYTHM, "0", LIST, 1, rhythm.value)
        assert [one.reason for one in journal.last_words([line])] == heard


def test_what_was_redacted_after_the_backup_is_redacted_after_its_restore(
    old: Service, tmp_path: Path
) -> None:
    for number, text in ((1, "The code is violet heron 4711."), (2, "A letter about my divorce.")):
        path = tmp_path / f"{number}.eml"
        path.write_text(
            f"From: Anna <anna@x.org>\nTo: {LIST}\nSubject: Walk {number}\n"
            f"Date: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-ID: <m{number}@x.org>\n\n{text}\n"
        )
        old.done("import", "mbox", LIST, str(path))
    old.done("archive", "build", LIST)
    old.done("backup", kept := str(tmp_path / "kept.backup"))
    old.done("archive", "redact", LIST, "--phrase", "violet heron 4711", "--yes")
    old.done("archive", "redact", LIST, "--message", "m2@x.org", "--yes")
    told = old.done("restore", kept, "--yes")
    assert "taken out again" in told.stderr
    old.done("archive", "export", LIST, str(tmp_path / "out"))
    old.done("archive", "build", LIST)
    shown = [
        path.read_bytes()
        for folder in (tmp_path / "out", old.folder)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in {".html", ".json", ".xml", ".txt", ".mbox", ".gz"}
    ]
    assert len(shown) > 5
    assert not [one for one in shown if b"heron" in one or b"divorce" in one]
    with old.app.store.read() as session:
        assert session.scalar(select(func.count()).select_from(RawMessage)) == 1
    assert not [word for word in (b"heron", b"divorce", b"m2@") if word in old.journal.read_bytes()]


def test_a_picture_that_was_forgotten_after_the_backup_is_gone_after_its_restore(
    old: Service, tmp_path: Path
) -> None:
    with old.app.store.write() as session:
        lst = find_list(session, LIST)
        assert lst is not None
        for key in ("gone", "kept"):
            row = Picture(list_id=lst.id, key=key, ending="png", name=key, width=1, height=1)
            row.data, row.sent, row.taken_at = b"x", True, 1.0
            session.add(row)
    old.done("backup", kept := str(tmp_path / "kept.backup"))
    with old.app.store.write() as session:
        pictures.forget(session, get_list(session, LIST), ["gone"])
    old.done("restore", kept, "--yes")
    with old.app.store.read() as session:
        assert list(session.scalars(select(Picture.key))) == ["kept"]
