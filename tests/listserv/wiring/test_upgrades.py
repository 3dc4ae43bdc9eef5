"""A database of every earlier version comes up whole, and what is laid aside is the way back.

Each is made by the migrations up to its own, with the rows that a version of then would have: a
list, people who are members and one who left, their consent, a mailing under way. A row of every
other table that there was is added, so that a migration which loses one is seen.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from click.testing import CliRunner, Result
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from listserv.cli.main import krets
from listserv.wiring import schema
from listserv.wiring.data_folder import make_data_folder
from mailer.ledger import claim_owners, ledger
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import RecipientState as Fate
from mailer.ledger.splice import Segments
from mailer.reading.addresses import parse
from mailer.storage import tokens
from mailer.storage.store import Store, compress
from subscriptions.lists.roster import Membership, MembershipState, find_list
from subscriptions.permission.consent import Consent
from subscriptions.permission.suppression import Suppression

LIST = "friends@lists.example"
VERSIONS = sorted(path.name[:4] for path in (schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
EARLIER = VERSIONS[:-1]
# Where one migration does more than add: caches, recipients made anew, the triggers of consent.
SAMPLE = ("0001", "0018", EARLIER[-1])
REMADE = {"archive_body"}  # a cache, thrown away by 0011
EMPTY = {"alembic_version", "standstill", "journal"}  # a row says that something is the matter
LETTER = compress(Segments((b"From: a@x.org\r\nSubject: Hi\r\n\r\nHi\r\n",)).pack())
Rows = dict[str, list[dict[str, Any]]]

# As the first version had them; what came later has its defaults.
CORE: Rows = {
    "token_key": [{"id": 1, "secret": b"k" * 32, "created": 1.0}],
    "raw_message": [{"sha": b"r" * 32, "size": 3, "data": compress(b"Hi\n")}],
    "list": [
        {
            "id": 3, "name": "friends", "domain": "lists.example", "kind": "discussion",
            "title": "Friends", "description": "Of old", "language": "sv", "join": "open",
            "post": "members", "archive": "members", "first_posts_moderated": False,
            "emergency": False, "reply_to_list": False, "subject_tag": "", "footer": "",
            "max_size": 1000, "created": 1.0,
        }
    ],
    "person": [
        {"id": n, "name": f"Person {n}", "language": "ru", "created": 1.0} for n in (1, 2, 3)
    ],
    "address": [
        {
            "id": n, "person_id": n, "given": f"P{n}@example.org", "key": f"p{n}@example.org",
            "domain": "example.org", "created": 1.0, "proven_at": 2.0,
        }
        for n in (1, 2, 3)
    ],
    "membership": [
        {
            "id": n, "list_id": 3, "person_id": n, "address_id": n, "rhythm": "each",
            "role": "owner" if n == 1 else "member", "state": "left" if n == 3 else "active",
            "moderated": None, "paused_until": None, "joined_at": 2.0,
            "left_at": 3.0 if n == 3 else None,
        }
        for n in (1, 2, 3)
    ],
    "consent": [
        {
            "id": n, "at": 2.0, "act": act, "list_address": LIST,
            "who": bytes([who]) * 32, "address": f"p{who}@example.org", "wording": "Join?",
            "wording_version": "1", "language": "ru", "source": "mail", "ip": "192.0.2.1",
            "user_agent": None, "raw_sha": b"r" * 32, "dkim": "pass", "confirmed_by": "reply",
            "actor": None, "detail": "", "given_at": 2.0,
        }
        for n, act, who in ((1, "consented", 1), (2, "consented", 2), (3, "left", 3))
    ],
    "suppression": [{"address": "never@example.org", "reason": "never-mail-me", "since": 1.0}],
    "mailing": [
        {
            "id": 5, "kind": "post", "list_address": LIST,
            "message_id": "m@x", "policy": "never-miss", "state": "sending", "priority": 0,
            "audience": 4, "created": 4.0, "started": 4.0, "finished": None, "expires_at": 9e9,
            "freeze_cursor": 0,
        }
    ],
    "composition": [{"mailing_id": 5, "variant": 0, "packed": LETTER}],
    "recipient": [
        {
            "id": n, "mailing_id": 5, "ref": n, "address": f"p{n}@example.org",
            "bucket": "example.org", "state": state, "due": 0.0, "attempts": 1, "code": code,
        }
        for n, state, code in ((1, 2, 250), (2, 0, 0), (3, 6, 0), (4, 3, 550))
    ],
}  # fmt: skip


def migrate(store: Store, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with store.write() as session:
        config.attributes["connection"] = session.connection()
        command.upgrade(config, revision)


def value(column: sa.Column[Any], tables: sa.MetaData) -> object:
    """Return something that this column of an older version could hold."""
    for key in column.foreign_keys:
        name, _, _ = key.target_fullname.rpartition(".")
        known = CORE.get(name)
        return known[0][key.column.name] if known else value(key.column, tables)
    kind = column.type
    if isinstance(kind, sa.LargeBinary):
        return b"\1" * 32
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, (sa.Integer, sa.Float)):
        return 900 if column.primary_key else 1  # beyond what a sequence gives next
    return "x"


def fill(session: Session, *, others: bool = True) -> dict[str, int]:
    """Give the first version's tables their rows, and ``others`` one; return how many each has."""
    tables = sa.MetaData()
    tables.reflect(session.connection())
    for table in tables.sorted_tables:
        if table.name in EMPTY or not (others or table.name in CORE):
            continue
        rows = CORE.get(table.name) or [
            {
                column.name: value(column, tables)
                for column in table.columns
                if column.primary_key or not (column.nullable or column.server_default)
            }
        ]
        if not CORE.get(table.name) and session.execute(select(table).limit(1)).first():
            continue  # a migration made its row
        session.execute(table.insert(), rows)
    return count(session)


