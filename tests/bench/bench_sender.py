"""Measure the sender against Postfix's own client, into the same sink, in the same run.

    python tests/bench/bench_sender.py [--copies 10000] [--rounds 5] [--connections 10]

Reference: ``smtp-source -d -s 4 -l 10240`` (one message over and over, connections re-used) into
``smtp-sink``. Ours: as many personal 10 KB copies, each with its own return path and token,
claimed from and marked in a SQLite ledger (synchronous=FULL), flight recorder included. The
rounds alternate; the medians are compared, because only ratios within one run mean anything.

Postfix's tools are looked for in the folder named by KRETS_POSTFIX_TOOLS (an unpacked Debian
package: ``dpkg -x postfix_*.deb FOLDER``), in .tools/postfix, and on PATH.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import listserv.tables  # noqa: E402, F401 - registers every room's tables
from mailer import ledger, mailings, tokens  # noqa: E402
from mailer.ledger import ClaimedRow  # noqa: E402
from mailer.mailings import MailingView, Recipient  # noqa: E402
from mailer.outgoing import Copy  # noqa: E402
from mailer.relay import Relay  # noqa: E402
from mailer.sender import Sender, SenderSettings  # noqa: E402
from mailer.splice import Segments  # noqa: E402
from mailer.store import Base, Store  # noqa: E402

SIZE = 10240
SESSIONS = 4
LIST = "minutes@lists.example.org"


@dataclass(frozen=True, slots=True)
class Run:
    """Hold one round: messages a second, and our CPU per copy in microseconds."""

    rate: float
    cpu: float = 0.0


def tool(name: str) -> tuple[str, dict[str, str]]:
    """Return a Postfix tool and the environment it needs."""
    named = os.environ.get("KRETS_POSTFIX_TOOLS")
    for folder in filter(None, (named, str(ROOT / ".tools" / "postfix"))):
        found = Path(folder) / "usr" / "sbin" / name
        if found.exists():
            libraries = str(Path(folder) / "usr" / "lib" / "postfix")
            return str(found), {**os.environ, "LD_LIBRARY_PATH": libraries}
    on_path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if on_path is None:
        sys.exit(f"{name} was not found: set KRETS_POSTFIX_TOOLS to an unpacked postfix package.")
    return on_path, dict(os.environ)


@contextmanager
def sink() -> Iterator[int]:
    """Run smtp-sink and give its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    program, environment = tool("smtp-sink")
    words = [program, f"127.0.0.1:{port}", "1000"]
    if os.geteuid() == 0:
        words[1:1] = ["-u", "nobody"]
    running = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait()


def reference(port: int, copies: int, sessions: int) -> Run:
    """Send with smtp-source."""
    program, environment = tool("smtp-source")
    target = f"127.0.0.1:{port}"
    words = [program, "-d", "-s", str(sessions), "-l", str(SIZE), "-m", str(copies), target]
    began = time.perf_counter()
    subprocess.run(words, env=environment, check=True)
    return Run(copies / (time.perf_counter() - began))


def composition() -> Segments:
    """Return a post of 10 KB with the slots that a real one has."""
    line = b"This is a line of a newsletter that says something to everybody.\r\n"
    return Segments(
        (
            b"From: Minutes <" + LIST.encode() + b">\r\nSubject: Minutes of the meeting\r\n"
            b"Message-ID: <bench@lists.example.org>\r\nList-Unsubscribe: <mailto:minutes-leave+",
            b"@lists.example.org>, <https://lists.example.org/leave/",
            b">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nDear ",
            b",\r\n\r\n" + line * ((SIZE - 400) // len(line)) + b"\r\nLeave: https://x.org/leave/",
            b"\r\n",
        ),
        ("leave", "leave", "name", "leave"),
    )


def ours(port: int, copies: int, connections: int) -> Run:
    """Send with the sender, ledger and all; the freeze is not counted."""
    with tempfile.TemporaryDirectory(prefix="krets-bench-") as folder:
        store = Store("", Path(folder))
        Base.metadata.create_all(store.engine)
        with store.write() as session:
            tokens.new_key(session)
        with store.read() as session:
            ring = tokens.load_keyring(session)
        if ring is None:
            raise RuntimeError

        def personal(_view: MailingView, row: ClaimedRow) -> Copy:
            leave = ring.standing(tokens.Purpose.LEAVE, LIST, row.ref)
            bounce = ring.standing(tokens.Purpose.BOUNCE, LIST, row.ref)
            name = b"Member %d" % row.ref
            values = {"leave": leave.encode(), "name": name}
            return Copy(f"minutes-bounces+{bounce}@lists.example.org", values)

        freeze(store, copies)
        sender = Sender(
            store,
            SenderSettings(relays=(Relay("127.0.0.1", port),), connections=connections),
            personal=personal,
            wanted=ledger.everyone,
            flights=Path(folder) / "flight",
        )
        began, used = time.perf_counter(), time.process_time()
        accepted = 0
        while accepted < copies:
            accepted += sender.run_slice(2.0).accepted
        took, cpu = time.perf_counter() - began, time.process_time() - used
        sender.close()
        with store.read() as session:
            found = mailings.status(session, 1)
        store.close()
    if (found.accepted, found.state) != (copies, "done"):
        raise RuntimeError(f"the ledger does not add up: {found}")
    return Run(copies / took, cpu / copies * 1e6)


def freeze(store: Store, copies: int) -> None:
    """Enter the audience."""
    with store.write() as session:
        mailing_id = mailings.create_mailing(
            session,
            kind="issue",
            list_address=LIST,
            message_id="bench@lists.example.org",
            policy="never-twice",
            compositions={0: composition()},
            created=time.time(),
            expires_at=time.time() + 5 * 86400,
        )
        rows = [
            {
                "mailing_id": mailing_id,
                "ref": n,
                "address": f"member{n}@example{n % 50}.org",
                "bucket": f"example{n % 50}.org",
            }
            for n in range(copies)
        ]
        session.execute(mailings.insert(Recipient), rows)
        mailings.open_mailing(session, mailing_id, now=time.time())


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--copies", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10, help="ours")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="smtp-source's")
    wish = parser.parse_args()
    theirs, mine = [], []
    with sink() as port:
        for _ in range(wish.rounds):
            theirs.append(reference(port, wish.copies, wish.sessions))
            mine.append(ours(port, wish.copies, wish.connections))
    source = statistics.median(run.rate for run in theirs)
    sender = statistics.median(run.rate for run in mine)
    cpu = statistics.median(run.cpu for run in mine)
    print(f"{wish.copies:,} copies of {SIZE // 1024} KB, medians of {wish.rounds} rounds")  # noqa: T201
    print(f"smtp-source -s {wish.sessions}        {source:>10,.0f}/s")  # noqa: T201
    print(f"krets, {wish.connections} connections    {sender:>10,.0f}/s   {cpu:.0f} us CPU a copy")  # noqa: T201
    print(f"ratio                     {sender / source:>8.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
