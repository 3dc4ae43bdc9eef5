"""A draft by mail: proved, reported on, sent by one word, once; by nobody else."""

import email
import email.policy
import re
import time
from collections.abc import Callable
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from listserv.newsletters.editors import editor_answers
from listserv.newsletters.editors.answer_steps import AnswerStep, next_step
from listserv.reception import smtp_door, sorter
from listserv.run import scheduler
from listserv.upkeep import restoring
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview, Hold, Issue
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, Recipient
from mailer.reading import addresses
from mailer.storage.store import Store
from subscriptions.audience import segment_query
from subscriptions.lists import attributes, roster
from subscriptions.lists.roster import ListKind, Role
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission import budget
from subscriptions.permission.consent import ConsentNote, Source
from tests.place import Place, Silent, bare, reply_to, subject, text

NEWS, FRIENDS = "news@example.org", "friends@example.org"
ISSUE = "news-issue@example.org"
OLGA, MIA, ANNA, BO, EVE = (
    "olga@example.org", "mia@example.net", "anna@example.net", "bo@example.com", "eve@example.com",
)  # fmt: skip
NOTE = ConsentNote("asked", Source.CLI)
DRAFT = """preheader: Leaves, tea and a new tap.

# November

Hello {{ name }},

leave the *leaves* where they are. [Why](https://garden.example/leaves)
"""


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    """Make a newsletter with two editors and two readers."""
    settings = Settings(
        listserv=ListservSettings(domain="example.org", base_url="http://localhost:8080"),
        mailer=MailerSettings(data=tmp_path),
    )
    app = App(settings)
    # Made without the migrations: a second saved for each test.
    app.__dict__.update(store=store, bells=Silent())
    with store.write() as session:
        for name, kind in ((NEWS, ListKind.NEWSLETTER), (FRIENDS, ListKind.DISCUSSION)):
            roster.create_list(session, name, kind=kind, title="The Garden", now=1.0)
    made = Place(app)
    for who, name, role in (
        (OLGA, "Olga", Role.EDITOR),
        (MIA, "Mia", Role.EDITOR),
        (ANNA, "Anna", Role.MEMBER),
        (BO, "", Role.MEMBER),
    ):
        add(made, who, name, role)
    return made


def add(place: Place, who: str, name: str, role: Role = Role.MEMBER, language: str = "") -> None:
    candidate = Candidate(
        addresses.parse(who), name=name, role=role, language=language, consent=NOTE
    )
    with place.app.store.write() as session:
        lst = roster.get_list(session, NEWS)
        add_member(session, lst, candidate, keyring=place.app.keyring, now=1e9)


def draft(place: Place, words: str = DRAFT, sender: str = OLGA, title: str = "November") -> None:
    place.write(sender, ISSUE, words, subject=title)


def mails(place: Place, who: str = OLGA) -> tuple[list[Message], list[Message]]:
    """Return (proofs, all else) that went to ``who``."""
    found = place.mails(who)
    proofs = [one for one in found if one["Message-ID"].startswith("<proof.")]
    return proofs, [one for one in found if one not in proofs]


def answer(place: Place, words: str, report: Message | None = None, sender: str = OLGA) -> Message:
    """Answer the newest report (or ``report``); return what came back."""
    place.reply(report if report is not None else mails(place)[1][-1], words, sender)
    return mails(place, bare(sender))[1][-1]


def edition(place: Place) -> DraftUnderReview:
    with place.app.store.read() as session:
        return session.scalars(
            select(DraftUnderReview).order_by(DraftUnderReview.id.desc()).limit(1)
        ).one()


def issues_of(place: Place) -> list[Mailing]:
    with place.app.store.read() as session:
        return list(session.scalars(select(Mailing).where(Mailing.kind == "issue")))


def decoded(message: Message, kind: str) -> str:
    whole = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    assert isinstance(whole, EmailMessage)
    found = whole.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_a_draft_comes_back_as_a_proof_and_a_report_to_the_editor_alone(place: Place) -> None:
    draft(place)
    proofs, reports = mails(place)
    (proof,), (report,) = proofs, reports
    assert subject(proof) == "Proof: November"
    assert "Hello Olga," in decoded(proof, "plain")
    assert "<em>leaves</em>" in decoded(proof, "html")
    assert proof["Archived-At"] is None
    assert subject(report) == 'The Garden: report on "November"'
    said = " ".join(text(report).split())
    assert "- Readers now: 4" in said
    assert "Nothing is sent without your answer." in said
    assert "If you did not send this draft, somebody has used your name." in said
    assert "No postal address is set." in said
    assert re.fullmatch(r"<news-reply\+[a-z2-7]{26}@example\.org>", report["Reply-To"])
    assert not issues_of(place)
    assert not place.mails(ANNA)
    assert mails(place, MIA) == ([], [])


