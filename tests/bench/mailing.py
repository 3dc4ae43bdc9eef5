"""One real mailing to many members, sent by one real sender: what the benchmark measures.

    python tests/bench/mailing.py

(the second half: send the mailing that the environment's database holds, and print what it took).
The list, its members (imported as an operator would), the issue (12 KB, multipart, own leave token
in two headers and both parts, own return path) and the wiring are those of the product.
"""

import dataclasses
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sqlalchemy import delete, func, select  # noqa: E402 - a script finds its own checkout first

from listserv.mailings.delivery import make_sender  # noqa: E402
from listserv.reception.sorter import sort  # noqa: E402
from listserv.wiring import config  # noqa: E402
from listserv.wiring.app import App  # noqa: E402
from mailer.authentication import dkim_keys  # noqa: E402
from mailer.authentication.dkim_keys import Algorithm, DkimKey  # noqa: E402
from mailer.ledger import mailings  # noqa: E402
from mailer.ledger.mailings import Mailing, MailingState, Recipient  # noqa: E402
from mailer.storage import arrivals  # noqa: E402
from mailer.storage.arrivals import Incoming  # noqa: E402
from tests.tree import Krets  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))

import beside  # noqa: E402

LIST = "letter@example.org"
FRIENDS = "friends@example.org"  # the discussion list
AUTHOR = "p0@d0.net"  # its first member
# With the sheet of the usual theme a copy has 12.7 KB then; the reference sends 10.
ISSUE = "---\nsubject: The letter of November\n---\n\nA line for everybody who reads with care.\n"
_STORY = """
## Leaves that stay where they are, part {n}

Whoever rakes them away takes the winter quarters of half the garden with them. [Why]({at}{n})

| Bed | Who waters | When |
|---|---|---|
| First | Anna of the many words | Monday and Thursday |
| Second | Bo | every day that has a Y in it |

event: Planting day {n}
when: Sunday 14 November, 10-13
where: The garden, Hamngatan 12
link: Say that you come {at}come/{n}

![The pond in mist]({at}pond{n}.jpg "What the first of November looked like")
"""
# A magazine with tables, events and pictures: 60 KB a copy.
THEMED = (
    "---\nsubject: The magazine of {{ list }}\ntheme: magazine\n---\n\nHello {{ name }},\n"
    + "".join(_STORY.format(n=n, at="https://garden.example/november/") for n in range(12))
)


@dataclass(frozen=True, slots=True)
class Sent:
    """Hold what a mailing took; times in seconds from the sender's first look at the ledger."""

    copies: int
    seconds: float
    cpu: float  # CPU seconds of the sender's process for a thousand copies
    first: float  # until the ledger knows the first answer
    memory: float  # MB, the most that the sender's process had
    size: int  # bytes of a copy, without its slots
    window: int  # the intent window, for all connections

    @property
    def rate(self) -> float:
        """Return copies a second."""
        return self.copies / self.seconds


@dataclass(frozen=True, slots=True)
class Taken:
    """Hold what a command took, and how long the mail that came in meanwhile waited."""

    seconds: float
    cpu: float
    waits: beside.Waits


def installation(
    folder: Path, members: int, database: str = "", *, apart: bool = True
) -> tuple[Krets, "Taken"]:
    """Make a newsletter with members and an RSA key; return it and what the import took.

    The import is a process of its own, as an operator's is, unless it is not ``apart``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    krets = Krets(folder, database=database)
    krets.settings = {
        "KRETS_LISTSERV__BASE_URL": "https://lists.example.org",
        "KRETS_MAILER__CONNECTIONS": "4",
    }
    krets.krets("list", "create", LIST, "--kind", "newsletter")
    people = folder / "people.csv"
    with people.open("w", encoding="utf-8") as file:
        file.write("email,name\n")
        file.writelines(f"{_local(n)}@d{n % 50}.net,Person {n}\n" for n in range(members))
    words = ("member", "import", LIST, str(people), "--consent", "Asked", "--yes")
    if apart:
        with beside.ingest(krets) as waits:
            used, began = _children(), time.perf_counter()
            _program(krets, "-m", "listserv", *words)
            seconds = time.perf_counter() - began
            cpu = _children() - used
        took = Taken(seconds, cpu, waits)
    else:
        krets.krets(*words)
        took = Taken(0, 0, beside.Waits())
    with _app(krets) as app, app.store.write() as session:
        now = time.time()
        dkim_keys.new_keys(session, "example.org", selector="bench", now=now, starts=now - 1)
        session.execute(delete(DkimKey).where(DkimKey.algorithm == Algorithm.ED25519))
    return krets, took


def _local(number: int) -> str:
    """Return a local part: people's addresses come in no order, which indexes feel."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:10]


