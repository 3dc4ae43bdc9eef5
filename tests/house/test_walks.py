"""The five walks of docs/explanation/walks.md: every file they name is entered, in that order."""

import os
import re
import signal
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from listserv.cli.main import krets as command
from listserv.reception import smtp_door
from listserv.run import jobs
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from mailer.reading import addresses
from mailer.rehearsal.sink import Caught, Sink, rehearsal
from subscriptions.lists import roster
from subscriptions.lists.roster import ListKind, Role
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source
from tests.first_entries import first_entries

ROOT = Path(__file__).resolve().parents[2]
WALKS = ROOT / "docs" / "explanation" / "walks.md"
MOST = 12  # files of one walk, at the level that a reader needs
ANNA, BO, EVA = "anna@example.net", "bo@example.com", "eva@example.org"
FRIENDS, NEWS = "friends@example.org", "news@example.org"


WALK = re.compile(r"(?m)^\d+\. `([^`]+)` \w")


def walks() -> dict[str, list[str]]:
    """Return the files of each walk, by its heading."""
    parts = re.split(r"(?m)^## ", WALKS.read_text(encoding="utf-8"))[1:]
    return {part.partition("\n")[0]: WALK.findall(part) for part in parts}


class Quiet:
    """Ring no bell: the walks call each job themselves."""

    def ring(self, _name: str) -> bool:
        return True

    def lift(self, _name: str) -> None:
        """Do nothing."""


class House:
    """One installation in this process: its door, its jobs, and a relay that says yes."""

    def __init__(self, app: App, outbox: list[Caught]) -> None:
        self.app = app
        self.outbox = outbox
        self.before: list[Caught] = []  # what had left when the walk began
        self._numbers = count(1)

    def bring(
        self, sender: str, to: str, text: str, head: str = "", *, envelope: str | None = None
    ) -> None:
        """Let a mail come in by SMTP, through the real door, and wait for its 250."""
        raw = (
            f"From: {sender}\r\nTo: {to}\r\nSubject: Tea\r\n{head}"
            f"Message-ID: <{next(self._numbers)}@walks.example>\r\n\r\n{text}\r\n"
        )
        client = threading.Thread(
            target=self._hand_over, args=(sender if envelope is None else envelope, to, raw)
        )
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
            smtp_door.run_door(self.app, [listener], None, client.start)
        client.join()

    def _hand_over(self, sender: str, to: str, raw: str) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self._port, timeout=60) as client:
                client.sendmail(sender, [to], raw)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # the door closes, as krets serve's does

    def work(self) -> None:
        """Answer the bells that a mail rings, in their order."""
        jobs.sort()
        jobs.deliver()
        jobs.archive()

    def answer(self, words: str) -> None:
        """Answer the newest mail that left, as its reader does."""
        mail = self.outbox[-1]
        to = re.search(rb"(?im)^Reply-To: <?([^>\r\n]+)", mail.raw)
        assert to is not None
        self.bring(mail.recipient, to[1].decode(), words)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    outbox: list[Caught] = []
    with rehearsal(Sink(keep=outbox.append)) as relay:
        settings = Settings(
            listserv=ListservSettings(domain="example.org", base_url="http://localhost:8080"),
            mailer=MailerSettings(data=tmp_path, relays=[f"smtp://127.0.0.1:{relay.port}"]),
        )
        app = App(settings)
        app.__dict__["bells"] = Quiet()
        with app.store.write() as session:
            roster.create_list(session, FRIENDS, now=1.0, title="Friends")
            roster.create_list(session, NEWS, kind=ListKind.NEWSLETTER, now=1.0, title="News")
            for lst, who, role in (
                (FRIENDS, ANNA, Role.MEMBER),
                (FRIENDS, BO, Role.MEMBER),
                (NEWS, EVA, Role.EDITOR),
                (NEWS, BO, Role.MEMBER),
            ):
                person = Candidate(
                    addresses.parse(who), role=role, consent=ConsentNote("asked", Source.CLI)
                )
                add_member(
                    session, roster.get_list(session, lst), person, keyring=app.keyring, now=1.0
                )
        desk = jobs.WorkerContext(app)
        jobs.use(desk)
        yield House(app, outbox)
        desk.close()
        del app.__dict__["bells"]
        app.close()


