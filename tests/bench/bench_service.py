"""Measure the whole service: the rows of ``make bench`` (bench.py) that need all of it.

The reference is Postfix's ``smtp-source -d -s 4 -l 10240`` into ``smtp-sink``, run between our
rounds on the same machine; only ratios mean anything on another one. Measured is ``krets serve``
as a person starts it, on SQLite with default settings, every 250 durable, each part on. A
benchmark is not a test: it never fails because something is slow.
"""

import smtplib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from peers import SESSIONS, SIZE, reference, smtp_sink, tool  # noqa: E402
from sqlalchemy import func, select  # noqa: E402

from listserv.wiring.listserv_tables import Post  # noqa: E402
from mailer.ledger import mailings  # noqa: E402
from mailer.ledger.mailings import Mailing, MailingState  # noqa: E402
from mailer.rehearsal.sink import Caught, Sink, rehearsal  # noqa: E402
from mailer.storage.arrivals import Arrival  # noqa: E402
from mailer.storage.store import Store  # noqa: E402
from tests.tree import Krets, wait_for  # noqa: E402

LIST = "friends@example.org"
ANNA = "anna@example.net"
PATIENCE = 300.0  # seconds that a round may take on a machine that does other things too


@dataclass(frozen=True)
class Wish:
    """Say how much to measure."""

    rounds: int = 5
    posts: int = 1000  # of a round of ingest
    members: int = 10_000  # who get one post
    copies: int = 10_000  # of a round of the reference
    deliveries: int = 10
    people: int = 2000  # in the CSV file
    mails: int = 2000  # in the mbox


@dataclass
class Rates:
    """Collect a second's messages of each round."""

    reference: list[float] = field(default_factory=list)
    ingest: list[float] = field(default_factory=list)
    copies: list[float] = field(default_factory=list)


@contextmanager
def installation(port: int, people: list[str]) -> Iterator[Krets]:
    """Give a new installation with one list, which is served."""
    with tempfile.TemporaryDirectory(prefix="krets-bench-") as folder:
        krets = Krets(Path(folder), f"smtp://127.0.0.1:{port}")
        krets.krets("list", "create", LIST)
        krets.run(
            "member", "import", LIST, "-", "--consent", "Asked", "--yes", stdin="\n".join(people)
        )
        krets.start(cold=True)
        try:
            yield krets
        finally:
            krets.kill_tree()


@contextmanager
def ledger(krets: Krets) -> Iterator[Store]:
    """Open the database beside the service, to look only."""
    store = Store("", Path(krets.env["KRETS_MAILER__DATA"]))
    try:
        yield store
    finally:
        store.close()


def ingest(port: int, posts: int) -> float:
    """Send posts to the door with smtp-source; return how many got their 250 in a second."""
    program, environment = tool("smtp-source")
    with installation(port, [ANNA]) as krets:
        words = [program, "-d", "-s", str(SESSIONS), "-l", str(SIZE), "-m", str(posts)]
        words += ["-f", ANNA, "-t", LIST, f"127.0.0.1:{krets.smtp_port}"]
        began = time.perf_counter()
        subprocess.run(words, env=environment, check=True)
        took = time.perf_counter() - began
        with ledger(krets) as store, store.read() as session:
            kept = session.scalar(select(func.count()).select_from(Arrival))
            rules = session.scalars(select(Post.rules).where(Post.decision != "accept")).all()
    if kept != posts or rules:
        raise RuntimeError(f"{kept} of {posts} posts were kept; not accepted: {rules[:3]}")
    return posts / took


def personal_copies(port: int, members: int) -> float:
    """Post once to many members; return copies a second from the 250 to the ledger's last mark."""
    people = [ANNA, *(f"m{n}@d{n % 50}.net" for n in range(members - 1))]
    with installation(port, people) as krets, ledger(krets) as store:
        began = post(krets, "<copies@example.net>")
        finished = wait_for("the mailing's end", lambda: the_end(store, members), PATIENCE)
    return members / (finished - began)


def the_end(store: Store, members: int) -> float:
    """Return when the first mailing was done, 0 before; look four times a second."""
    time.sleep(0.25)
    with store.read() as session:
        mailing = session.scalar(select(Mailing))
        if mailing is None or mailing.state != MailingState.DONE:
            return 0.0
        found = mailings.status(session, mailing.id)
    if found.accepted != members or mailing.finished is None:
        raise RuntimeError(f"the ledger does not add up: {found}")
    return mailing.finished


