"""The newsletter commands: what they say, refuse and leave in the ledger."""

import email
import json
import quopri
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.policy import default
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from archive.threads.archive_tables import Message
from listserv.cli.newsletter import newsletter
from listserv.mailings import audience_freezing, delivery
from listserv.mailings.slots import FILLED, NAMED, variant_of
from listserv.newsletters.editors import scheduled_issues
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.errors import KretsError
from mailer.ledger import claim_owners, ledger, mailing_control, mailings, pace
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import Mailing, Recipient, RecipientState
from mailer.reading.addresses import parse
from mailer.storage.store import Store
from subscriptions.lists.roster import (
    ArchivePolicy,
    ListKind,
    Role,
    create_list,
    get_list,
    membership_of,
)
from subscriptions.membership.members import Candidate, enrol
from subscriptions.permission.consent import ConsentNote, Source

NEWS, FRIENDS = "news@example.org", "friends@example.org"
DRAFT = "---\nsubject: News for {{ name }}\n---\nHello {{ name }}.\n"


@dataclass(frozen=True, slots=True)
class Ran:
    """Hold what a command left on the terminal."""

    exit_code: int
    stdout: str
    stderr: str


Run = Callable[..., Ran]


@pytest.fixture
def app(store: Store, tmp_path: Path) -> App:
    """Open an application with a newsletter of three readers, and a discussion list."""
    made = App(load({"KRETS_MAILER__DATA": str(tmp_path)}))
    made.__dict__["store"] = store  # made without the migrations: a second saved for each test
    note = ConsentNote("asked", Source.CLI)
    people = [
        ("Anna", "anna@example.net", "sv"),
        ("", "bo@example.net", ""),
        ("C", "c@example.com", "it"),
    ]
    with made.store.write() as session:
        create_list(session, FRIENDS, kind=ListKind.DISCUSSION, now=1.0)
        lst = create_list(session, NEWS, kind=ListKind.NEWSLETTER, now=1.0, title="Nytt")
        enrol(
            session,
            lst,
            [Candidate(parse(to), name=n, language=lang, consent=note) for n, to, lang in people],
            keyring=made.keyring,
            now=time.time(),
        )
    return made


@pytest.fixture
def run(app: App) -> Run:
    def ran(*words: str, stdin: str = DRAFT) -> Ran:
        done = CliRunner().invoke(newsletter, words, input=stdin, obj=app)
        if isinstance(done.exception, KretsError):
            return Ran(done.exception.exit_code, done.stdout, done.stderr + str(done.exception))
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    return ran


def sent(run: Run, *words: str) -> int:
    return int(json.loads(run("send", NEWS, "-", "--yes", "--json", *words).stdout)["mailing"])


def rows(app: App, mailing: int) -> dict[str, Recipient]:
    with app.store.read() as session:
        found = session.scalars(select(Recipient).where(Recipient.mailing_id == mailing))
        return {row.address: row for row in found}


def answer(app: App, mailing: int, *states: RecipientState) -> None:
    """Claim everybody and answer for the relay."""
    with app.store.write() as session:
        epoch = claim_owners.register(
            session, claim_owners.here(), flight="x", lease_until=time.time() + 60
        )
        claimed = ledger.claim(
            session, epoch=epoch, quota=len(states), now=time.time(), wanted=ledger.everyone
        )
        marks = [
            Mark(
                row.id, epoch, state, 250 if state is RecipientState.ACCEPTED else 550, "words", 9e9
            )
            for row, state in zip(claimed, states, strict=True)
        ]
        ledger.mark(session, marks)
        claim_owners.retire(session, epoch)
        mailing_control.finish(session, now=time.time())


