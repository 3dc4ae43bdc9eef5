"""Set Krets up on this machine: plan the files, write them, make the first keys.

    site = installing.site(call, AskSite("you@example.org", root=Path("/")))
    done = installing.write(call, WriteSite(site, Path("/")))

What was written is taken back where a later step fails. It stands in no history: there is no
database before the last step. Refuses to know what the files say (listserv/quickstart).
"""

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.doctor import examination
from listserv.doctor.diagnosis import Diagnosis
from listserv.quickstart import finding, service_user
from listserv.quickstart import plan as plans
from listserv.quickstart.plan import CONFIG, DATA, DnsRecord, FrontServer, Plan, Site, WebProxy
from listserv.quickstart.writing import Owner, Undoing
from listserv.quickstart.writing import write as write_files
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.authentication import dkim_keys
from mailer.reading.addresses import domain_key, parse

_HIDDEN = "(made when it is written)"


@dataclass(frozen=True, slots=True)
class AskSite:
    """Ask what an installation would be; what is not said is found on the machine."""

    operator: str
    root: Path = Path("/")
    domain: str = ""
    host: str = ""
    address: str = ""  # the machine's public one
    front: FrontServer | None = None
    proxy: WebProxy | None = None


@dataclass(frozen=True, slots=True)
class WriteSite:
    """Ask that an installation is written below ``root``; ``dry_run`` only plans it."""

    site: Site
    root: Path
    dry_run: bool = False


def site(call: Call, wanted: AskSite) -> Site:
    """Return what is to be set up."""
    call.permit(Action.QUICKSTART)
    you, found = parse(wanted.operator), finding.on_machine(wanted.root)
    named = "." in found.name and found.name.endswith(f".{you.domain}")
    return Site(
        operator=you.wire,
        domain=domain_key(wanted.domain or f"lists.{you.domain}"),
        host=domain_key(wanted.host or (found.name if named else f"mail.{you.domain}")),
        front=wanted.front or found.front,
        proxy=wanted.proxy or found.proxy,
        program=found.program,
        token=secrets.token_urlsafe(24),
        address=wanted.address,
        packaged=found.packaged,
        there=found.there,
    )


def write(call: Call, wanted: WriteSite) -> Plan:
    """Write all of it and make the first keys; return the plan with the keys' records in DNS."""
    call.permit(Action.QUICKSTART)
    if wanted.dry_run:
        return plans.plan(replace(wanted.site, token=_HIDDEN))
    planned, root = plans.plan(wanted.site), wanted.root
    with Undoing() as undoing:
        owner = service_user.make(wanted.site, root, undoing)
        write_files(root, planned.files, undoing, owner)
        keys = _keys(call, wanted, undoing, owner)
    records = [*planned.records, *(DnsRecord(line, "checks our signatures") for line in keys)]
    return replace(planned, records=tuple(records))


def send_sample(call: Call, wanted: WriteSite) -> Sequence[Diagnosis]:
    """Send one real mail from the new installation to its operator, and say how it left."""
    call.permit(Action.QUICKSTART)
    app = _installed(wanted.root)
    try:
        return examination.send_sample(app, wanted.site.operator, call.now)
    finally:
        app.close()


def _installed(root: Path) -> App:
    """Return the application of what was written, wherever that is."""
    data = root / DATA.lstrip("/")
    return App(load({}, file=str(root / CONFIG.lstrip("/")), flags=[f"mailer.data={data}"]))


def _keys(call: Call, wanted: WriteSite, undoing: Undoing, owner: Owner | None) -> list[str]:
    """Make the data folder and the first keys; return their records."""
    app, domain, now = _installed(wanted.root), wanted.site.domain, call.now
    if not app.data.exists():
        undoing.then(lambda: shutil.rmtree(app.data, ignore_errors=True))
    with app.store.write() as session:
        if not dkim_keys.signs(session, domain, now):
            name = dkim_keys.free_selector(session, domain, now)
            dkim_keys.new_keys(session, domain, selector=name, now=now, starts=now)
    with app.store.read() as session:
        lines = [key.zone_line for key in dkim_keys.views(session, now, domain)]
    app.close()
    if owner is not None:
        for path in (app.data, *app.data.rglob("*")):
            os.chown(path, *owner, follow_symlinks=False)
    return lines
