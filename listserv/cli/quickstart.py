"""``krets quickstart``: from a fresh machine to files and records, shown first."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import click

from listserv.cli.terminal import agree, check_ip, plain, print_json, say
from listserv.doctor import examination
from listserv.quickstart.plan import (
    CONFIG,
    DATA,
    DnsRecord,
    FrontServer,
    Plan,
    Site,
    WebProxy,
    plan,
)
from listserv.quickstart.writing import Owner, Undoing, write
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.authentication import dkim_keys
from mailer.errors import Refused
from mailer.reading.addresses import domain_key, parse

_HIDDEN = "(made when it is written)"
_MERGED = ("etc/postfix/main.cf", "etc/exim4/exim4.conf.template")
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
def quickstart(
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
    root = Path(into)
    site = _site(root, operator, domain, host, address, front, proxy)
    if not (yes or dry_run or as_json) and sys.stdin.isatty():
        site = _asked(site, domain, front, proxy)
    made = plan(site)
    if dry_run:
        made = plan(replace(site, token=_HIDDEN))
    if dry_run or not as_json:
        _show(made, as_json=as_json, whole=dry_run)
    if dry_run:
        return
    agree(f"Write these {len(made.files)} files?", yes=yes)
    with Undoing() as undoing:
        owner = _owner(site, root, undoing)
        write(root, made.files, undoing, owner)
        keys = _keys(site, root, undoing, owner)
    records = [*made.records, *(DnsRecord(line, "checks our signatures") for line in keys)]
    done = replace(made, records=tuple(records))
    if as_json:
        _show(done, as_json=True, whole=False)
    else:
        _next(done)
    if send:
        _send(site, root)


def _site(
    root: Path,
    operator: str,
    domain: str | None,
    host: str | None,
    address: str,
    front: str | None,
    proxy: str | None,
) -> Site:
    you = parse(operator)
    public = check_ip(address) if address else ""
    name = socket.gethostname().lower()
    lists = domain_key(domain or f"lists.{you.domain}")
    usual = name if "." in name and name.endswith(f".{you.domain}") else f"mail.{you.domain}"
    return Site(
        operator=you.wire,
        domain=lists,
        host=domain_key(host or usual),
        front=FrontServer(front) if front else _front(root),
        proxy=WebProxy(proxy) if proxy else _proxy(root),
        program=_program(),
        token=secrets.token_urlsafe(24),
        address=public,
        packaged=_packaged(),
        there=_there(root),
    )


def _program() -> str:
    """Return the krets of this very installation."""
    if _packaged():
        return "/usr/bin/krets"
    beside = Path(sys.prefix) / "bin" / "krets"
    return str(beside if beside.exists() else f"{sys.executable} -m listserv")


def _packaged() -> bool:
    """Tell whether a Debian package has brought us (tools/deb)."""
    return Path(__file__).resolve().parents[2] == Path("/usr/lib/krets")


def _front(root: Path) -> FrontServer:
    if (root / "etc/postfix/main.cf").exists():
        return FrontServer.POSTFIX
    return FrontServer.EXIM if (root / "etc/exim4").is_dir() else FrontServer.NONE


def _proxy(root: Path) -> WebProxy:
    if (root / "etc/nginx").is_dir():
        return WebProxy.NGINX
    return WebProxy.CADDY if (root / "etc/caddy").is_dir() else WebProxy.NONE


def _there(root: Path) -> Mapping[str, str]:
    """Return the files that are merged into, as they are."""
    found = [root / name for name in _MERGED]
    if "dc_use_split_config='true'" in _read(root / "etc/exim4/update-exim4.conf.conf"):
        found += sorted((root / "etc/exim4/conf.d/acl").glob("*"))
    texts = {path: _read(path) for path in found if path.is_file()}
    return {f"/{path.relative_to(root).as_posix()}": text for path, text in texts.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


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


def _owner(site: Site, root: Path, undoing: Undoing) -> Owner | None:
    """Return whom our files belong to, making the service user on this machine if need be."""
    if root != Path("/"):
        return None
    if os.geteuid() != 0:
        raise Refused(
            "Only root can set up a service.", "Use sudo, or --into FOLDER to look at the files."
        )
    with contextlib.suppress(KeyError):
        known = pwd.getpwnam(site.user)
        return known.pw_uid, known.pw_gid
    make = ["adduser", "--system", "--group", "--no-create-home", "--home", DATA, site.user]
    try:
        subprocess.run(make, check=True, capture_output=True)  # noqa: S603 - our own words
    except (OSError, subprocess.CalledProcessError):
        raise Refused(
            f"The user {site.user} cannot be made.", f"Make it yourself: {' '.join(make)}"
        ) from None
    undoing.then(lambda: subprocess.run(["deluser", "--system", site.user], check=False))  # noqa: S603, S607
    known = pwd.getpwnam(site.user)
    return known.pw_uid, known.pw_gid


def _app(root: Path) -> App:
    """Return the application of what was written, wherever that is."""
    data = root / DATA.lstrip("/")
    return App(load({}, file=str(root / CONFIG.lstrip("/")), flags=[f"mailer.data={data}"]))


def _keys(site: Site, root: Path, undoing: Undoing, owner: Owner | None) -> list[str]:
    """Make the data folder and the first keys; return their records."""
    app, now = _app(root), time.time()
    if not app.data.exists():
        undoing.then(lambda: shutil.rmtree(app.data, ignore_errors=True))
    with app.store.write() as session:
        if not dkim_keys.signs(session, site.domain, now):
            name = dkim_keys.free_selector(session, site.domain, now)
            dkim_keys.new_keys(session, site.domain, selector=name, now=now, starts=now)
    with app.store.read() as session:
        lines = [key.zone_line for key in dkim_keys.views(session, now, site.domain)]
    app.close()
    if owner is not None:
        for path in (app.data, *app.data.rglob("*")):
            os.chown(path, *owner, follow_symlinks=False)
    return lines


def _send(site: Site, root: Path) -> None:
    app = _app(root)
    for one in examination.send_sample(app, site.operator, time.time()):
        say(f"{one.state}  {one.what}")
    app.close()
