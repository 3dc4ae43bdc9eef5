"""A right installation on loopback: a zone, a relay, doors that answer, one list with keys."""

import contextlib
import datetime as dt
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from listserv.cli.main import krets as command
from mailer.rehearsal.sink import Caught, Sink, rehearsal
from tests.tree import free_port
from tests.zone import Zone, serving

DOMAIN = "lists.garden.example"
HOST = "mail.garden.example"
LIST = f"friends@{DOMAIN}"
HERE = "203.0.113.5"
POINTER = "5.113.0.203.in-addr.arpa"
RIGHT: dict[str, list[tuple[str, str]]] = {
    DOMAIN: [("MX", f"10 {HOST}."), ("TXT", "v=spf1 mx -all")],
    HOST: [("A", HERE)],
    POINTER: [("PTR", f"{HOST}.")],
    f"_dmarc.{DOMAIN}": [("TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}")],
    f"_mta-sts.{DOMAIN}": [("TXT", "v=STSv1; id=20261201")],
    f"mta-sts.{DOMAIN}": [("A", HERE)],
    f"_smtp._tls.{DOMAIN}": [("TXT", f"v=TLSRPTv1; rua=mailto:postmaster@{DOMAIN}")],
}


@dataclass
class Garden:
    """Hold all that a fault may change before the doctor comes."""

    folder: Path
    zone: Zone
    sink: Sink
    outbox: list[Caught]
    banner: str = f"220 {DOMAIN} ESMTP Krets"
    health: tuple[int, dict[str, str]] = (200, {"ok": "true"})
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def text(self, name: str, *values: str) -> None:
        """Let DNS say these texts of ``name``, and nothing else."""
        kept = [one for one in self.zone.records.get(name, []) if one[0] != "TXT"]
        self.zone.records[name] = [*kept, *(("TXT", value) for value in values)]

    def krets(self, *words: str) -> tuple[int, str]:
        env = {name: value for name, value in self.settings.items() if value is not None}
        done = CliRunner().invoke(command, words, env=env)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout

    def examined(self, *words: str) -> tuple[int, list[dict[str, str]]]:
        code, said = self.krets("doctor", "--json", *words)
        return code, json.loads(said)

    def open(self) -> None:
        """Make the list and its keys, and publish them."""
        assert self.krets("list", "create", LIST, "--title", "Friends of the garden")[0] == 0
        code, said = self.krets("dkim", "new", DOMAIN, "--json")
        assert code == 0
        for key in json.loads(said):
            self.text(key["name"], key["record"])

    @property
    def keys(self) -> list[str]:
        """Return the names of the keys, RSA first."""
        return sorted((name for name in self.zone.records if "_domainkey" in name), reverse=True)


def certificate(folder: Path, *, days: int, name: str = HOST) -> tuple[str, str]:
    """Make a certificate that ends in ``days``; return the paths of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=100))
        .not_valid_after(today + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / f"{days}.pem", folder / f"{days}.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    secret.chmod(0o600)
    return str(cert), str(secret)


def context(folder: Path) -> ssl.SSLContext:
    """Return what a relay needs to offer STARTTLS with a certificate that nobody has signed."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*certificate(folder, days=90))
    return made


@contextlib.contextmanager
def planted(folder: Path, database: str = "") -> Iterator[Garden]:
    """Give a right installation whose doors answer."""
    outbox: list[Caught] = []
    zone = Zone({name: list(records) for name, records in RIGHT.items()})
    with (
        serving(zone),
        rehearsal(Sink(keep=outbox.append)) as sink,
        contextlib.ExitStack() as doors,
    ):
        garden = Garden(folder, zone, sink, outbox)
        smtp, http = doors.enter_context(_mail_door(garden)), doors.enter_context(_web(garden))
        garden.settings = {
            "KRETS_MAILER__DATA": str(garden.data),
            "KRETS_MAILER__DATABASE": database,
            "KRETS_MAILER__SMTP": f"127.0.0.1:{smtp}",
            "KRETS_MAILER__FRONT": "127.0.0.1",
            "KRETS_MAILER__RELAYS": f"smtp://127.0.0.1:{sink.port}",
            "KRETS_MAILER__RESOLVER": zone.server,
            "KRETS_LISTSERV__HTTP": f"127.0.0.1:{http}",
            "KRETS_LISTSERV__PROXIES": "127.0.0.1",
            "KRETS_LISTSERV__BASE_URL": f"https://{DOMAIN}",
            "KRETS_LISTSERV__DOMAIN": DOMAIN,
        }
        garden.open()
        yield garden


@contextlib.contextmanager
def _mail_door(garden: Garden) -> Iterator[int]:
    class Greeting(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(f"{garden.banner}\r\n".encode())

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeting)) as port:
        yield port


@contextlib.contextmanager
def _web(garden: Garden) -> Iterator[int]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = garden.health
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Page)) as port:
        yield port


@contextlib.contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[int]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])  # type: ignore[arg-type]
        finally:
            server.shutdown()
            thread.join()


def nobody() -> str:
    """Return a door at which nobody answers."""
    return f"127.0.0.1:{free_port()}"
