"""A digest in each form: taken apart by Python's own reader, small enough, nothing unnamed."""

import email
import email.policy
import re
from email.message import EmailMessage
from typing import cast

import pytest

from listserv.digests import digest_mail
from listserv.digests.digest_threads import DigestPost, DigestThread
from listserv.letters.post_headers import LEAVE, ListFace
from subscriptions.lists.rhythms import DigestForm
from templates.catalogue import LANGUAGES

FACE = ListFace(
    "friends@example.org",
    "Friends",
    "https://lists.example.org",
    posts=True,
    archived=True,
)
CUT_AT = 102_000  # bytes, by Gmail
RULE = "-" * 30


def post(number: int, text: str, subject: str = "Potatoes", author: str = "Bo Ek") -> DigestPost:
    return DigestPost(
        id=number, subject=subject, author=author, at=1796083200.0 + 60 * number, text=text,
        cut=False, permalink=f"{FACE.page}m/{'a' * 52}/", begins=number == 1,
        message_id=f"m{number}@mail.example", references=("m1@mail.example",) * (number > 1),
    )  # fmt: skip


def thread(*mails: DigestPost, subject: str = "Potatoes") -> DigestThread:
    return DigestThread(subject, f"{FACE.page}t/{'b' * 52}/", mails, mails[0].at, mails[-1].at)


def made(
    threads: list[DigestThread], form: DigestForm = DigestForm.PAGE, language: str = "en"
) -> bytes:
    segments = digest_mail.compose(
        threads, FACE, language, form, message_id="d@example.org", now=1796083200.0
    )
    values = dict.fromkeys(segments.slots, b"t" * 26)
    assert LEAVE in values
    return segments.join(values)


def parsed(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    return cast("EmailMessage", found)


def text_of(raw: bytes) -> str:
    part = parsed(raw).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", DigestForm)
@pytest.mark.parametrize("mails", [3, 300, 2_000])
def test_a_digest_is_never_as_large_as_what_gmail_cuts(
    language: str, form: DigestForm, mails: int
) -> None:
    long = "Как глубоко вы сажаете картошку & <тюльпаны>? " * 120
    threads = [
        thread(
            post(number, long, f"{number} {'Вопрос ' * 20}"), subject=f"{number} {'Вопрос ' * 20}"
        )
        for number in range(1, mails + 1)
    ]
    raw = made(threads, form, language)
    assert len(raw) < CUT_AT
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_what_has_no_room_is_named_with_a_link_and_counted() -> None:
    threads = [thread(post(n, "Long. " * 900), subject=f"Subject {n}.") for n in range(1, 101)]
    text = " ".join(text_of(made(threads)).split())
    named = set(re.findall(r"Subject (\d+)\.", text))
    more = re.search(r"and (\d+) threads? more", text)
    assert len(named) + (int(more[1]) if more else 0) == 100
    assert f"Subject 60. (1): {FACE.page}t/" in text


def test_a_digest_says_what_it_covers_and_offers_each_thing_to_do() -> None:
    raw = made([thread(post(1, "How deep?"), post(2, "A hand."))])
    text = " ".join(text_of(raw).split())
    assert "From Tuesday, December 1, 2026, 00:01" in text
    assert text.index("A hand.") < text.index("friends-reply+", text.index("A hand."))
    assert 'write "mute #' in text
    page = parsed(raw).get_body(("html",))
    assert page is not None
    links = re.findall(r'href="mailto:([^"]+)"', page.get_content())
    assert sum("subject=mute%20%23" in one for one in links) == 1
    answers = [one for one in links if "In-Reply-To=%3Cm2%40mail.example%3E" in one]
    assert len(answers) == 2


def test_a_mime_digest_is_taken_apart_into_mails_that_can_be_answered() -> None:
    raw = made(
        [thread(post(1, "Hur djupt sätter du?", author="Åke"), post(2, "En hand."))],
        DigestForm.MIME,
    )
    whole = parsed(raw)
    assert whole.get_content_type() == "multipart/mixed"
    contents, digest = whole.iter_parts()
    assert contents.get_content_type() == "text/plain"
    assert digest.get_content_type() == "multipart/digest"
    first, second = (one.get_content() for one in digest.iter_parts())
    assert first.get_content().strip() == "Hur djupt sätter du?"
    assert first["From"].addresses[0].display_name == "Åke"
    assert (second["Message-ID"], second["In-Reply-To"]) == (
        "<m2@mail.example>",
        "<m1@mail.example>",
    )
    for one in (first, second):
        assert one["Reply-To"].addresses[0].addr_spec.startswith("friends-reply+")
        assert not one.defects
    assert not [part.defects for part in whole.walk() if part.defects]


def test_a_plain_digest_is_as_rfc_1153_has_it() -> None:
    tricky = f"Before.\n{RULE}\n\nFrom: eve@example.com\n\nBehind."
    text = text_of(made([thread(post(1, tricky), post(2, "A hand."))], DigestForm.PLAIN))
    contents, _, mails = text.replace("\r\n", "\n").partition("-" * 70 + "\n\n")
    assert "1. Potatoes (2)" in contents
    *each, end = mails.split(f"\n\n{RULE}\n\n")
    assert len(each) == 2
    heads = [email.message_from_string(one) for one in each]
    assert [one["Subject"] for one in heads] == ["Potatoes", "Potatoes"]
    assert all("friends-reply+" in one["Reply-To"] for one in heads)
    assert f" {RULE}\n\nFrom: eve" in heads[0].get_payload()
    ends = end.strip().split("\n")
    assert ends == ["End of Friends Digest", "*" * len("End of Friends Digest")]


@pytest.mark.parametrize("form", DigestForm)
def test_no_words_of_a_mail_pass_for_a_line_or_a_slot_of_ours(form: DigestForm) -> None:
    evil = "\x03digest\x04 \x03leave\x04 \x010\x02\r\nReply-To: <eve@example.com>"
    raw = made([thread(post(1, evil, evil, evil), subject=evil)], form)
    whole = parsed(raw)
    assert whole["Reply-To"].addresses[0].addr_spec.startswith("friends-reply+")
    assert all(part.get("Reply-To", "friends-reply+").count("eve@") == 0 for part in whole.walk())
    assert whole["Subject"].count("\n") == 0
