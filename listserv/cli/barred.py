"""The commands about who is kept out: ``krets member barred``, ``ban`` and ``allow``."""

from dataclasses import replace

import click

from listserv.actions import people
from listserv.actions.people import AllowAddress, BanAddress
from listserv.cli.terminal import agree, asked, print_json, print_json_array, print_table, say
from listserv.wiring.app import App
from mailer.errors import BadInput
from subscriptions.membership.personal_data import iso
from subscriptions.permission.consent import ConsentNote, Source


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def barred(app: App, /, *, as_json: bool) -> None:
    """Show who is not mailed on any list, and why, and whose posts a moderator banned.

    `dead`: the address bounced for days. `complaint` and `never-mail-me`: what they said. `banned`:
    their posts to that list are discarded. Who was forgotten is not shown: nobody knows who it was.

    \b
    Example:
      krets member barred --json
    """
    names = ("address", "why", "list", "since", "by")
    rows = [
        (one.address, one.why, one.list, iso(one.since), one.by)
        for one in people.barred(asked(app))
    ]
    if as_json:
        print_json_array(dict(zip(names, row, strict=True)) for row in rows)
        return
    print_table(names, rows)


@click.command()
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.pass_obj
def ban(app: App, /, list_address: str, address: str) -> None:
    """Discard what ADDRESS posts to LIST from now on; who is a member stays one.

    \b
    Example:
      krets member ban friends@example.org eve@example.com
    """
    people.ban(asked(app), BanAddress(list_address, address))
    say(f"What comes from {address} is discarded.")


@click.command()
@click.argument("address")
@click.option("--list", "list_address", metavar="LIST", help="Lift only the ban on this list.")
@click.option("--consent", metavar="TEXT", help="How they took back that they want no mail.")
@click.option("--dry-run", is_flag=True, help="Only say what would be lifted.")
@click.option("--yes", is_flag=True, help="Answer yes to every question.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def allow(
    app: App,
    /,
    address: str,
    *,
    list_address: str | None,
    consent: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Lift what stands against ADDRESS: a ban, a dead address, what they said themselves.

    "Never mail me again" and a complaint are lifted only with --consent, which the ledger of
    permissions keeps. Nobody becomes a member by this.

    \b
    Examples:
      krets member allow eve@example.com --list friends@example.org
      krets member allow anna@example.org --consent "asked me by phone on 3 May"
    """
    if consent is not None and not consent.strip():
        raise BadInput("--consent needs words: how did they take it back?")
    note = ConsentNote((consent or "").strip(), Source.CLI, confirmed_by="statement")
    wanted = AllowAddress(address, list_address, note, dry_run=True)
    found = people.allow(asked(app), wanted)
    lifted = [*found.reasons, *(f"banned on {lst}" for lst in found.lists)]
    if not dry_run:
        agree(f"Lift from {found.address}: {', '.join(lifted)}?", yes=yes)
        people.allow(asked(app), replace(wanted, dry_run=False))
    if as_json:
        print_json({"dry_run": dry_run, "address": found.address, "lifted": lifted})
        return
    say(f"{found.address}: {', '.join(lifted)} {'would be' if dry_run else 'is'} lifted.")