def _children() -> float:
    """Return the CPU seconds of the processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def freeze_beside(krets: Krets) -> "Taken":
    """Freeze as ``freeze`` does while mail comes in."""
    with beside.ingest(krets) as waits:
        used = time.process_time()
        seconds = freeze(krets)
        cpu = time.process_time() - used
    return Taken(seconds, cpu, waits)


def friends(folder: Path, members: int) -> Krets:
    """Make a discussion list with members."""
    krets = Krets(folder)
    krets.settings = {"KRETS_MAILER__CONNECTIONS": "4"}
    krets.krets("list", "create", FRIENDS)
    people = "".join(f"p{n}@d{n % 50}.net\n" for n in range(members))
    words = ("member", "import", FRIENDS, "-", "--consent", "Asked", "--yes")
    krets.krets(*words, stdin=f"email\n{people}")
    return krets


def post(krets: Krets, raw: bytes) -> None:
    """Take a post as the door does, judge it and freeze its audience."""
    with _app(krets) as app:
        taken = Incoming(AUTHOR, (FRIENDS,), raw, "127.0.0.1", "localhost", "ESMTP", time.time())
        with app.store.write() as session:
            arrivals.keep(session, [taken])
        while sort(app, lambda: False):
            pass


def freeze(krets: Krets, issue: str = ISSUE) -> float:
    """Enter one issue to all members into the ledger; return the seconds of the whole command."""
    draft = krets.folder / "issue.md"
    draft.write_text(issue, encoding="utf-8")
    began = time.perf_counter()
    krets.krets("newsletter", "send", LIST, str(draft), "--anyway", "--yes", "--json")
    return time.perf_counter() - began


def send(krets: Krets, port: int, sign: str = "nobody", options: str = "") -> Sent:
    """Send what is due through ``port`` with one sender in a process of its own."""
    told = {
        "KRETS_MAILER__RELAYS": f"smtp://127.0.0.1:{port}{options}",
        "KRETS_MAILER__SIGN": sign,
    }
    return Sent(**json.loads(_program(krets, str(Path(__file__)), **told)))


def _program(krets: Krets, *words: str, **told: str) -> str:
    """Run Python on this installation; return what it printed."""
    done = subprocess.run(
        [sys.executable, *words],
        env={**krets.env, **told},
        cwd=krets.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


@contextmanager
def _app(krets: Krets) -> Iterator[App]:
    app = App(config.load(krets.env))
    try:
        yield app
    finally:
        app.close()


def send_here(app: App) -> Sent:
    """Send with a sender in this process; raise RuntimeError where the ledger does not add up."""
    store, settings = app.store, app.settings.mailer
    with store.read() as session:
        mailing_id, audience = session.execute(
            select(Mailing.id, Mailing.audience).where(Mailing.state == MailingState.SENDING)
        ).one()
        made = mailings.composition(session, mailing_id, _variant(mailing_id, app))
    sender = make_sender(app)
    used, wall, began = time.process_time(), time.time(), time.perf_counter()
    accepted = 0
    while accepted < audience:
        accepted += sender.run_slice(20.0).accepted
    took, cpu = time.perf_counter() - began, time.process_time() - used
    sender.close()
    with store.read() as session:
        found = mailings.status(session, mailing_id)
        answered = select(func.min(Recipient.due)).where(Recipient.mailing_id == mailing_id)
        first = session.scalar(answered) or 0.0
    if (found.accepted, found.state) != (audience, MailingState.DONE) or made is None:
        raise RuntimeError(f"the ledger does not add up: {found}")
    return Sent(
        copies=audience,
        seconds=took,
        cpu=cpu / audience * 1000,
        first=first - wall,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        size=sum(map(len, made.parts)),
        window=settings.intent_window * settings.connections,
    )


def _variant(mailing_id: int, app: App) -> int:
    with app.store.read() as session:
        chosen = select(Recipient.variant).where(Recipient.mailing_id == mailing_id).limit(1)
        return session.scalar(chosen) or 0


if __name__ == "__main__":
    opened = App(config.load(os.environ))
    print(json.dumps(dataclasses.asdict(send_here(opened))))  # noqa: T201
    opened.close()
