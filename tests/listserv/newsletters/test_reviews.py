"""A draft by mail: proved, reported on, sent by one word, once; by nobody else."""

import re
import time

import pytest
from sqlalchemy import select

from listserv.actions import lists
from listserv.actions.call import OPERATOR, Call
from listserv.newsletters.editors import editor_answers, scheduled_issues
from listserv.newsletters.editors.answer_steps import AnswerStep, next_step
from listserv.reception import smtp_door
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview, Hold, Issue
from mailer.ledger import mailings
from mailer.ledger.mailings import Recipient
from subscriptions.audience import segment_query
from subscriptions.lists import attributes, roster
from subscriptions.lists.roster import Role
from subscriptions.permission import budget
from tests.listserv.newsletters.newsroom import (
    ANNA,
    BO,
    DRAFT,
    EVE,
    ISSUE,
    MIA,
    NEWS,
    OLGA,
    add,
    answer,
    decoded,
    draft,
    edition,
    issues_of,
    mails,
)
from tests.listserv.newsletters.test_scheduled_issues import meanwhile
from tests.place import Place, reply_to, subject, text


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


def test_what_an_editors_mail_did_stands_in_the_history_as_a_command_does(place: Place) -> None:
    draft(place)
    answer(place, "send tomorrow 8")
    answer(place, "cancel")
    answer(place, "send")
    found = lists.history(Call(place.app, OPERATOR, time.time()), NEWS)
    assert [(one.action, one.by, one.door) for one in found] == [
        ("newsletter send", OLGA, "mail"),
        ("newsletter cancel", OLGA, "mail"),
        ("newsletter schedule", OLGA, "mail"),
    ]
    assert {one.detail for one in found} == {f"edition {edition(place).id}"}


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
                assert scheduled_issues.move(
                    session, case.edition, DraftState.SENT, time.time(), by=MIA
                )
        return case

    monkeypatch.setattr(editor_answers, "_read", read_while_another_worker_sends)
    assert f"{MIA} said so" in text(answer(place, "send"))
    assert not issues_of(place)  # the other worker's own, which this test leaves out


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
    scheduled_issues.attend(place.app, lambda: False, now=time.time() + 200_000)
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


def test_a_strangers_draft_waits_for_a_person_and_the_door_tells_nobody_who_is_an_editor(
    place: Place,
) -> None:
    assert smtp_door.recipient_verdict(place.app, ISSUE) is None
    unknown = smtp_door.recipient_verdict(place.app, "friends-issue@example.org")
    assert unknown is not None
    assert unknown.code == 550
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


def test_a_draft_that_answers_its_proof_at_the_draft_address_goes_on_with_that_draft(
    place: Place,
) -> None:
    draft(place)
    proof, first = mails(place)[0][0], edition(place)
    more = f"In-Reply-To: {proof['Message-ID']}\r\n"
    place.write(OLGA, ISSUE, DRAFT + "\n\nOne line more.\n", subject="Re: November", more=more)
    now = edition(place)
    assert (now.id, now.revision, now.message_id) == (first.id, 2, first.message_id)
    assert "One line more." in decoded(mails(place)[0][-1], "plain")
    answer(place, "send")
    place.write(OLGA, ISSUE, DRAFT, subject="December", more=more)
    assert edition(place).id != first.id
