"""Issues on terms: own hours, quiet hours, caps, who goes first, and a halt by itself."""

import json
import time
from datetime import datetime
from email.message import Message as Mail
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update

from archive.threads.archive_tables import Message
from listserv.mailings import audience_freezing
from listserv.newsletters.editors import automatic_pause, scheduled_issues
from listserv.newsletters.editors.automatic_pause import Counts, judge
from listserv.newsletters.sending import canaries, issue_sending
from listserv.newsletters.sending.canaries import BOUND, CanaryCount, follow
from listserv.upkeep import retention
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from listserv.wiring.listserv_tables import Issue
from mailer.errors import Refused, Temporary
from mailer.ledger import claim_owners, ledger, mailing_control, mailings
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState, UnsurePolicy
from mailer.reading.addresses import parse
from mailer.storage.store import Store
from subscriptions.audience import segment_query
from subscriptions.lists import attributes, roster, terms
from subscriptions.lists.roster import ListKind, MailList, Membership, Role
from subscriptions.lists.series import Had
from subscriptions.lists.terms import Canary, Terms
from subscriptions.membership.members import Candidate, enrol
from subscriptions.permission.consent import ConsentNote, Source
from tests.place import Place, Silent, subject, text

NEWS, OTHER = "news@example.org", "other@example.org"
NOTE = ConsentNote("asked", Source.CLI)
ZONES = {"anna": "Europe/Rome", "bo": "America/Lima", "carl": "Asia/Tokyo"}


@pytest.fixture
def app(store: Store, tmp_path: Path) -> App:
    """Make two newsletters of an editor and three readers, each in a time zone of their own."""
    made = App(
        Settings(
            listserv=ListservSettings(domain="example.org", base_url="http://localhost:8080"),
            mailer=MailerSettings(data=tmp_path),
        )
    )
    made.__dict__.update(store=store, bells=Silent())
    people = [Candidate(parse(f"{who}@example.net"), consent=NOTE) for who in ZONES]
    people.append(Candidate(parse("olga@example.org"), role=Role.EDITOR, consent=NOTE))
    with store.write() as session:
        for name in (NEWS, OTHER):
            lst = roster.create_list(session, name, kind=ListKind.NEWSLETTER, title="News", now=1.0)
            enrol(session, lst, people, keyring=made.keyring, now=1e9)
            for who, zone in ZONES.items():
                member = roster.membership_of(session, lst.id, f"{who}@example.net")
                assert member is not None
                attributes.put(session, member.id, attributes.ZONE, zone)
    return made


def change(app: App, **values: str | bool) -> MailList:
    with app.store.write() as session:
        lst = roster.get_list(session, NEWS)
        roster.change_list(lst, **values)  # type: ignore[arg-type]
    return lst


def send(app: App, words: str, to: str = NEWS, hour: str = "") -> int:
    now = time.time()
    draft = f"---\nsubject: {words}\n---\n{words}\n".encode()
    survey = issue_sending.survey(app, to, draft, now)
    with app.store.write() as session:
        number = issue_sending.enter(
            session, app, survey.lst, survey.ready, policy=UnsurePolicy.NEVER_TWICE, now=now,
            by="cli", hour=hour,
        )  # fmt: skip
    for _ in issue_sending.freeze(app, number):
        pass
    return number


def rows(app: App, number: int) -> dict[str, Recipient]:
    with app.store.read() as session:
        found = session.scalars(select(Recipient).where(Recipient.mailing_id == number))
        return {row.address.partition("@")[0]: row for row in found}


def test_each_readers_copy_is_due_at_their_own_hour(app: App) -> None:
    hour = "2030-01-15T09:30"
    due = {who: row.due for who, row in rows(app, send(app, "One", hour=hour)).items()}
    for who, zone in {**ZONES, "olga": "UTC"}.items():
        local = datetime.fromtimestamp(due[who], ZoneInfo(zone))
        assert local.strftime("%Y-%m-%dT%H:%M") == hour


def test_nothing_is_due_in_a_readers_quiet_hours(app: App) -> None:
    change(app, quiet_hours="13-12:59")  # the whole day but a minute
    for who, row in rows(app, send(app, "One")).items():
        local = datetime.fromtimestamp(row.due, ZoneInfo(ZONES.get(who, "UTC")))
        assert (local.hour, local.minute) == (12, 59)


