"""An answer that names no mail joins its talk by Re: and subject or by Outlook's marks."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.filing import answered_mail
from archive.filing.mail_import import import_mails
from archive.filing.thread_rows import MailToThread
from archive.threads.archive_tables import Message
from mailer.reading.headers.head_facts import read_head
from mailer.reading.mbox import MboxMail, open_mail_file, read_mbox
from mailer.reading.subjects import bare_subject, is_answer, topic
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import MailList

DAY = 86_400.0
START = 1_700_000_000.0
NOW = 1_800_000_000.0
DEEP = base64.b64encode(b"\x01" + bytes(26)).decode()
FLAT = base64.b64encode(b"\x01" + bytes(21)).decode()


def raw(name: str, subject: str, *more: str) -> bytes:
    head = [f"From: {name}@example.net", f"Subject: {subject}", f"Message-ID: <{name}@x>", *more]
    return ("\r\n".join(head) + "\r\n\r\nHello.\r\n").encode()


def put(store: Store, lst: MailList, mail: bytes, day: float) -> str:
    with store.write() as session:
        (sha,) = put_raw(session, [mail])
        return answered_mail.place(session, lst, mail, sha, START + day * DAY).thread


JOINS = [
    ("Re: Summer walk", []), ("RE: SUMMER  WALK", []), ("Sv: Re: Summer walk", []),
    ("[friends] Ответ: Summer walk", []), ("AW: [friends] Summer walk", []),
    ("R: Summer walk", []), ("Re[2]: Summer walk", []), ("答复: Summer walk", []),
    ("Our walk", [f"Thread-Index: {DEEP}", "Thread-Topic: Summer walk"]),
]  # fmt: skip
STAYS = [
    ("Summer walk", []), ("Re: Summer walks", []), ("Re:", []), ("Fwd: Summer walk", []),
    ("Summer walk", [f"Thread-Index: {FLAT}", "Thread-Topic: Summer walk"]),
    ("Summer walk", ["Thread-Index: !!", "Thread-Topic: Summer walk"]),
    ("Re: Summer walk", ["References: <other@x>"]),
]  # fmt: skip


@pytest.mark.parametrize(("subject", "more"), JOINS)
def test_an_answer_without_ids_joins_its_talk(
    store: Store, circle: MailList, subject: str, more: list[str]
) -> None:
    thread = put(store, circle, raw("a", "Summer walk"), 0)
    assert put(store, circle, raw("b", subject, *more), 2) == thread


@pytest.mark.parametrize(("subject", "more"), STAYS)
def test_what_does_not_say_that_it_answers_begins_a_talk(
    store: Store, circle: MailList, subject: str, more: list[str]
) -> None:
    thread = put(store, circle, raw("a", "Summer walk"), 0)
    assert put(store, circle, raw("b", subject, *more), 2) != thread


def test_a_talk_is_found_for_thirty_days_and_the_youngest_of_a_name_is_meant(
    store: Store, circle: MailList
) -> None:
    first = put(store, circle, raw("a", "Weekly report"), 0)
    assert put(store, circle, raw("b", "Re: Weekly report"), 31) != first
    second = put(store, circle, raw("c", "Weekly report"), 40)
    assert put(store, circle, raw("d", "Re: Weekly report"), 41) == second


def test_an_old_archive_that_is_moved_in_is_read_alike(store: Store, circle: MailList) -> None:
    mails = [
        raw("a", "Summer walk", "Date: Tue, 14 Nov 2023 10:00:00 +0000"),
        raw("b", "Re: Summer walk", "Date: Wed, 15 Nov 2023 10:00:00 +0000"),
        raw("c", "Summer walk", "Date: Thu, 16 Nov 2023 10:00:00 +0000"),
    ]
    import_mails(store, circle, [MboxMail(n, one, None) for n, one in enumerate(mails)], NOW)
    assert put(store, circle, raw("d", "Re: Summer walk"), 2) == put(store, circle, mails[2], 2)
    assert put(store, circle, mails[1], 3) == put(store, circle, mails[0], 3)


def test_subjects_are_bared_of_marks_and_tags() -> None:
    assert bare_subject("Re: [friends] SV: Fwd: The walk") == "The walk"
    assert bare_subject("Relay: not a mark") == "Relay: not a mark"
    assert is_answer("Re^2: x")
    assert not is_answer("Request: x")
    assert topic("Antw: The  Walk") == topic("the walk")


@pytest.mark.no_cover
def test_a_real_lists_answers_find_their_talk_without_their_ids(
    store: Store, circle: MailList, corpora: Path
) -> None:
    """Of 1,582 real answers whose ids are taken away 1,370 come home and 6 go astray."""
    with open_mail_file(corpora / "community" / "speakup.mbox.xz") as file:
        mails = list(read_mbox(file))
    import_mails(store, circle, mails, NOW)
    home = away = alone = 0
    with store.read() as session:
        rows = session.execute(select(Message.message_id, Message.thread_id))
        threads = {row.message_id: row.thread_id for row in rows}
        for one in mails:
            head = read_head(one.raw)
            if not {*head.references} & threads.keys() or head.message_id not in threads:
                continue
            bare = MailToThread(one.raw, b"", NOW, replace(head, references=()))
            found = answered_mail.with_parent(session, circle.id, bare).head.references
            if not found:
                alone += 1
            elif threads[found[0]] == threads[head.message_id]:
                home += 1
            else:
                away += 1
    assert home > 0.85 * (home + away + alone)
    assert away < 0.02 * (home + away)
