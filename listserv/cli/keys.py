"""``krets keys``: where the keys of tokens stand, and the way out of the database and back."""

import time
from dataclasses import asdict

import click

from listserv.cli.terminal import agree, print_json, print_table, say
from listserv.wiring import token_keys
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
    found = token_keys.views(app.store)
    if as_json:
        print_json([asdict(one) | {"path": str(app.store.key_file)} for one in found])
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
            for one in found
        ],
    )
    say(f"The file is {app.store.key_file}.")


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
    inside = [one for one in token_keys.views(app.store) if one.database]
    if not inside:
        say(f"They are apart already, in {app.store.key_file}.")
        return
    if dry_run:
        say(f"Would take {len(inside)} out of the database; {app.store.key_file} keeps them.")
        return
    agree("Has every machine on this database its tokens.key (krets keys check)?", yes=yes)
    taken = token_keys.take_out(app.store)
    say(
        f"{taken} taken out of the database; {app.store.key_file} keeps them."
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
    outside = [one for one in token_keys.views(app.store) if not one.database]
    if dry_run:
        say(f"Would put {len(outside)} into the database.")
        return
    say(f"{token_keys.put_back(app.store)} put back into the database.")
