"""The commands about who is kept out: ``krets member barred`` and ``krets member allow``."""

import time

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.cli.terminal import agree, print_json, print_json_array, print_table, say
from listserv.moderation.decisions import lift_ban
from listserv.wiring.app import App
from listserv.wiring.tables import Ban
from mailer.errors import BadInput, Refused
from mailer.reading import addresses
from subscriptions.lists import roster
from subscriptions.lists.roster import MailList
from subscriptions.membership.dossier import iso
from subscriptions.permission import bars, suppression
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
    with app.store.read() as session:
        found = [
            (one.address, one.reason.value, "", one.since, "") for one in bars.standing(session)
        ]
        found += [
            (row.address_key, "banned", address, row.since, row.decided_by)
            for row, address in _bans(session)
        ]
    names = ("address", "why", "list", "since", "by")
    rows = [(who, why, lst, iso(since), by) for who, why, lst, since, by in found]
    if as_json:
        print_json_array(dict(zip(names, row, strict=True)) for row in rows)
        return
    print_table(names, rows)


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
    now, who, keyring = time.time(), addresses.parse(address), app.keyring
    note = ConsentNote((consent or "").strip(), Source.CLI, confirmed_by="statement")
    with app.store.read() as session:
        chosen = roster.get_list(session, list_address) if list_address else None
        banned = [lst for row, lst in _bans(session, who.key, chosen)]
        reasons = [] if chosen else bars.against(session, keyring, who.key)
        forgotten = bool(suppression.erased(session, keyring, [who.key]))
    lifted = [*(reason.value for reason in reasons), *(f"banned on {lst}" for lst in banned)]
    if not lifted:
        raise Refused(
            f"{address} was forgotten." if forgotten else f"Nothing stands against {address}.",
            "They come back by joining themselves."
            if forgotten
            else "`krets member barred` shows whom something stands against.",
        )
    if not dry_run:
        agree(f"Lift from {who.given}: {', '.join(lifted)}?", yes=yes)
        with app.store.write() as session:
            if reasons:
                bars.lift(session, keyring, who, note=note, now=now)
            for lst in banned:
                lift_ban(session, roster.get_list(session, lst).id, who.key)
    if as_json:
        print_json({"dry_run": dry_run, "address": who.given, "lifted": lifted})
        return
    say(f"{who.given}: {', '.join(lifted)} {'would be' if dry_run else 'is'} lifted.")


def _bans(session: Session, key: str = "", only: MailList | None = None) -> list[tuple[Ban, str]]:
    """Return bans with their lists' addresses, oldest first."""
    query = select(Ban, MailList).join(MailList, MailList.id == Ban.list_id)
    if key:
        query = query.where(Ban.address_key == key)
    if only is not None:
        query = query.where(Ban.list_id == only.id)
    rows = session.execute(query.order_by(Ban.since, Ban.address_key))
    return [(ban, lst.address) for ban, lst in rows]
