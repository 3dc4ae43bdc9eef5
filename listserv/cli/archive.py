"""The commands about the archive: build, check and export its pages, import old mail."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from archive.filing.mail_import import ImportCounts, import_mails
from archive.pages import redirects
from archive.site import build as pages
from archive.site import removal_check, whole_archive
from listserv.cli.archive_application import SHOWN, ArchiveApplication, counting, lists_of
from listserv.cli.redact import redact
from listserv.cli.terminal import agree, print_json, say
from mailer.errors import BadInput, Refused
from mailer.reading.mbox import open_mail_file, read_mbox
from subscriptions.lists import openness
from subscriptions.lists.roster import MailList

archives = click.Group("archive", help="Build, check and export the web archive.")
archives.add_command(redact)
imports = click.Group("import", help="Bring mail of an old archive into a list's archive.")


@archives.command("build")
@click.argument("list_address", metavar="[LIST]", required=False)
@click.option("--check", "only_check", is_flag=True, help="Only compare; exit 1 on a difference.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=None,
    help="How many processes share a large list's work; else one for each core.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def build(
    app: ArchiveApplication,
    /,
    list_address: str | None,
    *,
    only_check: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Render every page of LIST (or of all lists) anew from the mail.

    With --check nothing is written: what stands is compared with what would be built.

    \b
    Examples:
      krets archive build friends@example.org
      krets archive build --check
    """
    lists = lists_of(app, list_address)
    if only_check:
        _compare(app, lists, as_json=as_json)
        return
    done = {}
    with pages.rendering(app.store):
        for lst in lists:
            with counting(app, lst) as progress:
                done[lst.address] = whole_archive.build(
                    app.store,
                    app.settings.archive_path,
                    app.settings.listserv.base_url,
                    lst,
                    progress,
                    workers=workers or _cores(),
                )
    if as_json:
        print_json({"lists": [{"list": name, "threads": n} for name, n in done.items()]})
    for name, count in done.items():
        say(f"{name}: {count} threads rendered.")


