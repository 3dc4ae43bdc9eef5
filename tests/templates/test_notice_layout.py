"""Notices as text that flows and as HTML: one button, nothing from elsewhere, addresses whole."""

import re

import pytest

import templates
from mailer.reading.flowed import unflow
from templates import mail_layout, render
from tests.templates.test_mails import LETTERS, context_of

ANSWER = "friends-reply+abcdefghijklmnopqrstuvwxyz@example.org"
NOTICES = sorted(set(LETTERS) - {"reader-issue", "operator-sample"})
LINE = 998  # bytes (RFC 5322 section 2.1.1)
LARGEST = (
    14 * 1024
)  # bytes of HTML; a report with every finding is twice that, Gmail cuts at 102 KB
each = pytest.mark.parametrize("language", templates.LANGUAGES)


def notice(name: str, language: str, **more: object) -> templates.MailText:
    values = context_of(name, {"answer_address": ANSWER, **more})
    return templates.notice(name, language, **values)


@each
@pytest.mark.parametrize("name", NOTICES)
def test_html_is_small_has_one_button_at_most_and_asks_nobody_for_anything(
    name: str, language: str
) -> None:
    html = notice(name, language).html
    assert f'<html lang="{language}">' in html
    assert html.count('role="presentation" class="b"') <= 1
    assert not re.search(r"<(img|script|link|iframe|form|object)|\bsrc=|url\(|@import", html)
    assert 'class=""' not in html
    targets = re.findall(r'href="([^"]*)"', html)
    assert all(re.match(r"https?://|mailto:", target) for target in targets)
    limit = 2 * LARGEST if name == "editor-proof" else LARGEST
    assert len(html.encode()) < limit


@each
@pytest.mark.parametrize("name", NOTICES)
def test_flowed_lines_join_to_the_paragraphs_that_the_template_wrote(
    name: str, language: str
) -> None:
    words = notice(name, language)
    joined = unflow(words.flowed)
    assert joined.split() == words.text.split()
    assert max(len(line.encode()) for line in words.flowed.split("\n")) <= LINE
    assert not [line for line in joined.split("\n") if line.endswith(" ") and line.strip("> -")]
    for address in re.findall(r"https?://\S+", words.text):
        assert address in words.flowed


@each
def test_the_confirmations_plain_part_holds_the_page_and_the_button_leads_there(
    language: str,
) -> None:
    words = notice("stranger-confirm", language)
    page = "https://lists.example.org/friends@example.org/confirm/abcdefghijklmnopqrstuvwxyz"
    assert f"\n   {page}\n" in words.flowed
    button = re.search(r'class="b".*?href="([^"]*)"', words.html)
    assert button
    assert button[1] == page
    assert words.html.count(page) == 1


@each
def test_a_button_without_a_page_writes_the_answer_to_the_token(language: str) -> None:
    html = notice("owner-request", language).html
    button = re.search(r'class="b".*?href="([^"]*)"', html)
    assert button
    assert button[1].startswith(f"mailto:{ANSWER}?subject=Re%3A%20")
    assert button[1].endswith("&amp;body=ok")


def test_what_is_quoted_of_a_stranger_gets_no_links() -> None:
    lines = ["see https://evil.example/login and <b>mail@evil.example</b>"]
    html = notice("moderator-held", "en", lines=lines).html
    assert 'href="https://evil' not in html
    assert "mailto:mail@evil" not in html
    assert "&lt;b&gt;mail@evil.example&lt;/b&gt;" in html


@pytest.mark.parametrize(
    ("text", "flowed"),
    [
        ("a " * 40, "a " * 36 + "\n" + "a a a a\n"),
        ("  https://x.example/" + "y" * 90, "   https://x.example/" + "y" * 90 + "\n"),
        ("From here on", " From here on\n"),
        ("> quoted", "> quoted\n"),
        ("x" * 70 + " > y", "x" * 70 + " \n > y\n"),
        ("-- \nwe", "-- \nwe\n"),
    ],
)
def test_soft_ends_stuffing_and_whole_addresses(text: str, flowed: str) -> None:
    assert mail_layout.flowed(text) == flowed


def test_a_long_title_breaks_in_the_source_but_not_in_the_words() -> None:
    html = render.mail_html("ru", "x", " ".join(["слово"] * 400))
    assert max(len(line.encode()) for line in html.split("\n")) < 998
    assert html.count("слово") == 400
