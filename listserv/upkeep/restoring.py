"""Put a backup in the place of a database, and stand still until a person decides.

Between the backup and now the old service may have mailed anybody who was waiting then. So
every mailing is paused, and everybody in it who was ready, claimed or deferred is *unsure*;
mail that had come in but was not decided is held; the hours in between do not count for what
waits for moderators. `krets queue decide` says what becomes of the unsure.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from sqlalchemy import delete, func, inspect, select, text, update
from sqlalchemy.orm import Session

import listserv.wiring.every_table  # noqa: F401 - all of them are copied
from archive.threads.archive_tables import Thread
from listserv.mailings import audience_freezing
from listserv.moderation.holds import hold
from listserv.newsletters.editors import scheduled_issues
from listserv.upkeep import backup, backup_keys, own_themes
from listserv.upkeep.backup import DATABASE, JOURNAL, SETTINGS, Manifest
from listserv.upkeep.backup_keys import IN_DATABASE, BackupKeys
from listserv.wiring import heartbeat, journals, schema, token_keys
from listserv.wiring.app import App
from listserv.wiring.data_folder import LOCK_WAIT, lock_data_folder, make_data_folder
from listserv.wiring.journals import JournalReport
from listserv.wiring.listserv_tables import Hold
from mailer.errors import Refused, Temporary
from mailer.ledger import mailing_control
from mailer.ledger.claim_owners import Owner
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState, UnsurePolicy
from mailer.storage import arrivals, journal, key_file, standstill
from mailer.storage.journal import Book
from mailer.storage.snapshot import close_up, pour
from mailer.storage.store import Store
from subscriptions.lists.roster import MailList

WHY = "restored: may have been mailed since the backup"
_OPEN = (RecipientState.READY, RecipientState.CLAIMED, RecipientState.DEFERRED)


@dataclass(frozen=True, slots=True)
class StoppedMailing:
    """Show one mailing that stands still, and how many may have been mailed since."""

    mailing: int
    list_address: str
    kind: str
    policy: str
    unsure: int


@dataclass(frozen=True, slots=True)
class Restored:
    """Say what came back, what stands still and where the old was put."""

    manifest: Manifest
    lists: int
    standing: tuple[StoppedMailing, ...]
    held: int  # messages that had come in and were not decided
    moved_to: str = ""
    settings: str = ""
    themes: tuple[str, ...] = ()
    themes_moved_to: str = ""  # where those went that stood there
    journal: JournalReport = field(default_factory=JournalReport)


def restore(
    app: App,
    source: BinaryIO,
    *,
    replace: bool,
    dry_run: bool = False,
    also: Sequence[Path] = (),
    keys: BackupKeys | None = None,
) -> Restored:
    """Restore a backup; raise Refused where there is something already, unless ``replace``.

    What was there is moved aside, never deleted. Raise Temporary while Krets runs here. ``also``
    names journals of other folders, ``keys`` where the keys of tokens are.
    """
    lock = lock_data_folder(app.data)
    try:
        _alone(app)
        keys = keys or BackupKeys()
        return _restore(app, source, keys, replace=replace, dry_run=dry_run, also=also)
    finally:
        os.close(lock)


def _alone(app: App) -> None:
    """Raise Temporary where parts run on other machines, or beside us, on the same database."""
    running = heartbeat.alive(app)
    with closing(Store(app.settings.mailer.database, app.data)) as place:
        others = place.others()
        patience = time.monotonic() + LOCK_WAIT  # PostgreSQL may still see those that have ended
        while others and not running and time.monotonic() < patience:
            time.sleep(0.1)
            others = place.others()
    if running or others:
        what = ", ".join(f"krets {part}" for part in running) or ", ".join(others)
        raise Temporary(
            f"Krets runs on this database ({what}).", "Stop every part of it, and try again."
        )


def _restore(
    app: App,
    source: BinaryIO,
    keys: BackupKeys,
    *,
    replace: bool,
    dry_run: bool,
    also: Sequence[Path],
) -> Restored:
    data = app.data
    with (
        closing(Store(app.settings.mailer.database, data)) as place,
        TemporaryDirectory(dir=data, prefix="restore-") as at,
    ):
        folder = Path(at)
        manifest = backup.unpack(source, folder)
        make_data_folder(folder)
        backup_keys.bring(folder / DATABASE, source, data, keys)
        with closing(Store(f"sqlite:///{folder / DATABASE}", folder)) as arriving:
            schema.bring_up_to_date(arriving, folder)
            held = settle(arriving, manifest.taken, time.time())
            found = journals.find(arriving, data, also)
            newest = journals.counted(place) if _occupied(place) else {}
            heard = journals.replay_into(arriving, found, time.time(), newest)
            with arriving.read() as session:
                lists = session.scalar(select(func.count()).select_from(MailList)) or 0
                stands = tuple(standing(session))
        full = _occupied(place)
        if full and not (replace or dry_run):
            raise Refused(
                f"{place.url.render_as_string()} has a database already.",
                key="database-exists",
            )
        moved = settings = dressed = ""
        if not dry_run:
            with closing(Store(f"sqlite:///{folder / DATABASE}", folder)) as arriving:
                journals.carry_on(arriving, data, [*found, *_brought(folder)])
            stamp = _unused(data, time.strftime("before-restore-%Y%m%dT%H%M%SZ", time.gmtime()))
            moved = _move_aside(place, data, stamp) if full else ""
            backup_keys.put(folder, data)
            _put_in_place(place, folder / DATABASE, data)
            if manifest.keys == IN_DATABASE and not place.sqlite:
                token_keys.put_back(place)
            if SETTINGS in manifest.files:
                settings = str(data / f"{stamp.replace('before', 'settings')}.toml")
                (folder / SETTINGS).replace(settings)
            if manifest.themes and own_themes.put_back(folder, data, data / stamp):
                dressed = str(data / stamp / own_themes.FOLDER)
    themes = tuple(manifest.themes)
    return Restored(manifest, lists, stands, held, moved, settings, themes, dressed, heard)


def _unused(data: Path, name: str) -> str:
    """Return a name that no other restore of the same second has taken."""
    names = (f"{name}-{count}" if count else name for count in range(1000))
    taken = [path.name for path in data.iterdir()]
    settings = [one.replace("settings", "before").removesuffix(".toml") for one in taken]
    return next(one for one in names if one not in taken and one not in settings)


def _brought(folder: Path) -> list[Book]:
    """Return the backup's own journal, which has news for backups that are older still."""
    book = journal.read(folder / JOURNAL)
    return [book] if book else []


