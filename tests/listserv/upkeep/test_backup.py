"""A backup is whole or not there, and what is restored stands still until somebody decides."""

import json
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, select, update

from listserv.cli.main import krets
from listserv.mailings import audience_freezing
from listserv.upkeep import backup
from listserv.wiring import schema
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.authentication import dkim_keys
from mailer.errors import BadInput
from mailer.ledger import claim_owners, ledger, mailings
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import MailingState, Recipient, RecipientState
from mailer.ledger.splice import Segments
from mailer.storage import arrivals, key_file
from mailer.storage.arrivals import Incoming
from mailer.storage.store import RawMessage, Store, get_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import MailList, get_list

LIST = "friends@lists.example.org"
LETTER = Segments((b"From: a@x.org\r\nSubject: Hi\r\n\r\nHi\r\n",))
Run = Callable[..., Result]


Open = Callable[..., App]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Give a function that opens a data folder; all are closed afterwards."""
    with ExitStack() as stack:

        def opens(folder: Path, database: str = "") -> App:
            place = {"KRETS_MAILER__DATA": str(folder), "KRETS_MAILER__DATABASE": database}
            app = App(load(place))
            stack.callback(app.close)
            return app

        yield opens


def run(app: App, *words: str) -> Result:
    settings = app.settings.mailer
    place = (
        "--set",
        f"mailer.data={settings.data}",
        "--set",
        f"mailer.database={settings.database}",
    )
    app.close()
    return CliRunner().invoke(krets, [*place, *words])


@pytest.fixture
def old(tmp_path: Path, database_url: str, opened: Open) -> App:
    """Give a service in mid-mailing: of five, one has it, one is claimed, one deferred."""
    app = opened(tmp_path / "old", database_url)
    made = run(app, "list", "create", LIST)
    assert made.exit_code == 0, made.output
    for name in ("a", "b", "c"):
        run(app, "member", "add", LIST, f"{name}@x.org", "--consent", "asked")
    with app.store.write() as session:
        dkim_keys.new_keys(session, "lists.example.org", selector="k", now=0.0, starts=0.0)
        going, freezing = (
            mailings.create_mailing(
                session,
                kind="post",
                list_address=LIST,
                message_id=f"{name}@x",
                policy="never-miss",
                compositions={0: LETTER},
                created=0.0,
                expires_at=4e9,
            )
            for name in ("going", "freezing")
        )
        rows = [
            {"mailing_id": going, "ref": n, "address": f"r{n}@x.org", "bucket": "x.org"}
            for n in range(1, 6)
        ]
        session.execute(insert(Recipient), rows)
        mailings.open_mailing(session, going, now=0.0)
        epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=0.0)
        claimed = ledger.claim(session, epoch=epoch, quota=3, now=1.0, wanted=ledger.everyone)
        states = (RecipientState.ACCEPTED, RecipientState.DEFERRED)
        ledger.mark(
            session, [Mark(r.id, epoch, s, 250) for r, s in zip(claimed, states, strict=False)]
        )
        arrivals.keep(
            session,
            [Incoming("a@x.org", (LIST,), b"From: a@x.org\r\n\r\nnew\r\n", "", "", "ESMTP", 1.0)],
        )
    assert freezing == going + 1
    return app


def counts(store: Store, mailing_id: int) -> dict[str, int]:
    with store.read() as session:
        found = mailings.status(session, mailing_id)
    return {s.name.lower(): n for s in RecipientState if (n := getattr(found, s.name.lower()))}


@pytest.fixture
def restored(old: App, tmp_path: Path, opened: Open) -> App:
    """Give a service elsewhere that was restored from a backup of the old one."""
    kept = tmp_path / "kept.backup"
    assert run(old, "backup", str(kept)).exit_code == 0
    new = opened(tmp_path / "new")
    done = run(new, "restore", str(kept), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["unsure"] for one in told["standing"]] == [4, 3]
    assert (told["lists"], told["held"]) == (1, 1)
    return new


def test_what_was_in_mid_mailing_stands_still_elsewhere(restored: App) -> None:
    store = restored.store
    with store.read() as session:
        both = [mailings.status(session, number).state for number in (1, 2)]
        assert both == [MailingState.PAUSED, MailingState.PAUSED]
        assert ledger.due_count(session, now=9e9, limit=10) == 0
        assert audience_freezing.freezing(session) == []
        assert arrivals.next_new(session, 5) == []
        (held,) = arrivals.held(session, 5)
        assert get_raw(session, held.raw_sha) == b"From: a@x.org\r\n\r\nnew\r\n"
        assert get_list(session, LIST).domain == "lists.example.org"
        assert dkim_keys.signs(session, "lists.example.org", 1.0)
    assert counts(store, 1) == {"accepted": 1, "unsure": 4}
    assert counts(store, 2) == {"unsure": 3}
    assert run(restored, "queue", "decide", "--policy", "never-twice").exit_code == 1
    assert counts(restored.store, 1) == {"accepted": 1, "unsure": 4}


def test_each_mailing_goes_on_by_the_policy_that_a_person_names(restored: App) -> None:
    new = restored
    assert run(new, "queue", "decide", "1", "--policy", "never-miss", "--yes").exit_code == 0
    assert run(new, "queue", "decide", "--policy", "never-twice", "--yes").exit_code == 0
    assert counts(new.store, 1) == {"accepted": 1, "ready": 4}
    assert counts(new.store, 2) == {"unsure": 3}
    with new.store.read() as session:
        assert mailings.status(session, 1).state == MailingState.SENDING
    assert "No mailing stands still" in run(new, "queue", "decide").stderr


def test_a_database_that_is_there_is_moved_aside_only_by_yes(old: App, tmp_path: Path) -> None:
    kept = tmp_path / "kept.backup"
    run(old, "backup", str(kept))
    with old.store.write() as session:
        session.execute(update(MailList).values(title="Later"))
    refused = run(old, "restore", str(kept))
    assert refused.exit_code == 1
    with old.store.read() as session:
        assert get_list(session, LIST).title == "Later"
    rehearsed = run(old, "restore", str(kept), "--yes", "--dry-run")
    assert "Would restore 1 lists" in rehearsed.stderr
    done = run(old, "restore", str(kept), "--yes")
    assert "What was there is now in" in done.stderr, done.output
    with old.store.read() as session:
        assert get_list(session, LIST).title != "Later"
        assert session.scalar(select(RawMessage.size)) is not None
    with old.store.write() as session:  # PostgreSQL goes on counting behind what was copied
        mailings.create_mailing(
            session,
            kind="post",
            list_address=LIST,
            message_id="later@x",
            policy="never-miss",
            compositions={0: LETTER},
            created=0.0,
            expires_at=4e9,
        )


def test_a_backup_is_for_its_owner_alone_and_replaced_only_by_yes(old: App, tmp_path: Path) -> None:
    kept = tmp_path / "kept.backup"
    manifest = json.loads(run(old, "backup", str(kept), "--json").stdout)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (manifest["schema"], set(manifest["files"])) == (
        schema.HEAD,
        {"krets.db", "krets.toml", "permissions.journal"},
    )
    before = kept.read_bytes()
    assert run(old, "backup", str(kept)).exit_code == 1
    assert kept.read_bytes() == before
    assert run(old, "backup", str(kept), "--yes").exit_code == 0
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".krets")] == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "empty"])
def test_a_damaged_backup_changes_nothing(
    old: App, tmp_path: Path, opened: Open, damage: str
) -> None:
    kept = tmp_path / "kept.backup"
    run(old, "backup", str(kept))
    whole = kept.read_bytes()
    middle = len(whole) // 2
    kept.write_bytes(
        {
            "cut": whole[:middle],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
            "foreign": b"hello",
            "empty": b"",
        }[damage]
    )
    new = tmp_path / "new"
    done = run(opened(new), "restore", str(kept))
    assert done.exit_code == BadInput.exit_code, done.output
    assert {path.name for path in new.iterdir()} == {"run", "themes"}


def test_own_themes_come_back_and_those_that_stood_there_go_aside(
    old: App, tmp_path: Path, opened: Open
) -> None:
    mine, kept = old.data / "themes" / "mine", tmp_path / "kept.backup"
    (mine / "parts").mkdir(parents=True)
    for name in ("issue.mjml", "parts/foot.mjml", ".DS_Store", "my logo.png"):
        (mine / name).write_text(f"<!-- {name} -->")
    (mine / "secret").symlink_to("/etc/hostname")
    made = run(old, "backup", str(kept))
    assert "Not in it: themes/mine/my logo.png, themes/mine/secret." in made.stderr
    new = opened(tmp_path / "new")
    there = new.data / "themes" / "theirs"
    there.mkdir(parents=True)
    (there / "issue.mjml").write_text("theirs")
    done = json.loads(run(new, "restore", str(kept), "--json").stdout)
    assert done["themes"] == ["mine"]
    found = sorted(path for path in (new.data / "themes").rglob("*") if path.is_file())
    assert [path.relative_to(new.data / "themes").as_posix() for path in found] == [
        "mine/issue.mjml", "mine/parts/foot.mjml",
    ]  # fmt: skip
    assert found[1].read_text() == "<!-- parts/foot.mjml -->"
    aside = Path(done["themes_moved_to"])
    assert (aside / "theirs" / "issue.mjml").read_text() == "theirs"


@pytest.mark.parametrize(
    "name",
    [
        "themes/../krets.db",
        "themes/x",
        "../themes/a/b",
        "themes/a/.b",
        "themes/a/b\n",
        "/themes/a/b",
    ],
)
def test_a_backup_names_no_file_outside_of_the_themes(name: str) -> None:
    content = {"size": 1, "sha256": "0" * 64}
    files = {"krets.db": content, "krets.toml": content}
    told = {"version": "1", "schema": "1", "database": "sqlite", "taken": 1.0}
    older = backup._read_manifest(json.dumps({**told, "form": 1, "files": files}).encode())
    assert (older.themes, older.left) == ([], ())
    fresh = {**told, "form": 2, "files": files | {"themes/a/b.mjml": content}, "left": []}
    assert backup._read_manifest(json.dumps(fresh).encode()).themes == ["a"]
    bad = {**fresh, "files": files | {name: content}}
    with pytest.raises(BadInput, match="names other files"):
        backup._read_manifest(json.dumps(bad).encode())


def token(app: App) -> str:
    app.close()
    made = app.keyring.standing(TokenPurpose.LEAVE, LIST, 7)
    app.close()
    return made


def test_a_backup_alone_makes_no_token_and_its_keys_stand_beside_it(
    old: App, tmp_path: Path, opened: Open
) -> None:
    kept, elsewhere = tmp_path / "kept.backup", tmp_path / "safe"
    before = token(old)
    done = run(old, "backup", str(kept))
    beside = tmp_path / "kept.backup.keys"
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert str(beside) in done.output
    secret = next(iter(key_file.read(beside).values())).secret
    with kept.open("rb") as source, TemporaryDirectory() as at:
        backup.unpack(source, Path(at))
        assert secret not in (Path(at) / "krets.db").read_bytes()
    beside.rename(elsewhere)
    new = opened(tmp_path / "new")
    refused = run(new, "restore", str(kept))
    assert refused.exit_code == 1
    assert "--keys" in refused.output
    assert key_file.fingerprint(secret) in refused.output
    assert not (tmp_path / "new" / "krets.db").exists()
    done = run(new, "restore", str(kept), "--keys", str(elsewhere))
    assert done.exit_code == 0, done.output
    assert token(new) == before
    assert key_file.read(tmp_path / "new" / key_file.NAME)[1].secret == secret


def test_other_keys_than_the_backup_names_are_refused(
    old: App, tmp_path: Path, opened: Open
) -> None:
    kept = tmp_path / "kept.backup"
    run(old, "backup", str(kept))
    other = tmp_path / "other.keys"
    key_file.write(other, [key_file.StoredKey(1, b"\x03" * 32, 0.0)])
    done = run(opened(tmp_path / "new"), "restore", str(kept), "--keys", str(other))
    assert done.exit_code == 2
    assert "does not hold" in done.output


def test_where_the_keys_are_lost_a_restore_goes_on_with_new_ones_when_told_to(
    old: App, tmp_path: Path, opened: Open
) -> None:
    kept = tmp_path / "kept.backup"
    before = token(old)
    run(old, "backup", str(kept))
    (tmp_path / "kept.backup.keys").unlink()
    new = opened(tmp_path / "new")
    done = run(new, "restore", str(kept), "--new-keys")
    assert done.exit_code == 0, done.output
    assert token(new) != before
    assert "Nothing leaves until you decide" in done.output  # no journal is known to be theirs


def test_what_is_moved_aside_takes_its_own_keys_along(
    old: App, tmp_path: Path, opened: Open
) -> None:
    kept = tmp_path / "kept.backup"
    run(old, "backup", str(kept))
    new = opened(tmp_path / "new")
    run(new, "list", "create", "others@lists.example.org")
    mine = key_file.read(tmp_path / "new" / key_file.NAME)
    before = token(old)
    assert run(new, "restore", "--yes", str(kept)).exit_code == 0
    assert token(new) == before
    (aside,) = (tmp_path / "new").glob("before-restore-*")
    assert key_file.read(aside / key_file.NAME) == mine