def test_send_sends_once_however_often_it_is_said_and_says_so(place: Place) -> None:
    draft(place)
    report = mails(place)[1][0]
    said = answer(place, "Send\n\nOlga\n\nOn Monday Krets wrote:\n> send\n")
    assert subject(said) == 'The Garden: "November" is going out'
    (mailing,) = issues_of(place)
    assert (mailing.state, mailing.audience, mailing.policy) == ("sending", 4, "never-twice")
    again = answer(place, "send", report)
    assert "It has already been sent" in text(again)
    assert "nobody gets it twice" in " ".join(text(again).split())
    other = answer(place, "send", report, sender=MIA)
    assert f"{OLGA} said so" in text(other)
    assert len(issues_of(place)) == 1
    with place.app.store.read() as session:
        issue = session.scalars(select(Issue)).one()
    assert (issue.sent_by, issue.subject) == (OLGA, "November")
    page = place.app.settings.archive_path
    assert list(page.glob(f"**/m/{permalink(place)}/index.html"))


def permalink(place: Place) -> str:
    with place.app.store.read() as session:
        found = mailings.composition(session, issues_of(place)[0].id, some_variant(place))
    assert found is not None
    head = b"".join(found.parts).partition(b"\r\n\r\n")[0].decode()
    return re.findall(r"Archived-At: <\S+/m/([a-z2-7]+)/>", head)[0]


def some_variant(place: Place) -> int:
    with place.app.store.read() as session:
        row = session.scalars(
            select(Recipient).where(Recipient.mailing_id == issues_of(place)[0].id).limit(1)
        ).one()
    return row.variant


