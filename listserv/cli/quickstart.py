"""``krets quickstart``: from a fresh machine to files and records, shown first."""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import click

from listserv.actions.machine import installing as actions
from listserv.actions.machine.installing import AskSite, WriteSite
from listserv.cli.terminal import agree, asked, check_ip, plain, print_json, say
from listserv.quickstart.plan import FrontServer, Plan, Site, WebProxy
from listserv.wiring.app import App
from mailer.reading.addresses import domain_key

_FRONTS = click.Choice([one.value for one in FrontServer])
_PROXIES = click.Choice([one.value for one in WebProxy])


@click.command()
@click.argument("operator", metavar="YOU@DOMAIN")
@click.option("--domain", help="The domain of the lists; default: lists. and your domain.")
@click.option("--host", help="This machine's name in DNS; default: its own, or mail.DOMAIN.")
@click.option("--address", metavar="IP", default="", help="This machine's public address.")
@click.option("--front", type=_FRONTS, help="The mail server here; default: what is installed.")
@click.option("--proxy", type=_PROXIES, help="The web server here; default: what is installed.")
@click.option(
    "--into",
    metavar="FOLDER",
    default="/",
    help="Write everything below FOLDER, to look at it first.",
)
@click.option("--send", is_flag=True, help="Send one real mail to YOU@DOMAIN at the end.")
@click.option("--dry-run", is_flag=True, help="Print all that would be written, and write nothing.")
@click.option("--yes", is_flag=True, help="Answer every question with yes, or with its default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def quickstart(
    app: App,
    *,
    operator: str,
    domain: str | None,
    host: str | None,
    address: str,
    front: str | None,
    proxy: str | None,
    into: str,
    send: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Set Krets up on this machine: settings, service, mail server, web proxy, DNS.

    Lines of Postfix and Exim are merged with yours, which stay; a copy of each file stays beside
    it. Nothing is written before you agree, and what was written is taken back if a step fails.

    \b
    Example:
      krets quickstart you@example.org --dry-run
    """
    wanted = AskSite(
        operator,
        Path(into),
        domain or "",
        host or "",
        check_ip(address) if address else "",
        FrontServer(front) if front else None,
        WebProxy(proxy) if proxy else None,
    )
    site = actions.site(asked(app), wanted)
    if not (yes or dry_run or as_json) and sys.stdin.isatty():
        site = _asked(site, domain, front, proxy)
    writing = WriteSite(site, wanted.root)
    planned = actions.write(asked(app), replace(writing, dry_run=True))
    if dry_run or not as_json:
        _show(planned, as_json=as_json, whole=dry_run)
    if dry_run:
        return
    agree(f"Write these {len(planned.files)} files?", yes=yes)
    done = actions.write(asked(app), writing)
    if as_json:
        _show(done, as_json=True, whole=False)
    else:
        _next(done)
    if send:
        for one in actions.send_sample(asked(app), writing):
            say(f"{one.state}  {one.what}")


def _asked(site: Site, domain: str | None, front: str | None, proxy: str | None) -> Site:
    """Ask what was not said, with what was found as the answer."""
    if domain is None:
        said = click.prompt("The domain of the lists", default=site.domain, err=True)
        site = replace(site, domain=domain_key(said))
    if front is None:
        said = click.prompt(
            "The mail server before Krets", site.front.value, type=_FRONTS, err=True
        )
        site = replace(site, front=FrontServer(said))
    if proxy is None:
        said = click.prompt(
            "The web server before Krets", site.proxy.value, type=_PROXIES, err=True
        )
        site = replace(site, proxy=WebProxy(said))
    return site


def _show(made: Plan, *, as_json: bool, whole: bool) -> None:
    if as_json:
        print_json(asdict(made))
        return
    for one in made.files:
        how = "merged" if one.merged else f"mode {one.mode:o}"
        click.secho(f"{one.path}  ({how}): {one.why}", bold=True)
        if whole:
            click.echo("".join(f"    {plain(line)}\n" for line in one.text.splitlines()))
    if whole:
        _next(made)
        click.echo("    krets dkim dns prints the records of the keys, which are made then.")


def _next(made: Plan) -> None:
    click.secho("\nPublish in DNS:", bold=True)
    for record in made.records:
        click.echo(f"    {record.line}\n        ; {record.why}")
    click.secho("\nThen run:", bold=True)
    for command in made.commands:
        click.echo(f"    {command}")
    for note in made.notes:
        click.echo(f"\n{note}")