def a_post(house: House) -> None:
    house.bring(ANNA, FRIENDS, "Who has tea?")
    house.work()
    assert {ANNA, BO} <= {one.recipient for one in house.outbox}


def a_join(house: House) -> None:
    house.bring(EVA, "friends-join@example.org", "")
    house.work()
    house.answer("yes")
    house.work()
    assert [one.recipient for one in house.outbox] == [EVA, EVA]


def an_issue(house: House) -> None:
    house.bring(EVA, "news-issue@example.org", "# November\n\nHello {{ name }}, the tea is ready.")
    house.work()
    house.answer("send")
    house.work()
    assert BO in [one.recipient for one in house.outbox]


def a_bounce(house: House) -> None:
    copy = next(one for one in house.before if one.recipient == BO)
    report = (
        "--=\r\nContent-Type: text/plain\r\n\r\nNobody here.\r\n"
        "--=\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.com\r\n\r\n"
        f"Final-Recipient: rfc822; {BO}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n--=--\r\n"
    )
    head = "MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary="
    head += '"="; report-type=delivery-status\r\n'
    house.bring("mailer-daemon@mx.example.com", copy.sender, report, head, envelope="")
    house.work()


def a_rebuild(house: House) -> None:
    settings = house.app.settings
    env = {
        "KRETS_MAILER__DATA": str(settings.mailer.data),
        "KRETS_LISTSERV__DOMAIN": "example.org",
        "KRETS_LISTSERV__BASE_URL": settings.listserv.base_url,
    }
    done = CliRunner().invoke(command, ["archive", "build", FRIENDS], env=env)
    assert done.exit_code == 0, done.output


TAKEN: dict[str, tuple[Callable[[House], None], Callable[[House], None] | None]] = {
    "A post": (a_post, None),
    "A join": (a_join, None),
    "An issue": (an_issue, None),
    "A bounce": (a_bounce, a_post),
    "A rebuild": (a_rebuild, a_post),
}


def out_of_step(named: Sequence[str], entered: Sequence[str]) -> list[str]:
    """Return the files that a walk names and did not enter, or not after the one named before."""
    places = {name: place for place, name in enumerate(entered)}
    found, last = [], -1
    for name in named:
        place = places.get(name, -1)
        if place <= last:
            found.append(name)
        last = max(last, place)
    return found


def test_each_of_the_five_walks_names_a_dozen_files_at_most_and_each_line_one() -> None:
    told = walks()
    assert list(told) == list(TAKEN)
    lines = len(re.findall(r"(?m)^\d+\. ", WALKS.read_text(encoding="utf-8")))
    assert lines == sum(map(len, told.values()))
    assert all(5 <= len(names) <= MOST for names in told.values())


@pytest.mark.parametrize("walk", TAKEN)
def test_a_walk_enters_every_file_it_names_in_that_order(house: House, walk: str) -> None:
    named = walks()[walk]
    assert [name for name in named if not (ROOT / name).is_file()] == []
    take, before = TAKEN[walk]
    if before is not None:
        before(house)
    house.before, house.outbox[:] = list(house.outbox), []
    with first_entries() as entered:
        take(house)
    assert out_of_step(named, entered) == []


def test_a_file_that_is_not_entered_or_too_early_is_found() -> None:
    entered = ["door.py", "rules.py", "ledger.py"]
    assert out_of_step(["door.py", "ledger.py"], entered) == []
    assert out_of_step(["door.py", "renamed.py", "ledger.py"], entered) == ["renamed.py"]
    assert out_of_step(["rules.py", "door.py", "ledger.py"], entered) == ["door.py"]
