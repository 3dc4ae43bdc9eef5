"""The how-tos as they stand, with real neighbours: Postfix, Exim and nginx as Debian has them.

Each is set up by `krets quickstart` on a machine of its own; what it wrote is what runs.
"""

import contextlib
import json
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from listserv.cli.main import krets as command
from listserv.quickstart import plan
from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply
from mailer.storage.arrivals import Arrival
from mailer.storage.store import Store
from subscriptions.membership.bouncing import Bounced
from subscriptions.permission.consent import Consent
from tests.journeys.letters import wait_mail
from tests.journeys.machine import Machine, fresh_machine
from tests.tree import Krets, free_port, wait_for

DOMAIN = "example.org"
LIST = f"friends@{DOMAIN}"
ANNA, BO, GONE = "anna@example.net", "bo@example.com", "gone@example.net"
ELSEWHERE = "127.0.0.9"  # a client that is no neighbour's network

pytestmark = pytest.mark.journey


def gone(moment: Moment, caught: Caught) -> SinkReply | None:
    """Answer for one address as its server would after its owner left."""
    if moment is Moment.RCPT and caught.recipient == GONE:
        return SinkReply(550, "5.1.1 No such user")
    return None


def quickstart(
    machine: Machine, krets: Krets, monkeypatch: pytest.MonkeyPatch, *words: str
) -> None:
    """Let quickstart write for this machine, with the ports of this journey."""
    site = krets.folder / "site"
    for name in ("etc/postfix", "etc/exim4", "etc/nginx"):
        with contextlib.suppress(AssertionError):
            machine.run("test", "-d", f"/{name}")
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            machine.run("cp", "-a", f"/{name}", str((site / name).parent))
    monkeypatch.setattr(plan, "SMTP", f"127.0.0.1:{krets.smtp_port}")
    monkeypatch.setattr(plan, "HTTP", f"127.0.0.1:{krets.http_port}")
    words = (
        "quickstart",
        f"ida@{DOMAIN}",
        "--domain",
        DOMAIN,
        "--into",
        str(site),
        "--yes",
        *words,
    )
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    machine.run("cp", "-a", f"{site}/etc/.", "/etc/")


def say(krets: Krets, port: int, to: str, number: int, *, client: str = ELSEWHERE) -> None:
    """Hand a post in at the neighbour's door, from elsewhere."""
    raw = (
        f"From: Anna <{ANNA}>\r\nTo: {to}\r\nSubject: Post {number}\r\n"
        f"Date: Mon, 30 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{number}@example.net>\r\n\r\n"
        f"Number {number}.\r\n"
    )
    with smtplib.SMTP("127.0.0.1", port, "mail.example.net", 60, (client, 0)) as mta:
        mta.sendmail(ANNA, [to], raw)


def refusal(port: int, to: str, client: str) -> int:
    """Return what the neighbour answers to RCPT."""
    with smtplib.SMTP("127.0.0.1", port, "mail.example.net", 60, (client, 0)) as mta:
        mta.ehlo()
        mta.mail(ANNA)
        return mta.rcpt(to)[0]


def opened(krets: Krets) -> Store:
    return Store(krets.database, krets.folder / "data")


def bounces(krets: Krets) -> int:
    with contextlib.closing(opened(krets)) as store, store.read() as session:
        return len(session.scalars(select(Bounced.id)).all())


def clients(krets: Krets) -> set[str]:
    """Return where mail came from, as Krets knows it."""
    with contextlib.closing(opened(krets)) as store, store.read() as session:
        return set(session.scalars(select(Arrival.client)))


@pytest.fixture
def krets(tmp_path: Path) -> Iterator[Krets]:
    made = Krets(tmp_path)
    made.settings |= {"KRETS_MAILER__FRONT": "127.0.0.1"}
    yield made
    if made.process is not None:
        made.stop()


def members(krets: Krets) -> None:
    krets.krets("list", "create", LIST)
    consent = ("--consent", "Said yes at the fence", "--yes")
    people = f"{ANNA}\n{BO}\n{GONE}"
    krets.krets("member", "import", LIST, "-", *consent, stdin=people)


