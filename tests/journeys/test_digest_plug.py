"""The plug is pulled while a digest is made and sent: each member has each post once."""

import email
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path

import pytest

from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply, rehearsal
from tests.journeys.letters import send, settled, text_of
from tests.tree import ROOT, Krets, wait_for

LIST, ANNA = "friends@example.org", "anna@example.net"
PEOPLE = [f"p{number}@example.net" for number in range(60)]
SAID = ("How deep do you plant potatoes?", "Who has a ladder that reaches a roof?")
CONNECTIONS = 10


def slowly(moment: Moment, _caught: Caught) -> SinkReply | None:
    return SinkReply(delay=0.15) if moment is Moment.DOT else None


@pytest.fixture
def krets(tmp_path: Path, database_url: str, outbox: list[Caught]) -> Iterator[Krets]:
    with rehearsal(Sink(slowly, keep=outbox.append)) as sink:
        made = Krets(tmp_path, relay=f"smtp://127.0.0.1:{sink.port}", database=database_url)
        yield made
        if made.process is not None:
            made.stop()


@pytest.mark.journey
@pytest.mark.timeout(600)
def test_a_digest_survives_the_plug_while_it_is_made_and_while_it_is_sent(
    krets: Krets, outbox: list[Caught]
) -> None:
    krets.krets("list", "create", LIST)
    consent = ("--consent", "Asked at the meeting", "--yes")
    krets.krets("member", "import", LIST, "-", *consent, stdin="\n".join(PEOPLE))
    for person in PEOPLE:
        krets.krets("member", "set", LIST, person, "--rhythm", "daily")
    krets.krets("member", "add", LIST, ANNA, "--consent", "asked")
    krets.start()
    for said in SAID:
        send(krets, ANNA, LIST, said)
    settled(krets)
    until = datetime.fromtimestamp(time.time() + 86400, UTC).isoformat()
    words = [sys.executable, "-m", "listserv", "digest", "send", LIST, "--until", until]
    making = subprocess.Popen(words, env=krets.env, cwd=ROOT, stdout=subprocess.DEVNULL)
    krets.kill_tree()  # and the command after it, wherever it stands
    making.kill()
    making.wait(60)
    krets.start()
    krets.krets("digest", "send", LIST, "--until", until)
    theirs = set(PEOPLE)
    wait_for("some copies", lambda: len(of(outbox, theirs)) >= CONNECTIONS * 2)
    krets.kill_tree()
    krets.start()
    wait_for(
        "a copy for everybody", lambda: {one.recipient for one in of(outbox, theirs)} == theirs
    )
    settled(krets)
    copies = of(outbox, theirs)
    told = {(one.recipient, str(message(one)["Message-ID"])) for one in copies}
    assert len(told) == len(PEOPLE)  # one digest for each, whatever was sent again as unsure
    again = Counter(one.recipient for one in copies)
    assert sum(again.values()) - len(PEOPLE) <= CONNECTIONS
    for one in copies:
        assert all(text_of(message(one)).count(said) == 1 for said in SAID)


def message(one: Caught) -> Message:
    return email.message_from_bytes(one.raw)


def of(outbox: list[Caught], people: set[str]) -> list[Caught]:
    return [one for one in list(outbox) if one.recipient in people]
