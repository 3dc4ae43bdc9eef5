"""``krets dkim``: the keys that copies are signed with, and what DNS must say of them."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from listserv.actions.machine import dkim as actions
from listserv.actions.machine.dkim import MakeKeys
from listserv.cli.terminal import asked, print_json, print_table, say
from listserv.wiring.app import App
from mailer.authentication.dkim_keys import KeyState, KeyView


@click.group()
def dkim() -> None:
    """Make, rotate and publish the keys that mail is signed with."""


@dkim.command("new")
@click.argument("domain", metavar="DOMAIN")
@click.option("--selector", metavar="NAME", help="Their name in DNS; default: krets and the date.")
@click.option("--at-once", is_flag=True, help="Sign with them now; they are in DNS already.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def dkim_new(app: App, domain: str, selector: str | None, *, at_once: bool, as_json: bool) -> None:
    """Make an RSA and an Ed25519 key for the lists at DOMAIN and print their DNS records.

    The first keys of a domain sign at once. Later ones wait two days, so that DNS knows them
    before they are used; the old ones then retire, and `krets dkim ls` says how long their
    records must stay.

    \b
    Example:
      krets dkim new lists.example.org
    """
    made = actions.new(asked(app), MakeKeys(domain, selector or "", at_once))
    _publish(made.keys, as_json=as_json)
    if made.starts is not None:
        say(
            f"They sign from {_day(made.starts)}."
            " Publish the records before then; keep the old ones."
        )
    else:
        say("They sign from now on. Publish the records at once.")


@dkim.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def dkim_ls(app: App, *, as_json: bool) -> None:
    """List every key: whether it signs, and how long its record must stay in DNS.

    \b
    Example:
      krets dkim ls --json
    """
    keys = actions.ls(asked(app))
    if as_json:
        print_json([_shown(key) for key in keys])
    elif not keys:
        say("No keys yet. Make some with: krets dkim new DOMAIN")
    else:
        print_table(("domain", "selector", "algorithm", "state", ""), [_line(key) for key in keys])


@dkim.command("dns")
@click.argument("domain", metavar="DOMAIN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def dkim_dns(app: App, domain: str, *, as_json: bool) -> None:
    """Print the DNS records that must stand now for DOMAIN, as a zone file has them.

    \b
    Example:
      krets dkim dns lists.example.org
    """
    _publish(actions.dns(asked(app), domain), as_json=as_json)


def _publish(keys: Sequence[KeyView], *, as_json: bool) -> None:
    if as_json:
        print_json([_shown(key) for key in keys])
        return
    for key in keys:
        click.echo(key.zone_line)


def _shown(key: KeyView) -> dict[str, object]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": str(key.algorithm),
        "state": str(key.standing),
        "signs_from": datetime.fromtimestamp(key.starts, UTC).isoformat(),
        "remove_after": key.remove_after
        and datetime.fromtimestamp(key.remove_after, UTC).isoformat(),
        "name": key.name,
        "record": key.record,
    }


def _line(key: KeyView) -> tuple[str, ...]:
    match key.standing:
        case KeyState.WAITING:
            more = f"signs from {_day(key.starts)}"
        case KeyState.RETIRED:
            more = f"keep its record until {_day(key.remove_after or 0)}"
        case KeyState.OVER:
            more = "its record may be removed"
        case _:
            more = ""
    return key.domain, key.selector, str(key.algorithm), str(key.standing), more


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))