def test_of_two_orders_that_were_read_at_the_same_moment_one_sends(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft(place)
    real = editor_answers._read

    def read_while_another_worker_sends(*arguments: object) -> object:
        case = real(*arguments)  # type: ignore[arg-type]
        assert case is not None
        if next_step(case.facts, time.time()) is AnswerStep.SEND:
            with place.app.store.write() as session:
                assert editor_answers._move(
                    session, case.edition, DraftState.SENT, time.time(), by=MIA
                )
        return case

    monkeypatch.setattr(editor_answers, "_read", read_while_another_worker_sends)
    assert f"{MIA} said so" in text(answer(place, "send"))
    assert not issues_of(place)  # the other worker's own, which this test leaves out


def test_a_restored_database_asks_before_it_sends_what_was_scheduled(place: Place) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    restoring.settle(place.app.store, time.time(), time.time())
    editor_answers.attend(place.app, lambda: False)
    assert not issues_of(place)
    assert subject(mails(place)[1][-1]) == 'The Garden: shall "November" still go out?'


@pytest.mark.parametrize("words", ["yes", ""])
def test_a_remark_is_neither_an_order_nor_a_text(place: Place, words: str) -> None:
    draft(place)
    said = answer(place, words)
    assert "neither one of the words below nor a new text" in " ".join(text(said).split())
    assert len(mails(place)[0]) == 1
    assert edition(place).revision == 1
    assert not issues_of(place)


def test_a_long_remark_leaves_the_text_and_the_hour_as_they_were(place: Place) -> None:
    draft(place)
    scheduled = answer(place, "send tomorrow 8")
    said = answer(place, "The second paragraph should say more about the fair. " * 12, scheduled)
    assert "The issue is still scheduled and goes out on" in " ".join(text(said).split())
    assert (edition(place).state, edition(place).revision) == ("scheduled", 1)
    assert len(mails(place)[0]) == 1


def test_one_line_changes_the_subject_and_brings_a_new_proof(place: Place) -> None:
    draft(place)
    before = edition(place).source
    said = answer(place, "Subject: Winter\n\nThanks")
    assert "what you named, and nothing else" in " ".join(text(said).split())
    assert edition(place).source == before.replace('"November"', '"Winter"') != before
    assert [subject(mail) for mail in mails(place)[0]][-1].endswith("Winter")


def test_the_same_issue_once_more_is_red(place: Place) -> None:
    draft(place)
    answer(place, "send")
    draft(place)
    assert "RED: This same issue was already sent on" in text(mails(place)[1][-1])


def test_an_hour_is_repeated_with_date_and_zone_kept_cancelled_and_named_again(
    place: Place,
) -> None:
    with place.app.store.write() as session:
        roster.change_list(roster.get_list(session, NEWS), zone="Europe/Rome")
    draft(place)
    said = answer(place, "send tomorrow 8")
    assert subject(said) == 'The Garden: "November" is scheduled'
    assert re.search(r"  \w+day, \w+ \d+, 20\d\d, 08:00 \(Europe/Rome\)", text(said))
    assert (edition(place).state, edition(place).zone) == ("scheduled", "Europe/Rome")
    assert "no longer scheduled" in text(answer(place, "cancel", said))
    assert (edition(place).state, edition(place).due) == ("open", None)
    assert "Nothing was scheduled" in text(answer(place, "cancel"))
    answer(place, "send tomorrow 8")
    editor_answers.attend(place.app, lambda: False, now=time.time())
    assert not issues_of(place)
    due = edition(place).due
    assert due is not None
    editor_answers.attend(place.app, lambda: False, now=due + 5)
    assert len(issues_of(place)) == 1
    assert subject(mails(place)[1][-1]) == 'The Garden: "November" is going out'
    editor_answers.attend(place.app, lambda: False, now=due + 5)
    assert len(issues_of(place)) == 1


def test_an_hour_that_is_more_than_a_day_gone_asks_before_it_sends(place: Place) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    editor_answers.attend(place.app, lambda: False, now=due + 90_000)
    assert not issues_of(place)
    asked = mails(place)[1][-1]
    assert subject(asked) == 'The Garden: shall "November" still go out?'
    answer(place, "send", asked)
    assert len(issues_of(place)) == 1


def test_the_clock_rings_for_an_hour_that_has_come(place: Place) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    assert "sort" not in scheduler.tick(place.app)
    with place.app.store.write() as session:
        session.get_one(DraftUnderReview, edition(place).id).due = time.time() - 1
    assert "sort" in scheduler.tick(place.app)
    sorter.sort(place.app, lambda: False)
    assert len(issues_of(place)) == 1


def test_an_hour_set_by_an_editor_who_is_none_any_more_sends_nothing_and_asks_the_others(
    place: Place,
) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    with place.app.store.write() as session:
        member = roster.membership_of(session, roster.get_list(session, NEWS).id, OLGA)
        assert member is not None
        member.role = Role.MEMBER
    editor_answers.attend(place.app, lambda: False, now=due + 5)
    assert not issues_of(place)
    assert (edition(place).state, edition(place).due) == ("open", None)
    *_, report = mails(place, MIA)[1]
    assert "is no longer an editor of this list" in " ".join(text(report).split())
    answer(place, "send", report, MIA)
    assert len(issues_of(place)) == 1


def test_an_issue_that_cannot_be_attended_to_stops_no_letter(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    with monkeypatch.context() as broken:
        broken.setattr(editor_answers.reviews, "look", lambda *_, **__: 1 / 0)
        editor_answers.attend(place.app, lambda: False, now=due + 5)
    assert (edition(place).state, edition(place).due) == (
        "scheduled",
        due + 5 + editor_answers.AGAIN,
    )
    editor_answers.attend(place.app, lambda: False, now=due + 5 + editor_answers.AGAIN)
    assert len(issues_of(place)) == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once, between the reading of an order and what it does."""
    look = editor_answers.reviews.look

    def looked(*given: Any, **named: Any) -> object:  # noqa: ANN401 - what it stands for takes
        found = look(*given, **named)
        monkeypatch.setattr(editor_answers.reviews, "look", look)
        happens()
        return found

    monkeypatch.setattr(editor_answers.reviews, "look", looked)


def test_another_hour_named_while_an_issue_is_made_ready_to_leave_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft(place)
    said = answer(place, "send tomorrow 8")
    due = edition(place).due
    assert due is not None
    meanwhile(monkeypatch, lambda: answer(place, "send tomorrow 9", said))
    editor_answers.attend(place.app, lambda: False, now=due + 5)
    assert not issues_of(place)
    assert (edition(place).state, edition(place).due) == ("scheduled", due + 3600)


def test_a_new_text_takes_the_hour_back(place: Place) -> None:
    draft(place)
    said = answer(place, "send tomorrow 8")
    new = answer(
        place,
        "New text\n\nHello {{ name }}, this is another text, and long enough to be one.",
        said,
    )
    assert "no longer scheduled" in " ".join(text(new).split())
    assert (edition(place).state, edition(place).revision) == ("open", 2)


def test_what_would_go_out_otherwise_than_it_was_proved_is_proved_anew(place: Place) -> None:
    draft(place)
    with place.app.store.write() as session:
        roster.change_list(roster.get_list(session, NEWS), accent="#aa0000")
    said = answer(place, "send")
    assert "differs from what you have seen" in " ".join(text(said).split())
    assert not issues_of(place)
    assert "#aa0000" in decoded(mails(place)[0][-1], "html")
    answer(place, "send", said)
    assert len(issues_of(place)) == 1


def test_a_draft_in_two_languages_is_proved_in_both_and_says_whose_is_missing(
    place: Place,
) -> None:
    add(place, "ru@example.net", "Иван", language="ru")
    draft(
        place,
        "language: en\n\nHello {{ name }}.\n\nlanguage: sv\nsubject: Löv\n\nHej {{ name }}.\n",
    )
    proofs, (report,) = mails(place)
    assert [subject(one) for one in proofs] == ["Proof: November", "Korrektur: Löv"]
    assert "Hej Olga." in decoded(proofs[1], "plain")
    said = " ".join(text(report).split())
    assert "Readers who have chosen another language: 1 (Russian 1)." in said
    answer(place, "send", report)
    assert len(issues_of(place)) == 1


def four_eyes(place: Place) -> None:
    with place.app.store.write() as session:
        roster.change_list(roster.get_list(session, NEWS), four_eyes=True)


def test_what_is_wished_for_later_is_scheduled_by_the_approval(place: Place) -> None:
    four_eyes(place)
    draft(place)
    answer(place, "send tomorrow 8")
    assert edition(place).state == "open"
    editor_answers.attend(place.app, lambda: False, now=time.time() + 200_000)
    assert not issues_of(place)
    asked = mails(place, MIA)[1][-1]
    assert "08:00 (UTC)" in " ".join(text(asked).split())
    answer(place, "cancel")
    assert "is noted" in text(answer(place, "approve", asked, sender=MIA))  # no wish is left
    answer(place, "send tomorrow 8")
    assert edition(place).state == "scheduled"
    answer(place, "cancel")
    with place.app.store.write() as session:
        session.get_one(DraftUnderReview, edition(place).id).approved = 0
    answer(place, "send tomorrow 8")
    assert "is scheduled" in subject(answer(place, "approve", asked, sender=MIA))
    assert edition(place).state == "scheduled"


def test_a_wish_that_is_taken_back_while_it_is_being_approved_sends_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    four_eyes(place)
    draft(place)
    answer(place, "send")
    asked = mails(place, MIA)[1][-1]

    def cancel() -> None:  # as another worker does
        with place.app.store.write() as session:
            session.get_one(DraftUnderReview, edition(place).id).wished = 0

    meanwhile(monkeypatch, cancel)
    assert "is noted" in text(answer(place, "approve", asked, sender=MIA))
    assert not issues_of(place)


def test_a_stranger_who_has_the_report_sends_nothing_and_the_editor_hears_of_it(
    place: Place,
) -> None:
    draft(place)
    report = mails(place)[1][0]
    for sender in (EVE, ANNA):
        place.reply(report, "send", sender)
    assert not issues_of(place)
    told = mails(place)[1][-1]
    assert "belongs to no editor" in " ".join(text(told).split())
    assert told["Reply-To"] == "<news-request@example.org>"
    assert not place.mails(EVE)


def test_an_editor_who_is_none_any_more_sends_nothing(place: Place) -> None:
    draft(place)
    report = mails(place)[1][0]
    with place.app.store.write() as session:
        member = roster.membership_of(session, roster.get_list(session, NEWS).id, OLGA)
        assert member is not None
        member.role = Role.MEMBER
    for sender in (OLGA, MIA):
        place.reply(report, "send", sender)
    assert not issues_of(place)


def test_a_strangers_draft_is_refused_at_the_door_or_waits_for_a_person(place: Place) -> None:
    for sender in (EVE, ANNA, ""):
        refused = smtp_door.recipient_verdict(place.app, sender, ISSUE)
        assert refused is not None
        assert refused.code == 550
    assert smtp_door.recipient_verdict(place.app, OLGA, ISSUE) is None
    unknown = smtp_door.recipient_verdict(place.app, OLGA, "friends-issue@example.org")
    assert unknown is not None
    draft(place, sender=EVE)
    with place.app.store.read() as session:
        hold = session.scalars(select(Hold)).one()
    assert hold.rules == '["draft-by-stranger"]'
    assert not place.mails(EVE)
    assert not place.mails(OLGA)


def test_an_automatic_answer_sends_nothing(place: Place) -> None:
    draft(place)
    place.reply(mails(place)[1][0], "send", OLGA, "Auto-Submitted: auto-replied\r\n")
    assert not issues_of(place)


def test_an_issue_goes_to_the_segment_that_its_editor_has_seen_and_to_nobody_else(
    place: Place,
) -> None:
    with place.app.store.write() as session:
        lst = roster.get_list(session, NEWS)
        for who in (ANNA, BO):
            member = roster.membership_of(session, lst.id, who)
            assert member is not None
            attributes.put(session, member.id, "tag", "choir, board" if who == ANNA else "choir")
        segment_query.save(session, lst, "choir", "tag = choir", 1.0)
    draft(place, f"segment: choir and not tag = board\n{DRAFT}")
    said = " ".join(text(mails(place)[1][-1]).split())
    assert "- Only these: tag = choir and tag != board - Readers now: 1" in said
    assert f"- Some of them: {BO}" in said
    assert '"only segment choir": it goes only to these readers' in said
    wrong = answer(place, "only segment chior")
    assert 'Did you mean "choir"?' in text(wrong)
    assert edition(place).revision == 1
    old = mails(place)[1][0]
    wide = answer(place, "Bara segment alla.", wrong)
    assert "Readers now: 4" in text(wide)
    assert "Only these" not in text(wide)
    narrow = answer(place, "solo segmento Choir", wide)
    assert "- Readers now: 2" in text(narrow)
    assert "is for everybody who may read the archive" in " ".join(text(narrow).split())
    assert "about an older text" in " ".join(text(answer(place, "send", old)).split())
    assert not issues_of(place)
    answer(place, "send", narrow)
    (mailing,) = issues_of(place)
    with place.app.store.read() as session:
        to = select(Recipient.address).where(Recipient.mailing_id == mailing.id)
        assert set(session.scalars(to)) == {ANNA, BO}
        assert session.scalars(select(Issue.segment)).one() == "tag = choir"


def test_a_draft_that_cannot_be_read_names_its_line_and_the_mended_one_is_a_draft(
    place: Place,
) -> None:
    for words, said, line in (
        ("Hi {{ nam }}", 'There is no slot "nam". You can use name, email, list.', "Hi {{ nam }}"),
        ("theme: nowhere\n\nHello", 'There is no theme "nowhere".', 'theme: "nowhere"'),
        ("segment: plase = Lund\n\nHello", 'Did you mean "place"?', 'segment: "plase = Lund"'),
        ("language: xx\n\nHello", '"xx" is not a language we write in', 'language: "xx"'),
        ("", "There is no text.", ""),
    ):
        draft(place, words)
        proofs, troubles = mails(place)
        assert not proofs
        assert said in " ".join(text(troubles[-1]).split())
        assert f"\n  {line}" in text(troubles[-1])
        assert troubles[-1]["Reply-To"] == f"<{ISSUE}>"
    place.write(OLGA, reply_to(troubles[-1]), DRAFT)
    assert len(mails(place)[0]) == 1


def test_a_new_text_that_cannot_be_read_leaves_the_issue_as_it_was(place: Place) -> None:
    draft(place)
    said = answer(place, "New text\n" + DRAFT + "\n{{ oops }}\n")
    assert 'There is no slot "oops"' in text(said)
    assert edition(place).revision == 1
    answer(place, "send", said)
    assert len(issues_of(place)) == 1


def test_a_forger_can_mail_an_editor_only_so_often(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "DRAFTS", 2)
    for _ in range(4):
        draft(place)
    proofs, others = mails(place)
    assert (len(proofs), len(others)) == (2, 3)
    assert "waits unread" in text(others[-1])  # said once
    with place.app.store.read() as session:
        held = session.scalars(select(Hold)).all()
    assert {one.rules for one in held} == {'["draft-over-budget"]'}
