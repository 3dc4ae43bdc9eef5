"""Pages: escaped, in six languages, with an error for a name that is missing."""

import pytest
from jinja2 import UndefinedError

from templates import LANGUAGES, mail, page, static_files, translator
from templates.render import linked
from tests.templates.mail_samples import CONTEXT
from tests.templates.test_mails import context_of


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("ru", {1: "1 письмо", 2: "2 письма", 5: "5 писем", 11: "11 писем", 21: "21 письмо"}),
        ("ro", {1: "1 mesaj", 2: "2 mesaje", 19: "19 mesaje", 20: "20 de mesaje"}),
        ("sv", {1: "1 mejl", 2: "2 mejl"}),
        ("en", {1: "1 message", 2: "2 messages"}),
    ],
)
def test_numbers_bend_their_words(language: str, forms: dict[int, str]) -> None:
    """Plurals follow each language's own rule."""
    told = translator(language)
    for n, text in forms.items():
        assert told.ngettext("%(n)s message", "%(n)s messages", n) % {"n": n} == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_its_language(language: str) -> None:
    """The lang attribute is for screen readers and hyphens."""
    html = page("index", language, root="", accent="", lists=[])
    assert f'<html lang="{language}">' in html


def test_an_unknown_language_is_english() -> None:
    """A list in Klingon is shown, not refused."""
    assert '<html lang="en">' in page("index", "tlh", root="", accent="", lists=[])


def test_a_name_that_is_missing_is_an_error() -> None:
    """Half a page is never written."""
    with pytest.raises(UndefinedError):
        page("index", "en", root="", accent="")


def anchor(address: str) -> str:
    return f'<a href="{address}" rel="nofollow ugc">{address}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a <b> & c", "a &lt;b&gt; &amp; c"),
        ("at https://x.example/a_(b). ok", f"at {anchor('https://x.example/a_(b)')}. ok"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ('http://x.example/"onclick=', anchor("http://x.example/") + '"onclick='),
    ],
)
def test_only_web_addresses_are_linked(text: str, html: str) -> None:
    """Everything else is text."""
    assert linked(text) == html


def test_static_files_are_named_by_what_they_hold() -> None:
    """A changed style sheet has a new name."""
    assert all(len(name.split(".")) == 3 for name in static_files())


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Stockholm", "Tuesday, 1 December 2026, 00:30 (Europe/Stockholm)"),
        ("", "Monday, 30 November 2026, 23:30 (UTC)"),
        ("Atlantis/Gone", "Monday, 30 November 2026, 23:30 (UTC)"),
    ],
)
def test_a_mail_says_a_moment_in_the_zone_of_its_list(zone: str, said: str) -> None:
    """Half an hour before midnight in London is tomorrow in Stockholm."""
    shown = {**CONTEXT["list"], "zone": zone}  # type: ignore[dict-item]
    context = context_of("moderator-late", {"list": shown, "at": 1796081400.0, "you": True})
    text = " ".join(mail("moderator-late", "en", **context).text.split())
    assert said.replace(" 2026", ", 2026").split(",")[0] in text
    assert said.rpartition(", ")[2] in text
