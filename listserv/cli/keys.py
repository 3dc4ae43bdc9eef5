"""``krets keys``: where the keys of tokens stand, and the way out of the database and back."""

import time
from dataclasses import asdict

import click

from listserv.actions.machine import keys as actions
from listserv.actions.machine.keys import MoveKeys
from listserv.cli.terminal import agree, asked, print_json, print_table, say
from listserv.wiring.app import App


@click.group()
def keys() -> None:
    """See where the keys of tokens stand, and keep them apart from the database."""


@keys.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def keys_check(app: App, *, as_json: bool) -> None:
    """Say whether this machine has every key of the database; exit 78 where it has not.

    \b
    Example:
      krets keys check --json
    """
    found = actions.check(asked(app))
    if as_json:
        print_json([asdict(one) | {"path": str(found.file)} for one in found.keys])
        return
    print_table(
        ("key", "fingerprint", "made", "file", "database"),
        [
            (
                str(one.id),
                one.fingerprint,
                time.strftime("%Y-%m-%d", time.gmtime(one.created)),
                "yes" if one.file else "no",
                "yes" if one.database else "no",
            )
            for one in found.keys
        ],
    )
    say(f"The file is {found.file}.")


@keys.command("apart")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_obj
def keys_apart(app: App, *, yes: bool, dry_run: bool) -> None:
    """Take the keys out of the database, so that a copy of it makes no token.

    With SQLite that is so from the start. On PostgreSQL every machine writes tokens.key into its
    data folder when it starts; check each with `krets keys check`, then say this on one of them.

    \b
    Example:
      krets keys apart
    """
    found = actions.apart(asked(app), MoveKeys(dry_run=True))
    if not found.count:
        say(f"They are apart already, in {found.file}.")
        return
    if dry_run:
        say(f"Would take {found.count} out of the database; {found.file} keeps them.")
        return
    agree("Has every machine on this database its tokens.key (krets keys check)?", yes=yes)
    done = actions.apart(asked(app), MoveKeys())
    say(
        f"{done.count} taken out of the database; {done.file} keeps them."
        " Keep a copy apart from the backups."
    )


@keys.command("together")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_obj
def keys_together(app: App, *, dry_run: bool) -> None:
    """Put the keys back into the database, for a machine that has no file; the file stays.

    With SQLite the next start takes them out again.

    \b
    Example:
      krets keys together
    """
    done = actions.together(asked(app), MoveKeys(dry_run))
    said = f"Would put {done.count} into" if dry_run else f"{done.count} put back into"
    say(f"{said} the database.")