@archives.command("check")
@click.argument("list_address", metavar="[LIST]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(app: ArchiveApplication, /, list_address: str | None, *, as_json: bool) -> None:
    """Compare the pages on disk with the mail; exit 1 on a difference.

    Files of the archive, and of its exports on this machine, that hold what was taken out of it
    count too.

    \b
    Example:
      krets archive check friends@example.org
    """
    _compare(app, lists_of(app, list_address), as_json=as_json)


def _compare(app: ArchiveApplication, lists: Sequence[MailList], *, as_json: bool) -> None:
    missing: list[str] = []
    differing: list[str] = []
    extra: list[str] = []
    held: list[str] = []
    root = app.settings.archive_path
    for lst in lists:
        found = whole_archive.check(app.store, root, app.settings.listserv.base_url, lst)
        held += removal_check.look(app.store, root, lst).left
        missing += found.missing
        differing += found.differing
        extra += found.extra
    if as_json:
        print_json({"missing": missing, "differing": differing, "extra": extra, "held": held})
    else:
        told = {"missing": missing, "differing": differing, "extra": extra, "held": held}
        for word, names in told.items():
            for name in names:
                click.echo(f"{word}\t{name}")
    if held:
        raise Refused(
            f"{len(held)} files hold what was taken out of the archive.",
            "krets archive build writes pages anew, krets archive export the copies;"
            " krets archive redact LIST --attachment NAME takes out what came with a mail.",
        )
    if missing or differing or extra:
        raise Refused(
            f"The archive differs from the mail: {len(missing)} files missing,"
            f" {len(differing)} differing, {len(extra)} extra.",
            "krets archive build makes them equal.",
        )
    say("The archive is what the mail says.")


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@archives.command("export")
@click.argument("list_address", metavar="LIST")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Write into DIR even if it is not empty.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def export(
    app: ArchiveApplication, /, list_address: str, folder: Path, *, yes: bool, as_json: bool
) -> None:
    """Write the archive of LIST under DIR, as a stranger may see it.

    What an earlier export left in DIR/LIST and nobody may see any more is removed.

    \b
    Example:
      krets archive export friends@example.org ./site
    """
    lst = lists_of(app, list_address)[0]
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        agree(f"{folder} is not empty. Write into it?", yes=yes)
    count = whole_archive.export(app.store, folder, app.settings.listserv.base_url, lst)
    if as_json:
        print_json({"list": lst.address, "files": count})
    say(f"{count} files written under {folder}.")


@archives.command("redirect")
@click.argument("list_address", metavar="LIST")
@click.argument("at", metavar="PATH")
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), required=False
)
@click.option(
    "--from",
    "kind",
    type=click.Choice([one.value for one in redirects.FormerProgram]),
    required=True,
    help="Which program made the old archive.",
)
@click.option("--dry-run", is_flag=True, help="Only say how many addresses would lead on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def redirect(
    app: ArchiveApplication,
    /,
    list_address: str,
    at: str,
    folder: Path | None,
    kind: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Lead the addresses of an old archive at PATH to the pages of LIST.

    Import the mail first. DIR holds the old pages of Pipermail or MHonArc, which say which mail
    each of them was; HyperKitty's addresses need no old file. The web door answers old addresses
    with the new ones, and an export has them in its file _redirects.

    \b
    Examples:
      krets archive redirect friends@example.org /pipermail/friends old/friends --from pipermail
      krets archive redirect friends@example.org /hyperkitty/list/friends@example.org \\
          --from hyperkitty
    """
    lst = lists_of(app, list_address)[0]
    if (folder is None) is not (kind == redirects.FormerProgram.HYPERKITTY):
        raise BadInput(
            "Pipermail and MHonArc need the folder DIR of old pages, HyperKitty none.",
            "krets archive redirect --help shows both.",
        )
    old = None if folder is None else redirects.read_tree(folder)
    with app.store.read() as session:
        moves = redirects.moves_of(session, lst, at, old)
    for some in () if dry_run else redirects.batches(moves.targets):
        with app.store.write() as session:
            redirects.keep(session, lst, some)
    count, lead = len(moves.targets), "would lead" if dry_run else "lead"
    if as_json:
        told = {"list": lst.address, "addresses": count, "lost": moves.lost, "dry_run": dry_run}
        print_json(told)
    say(f"{count} old addresses {lead} to {lst.address}.")
    if moves.lost:
        say(f"{len(moves.lost)} old pages are of mails that are not in the archive:")
    for name in moves.lost[:SHOWN]:
        say(f"  {name}")


@imports.command("mbox")
@click.argument("list_address", metavar="LIST")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def mbox(app: ArchiveApplication, /, list_address: str, file: Path, *, as_json: bool) -> None:
    """Import an mbox FILE (also .gz, .bz2, .xz; - is standard input) into the archive of LIST.

    Importing again adds nothing, so a broken import is resumed by doing it again.

    \b
    Examples:
      krets import mbox friends@example.org old.mbox
      xzcat old.mbox.xz | krets import mbox friends@example.org -
    """
    _import(app, list_address, file, as_json=as_json)


@imports.command("pipermail")
@click.argument("list_address", metavar="LIST")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def pipermail(app: ArchiveApplication, /, list_address: str, file: Path, *, as_json: bool) -> None:
    """Import a month of Pipermail's text (.txt or .txt.gz) into the archive of LIST.

    \b
    Example:
      krets import pipermail friends@example.org 2010-January.txt.gz
    """
    _import(app, list_address, file, as_json=as_json)


def _import(app: ArchiveApplication, list_address: str, file: Path, *, as_json: bool) -> None:
    lst = lists_of(app, list_address)[0]
    opened = nullcontext(sys.stdin.buffer) if str(file) == "-" else open_mail_file(file)
    with opened as stream, _bar(file) as progress:
        report = import_mails(app.store, lst, read_mbox(stream), time.time(), progress)
    if report.read == report.unreadable:
        raise BadInput(
            "There is no mail in this file that could be read.",
            'An mbox begins with a line such as "From anna@example.org Sun Nov 22 10:00:00 2026".',
        )
    settings = app.settings
    with pages.rendering(app.store):
        while pages.render_dirty(
            app.store, settings.archive_path, settings.listserv.base_url, list_id=lst.id
        ):
            pass
    if as_json:
        told = asdict(report)
        told["reasons"] = [{"mail": n, "why": why} for n, why in report.reasons]
        print_json(told)
    _tell(report)
    if report.new and openness.hides_past(lst):
        say(
            "What came before the archive was opened is not shown further by that:"
            f" krets list set {lst.address} --also-past does it."
        )


def _tell(report: ImportCounts) -> None:
    say(f"{report.read} mails read, {report.new} new, {report.duplicates} there already.")
    if report.not_archived:
        say(f"{report.not_archived} left out: who wrote them, or the list, wants no archive.")
    if report.unreadable:
        say(f"{report.unreadable} could not be read:")
    for number, why in report.reasons:
        say(f"  mail {number}: {why}")


@contextmanager
def _bar(file: Path) -> Iterator[Callable[[int], None]]:
    """Show how far a file has been read, on a terminal; compressed ones only move."""
    if not sys.stderr.isatty():
        yield lambda _size: None
        return
    plain = str(file) != "-" and file.suffix not in {".gz", ".xz", ".bz2"}
    total = file.stat().st_size if plain else None
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("Reading mail", total=total)
        yield lambda size: bar.advance(task, size)
