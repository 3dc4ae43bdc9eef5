"""``krets backup`` and ``krets restore``, and the decision that a restored mailing waits for."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from listserv.actions.machine import backups as actions
from listserv.actions.machine.backups import DecideStopped, RestoreBackup, WriteBackup
from listserv.cli.terminal import agree, asked, plain, print_json, print_table, say
from listserv.upkeep import backup_keys
from listserv.upkeep.backup_keys import BackupKeys
from listserv.upkeep.restoring import Restored, StoppedMailing
from listserv.wiring.app import App
from listserv.wiring.journals import JournalReport
from mailer.ledger.mailings import UnsurePolicy

_NAMED = 5  # files that are named


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Replace FILE if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON object.")
@click.pass_obj
def back_up(app: App, file: Path, *, yes: bool, as_json: bool) -> None:
    """Write everything that cannot be made again into FILE, while Krets runs.

    That is the database with all raw mail and signing keys, the settings in use, and themes of
    your own. FILE holds secrets: only you may read it. Pages are made from the mail again.
    The keys of tokens go into FILE.keys, to be kept elsewhere: whoever gets FILE alone can make
    no link that acts for a member. They hardly ever change; one copy of them serves all backups.

    \b
    Example:
      krets backup krets-2026-11-22.backup
    """
    from listserv.cli.main import VERSION  # noqa: PLC0415 - cli imports this module

    manifest = actions.back_up(asked(app), WriteBackup(file, VERSION, replace=yes))
    if as_json:
        print_json(asdict(manifest))
    if manifest.left:
        named = ", ".join(manifest.left[:_NAMED])
        more = " and others" if len(manifest.left) > _NAMED else ""
        say(plain(f"Not in it: {named}{more}. Links, odd names and too much of it stay behind."))
    size = file.stat().st_size
    say(
        f"{file} holds everything but the keys of tokens, {size:,} bytes. Keep it away from this"
        f" machine.\n{backup_keys.beside(file)} holds those: keep it apart from the other. Without"
        " it no link that was mailed works."
    )


@click.command("restore")
@click.argument("file", type=click.File("rb"))
@click.option("--yes", is_flag=True, help="Move what is there aside, and restore.")
@click.option(
    "--journal",
    "journals_named",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="permissions.journal of the old data folder; once for each machine.",
)
@click.option(
    "--keys",
    "keys_named",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The keys of tokens; default: FILE.keys, or tokens.key of the data folder.",
)
@click.option(
    "--new-keys",
    is_flag=True,
    help="Where they are lost: begin with new ones. No link that was mailed works then.",
)
@click.option("--dry-run", is_flag=True, help="Check FILE and say what would stand still.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def restore_from(
    app: App,
    file: BinaryIO,
    *,
    yes: bool,
    journals_named: tuple[Path, ...],
    keys_named: Path | None,
    new_keys: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put the backup FILE in place; every mailing starts paused, and nothing is sent by itself.

    Whoever waited for a mailing when the backup was made may have got it since: they are unsure
    until `krets queue decide`. Who has left, said never or was erased since is known from the
    journal in the data folder; without it nothing at all leaves until `krets queue decide`.
    Krets must not be running. What was there is moved aside. FILE may also be what an upgrade
    laid aside before it changed the database: the way back, with the Krets of before.

    \b
    Examples:
      krets restore krets-2026-11-22.backup
      krets restore krets-2026-11-22.backup --keys /safe/krets.keys
      krets restore --yes krets-data/backups/before-upgrade-from-0030-20261122T091500Z.db
      krets restore krets-2026-11-22.backup --journal /mnt/old/krets-data/permissions.journal
    """
    keys = BackupKeys(keys_named, new_keys)
    done = actions.restore(asked(app), RestoreBackup(file, yes, journals_named, keys, dry_run))
    if as_json:
        print_json(asdict(done))
        return
    _tell(done, dry_run=dry_run)