def a_week(krets: Krets, port: int, outbox: list[Caught], known: str) -> None:
    """Walk a how-to's promises: posts, unknown addresses, Krets down and up, what comes back."""
    members(krets)
    krets.start()
    say(krets, port, LIST, 1)
    wait_mail(outbox, ANNA)
    wait_mail(outbox, BO)
    wait_for("the bounce to be counted", lambda: bounces(krets))
    assert known in clients(krets), "who spoke to the neighbour"
    for client in ("127.0.0.1", ELSEWHERE):  # a neighbour's own network is asked too
        wait_for(
            "an unknown address to be refused",
            lambda client=client: refusal(port, f"nobody@{DOMAIN}", client) == 550,
        )
    assert refusal(port, "somebody@elsewhere.example", ELSEWHERE) in {454, 550, 554}
    assert refusal(port, "somebody@other.example", ELSEWHERE) == 250, "the site's own stays"

    outbox.clear()
    krets.stop()
    assert refusal(port, f"stranger@{DOMAIN}", ELSEWHERE) // 100 == 4, "not taken, and not refused"
    krets.start()
    wait_for("a post to be taken again", lambda: refusal(port, LIST, ELSEWHERE) == 250)
    say(krets, port, LIST, 2)
    wait_mail(outbox, ANNA)


@pytest.fixture
def postfix(tmp_path: Path, sink: Sink) -> Iterator[tuple[Machine, int]]:
    """Run Postfix with settings of a site's own, before ours come."""
    sink.script = gone
    port = free_port()
    with fresh_machine(tmp_path, "postfix") as machine:
        machine.user("postfix", 4711)
        machine.user("postdrop", 4712)
        machine.run("cp", "/usr/share/postfix/master.cf.dist", "/etc/postfix/master.cf")
        master = machine.read("/etc/postfix/master.cf")
        lines = [line.replace("       y       ", "       n       ") for line in master.splitlines()]
        lines = [f"127.0.0.1:{port}{line[4:]}" if line.startswith("smtp      inet") else line
                 for line in lines]  # fmt: skip
        machine.write("/etc/postfix/master.cf", "\n".join(lines) + "\n")
        machine.write(
            "/etc/postfix/main.cf",
            "compatibility_level = 3.6\nmyhostname = mail.example.org\nmydestination =\n"
            "inet_interfaces = 127.0.0.1\nmynetworks = 127.0.0.1/32\n"
            "relay_domains = other.example\n"
            f"relayhost = [127.0.0.1]:{sink.port}\nsmtp_dns_support_level = disabled\n"
            "alias_maps =\nsmtpd_client_connection_rate_limit = 0\n"
            "smtpd_recipient_restrictions = permit_mynetworks,\n    reject_unauth_destination\n"
            "maillog_file = /var/log/postfix.log\n",
        )
        machine.run(
            "sh", "-c", "mkdir -p /var/spool/postfix /var/lib/postfix && ldconfig /usr/lib/postfix"
        )
        yield machine, port


def test_behind_postfix_as_quickstart_leaves_it(
    postfix: tuple[Machine, int],
    krets: Krets,
    outbox: list[Caught],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine, port = postfix
    quickstart(machine, krets, monkeypatch, "--front", "postfix", "--proxy", "none")
    for name in ("krets_transport", "krets_recipients"):
        machine.run("/usr/sbin/postmap", f"hash:/etc/postfix/{name}")
    machine.run("touch", "/etc/postfix/dynamicmaps.cf")
    machine.run("install", "-d", "-o", "postfix", "/var/lib/postfix")
    machine.run("/usr/sbin/postfix", "check")
    machine.start("/usr/sbin/postfix", "start-fg")
    wait_for("Postfix", lambda: _answers(port))
    assert "other.example" in machine.run("/usr/sbin/postconf", "-h", "relay_domains")
    krets.relay = f"smtp://127.0.0.1:{port}"
    a_week(krets, port, outbox, ELSEWHERE)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), smtplib.SMTP("127.0.0.1", port, timeout=5) as mta:
        return mta.noop()[0] == 250
    return False