def count(session: Session) -> dict[str, int]:
    names = set(sa.inspect(session.connection()).get_table_names()) - {"alembic_version"}
    return {name: session.scalar(text(f'select count(*) from "{name}"')) or 0 for name in names}  # noqa: S608


def core(session: Session) -> Rows:
    """Return the rows of the first version's tables, in its columns; its key may stand apart."""
    tables = sa.MetaData()
    tables.reflect(session.connection(), only=list(CORE))
    found = {
        name: [
            {column: row[column] for column in rows[0]}
            for row in session.execute(
                select(tables.tables[name]).order_by(*tables.tables[name].primary_key.columns)
            ).mappings()
        ]
        for name, rows in CORE.items()
    }
    for row in found["token_key"]:
        row["secret"] = row["secret"] or tokens.load_keys(session)[0].secret
    return found


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """Give a database without a table, and its data folder beside it."""
    data = tmp_path / "data"
    make_data_folder(data)
    with closing(Store(database_url, data)) as store:
        if not store.sqlite:
            with store.write() as session:  # the tables of all other tests wait next door
                session.execute(text("alter schema public rename to kept"))
                session.execute(text("create schema public"))
        try:
            yield store
        finally:
            if not store.sqlite:
                with store.write() as session:
                    session.execute(text("drop schema public cascade"))
                    session.execute(text("alter schema kept rename to public"))


def come_up(store: Store, data: Path, revision: str) -> None:
    """Bring a database of ``revision`` up to date, and look at what became of it."""
    migrate(store, revision)
    with store.write() as session:
        before = fill(session)
        known = core(session)
    schema.bring_up_to_date(store, data)
    with store.read() as session:
        assert session.scalar(text("select version_num from alembic_version")) == schema.HEAD
        after = count(session)
        lost = {name: (n, after.get(name)) for name, n in before.items() if after.get(name, 0) < n}
        assert lost.keys() <= REMADE, lost
        assert core(session) == known
        lst = find_list(session, LIST)
        assert lst is not None
        assert (lst.title, lst.language, lst.archive) == ("Friends", "sv", "members")
        states = {m.id: m.state for m in session.scalars(select(Membership))}
        assert states == {
            1: MembershipState.ACTIVE,
            2: MembershipState.ACTIVE,
            3: MembershipState.LEFT,
        }
        acts = [one.act for one in session.scalars(select(Consent).order_by(Consent.id))]
        assert acts == ["consented", "consented", "left"]
        assert session.get(Suppression, ("never@example.org", "never-mail-me")) is not None
    for said in ("UPDATE consent SET detail = 'else'", "DELETE FROM consent"):
        with pytest.raises(DBAPIError, match="append-only"), store.write() as session:
            session.execute(text(said))
    with store.write() as session:  # the mailing goes on with whom it had not reached
        epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=9e9)
        claimed = ledger.claim(session, epoch=epoch, quota=9, now=9.0, wanted=ledger.everyone)
        assert [one.address for one in claimed] == ["p2@example.org"]
        ledger.mark(session, [Mark(claimed[0].id, epoch, Fate.ACCEPTED, 250)])


@pytest.mark.journey
@pytest.mark.parametrize("revision", [one for one in EARLIER if one not in SAMPLE])
def test_a_database_of_each_earlier_version_keeps_all_it_had(tmp_path: Path, revision: str) -> None:
    make_data_folder(tmp_path)
    with closing(Store("", tmp_path)) as store:
        come_up(store, tmp_path, revision)


@pytest.mark.parametrize("revision", SAMPLE)
def test_a_database_of_an_earlier_version_keeps_all_it_had_in_either_database(
    place: Store, tmp_path: Path, revision: str
) -> None:
    come_up(place, tmp_path / "data", revision)


BROKEN = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None


def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("UPDATE list SET title = 'half'")
    raise RuntimeError("the plug")