@click.command("decide")
@click.argument("mailing_ids", metavar="[MAILING]...", type=int, nargs=-1)
@click.option(
    "--policy",
    type=click.Choice([str(one) for one in UnsurePolicy]),
    help="never-twice: the unsure get nothing more; never-miss: they are mailed (again).",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def decide(
    app: App,
    mailing_ids: tuple[int, ...],
    *,
    policy: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Say what becomes of mailings that stand still since a restore; without --policy list them.

    Without MAILING it also lets mail leave again where nothing did, because the journal of what
    people decided since the backup was missing.

    \b
    Examples:
      krets queue decide
      krets queue decide --policy never-twice
      krets queue decide 17 --policy never-miss
    """
    found = actions.stopped(asked(app), mailing_ids)
    chosen, still = found.mailings, found.nothing_leaves
    if still and not (policy and not mailing_ids):
        say(f"Nothing leaves: {still}\nLet it with: krets queue decide --policy never-twice")
    elif still and not dry_run:
        agree(f"{still} Let mail leave, to whoever may have left since?", yes=yes)
        actions.let_leave(asked(app))
        say("Mail leaves again.")
    if policy and chosen and not dry_run:
        people = sum(one.unsure for one in chosen)
        fate = "mailed, perhaps again" if policy == UnsurePolicy.NEVER_MISS else "not mailed"
        agree(f"{people} unsure recipients of {len(chosen)} mailings will be {fate}?", yes=yes)
        numbers = tuple(one.mailing for one in chosen)
        actions.decide(asked(app), DecideStopped(UnsurePolicy(policy), numbers))
    if as_json:
        print_json([asdict(one) for one in chosen])
        return
    _list(chosen)
    if policy and chosen and not dry_run:
        say(f"They go on, by {policy}.")
    elif not chosen and not still:
        say("No mailing stands still because of a restore.")


def _tell(done: Restored, *, dry_run: bool) -> None:
    taken = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(done.manifest.taken))
    say(f"{'Would restore' if dry_run else 'Restored'} {done.lists} lists as of {taken}.")
    if done.moved_to:
        say(f"What was there is now in {done.moved_to}.")
    if done.themes:
        say(f"Themes of your own: {', '.join(done.themes)}.")
    if done.themes_moved_to:
        say(f"The themes that were there are now in {done.themes_moved_to}.")
    if done.settings:
        say(f"The settings that were in use then are in {done.settings}.")
    if done.held:
        say(f"{done.held} messages that had come in are held: krets queue ls.")
    _tell_journal(done.journal, dry_run=dry_run)
    if done.standing:
        _list(done.standing)
        say(
            "These mailings stand still; their unsure recipients may have been mailed since.\n"
            "Decide with: krets queue decide --policy never-twice (or never-miss)"
        )


def _tell_journal(heard: JournalReport, *, dry_run: bool) -> None:
    counts = {
        "left": heard.left,
        "paused": heard.paused,
        "came back": heard.came_back,
        "are not to be mailed": heard.barred,
        "may be mailed again": heard.lifted,
        "are forgotten": heard.erased,
        "have another rhythm": heard.rhythms,
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if heard.redacted:
        say("What was taken out of an archive since the backup is taken out again.")
    if said:
        counted = "would count" if dry_run else "counts"
        say(f"The journal says of the time since the backup: {said}. That {counted}.")
    if heard.whole:
        return
    where = ", ".join(heard.missing) or "the service that was backed up"
    say(
        f"The journal of {where} is missing: who has left since the backup is not known.\n"
        "Nothing leaves until you decide. Restore again with --journal FILE (permissions.journal"
        " of the old data folder), or let mail leave with:"
        " krets queue decide --policy never-twice"
    )


def _list(standing: tuple[StoppedMailing, ...] | list[StoppedMailing]) -> None:
    print_table(
        ("mailing", "list", "kind", "policy", "unsure"),
        [(str(s.mailing), s.list_address, s.kind, s.policy, str(s.unsure)) for s in standing],
    )
