"""Back up everything, restore it, and decide what becomes of mailings that a restore stopped.

    backups.back_up(call, WriteBackup(Path("krets.backup"), "0.1.0"))
    backups.decide(call, DecideStopped(UnsurePolicy.NEVER_TWICE))

A backup changes nothing and leaves no line in the history. A restore leaves none either: the
database that would hold it is the one from before. Refuses to know formats (listserv/upkeep).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.membership import erasure_requests
from listserv.upkeep import backup, restoring
from listserv.upkeep.backup import Manifest
from listserv.upkeep.backup_keys import BackupKeys
from listserv.upkeep.restoring import Restored, StoppedMailing
from listserv.wiring import journals
from mailer.errors import Refused
from mailer.ledger.mailings import UnsurePolicy
from mailer.storage import standstill


@dataclass(frozen=True, slots=True)
class WriteBackup:
    """Ask for a backup in a file, by the program of this version."""

    file: Path
    version: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class RestoreBackup:
    """Ask that a backup is put in place of what is there."""

    file: BinaryIO
    replace: bool = False  # what is there is moved aside
    journals: tuple[Path, ...] = ()  # of other data folders
    keys: BackupKeys = field(default_factory=BackupKeys)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DecideStopped:
    """Ask what becomes of mailings that a restore stopped: all, or those with these numbers.

    Never-twice lets whoever is unsure get nothing more, never-miss mails them (again).
    """

    policy: UnsurePolicy
    mailings: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StoppedShown:
    """Show the mailings that were meant, and why no mail leaves at all ("" where it does)."""

    mailings: tuple[StoppedMailing, ...]
    nothing_leaves: str


def back_up(call: Call, wanted: WriteBackup) -> Manifest:
    """Write a backup while everything runs."""
    call.permit(Action.BACKUP)
    return backup.write(call.app, wanted.file, wanted.version, replace=wanted.replace)


def restore(call: Call, wanted: RestoreBackup) -> Restored:
    """Put a backup in place, and forget again whoever was forgotten since it was made."""
    call.permit(Action.RESTORE)
    done = restoring.restore(
        call.app,
        wanted.file,
        replace=wanted.replace,
        dry_run=wanted.dry_run,
        also=wanted.journals,
        keys=wanted.keys,
    )
    if done.journal.erased and not wanted.dry_run:
        erasure_requests.carry_out(call.app, time.time())  # due since the restore, not before it
    return done


def stopped(call: Call, numbers: Sequence[int] = ()) -> StoppedShown:
    """Return what there is to decide; raise Refused for a number that no restore stopped."""
    call.permit(Action.QUEUE_DECIDE)
    restoring.settle_rolled_back(call.app.store, call.now)
    with call.session(writes=False) as session:
        found = tuple(restoring.standing(session))
        still = standstill.reason(session)
    if unknown := set(numbers) - {one.mailing for one in found}:
        raise Refused(
            f"Mailing {min(unknown)} does not stand still because of a restore.",
            key="not-stopped",
        )
    return StoppedShown(
        tuple(one for one in found if not numbers or one.mailing in numbers), still or ""
    )


def let_leave(call: Call) -> None:
    """Let mail leave again where none did, because the journal of decisions was missing."""
    with call.changing_all(Action.QUEUE_DECIDE) as session:
        standstill.end(session)
        journals.forget_gaps(session, call.app.data)
    call.ring("deliver")


def decide(call: Call, wanted: DecideStopped) -> StoppedShown:
    """Let stopped mailings go on by a policy; return those that were meant."""
    found = stopped(call, wanted.mailings)
    if not found.mailings:
        return found
    for one in found.mailings:
        restoring.decide(call.app.store, one.mailing, wanted.policy, call.now)
    said = f"{wanted.policy}: {', '.join(str(one.mailing) for one in found.mailings)}"
    call.note_after(Action.QUEUE_DECIDE, None, said)
    call.ring("deliver")
    return found