def settle_rolled_back(store: Store, now: float) -> bool:
    """Make a database stand still that was put back by hand; tell whether it was."""
    with store.read() as session:
        since = standstill.unsettled(session)
    if since is None:
        return False
    settle(store, since.since, now)
    with store.write() as session:
        standstill.begin(session, since.why, since.since, settled=True)
    return True


def settle(store: Store, taken: float, now: float) -> int:
    """Make a database stand still; return how many undecided messages are held."""
    with store.read() as session:
        freezing = audience_freezing.freezing(session)
    for mailing_id in freezing:  # whoever would have been in it may have been mailed since
        while audience_freezing.freeze_some(store, mailing_id):
            pass
    with store.write() as session:
        session.execute(delete(Owner))
        mailing_control.pause_all(session)
        live = select(Mailing.id).where(
            Mailing.state.in_((MailingState.PAUSED, MailingState.STOPPED))
        )
        session.execute(
            update(Recipient)
            .where(Recipient.mailing_id.in_(live), Recipient.state.in_(_OPEN))
            .values(state=RecipientState.UNSURE, reason=WHY, epoch=0, due=now)
            .execution_options(synchronize_session=False)
        )
        session.execute(update(Hold).values(due=Hold.due + max(0.0, now - taken)))
        scheduled_issues.ask_first(
            session, now
        )  # an issue may have left since the backup was taken
        session.execute(update(Thread).values(rendered=0))  # the pages are elsewhere
        waiting = arrivals.next_new(session, 1_000_000)
        for arrival in waiting:
            hold(session, arrival, "", ("restored",), "It had come in before the backup.")
    return len(waiting)


def standing(session: Session) -> Iterator[StoppedMailing]:
    """Yield the mailings that stand still because of a restore."""
    counted = (
        select(Mailing, func.count(Recipient.id))
        .join(Recipient, Recipient.mailing_id == Mailing.id)
        .where(
            Mailing.state == MailingState.PAUSED,
            Recipient.state == RecipientState.UNSURE,
            Recipient.reason == WHY,
        )
        .group_by(Mailing.id)
        .order_by(Mailing.id)
    )
    for mailing, unsure in session.execute(counted):
        yield StoppedMailing(mailing.id, mailing.list_address, mailing.kind, mailing.policy, unsure)


def decide(store: Store, mailing_id: int, policy: UnsurePolicy, now: float) -> int:
    """Let one mailing go on; return how many are mailed again (none for never-twice)."""
    again = last = 0
    while policy is UnsurePolicy.NEVER_MISS:
        with store.write() as session:
            some = mailing_control.resend(
                session, mailing_id, RecipientState.UNSURE, after=last, now=now
            )
        if not some:
            break
        again, last = again + len(some), some[-1]
    with store.write() as session:
        mailing_control.resume(session, mailing_id)
    return again


def _occupied(place: Store) -> bool:
    if place.sqlite and not Path(str(place.url.database)).exists():
        return False
    with place.read() as session:
        if "list" not in inspect(session.connection()).get_table_names():
            return False
        if place.sqlite:
            return True
        return session.scalar(text("select id from list limit 1")) is not None


def _move_aside(place: Store, data: Path, name: str) -> str:
    if not place.sqlite:
        return _move_schema_aside(place, name.lower().replace("-", "_"))
    aside = data / name
    aside.mkdir(mode=0o700)
    database = Path(str(place.url.database))
    place.close()
    for path in (database, *(Path(f"{database}{end}") for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):
            path.replace(aside / path.name)
    with suppress(FileNotFoundError):
        (data / "flight").replace(aside / "flight")
    with suppress(FileNotFoundError):
        (data / key_file.NAME).replace(aside / key_file.NAME)
    return str(aside)


def _move_schema_aside(place: Store, name: str) -> str:
    with place.write() as session:
        busy = session.scalar(select(func.max(Owner.lease_until)))
        if busy is not None and busy > place.now(session):
            raise Refused("A worker is sending from this database.", "Stop every part of Krets.")
        tables = inspect(session.connection()).get_table_names()
        session.execute(text(f'create schema "{name}"'))
        for table in tables:  # with their indexes and sequences
            session.execute(text(f'alter table "{table}" set schema "{name}"'))
    return f"the schema {name} of the same database"


def _put_in_place(place: Store, database: Path, data: Path) -> None:
    if place.sqlite:
        target = Path(str(place.url.database))
        close_up(database)
        database.replace(target)
        return
    schema.bring_up_to_date(place, data)
    with closing(Store(f"sqlite:///{database}", database.parent)) as arriving:
        pour(arriving, place)