def test_who_has_had_enough_issues_is_left_out_with_the_reason_and_counted_before(
    app: App,
) -> None:
    send(app, "CanaryCount", OTHER)
    second = send(app, "Second")
    with app.store.write() as session:  # a refused copy is no issue that anybody had
        anna = update(Recipient).where(Recipient.address == "anna@example.net")
        session.execute(anna.values(state=RecipientState.REFUSED))
    change(app, cap="2/7")
    draft = b"---\nsubject: Third\n---\nThird\n"
    survey = issue_sending.survey(app, NEWS, draft, time.time())
    assert [one.values["count"] for one in survey.findings if one.key == "capped"] == [3]
    third = send(app, "Third")
    left_out = {who: (row.state, row.reason) for who, row in rows(app, third).items()}
    assert left_out.pop("anna") == (RecipientState.READY, "")
    assert set(left_out.values()) == {(RecipientState.SKIPPED, "had 2 issues in 7 days")}
    with app.store.read() as session:
        counts = mailings.status(session, third)
    assert (counts.audience, counts.ready, counts.skipped) == (4, 1, 3)
    assert rows(app, second)["bo"].state == RecipientState.READY


def test_a_few_go_first_and_the_others_wait(app: App) -> None:
    change(app, canary="2/30/5")
    number = send(app, "One")
    with app.store.read() as session:
        begun = session.get_one(Mailing, number).created
    waits = sorted(round((row.due - begun) / 60) for row in rows(app, number).values())
    assert waits == [0, 0, 30, 30]


def claimed(app: App, now: float) -> set[str]:
    """Claim all that may go at ``now``; return who that is."""
    with app.store.write() as session:
        epoch = claim_owners.register(
            session, claim_owners.here(), flight="x", lease_until=now + 60
        )
        due = ledger.due_count(session, now=now, limit=9)
        found = ledger.claim(session, epoch=epoch, quota=9, now=now, wanted=ledger.everyone)
        assert len(found) == due
        return {row.address.partition("@")[0] for row in found}


def settle(app: App, number: int, who: set[str], state: RecipientState, at: float) -> None:
    with app.store.write() as session:
        for one in who:
            row = update(Recipient).where(
                Recipient.mailing_id == number, Recipient.address.startswith(f"{one}@")
            )
            session.execute(row.values(state=state, due=at))


def test_the_others_follow_the_wait_after_the_last_of_the_first_was_answered_for(app: App) -> None:
    change(app, canary="2/30/5")
    number = send(app, "One")
    with app.store.read() as session:
        begun = session.get_one(Mailing, number).created
    late = begun + 7200  # the relay was away, or every worker
    assert canaries.look(app, late) == 0
    first = claimed(app, late)
    assert len(first) == 2
    one = {min(first)}
    settle(app, number, one, RecipientState.ACCEPTED, late + 10)
    assert canaries.look(app, late + 1900) == 0
    assert claimed(app, late + 1900) == set()
    settle(app, number, first - one, RecipientState.ACCEPTED, late + 20)
    for seconds, opened in ((1819, 0), (1821, 1), (1822, 0)):
        assert canaries.look(app, late + seconds) == opened
        with app.store.read() as session:
            due = ledger.next_due(session)
            assert (due is not None) == (seconds > 1820)
    assert first | claimed(app, late + 1822) == {*ZONES, "olga"}


@pytest.mark.parametrize(
    ("first", "follows"),
    [
        (CanaryCount(1, 0, 199, 50.0), 100 + BOUND),  # one has not had a turn
        (CanaryCount(0, 3, 197, 500.0), 2300.0),  # three are put off by their own servers
        (CanaryCount(0, 200, 0, 0.0), 100 + BOUND),  # a relay that puts all off has shown nothing
        (CanaryCount(0, 0, 200, 2 * BOUND), 100 + BOUND),
        (CanaryCount(0, 0, 0, 0.0), 100 + BOUND),  # asleep, or gone
    ],
)
def test_when_the_others_follow_has_a_bound(first: CanaryCount, follows: float) -> None:
    assert follow(first, wait=1800.0, begun=100.0) == follows


def test_who_sleeps_by_the_time_the_others_may_follow_is_left_to_sleep(app: App) -> None:
    change(app, canary="1/1/5", quiet_hours="22-7", zone="Europe/Rome")
    number = send(app, "One")
    with app.store.write() as session:
        session.execute(update(Recipient).values(due=0.0))
        mailing = session.get_one(Mailing, number)
        ahead = json.loads(mailing.ahead or "[]")
        mailing.created = midnight = datetime(
            2030, 1, 15, tzinfo=ZoneInfo("Europe/Rome")
        ).timestamp()
        who = session.get_one(Recipient, ahead[0]).address.partition("@")[0]
    settle(app, number, {who}, RecipientState.ACCEPTED, midnight)
    assert canaries.look(app, midnight + 61) == 1
    wakes = {name: row.due - midnight for name, row in rows(app, number).items() if name != who}
    asleep = {"anna": 7 * 3600.0, "olga": 7 * 3600.0, "carl": 0.0 - midnight, "bo": 0.0 - midnight}
    assert wakes == {name: at for name, at in asleep.items() if name != who}
    assert claimed(app, midnight + 61) == {name for name in ("bo", "carl") if name != who}


