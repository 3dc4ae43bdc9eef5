"""The commands about the archive: build, check and export its pages, import old mail."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from archive.filing.mail_import import ImportCounts
from archive.pages import redirects
from listserv.actions import archive as actions
from listserv.actions.archive import BuildArchive, RedirectArchive
from listserv.cli.archive_progress import SHOWN, counting
from listserv.cli.redact import redact
from listserv.cli.terminal import agree, asked, print_json, say
from listserv.wiring.app import App
from mailer.errors import BadInput, Refused
from mailer.reading.mbox import open_mail_file

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
    app: App,
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
    if only_check:
        _compare(app, list_address, as_json=as_json)
        return
    wanted = BuildArchive(list_address, workers or _cores())
    done = actions.build(asked(app), wanted, counting)
    if as_json:
        print_json({"lists": [{"list": name, "threads": n} for name, n in done.items()]})
    for name, count in done.items():
        say(f"{name}: {count} threads rendered.")


@archives.command("check")
@click.argument("list_address", metavar="[LIST]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(app: App, /, list_address: str | None, *, as_json: bool) -> None:
    """Compare the pages on disk with the mail; exit 1 on a difference.

    Files of the archive, and of its exports on this machine, that hold what was taken out of it
    count too.

    \b
    Example:
      krets archive check friends@example.org
    """
    _compare(app, list_address, as_json=as_json)


def _compare(app: App, list_address: str | None, *, as_json: bool) -> None:
    found = actions.check(asked(app), list_address)
    told = asdict(found)
    if as_json:
        print_json(told)
    else:
        for word, names in told.items():
            for name in names:
                click.echo(f"{word}\t{name}")
    if found.held:
        raise Refused(
            f"{len(found.held)} files hold what was taken out of the archive.",
            "krets archive build writes pages anew, krets archive export the copies;"
            " krets archive redact LIST --attachment NAME takes out what came with a mail.",
        )
    if found.missing or found.differing or found.extra:
        raise Refused(
            f"The archive differs from the mail: {len(found.missing)} files missing,"
            f" {len(found.differing)} differing, {len(found.extra)} extra.",
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
def export(app: App, /, list_address: str, folder: Path, *, yes: bool, as_json: bool) -> None:
    """Write the archive of LIST under DIR, as a stranger may see it.

    What an earlier export left in DIR/LIST and nobody may see any more is removed.

    \b
    Example:
      krets archive export friends@example.org ./site
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        agree(f"{folder} is not empty. Write into it?", yes=yes)
    done = actions.export(asked(app), list_address, folder)
    if as_json:
        print_json(asdict(done))
    say(f"{done.files} files written under {folder}.")


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
    app: App,
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
    if (folder is None) is not (kind == redirects.FormerProgram.HYPERKITTY):
        raise BadInput(
            "Pipermail and MHonArc need the folder DIR of old pages, HyperKitty none.",
            "krets archive redirect --help shows both.",
        )
    done = actions.redirect(asked(app), RedirectArchive(list_address, at, folder, dry_run))
    lead = "would lead" if dry_run else "lead"
    if as_json:
        counts = {"addresses": done.addresses, "lost": done.lost}
        print_json({"list": done.list, **counts, "dry_run": dry_run})
    say(f"{done.addresses} old addresses {lead} to {done.list}.")
    if done.lost:
        say(f"{len(done.lost)} old pages are of mails that are not in the archive:")
    for name in done.lost[:SHOWN]:
        say(f"  {name}")


@imports.command("mbox")
@click.argument("list_address", metavar="LIST")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def mbox(app: App, /, list_address: str, file: Path, *, as_json: bool) -> None:
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
def pipermail(app: App, /, list_address: str, file: Path, *, as_json: bool) -> None:
    """Import a month of Pipermail's text (.txt or .txt.gz) into the archive of LIST.

    \b
    Example:
      krets import pipermail friends@example.org 2010-January.txt.gz
    """
    _import(app, list_address, file, as_json=as_json)


def _import(app: App, list_address: str, file: Path, *, as_json: bool) -> None:
    opened = nullcontext(sys.stdin.buffer) if str(file) == "-" else open_mail_file(file)
    with opened as stream, _bar(file) as progress:
        done = actions.mbox(asked(app), list_address, stream, progress)
    report = done.counts
    if as_json:
        told = asdict(report)
        told["reasons"] = [{"mail": n, "why": why} for n, why in report.reasons]
        print_json(told)
    _tell(report)
    if done.hides_past:
        say(
            "What came before the archive was opened is not shown further by that:"
            f" krets list set {done.list} --also-past does it."
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
