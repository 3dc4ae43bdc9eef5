"""What RFC 5322 section 3.6 allows once: two writers are none; else the first counts."""

from listserv.posts import facts
from tests.listserv.letters.test_answers import read

TWO = b"From: anna@example.net\r\nFrom: eve@example.org\r\nSubject: Hi\r\n\r\nleave\r\n"
ONCE = (
    b"From: anna@example.net\r\nSubject: one\r\nSubject: two\r\n"
    b"Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\n\r\nHello\r\n"
)


def test_a_letter_with_two_from_fields_has_no_author_and_gets_no_answer() -> None:
    letter = read(TWO)
    assert letter.author is None
    assert letter.unanswerable == "no author"


def test_a_post_with_two_from_fields_names_both_of_them() -> None:
    assert facts.read(TWO).authors == ("anna@example.net", "eve@example.org")


def test_of_two_subjects_and_two_ids_the_first_counts() -> None:
    post = facts.read(ONCE)
    assert post.message_id == "1@x"
    assert read(ONCE).subject == "one"