def test_who_waits_for_the_first_ones_is_not_due_in_quiet_hours_instead(app: App) -> None:
    def hour(seconds: float) -> str:
        return f"{datetime.fromtimestamp(time.time() + seconds, ZoneInfo('Europe/Rome')):%H:%M}"

    quiet = f"{hour(900)}-{hour(36000)}"
    change(app, canary="1/30/5", quiet_hours=quiet, zone="Europe/Rome")
    number = send(app, "One")
    for who, row in rows(app, number).items():
        held = Terms(zone="Europe/Rome", quiet=quiet)
        assert terms.due(held, ZONES.get(who, ""), row.due) == row.due
    with app.store.read() as session:
        begun = session.get_one(Mailing, number).created
    rome = sorted(rows(app, number)[who].due - begun for who in ("anna", "olga"))
    assert rome[-1] > 35000


@pytest.mark.parametrize(
    ("counts", "canary", "why"),
    [
        (Counts(40, 9, 0), Canary(), ""),  # too few to tell
        (Counts(40, 41, 0), Canary(), "refused"),
        (Counts(60, 40, 0), Canary(), ""),
        (Counts(190, 11, 0), Canary(200, 30, 5), "refused"),
        (Counts(9, 1, 0), Canary(10, 30, 5), "refused"),  # so few were meant to tell
        (Counts(100, 0, 2), Canary(), ""),
        (Counts(100, 0, 3), Canary(), "complaints"),
        (Counts(1000, 0, 3), Canary(), ""),
    ],
)
def test_too_many_refusals_or_complaints_are_judged(
    counts: Counts, canary: Canary, why: str
) -> None:
    assert judge(counts, canary) == why


def test_an_issue_that_is_refused_too_often_halts_once_and_tells_its_editors_how_to_go_on(
    app: App,
) -> None:
    change(app, canary="2/30/5")
    number = send(app, "One")
    assert automatic_pause.look(app, time.time()) == 0
    with app.store.write() as session:
        first = update(Recipient).where(Recipient.mailing_id == number, Recipient.ref <= 2)
        session.execute(first.values(state=RecipientState.REFUSED, code=550))
    assert automatic_pause.look(app, time.time()) == 1
    (told,) = Place(app).mails("olga@example.org")
    assert subject(told) == 'News: "One" has been paused'
    assert f"krets newsletter resume {number}" in text(told)
    with app.store.write() as session:
        assert mailings.status(session, number).state is MailingState.PAUSED
        assert automatic_pause.tripped(session, number)
        mailing_control.resume(session, number)
    assert automatic_pause.look(app, time.time()) == 0
    with app.store.read() as session:
        assert session.scalars(select(Issue.tripped)).one() is not None
    assert audience_freezing.freeze_some(app.store, number) is False


def test_a_series_reaches_each_member_once_whenever_they_come_and_stays_out_of_the_archive(
    app: App,
) -> None:
    draft = b"---\nsubject: Welcome\nseries: welcome\nsegment: domain = example.net\n---\nHi\n"

    def run() -> set[str]:
        found = issue_sending.survey(app, NEWS, draft, time.time())
        assert not [one for one in found.red if one.key == "same"]
        number = issue_sending.begin(
            app, found.lst, found.ready, policy=UnsurePolicy.NEVER_TWICE, now=time.time()
        )
        with pytest.raises(Temporary, match="this very moment"):
            issue_sending.begin(
                app, found.lst, found.ready, policy=UnsurePolicy.NEVER_TWICE, now=time.time()
            )
        for _ in issue_sending.freeze(app, number):
            pass
        assert found.readers == len(rows(app, number))
        return set(rows(app, number))

    assert run() == {"anna", "bo", "carl"}
    with pytest.raises(Refused, match="Nobody is due"):
        run()
    with app.store.write() as session:
        stopped = update(Recipient).where(Recipient.address == "bo@example.net")
        session.execute(stopped.values(state=RecipientState.SKIPPED))
        late = Candidate(parse("dan@example.net"), consent=NOTE)
        enrol(session, roster.get_list(session, NEWS), [late], keyring=app.keyring, now=2e9)
    assert run() == {"bo", "dan"}
    with app.store.read() as session:
        assert session.scalars(select(Message)).all() == []


def let_go(app: App, days: int) -> None:
    """End every mailing now, and let ``days`` pass with a ledger that keeps rows for one."""
    now = time.time()
    with app.store.write() as session:
        ready = update(Recipient).where(Recipient.state == RecipientState.READY)
        session.execute(ready.values(state=RecipientState.ACCEPTED))
        session.execute(update(Mailing).values(state=MailingState.DONE, finished=now))
    mailer = app.settings.mailer.model_copy(update={"keep_ledger": 1})
    app.settings = app.settings.model_copy(update={"mailer": mailer})
    while retention.tend(app, now + days * 86400.0):
        pass