"""


def test_an_upgrade_that_fails_half_way_leaves_the_old_database(
    place: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder)
    (folder / "versions" / "9999_broken.py").write_text(BROKEN.format(head=schema.HEAD))
    migrate(place, "0014")
    with place.write() as session:
        before = fill(session)
        known = core(session)
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    monkeypatch.setattr(schema, "HEAD", "9999")
    with pytest.raises(RuntimeError, match="the plug"):
        schema.bring_up_to_date(place, tmp_path / "data")
    with place.read() as session:
        assert session.scalar(text("select version_num from alembic_version")) == "0014"
        assert count(session) == before
        assert core(session) == known


def test_a_mailbox_that_was_taken_for_another_gets_its_own_key_and_keeps_its_bars(
    place: Store, tmp_path: Path
) -> None:
    migrate(place, "0041")
    new, old = parse("straße@x.org").key, "strasse@x.org"
    with place.write() as session:
        fill(session, others=False)
        session.execute(
            text("UPDATE address SET given = 'Straße@x.org', key = :old WHERE id = 1"), {"old": old}
        )
        keyring = tokens.Keyring({1: b"k" * 32})
        hashed = [f"hash:{keyring.keyed_hash(one).hex()}" for one in (old, new)]
        for who in (old, hashed[0]):
            row = {"address": who, "reason": "dead", "since": 1.0, "kind": "", "said": ""}
            session.execute(Suppression.__table__.insert(), [row])
    schema.bring_up_to_date(place, tmp_path / "data")
    with place.read() as session:
        assert session.scalar(text("SELECT key FROM address WHERE id = 1")) == new
        bars = {one.address for one in session.scalars(select(Suppression))}
    assert bars >= {old, new, *hashed}


def test_a_database_that_is_refused_is_left_with_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path, "list", "ls").exit_code == 0
    with closing(Store("", tmp_path)) as store, store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    closed = list[str]()
    close = Store.close

    def told(store: Store) -> None:
        closed.append(str(store.url.database))
        close(store)

    monkeypatch.setattr(Store, "close", told)
    assert run(tmp_path, "list", "ls").exit_code != 0
    assert closed == [str(tmp_path / "krets.db")]


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(krets, ["--set", f"mailer.data={data}", *words])


@pytest.mark.parametrize("revision", ["0001", "0018", EARLIER[-1]])
def test_what_an_upgrade_laid_aside_restores_and_nobody_who_left_since_is_back(
    tmp_path: Path, revision: str
) -> None:
    make_data_folder(tmp_path)
    with closing(Store("", tmp_path)) as store:
        migrate(store, revision)
        with store.write() as session:
            fill(session, others=False)
    upgraded = run(tmp_path, "member", "ls", LIST, "--json")
    assert len(json.loads(upgraded.stdout)) == 3, upgraded.output
    (kept,) = (tmp_path / "backups").iterdir()
    assert re.fullmatch(rf"before-upgrade-from-{revision}-\d{{8}}T\d{{6}}Z\.db", kept.name)
    assert kept.stat().st_mode & 0o077 == 0
    assert schema.revision_of(kept) == revision
    gone = run(tmp_path, "member", "set", LIST, "p2@example.org", "--state", "left")
    assert gone.exit_code == 0, gone.output
    back = run(tmp_path, "restore", "--yes", str(kept), "--json")
    assert back.exit_code == 0, back.output
    told = json.loads(back.stdout)
    assert told["manifest"]["schema"] == revision
    assert told["lists"] == 1
    assert [(one["mailing"], one["unsure"]) for one in told["standing"]] == [(5, 1)]
    assert (told["settings"], told["journal"]["left"]) == ("", 1)
    members = json.loads(run(tmp_path, "member", "ls", LIST, "--json").stdout)
    states = {one["email"]: one["state"] for one in members}
    assert states == {
        "P1@example.org": "active", "P2@example.org": "left", "P3@example.org": "left",
    }  # fmt: skip
    assert kept.exists()


def test_a_database_that_is_damaged_is_not_restored(tmp_path: Path) -> None:
    broken = tmp_path / "before-upgrade-from-0001-20261122T091500Z.db"
    broken.write_bytes(b"SQLite format 3\0" + b"nothing of the kind" * 500)
    done = run(tmp_path / "data", "restore", str(broken))
    assert done.exit_code == 2
    assert "damaged" in done.output


def test_what_an_upgrade_laid_aside_still_makes_the_tokens_of_before(tmp_path: Path) -> None:
    data = tmp_path / "data"
    make_data_folder(data)
    mine = tokens.Keyring({1: b"k" * 32}).standing(tokens.TokenPurpose.LEAVE, LIST, 7)
    with closing(Store("", data)) as store:
        migrate(store, "0047")
        with store.write() as session:
            fill(session, others=False)
        schema.bring_up_to_date(store, data)
    (aside,) = (data / "backups").glob("before-upgrade-from-0047-*.db")
    assert run(data, "restore", "--yes", str(aside)).exit_code == 0
    with closing(Store("", data)) as store, store.read() as session:
        keyring = tokens.load_keyring(session)
    assert keyring is not None
    assert keyring.standing(tokens.TokenPurpose.LEAVE, LIST, 7) == mine
    assert b"k" * 32 not in b"".join(path.read_bytes() for path in data.glob("krets.db*"))
