"""A name server on loopback that serves a zone of a test's own, over UDP and TCP alike."""

import atexit
import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class Zone:
    """Hold records by name: (kind, value) as a zone file has it; names in ``silent`` never answer.

    TXT values are plain text and are cut into strings here.
    """

    records: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # "*": everything
    broken: set[str] = field(default_factory=set)  # SERVFAIL
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def server(self) -> str:
        """Return what ``mailer.resolver`` wants."""
        return f"127.0.0.1:{self.port}"

    def add(self, name: str, *records: tuple[str, str]) -> None:
        self.records.setdefault(name, []).extend(records)

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((name, kind))
        if name in self.silent or "*" in self.silent:
            return None
        made = dns.message.make_response(query)
        made.flags |= dns.flags.RA
        if name in self.broken:
            made.set_rcode(dns.rcode.SERVFAIL)
        elif name and not any(f".{one}".endswith(f".{name}") for one in self.records):
            made.set_rcode(dns.rcode.NXDOMAIN)
        found = [value for one, value in self.records.get(name, []) if one == kind]
        if found:
            values = [_strings(value) for value in found] if kind == "TXT" else found
            made.answer.append(dns.rrset.from_text(f"{name}.", 300, "IN", kind, *values))
        return made.to_wire(max_size=65535)


def _strings(text: str) -> str:
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    escaped = [piece.replace("\\", "\\\\").replace('"', '\\"') for piece in pieces]
    return " ".join(f'"{piece}"' for piece in escaped)


@contextlib.contextmanager
def serving(zone: Zone) -> Iterator[Zone]:
    """Answer for ``zone`` until the end."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, asker = self.request
            answer = zone.answer(wire)
            if answer is not None:
                asker.sendto(answer, self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        zone.port = server.server_address[1]
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield zone
        finally:
            server.shutdown()
            thread.join()


PEOPLE = ("example.net", "example.com", "example.it", "example.se", "mail.example")
HERE = "v=spf1 ip4:127.0.0.1 ip4:192.0.2.9 -all"  # where tests write from


@cache
def people_zone() -> str:
    """Return a name server for this whole process: no test asks further.

    It knows the domains of ``PEOPLE``, whose mail from this machine is theirs, and nothing else.
    """
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    zone = Zone({domain: [("TXT", HERE)] for domain in PEOPLE})
    return stack.enter_context(serving(zone)).server