def post(krets: Krets, message_id: str) -> float:
    """Post 10 KB as Anna; return when the 250 came."""
    text = "A line of a post that says something to everybody who reads it.\r\n" * (SIZE // 65)
    raw = f"From: {ANNA}\r\nTo: {LIST}\r\nSubject: Hi\r\nMessage-ID: {message_id}\r\n\r\n{text}"
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=30) as client:
        client.ehlo()
        client.mail(ANNA)
        client.rcpt(LIST)
        client.data(raw)
        return time.time()


def idle(deliveries: int) -> tuple[float, int, float]:
    """Return seconds from a 250 to the first copy (median), processes, and their PSS in MB."""
    caught: list[Caught] = []
    waits = []
    with rehearsal(Sink(keep=caught.append)) as relay:
        people = [ANNA, "bo@example.net", "eva@example.net"]
        with installation(relay.port, people) as krets:
            for number in range(deliveries):
                caught.clear()
                answered = post(krets, f"<{number}@example.net>")
                wait_for("three copies", lambda: len(caught) == len(people), PATIENCE)
                waits.append(min(one.received_at for one in caught) - answered)
                wait_for("a rest", lambda: not any(krets.json("queue", "ls").values()), PATIENCE)
            pids = krets.pids()
            return statistics.median(waits), len(pids), sum(map(proportional, pids)) / 1000


def proportional(pid: int) -> int:
    """Return a process's own share of memory in KB (PSS, proc(5))."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def commands(people: int, mails: int) -> tuple[float, float]:
    """Return the seconds of a CSV of people and of an mbox, each a whole process."""
    with tempfile.TemporaryDirectory(prefix="krets-bench-") as folder:
        krets = Krets(Path(folder))
        krets.krets("list", "create", LIST)
        rows = "email,name\n" + "".join(f"p{n}@d{n % 50}.net,Person {n}\n" for n in range(people))
        mbox = Path(folder) / "old.mbox"
        mbox.write_text("".join(map(old_mail, range(mails))))
        words = ("member", "import", LIST, "-", "--consent", "Asked", "--yes")
        return timed(krets, *words, stdin=rows), timed(krets, "import", "mbox", LIST, str(mbox))


def old_mail(number: int) -> str:
    """Return a mail of an mbox in which threads of ten begin one after another."""
    parent = f"References: <{number - number % 10}@old>\n" if number % 10 else ""
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(1.2e9 + number * 3600))
    lines = "".join(f"Line {n} of mail {number}, which somebody wrote.\n" for n in range(40))
    return (
        f"From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: P {number % 76} <p{number % 76}@x.net>\n"
        f"Subject: Thread {number // 10}\nDate: {when}\nMessage-ID: <{number}@old>\n{parent}\n"
        f"{lines}\n> {lines}\n"
    )


def timed(krets: Krets, *words: str, stdin: str = "") -> float:
    began = time.perf_counter()
    done = krets.run(*words, stdin=stdin)
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return took


def measure(wish: Wish) -> list[tuple[str, str, str]]:
    """Return what was measured, the figure, and what it is held against."""
    rates = Rates()
    with smtp_sink() as port:
        for _ in range(wish.rounds):
            rates.reference.append(reference(port, wish.copies, SESSIONS).rate)
            rates.ingest.append(ingest(port, wish.posts))
            rates.reference.append(reference(port, wish.copies, SESSIONS).rate)
            rates.copies.append(personal_copies(port, wish.members))
    source, into, out = map(statistics.median, (rates.reference, rates.ingest, rates.copies))
    first, processes, memory = idle(wish.deliveries)
    people, mbox = commands(wish.people, wish.mails)
    return [
        (f"the reference: smtp-source -d -s {SESSIONS} -l {SIZE}", per_second(source), "1"),
        (
            f"posts taken, each 250 durable ({wish.posts:,})",
            per_second(into),
            ratio(into, source, 0.08),
        ),
        (f"personal copies of a post ({wish.members:,})", per_second(out), ratio(out, source, 0.5)),
        (f"250 to first delivery, median of {wish.deliveries}", f"{first:.3f} s", "goal 1 s"),
        ("idle processes, Valkey included", f"{processes}", "goal 6"),
        ("their memory together (PSS)", f"{memory:,.0f} MB", "goal 250 MB"),
        (f"{wish.people:,} members from CSV, whole process", f"{people:.2f} s", "goal 2 s"),
        (
            f"{wish.mails:,} mails from mbox, with pages",
            f"{mbox:.1f} s",
            per_second(wish.mails / mbox),
        ),
    ]


def per_second(rate: float) -> str:
    return f"{rate:,.0f}/s"


def ratio(ours: float, source: float, goal: float) -> str:
    return f"{ours / source:.3f} of the reference, goal {goal}"