def test_an_issue_is_in_the_ledger_and_the_archive_before_the_command_returns(
    app: App, run: Run
) -> None:
    result = run("send", NEWS, "-", "--yes", "--json")
    answer = json.loads(result.stdout)
    assert (answer["audience"], answer["policy"]) == (3, "never-twice")
    found = rows(app, answer["mailing"])
    assert set(found) == {"anna@example.net", "bo@example.net", "c@example.com"}
    assert all(row.variant & FILLED for row in found.values())
    assert bool(found["anna@example.net"].variant & NAMED)
    assert not found["bo@example.net"].variant & NAMED
    assert len({row.variant for row in found.values()}) == 3
    with app.store.read() as session:
        page = session.scalars(select(Message)).one()
        mailing = session.get_one(Mailing, answer["mailing"])
    assert page.subject == "News for"
    assert mailing.state == "sending"
    assert list(app.settings.archive_path.glob(f"**/m/{page.hash}/index.html"))


def test_each_copy_is_its_readers_own(app: App, run: Run) -> None:
    mailing = sent(run)
    readers = delivery.Readers(app.keyring)
    with app.store.write() as session:
        epoch = claim_owners.register(
            session, claim_owners.here(), flight="x", lease_until=time.time() + 60
        )
        claimed = ledger.claim(
            session, epoch=epoch, quota=9, now=time.time(), wanted=readers.wanted
        )
    seen = {}
    with app.store.read() as session:
        view = mailings.view(session, mailing)
        for row in claimed:
            copy = readers.copy(view, row)
            segments = mailings.composition(session, mailing, row.variant)
            assert segments is not None
            seen[row.address] = quopri.decodestring(segments.join(copy.values))
            assert copy.return_path.startswith("news-bounces+")
    assert b"Hello Anna." in seen["anna@example.net"]
    assert b"Hello." in seen["bo@example.net"]
    assert b"To: <bo@example.net>" in seen["bo@example.net"]
    assert "för att du har gått med" in seen["anna@example.net"].decode()
    tokens = {copy.split(b"leave+")[1].split(b"@")[0] for copy in seen.values()}
    assert len(tokens) == 3


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        ((FRIENDS, "-", "--yes"), DRAFT, 1, "discussion list"),
        ((NEWS, "-"), DRAFT, 1, "--yes"),
        ((NEWS, "-", "--yes"), DRAFT.replace("name", "nmae"), 2, "Did you mean name?"),
        (("nobody@example.org", "-", "--yes"), DRAFT, 1, "nobody@example.org"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_leaves_nothing(
    app: App, run: Run, words: tuple[str, ...], stdin: str, code: int, said: str
) -> None:
    result = run("send", *words, stdin=stdin)
    assert result.exit_code == code
    assert said in result.stderr
    with app.store.read() as session:
        assert session.scalar(select(Mailing.id)) is None


def test_a_rehearsal_says_who_would_get_it_and_sends_nothing(app: App, run: Run) -> None:
    result = run("send", NEWS, "-", "--dry-run")
    assert "3: example.net 2, example.com 1" in result.stderr
    with app.store.read() as session:
        assert session.scalar(select(Mailing.id)) is None


def test_a_segment_is_saved_shown_and_sent_to_alone(app: App, run: Run) -> None:
    assert "2 readers now" in run("segment", "set", NEWS, "away", "not language = en").stderr
    assert json.loads(run("segment", "ls", NEWS, "--json").stdout) == [
        {"name": "away", "segment": "not language = en", "readers": 2}
    ]
    found = json.loads(
        run("segment", "show", NEWS, "away and domain != example.com", "--json").stdout
    )
    assert found["segment"] == "language != en and domain != example.com"
    assert (found["readers"], found["sample"][0]["email"]) == (1, "anna@example.net")
    rehearsed = run("send", NEWS, "-", "--segment", "away", "--dry-run", "--json")
    assert json.loads(rehearsed.stdout)["segment"] == "language != en"
    assert "such as  C <c@example.com>, Anna <anna@example.net>" in rehearsed.stderr
    assert "Did you mean away?" in run("send", NEWS, "-", "--segment", "awya", "--yes").stderr
    nobody = run("send", NEWS, "-", "--segment", "language = ru", "--yes")
    assert (nobody.exit_code, "Nobody is in the segment" in nobody.stderr) == (1, True)
    assert run("send", NEWS, "-", "--segment", "away", "--yes").exit_code == 0
    with app.store.read() as session:
        sent = set(session.scalars(select(Recipient.address)))
    assert sent == {"anna@example.net", "c@example.com"}
    assert "is gone" in run("segment", "set", NEWS, "away", "").stderr


def test_the_same_issue_is_not_sent_twice_by_accident(run: Run) -> None:
    first = sent(run)
    again = run("send", NEWS, "-", "--yes")
    assert again.exit_code == 1
    assert f"as mailing {first}" in again.stderr
    assert sent(run, "--anyway") > first


def test_the_pace_of_the_last_large_mailing_is_the_estimate(app: App, run: Run) -> None:
    mailing = sent(run)
    answer(app, mailing, RecipientState.ACCEPTED, RecipientState.ACCEPTED, RecipientState.ACCEPTED)
    with app.store.write() as session:
        session.execute(update(Mailing).values(audience=500, started=1.0, finished=301.0))
    said = run("send", NEWS, "-", "--dry-run").stderr
    assert f"about 5 min, at the pace of mailing {mailing}" in said
    assert "example.net last" not in said  # nothing holds it back
    with app.store.write() as session:
        row = {"key": pace.to("example.com"), "rate": 0.001, "step": 1e-6, "room": 0}
        session.add(pace.PaceRow(**row, at=time.time(), until=0, booked=0))
    said = run("send", NEWS, "-", "--dry-run").stderr
    assert "about 17 min, example.com last (0.001/s)" in said


def test_a_mailing_is_paused_resumed_and_stopped(app: App, run: Run) -> None:
    mailing = str(sent(run))
    assert run("pause", mailing).exit_code == 0
    assert "krets newsletter resume" in run("status", mailing).stdout
    assert run("resume", mailing).exit_code == 1  # nobody said yes
    assert run("resume", mailing, "--yes").exit_code == 0
    assert "nothing was done" in run("stop", mailing, "--dry-run").stderr
    assert run("stop", mailing, "--yes").exit_code == 0
    status = json.loads(run("status", mailing, "--json").stdout)
    assert (status["state"], status["skipped"], status["audience"]) == ("stopped", 3, 3)
    assert status["connections"] == app.settings.mailer.connections
    assert run("pause", mailing).exit_code == 1


@pytest.mark.parametrize(
    "state", [RecipientState.REFUSED, RecipientState.UNSURE, RecipientState.DEFERRED]
)
def test_who_did_not_get_it_is_sent_to_again_by_command_alone(
    app: App, run: Run, state: RecipientState
) -> None:
    mailing = str(sent(run))
    answer(app, int(mailing), RecipientState.ACCEPTED, state, RecipientState.ACCEPTED)
    only = state.name.lower()
    before = json.loads(run("status", mailing, "--json").stdout)
    assert (before["accepted"], before[only]) == (2, 1)
    assert run("resend", mailing, "--only", only).exit_code == 1
    assert "1 are due again" in run("resend", mailing, "--only", only, "--yes").stderr
    after = json.loads(run("status", mailing, "--json").stdout)
    assert (after["accepted"], after["ready"], after[only]) == (2, 1, 0)
    assert after["state"] == "sending"
    assert "nothing was changed" in run("resend", mailing, "--only", only, "--yes").stderr
    (address,) = (row.address for row in rows(app, int(mailing)).values() if row.state == 0)
    answer(app, int(mailing), RecipientState.ACCEPTED)
    told = json.loads(run("history", mailing, address, "--json").stdout)
    before = [only] if state is not RecipientState.REFUSED else []
    assert [one["state"] for one in told] == [*before, "ready", "accepted"]
    assert [one["by"] for one in told][-2:] == ["cli", None]
    assert told[-1]["at"].startswith("20")


def test_the_history_of_a_stranger_is_refused_and_of_a_first_success_is_one_line(
    app: App, run: Run
) -> None:
    mailing = str(sent(run))
    answer(
        app, int(mailing), RecipientState.ACCEPTED, RecipientState.ACCEPTED, RecipientState.ACCEPTED
    )
    assert run("history", mailing, "nobody@example.net").exit_code == 1
    (line,) = json.loads(run("history", mailing, "anna@example.net", "--json").stdout)
    assert (line["state"], line["code"]) == ("accepted", 250)
    assert "is accepted" in run("history", mailing, "anna@example.net").stderr


def test_an_address_beyond_ascii_stands_in_the_ledger_as_its_envelope_wants_it(
    app: App, run: Run
) -> None:
    note = ConsentNote("asked", Source.CLI)
    odd = Candidate(parse("åsa@måne.example"), language="ru", consent=note)
    with app.store.write() as session:
        lst = get_list(session, NEWS)
        enrol(session, lst, [odd], keyring=app.keyring, now=time.time())
    found = rows(app, sent(run))
    assert found["åsa@xn--mne-ula.example"].variant == variant_of("ru", named=False, filled=True)
    assert found["anna@example.net"].variant == variant_of("sv", named=True, filled=True)
    assert found["bo@example.net"].variant == variant_of("en", named=False, filled=True)


def test_a_freeze_that_was_cut_is_taken_up_and_enters_nobody_twice(
    app: App, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience_freezing, "POUR", 2)
    mailing = sent(run)
    assert len(rows(app, mailing)) == 3
    with app.store.read() as session:
        assert mailings.status(session, mailing).audience == 3
    assert audience_freezing.freeze_some(app.store, mailing) is False


def test_an_archive_that_is_closed_keeps_no_issue(app: App, run: Run) -> None:
    with app.store.write() as session:
        get_list(session, NEWS).archive = ArchivePolicy.NONE
    sent(run)
    with app.store.read() as session:
        assert session.scalar(select(Message.hash)) is None


def test_a_proof_goes_to_the_editors_alone_and_is_the_very_copy_of_a_reader(
    app: App, run: Run
) -> None:
    assert run("proof", NEWS, "-").exit_code == 1  # nobody edits it yet
    with app.store.write() as session:
        member = membership_of(session, get_list(session, NEWS).id, "anna@example.net")
        assert member is not None
        member.role = Role.EDITOR
    assert run("proof", NEWS, "-", "--to", "bo@example.net").exit_code == 1
    assert json.loads(run("proof", NEWS, "-", "--json", "--dry-run").stdout)["dry_run"] is True
    assert json.loads(run("proof", NEWS, "-", "--json").stdout)["to"] == ["anna@example.net"]
    mailing = sent(run)
    readers = delivery.Readers(app.keyring)
    copies = []
    with app.store.read() as session:
        (proof, _report) = session.scalars(
            select(Mailing).where(Mailing.kind == "notice").order_by(Mailing.id)
        ).all()
        row = rows(app, mailing)["anna@example.net"]
        for kind, number in (("proof", proof.id), ("issue", mailing)):
            segments = mailings.composition(session, number, row.variant if kind == "issue" else 0)
            claimed = ledger.ClaimedRow(1, number, row.ref, row.address, "", row.variant, 0)
            readers.wanted(session, [claimed])
            values = readers.copy(mailings.view(session, number), claimed).values
            assert segments is not None
            copies.append(email.message_from_bytes(segments.join(values), policy=default))
    proved, real = copies
    assert (proved["Subject"], real["Subject"]) == (
        "Korrektur: News for Anna",
        "News for Anna",
    )
    assert proved["Message-ID"] != real["Message-ID"]
    assert proved["Archived-At"] is None
    for kind in ("plain", "html"):
        one, other = (copy.get_body((kind,)).get_content() for copy in copies)  # type: ignore[union-attr]
        assert _without_ways(one) == _without_ways(other)


def edit(app: App) -> None:
    with app.store.write() as session:
        member = membership_of(session, get_list(session, NEWS).id, "anna@example.net")
        assert member is not None
        member.role = Role.EDITOR


def test_a_file_is_scheduled_shown_cancelled_and_sent_by_the_clock(app: App, run: Run) -> None:
    edit(app)
    assert run("schedule", NEWS, "-", "yesterday", "--yes").exit_code == 2
    dry = json.loads(run("schedule", NEWS, "-", "tomorrow", "8", "--dry-run", "--json").stdout)
    assert (dry["edition"], dry["zone"]) == (None, "UTC")
    made = json.loads(
        run("schedule", NEWS, "-", "tomorrow", "8", "Europe/Rome", "--yes", "--json").stdout
    )
    (shown,) = json.loads(run("drafts", NEWS, "--json").stdout)
    assert (shown["edition"], shown["state"]) == (made["edition"], "scheduled")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT08:00\+0[12]:00", shown["goes out"])
    assert "Nothing" not in run("cancel", str(made["edition"])).stderr
    assert run("cancel", str(made["edition"])).exit_code == 1
    scheduled_issues.attend(app, lambda: False, now=made["at"] + 1)
    assert len(json.loads(run("drafts", "--json").stdout)) == 1
    again = json.loads(run("schedule", NEWS, "-", "tomorrow", "8", "--yes", "--json").stdout)
    scheduled_issues.attend(app, lambda: False, now=again["at"] + 1)
    with app.store.read() as session:
        (mailing,) = session.scalars(select(Mailing).where(Mailing.kind == "issue")).all()
    assert mailing.policy == "never-twice"
    assert [row["edition"] for row in json.loads(run("drafts", "--json").stdout)] == [
        made["edition"]
    ]


def test_something_red_is_not_scheduled_unless_somebody_insists(app: App, run: Run) -> None:
    edit(app)
    todo = DRAFT + "\nTODO\n"
    refused = run("schedule", NEWS, "-", "tomorrow", "8", "--yes", stdin=todo)
    assert (refused.exit_code, "left to fill in" in refused.stderr) == (1, True)
    assert (
        run("schedule", NEWS, "-", "tomorrow", "8", "--yes", "--anyway", stdin=todo).exit_code == 0
    )


def test_a_name_that_was_read_again_is_not_the_next_to_go(app: App, run: Run) -> None:
    mailing = sent(run)
    anna = rows(app, mailing)["anna@example.net"]
    first = ledger.ClaimedRow(1, mailing, anna.ref, anna.address, "", anna.variant, 0)
    # Others whose names are read too; nobody needs to be behind a membership's number.
    others = [first._replace(id=n, ref=10_000 + n) for n in range(2, 5)]
    readers = delivery.Readers(app.keyring, room=3)
    with app.store.read() as session:
        view = mailings.view(session, mailing)
        readers.wanted(session, [first, *others[:2]])
        readers.wanted(session, [first, others[2]])
        assert readers.copy(view, first).values["name.t"] == b"Anna"


def _without_ways(text: str) -> str:
    return re.sub(
        r"leave[/+][a-z2-7]{26}|/m/[a-z2-7]{52}/| · <a [^>]*>[^<]*</a>|<title>[^<]*", "", text
    )


def test_a_series_with_nobody_due_says_so_and_ends_well(run: Run) -> None:
    draft = "---\nsubject: Welcome\nseries: welcome\n---\nHi.\n"
    assert run("send", NEWS, "-", "--yes", stdin=draft).exit_code == 0
    for words in (["send", NEWS, "-"], ["schedule", NEWS, "-", "tomorrow", "8"]):
        again = run(*words, "--json", stdin=draft)  # nothing to agree to
        assert again.exit_code == 0
        assert "Nobody is due: all have had 'welcome' already. Nothing was sent." in again.stderr
        answer = json.loads(again.stdout)
        assert (answer["audience"], answer["mailing"]) == (0, None)