def test_behind_exim_as_quickstart_leaves_debians_own(
    tmp_path: Path,
    krets: Krets,
    sink: Sink,
    outbox: list[Caught],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink.script = gone
    port = free_port()
    with fresh_machine(tmp_path, "exim") as machine:
        machine.user("Debian-exim", 4713)
        for folder in ("/var/spool/exim4", "/var/log/exim4", "/var/lib/exim4"):
            machine.run("install", "-d", "-o", "Debian-exim", "-g", "Debian-exim", folder)
        machine.write(
            "/etc/exim4/update-exim4.conf.conf",
            "dc_eximconfig_configtype='smarthost'\ndc_other_hostnames='site.example'\n"
            f"dc_local_interfaces='127.0.0.1.{port}'\ndc_readhost=''\ndc_relay_domains='other.example'\n"
            f"dc_minimaldns='false'\ndc_relay_nets='127.0.0.1'\ndc_smarthost='127.0.0.1::{sink.port}'\n"
            "CFILEMODE='644'\ndc_use_split_config='false'\ndc_hide_mailname=''\n"
            "dc_mailname_in_oh='true'\ndc_localdelivery='mail_spool'\n",
        )
        machine.write("/etc/mailname", "site.example\n")
        quickstart(machine, krets, monkeypatch, "--front", "exim", "--proxy", "none")
        # The sink is a smarthost on loopback, where no site has one.
        path = "/etc/exim4/exim4.conf.template"
        there, _, rest = machine.read(path).partition("remote_smtp_smarthost:\n")
        rest = rest.replace("driver = smtp\n", "driver = smtp\n  allow_localhost\n", 1)
        there = there.replace(
            "host_find_failed = ignore", "self = send\n  host_find_failed = ignore"
        )
        machine.write(path, f"{there}remote_smtp_smarthost:\n{rest}")
        machine.run("/usr/sbin/update-exim4.conf")
        machine.start("/usr/sbin/exim4", "-bdf", "-q5s")
        wait_for("Exim", lambda: _answers(port))
        krets.relay = f"smtp://127.0.0.1:{port}"
        a_week(krets, port, outbox, ELSEWHERE)


def test_behind_nginx_as_quickstart_leaves_it(
    tmp_path: Path, krets: Krets, sink: Sink, outbox: list[Caught], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One click by the proxy, the visitor's address in the ledger, no numbers for strangers."""
    port = free_port()
    with fresh_machine(tmp_path, "nginx") as machine:
        quickstart(machine, krets, monkeypatch, "--front", "none", "--proxy", "nginx")
        site = f"/etc/nginx/sites-available/{DOMAIN}"
        text = machine.read(site).replace("listen 80;", f"listen 127.0.0.1:{port};")
        machine.write(site, text.replace("    listen [::]:80;\n", ""))
        machine.run("mkdir", "-p", "/etc/nginx/sites-enabled", "/var/lib/nginx", "/var/log/nginx")
        machine.run("sh", "-c", "rm -f /etc/nginx/sites-enabled/* /etc/nginx/modules-enabled/*")
        machine.run("ln", "-s", f"../sites-available/{DOMAIN}", "/etc/nginx/sites-enabled/")
        machine.run("/usr/sbin/nginx", "-t")
        machine.start("/usr/sbin/nginx", "-g", "daemon off;")
        krets.relay = f"smtp://127.0.0.1:{sink.port}"
        krets.settings |= {
            "KRETS_LISTSERV__BASE_URL": f"https://{DOMAIN}",
            "KRETS_LISTSERV__PROXIES": "127.0.0.1",
            "KRETS_MAILER__SIGN": "relay",
        }
        krets.krets("list", "create", LIST)
        consent = ("--consent", "Said yes at the fence", "--yes")
        krets.krets("member", "import", LIST, "-", *consent, stdin=f"{ANNA}\n{BO}")
        krets.start()
        wait_for("nginx", lambda: _page(port, "/")[0] == 200)
        assert _page(port, "/metrics")[0] == 404, "a visitor is not this machine"

        say(krets, krets.smtp_port, LIST, 1, client="127.0.0.1")
        copy = wait_mail(outbox, BO)
        ways = str(copy["List-Unsubscribe"])
        way = ways.partition(f"<https://{DOMAIN}")[2].partition(">")[0]
        assert copy["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        status, _ = _page(port, way, b"List-Unsubscribe=One-Click")
        assert status == 200
        states = {
            one["email"]: one["state"]
            for one in json.loads(krets.krets("member", "ls", LIST, "--json"))
        }
        assert states.get(BO) in {None, "left"}
        with contextlib.closing(opened(krets)) as store, store.read() as session:
            assert ELSEWHERE in set(session.scalars(select(Consent.ip))), "not the proxy's"


def _page(port: int, path: str, form: bytes | None = None) -> tuple[int, bytes]:
    """Ask the proxy for a page, as a visitor from elsewhere who lies about who he is."""
    import http.client  # noqa: PLC0415

    asking = http.client.HTTPConnection("127.0.0.1", port, 30, source_address=(ELSEWHERE, 0))
    lie = {"Host": DOMAIN, "X-Forwarded-For": "192.0.2.66"}
    if form:
        lie["Content-Type"] = "application/x-www-form-urlencoded"
    with contextlib.closing(asking):
        try:
            asking.request("POST" if form else "GET", path, form, lie)
            answer = asking.getresponse()
        except OSError:
            return 0, b""
        return answer.status, answer.read()