def test_who_has_had_an_issue_of_a_series_is_known_when_the_ledger_has_let_go_of_it(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.ledger.expiry.PIECE", 2)
    draft = b"---\nsubject: Welcome\nseries: welcome\n---\nHi\n"

    def run() -> int:
        found = issue_sending.survey(app, NEWS, draft, time.time())
        number = issue_sending.begin(
            app, found.lst, found.ready, policy=UnsurePolicy.NEVER_TWICE, now=time.time()
        )
        for _ in issue_sending.freeze(app, number):
            pass
        return number

    first = run()
    with app.store.write() as session:  # bo's copy was not sent, and anna is forgotten
        skipped = update(Recipient).where(Recipient.address == "bo@example.net")
        session.execute(skipped.values(state=RecipientState.SKIPPED))
        lst = roster.get_list(session, NEWS)
        anna = roster.membership_of(session, lst.id, "anna@example.net")
        session.delete(anna)
    let_go(app, 2)
    assert not rows(app, first)
    with app.store.read() as session:
        assert len(session.scalars(select(Had)).all()) == 2
    assert set(rows(app, run())) == {"bo"}
    with app.store.write() as session:
        session.execute(delete(Membership))
        assert not session.scalars(select(Had)).all()


def test_a_cap_counts_issues_that_the_ledger_would_not_keep_for_so_long(app: App) -> None:
    first = send(app, "CanaryCount")
    change(app, cap="1/7")
    let_go(app, 6)
    assert rows(app, first)
    assert {row.state for row in rows(app, send(app, "Second")).values()} == {
        RecipientState.SKIPPED
    }
    let_go(app, 8)
    assert not rows(app, first)


@pytest.mark.parametrize("word", ["send", "approve", "the hour"])
def test_a_segment_that_has_changed_since_the_proof_is_proved_anew(app: App, word: str) -> None:
    place = Place(app)

    def choose(words: str) -> None:
        with app.store.write() as session:
            segment_query.save(session, roster.get_list(session, NEWS), "choir", words, 1.0)

    def newest(who: str) -> Mail:
        return [one for one in place.mails(who) if "proof." not in one["Message-ID"]][-1]

    who = "olga@example.org"
    choose("domain = example.net")
    place.write(who, "news-issue@example.org", "segment: choir\n\nHello.", subject="Song")
    if word == "approve":
        place.add("mia@example.org", Role.EDITOR, lst=NEWS)
        change(app, four_eyes=True)
        place.reply(newest(who), "send", who)
        who = "mia@example.org"
    if word == "the hour":
        place.reply(newest(who), "send tomorrow 09:00", who)
        choose("all")
        scheduled_issues.attend(app, lambda: False, time.time() + 2 * 86400)
    else:
        choose("all")
        place.reply(newest(who), word, who)
    assert "a saved segment has changed" in " ".join(text(newest(who)).split())
    with app.store.read() as session:
        assert not session.scalars(select(Issue)).all()


def test_send_anyway_goes_on_with_what_halted_by_itself_and_ends_no_pause_of_an_operators(
    app: App,
) -> None:
    place, who = Place(app), "olga@example.org"
    place.write(who, "news-issue@example.org", "Hello.", subject="Song")
    report = place.mails(who)[-1]
    place.reply(report, "send", who)
    with app.store.read() as session:
        number = session.scalars(select(Issue.mailing_id)).one()

    def state() -> MailingState:
        with app.store.read() as session:
            return mailings.status(session, number).state

    def pause() -> None:
        with app.store.write() as session:
            mailing_control.pause(session, number)

    for _ in issue_sending.freeze(app, number):
        pass
    pause()
    place.reply(report, "send anyway", who)
    assert state() is MailingState.PAUSED
    with app.store.write() as session:
        mailing_control.resume(session, number)
        refused = update(Recipient).where(Recipient.mailing_id == number)
        session.execute(refused.values(state=RecipientState.REFUSED, code=550))
    change(app, canary="1/1/1")
    with app.store.write() as session:
        session.execute(update(Issue).values(terms=Terms(canary="1/1/1").write()))
    assert automatic_pause.look(app, time.time()) == 1
    halted = place.mails(who)[-1]
    place.reply(report, "send anyway", who)
    assert state() is MailingState.PAUSED
    place.reply(halted, "send anyway", who)
    assert state() is MailingState.SENDING
    pause()
    for letter in (halted, place.mails(who)[-1], report):
        place.reply(letter, "send anyway", who)
        assert state() is MailingState.PAUSED
