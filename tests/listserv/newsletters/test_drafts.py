"""A draft is read strictly: every refusal names the line."""

import pytest

from listserv.newsletters.writing import drafts
from mailer.errors import BadInput, KretsError
from tests.cost import AFFORDABLE, cost

HEAD = "---\nsubject: News\n---\n"


def read(text: str) -> drafts.Draft:
    return drafts.read(text.encode())


def test_front_matter_and_text_are_told_apart() -> None:
    draft = read('\ufeff---\r\n# a comment\r\nsubject: "A: b"\r\nlanguage: sv\r\n---\r\n\r\nHi\r\n')
    assert (draft.subject, draft.language, draft.text) == ("A: b", "sv", "Hi")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("Hello", 1, "front matter"),
        ("---\nsubject: x\n", 1, "no end"),
        ("---\npreheader: x\n---\nHi", 1, "no subject"),
        ("---\nsubject:\n---\nHi", 2, "empty"),
        ("---\nsubject: x\nsubjekt: y\n---\nHi", 3, "subjekt"),
        ("---\nsubject: x\nsubject: y\n---\nHi", 3, "line 2 already"),
        ("---\nsubject: 'x\n---\nHi", 2, "quotation mark"),
        ("---\nsubject\n---\nHi", 2, "KEY: VALUE"),
        ("---\nsubject: x\nlanguage: de\n---\nHi", 3, "'de'"),
        (f"---\nsubject: {'x' * 201}\n---\nHi", 2, "longer"),
        ("---\nsubject: a\x1bb\n---\nHi", 2, "control"),
        (f"{HEAD}\nHi {{{{ nmae }}}}", 5, "{{ nmae }}"),
        (f"{HEAD}\nHi {{{{ }}}}", 5, "no slot"),
        (f"{HEAD}Hi {{{{ name }}", 4, "not closed"),
        ("---\nsubject: {{ who }}\n---\nHi", 2, "{{ who }}"),
        (HEAD, 4, "no text"),
        (f"{HEAD}a\0b", 4, "NUL"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    assert caught.value.what.startswith(f"Line {line}:")
    assert word in caught.value.what


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (f"{HEAD}{{{{ nmae }}}}", "Did you mean name?"),
        (f"{HEAD}{{{{ Email }}}}", "Did you mean email?"),
        ("---\nsubjct: x\n---\nHi", "Did you mean subject?"),
    ],
)
def test_a_near_miss_gets_a_suggestion(text: str, fix: str) -> None:
    with pytest.raises(KretsError) as caught:
        read(text)
    assert caught.value.fix == fix


def test_a_draft_that_is_not_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(BadInput, match="Line 4"):
        drafts.read(HEAD.encode() + "å".encode("latin-1"))


def test_a_draft_may_name_a_segment_and_keeps_its_line() -> None:
    found = read("---\nsubject: x\nsegment: gold\n---\nHi")
    assert (found.segment, found.segment_at) == ("gold", 3)


def test_a_draft_may_ask_for_a_theme() -> None:
    assert read("---\nsubject: x\ntheme: magazine\n---\nHi").theme == "magazine"


def test_slots_are_filled_once_and_escaped_braces_are_none() -> None:
    draft = read(f"{HEAD}{{{{name}}}} and \\{{{{ name }}}}")
    assert draft.slots == {"name"}
    assert drafts.fill(draft.text, lambda slot: f"{{{{ {slot} }}}}") == "{{ name }} and {{ name }}"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Hi {{ name }},", "Hi,"),
        ("Hi **{{ name }}**!", "Hi!"),
        ("{{ name }}, welcome", "Welcome"),
        ("Dear {{ name }} and all", "Dear and all"),
        ("Write \\{{ name }}", "Write \\{{ name }}"),
        ("Hi ,  {{ name }} and\\, {{ name }} \\  {{ name }}!", "Hi  and\\, \\ !"),
        ("To {{ email }}", "To {{ email }}"),
    ],
)
def test_who_has_no_name_is_greeted_without_one(written: str, shown: str) -> None:
    assert read(HEAD + written).nameless().text == shown


SPOKEN = "---\nsubject: A\nlanguage: en\n---\nOne.\n\nlanguage: sv\nsubject: B\n\nTvå {{ name }},\n"


def test_a_draft_may_hold_several_languages() -> None:
    draft = read(SPOKEN)
    (swedish,) = draft.also
    assert (draft.text, draft.language) == ("One.", "en")
    assert (swedish.subject, swedish.text, swedish.language) == ("B", "Två {{ name }},", "sv")
    assert draft.version("sv") is swedish
    assert draft.version("ru") is draft
    assert draft.slots == {"name"}
    assert draft.nameless().also[0].text == "Två,"
    assert draft.digest != read(SPOKEN.replace("Två", "Tre")).digest


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("\n\nlanguage: xx\n\nText", "Line 13: 'xx' is not a language"),
        ("\n\nlanguage: sv\n\nText", "Line 13: sv stands there twice"),
        ("\n\nlanguage: ru\n\n", "has no text"),
    ],
)
def test_a_language_that_cannot_be_is_named_with_its_line(more: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(SPOKEN.rstrip("\n") + "\n" + more)
    assert said in str(caught.value)


def test_a_sentence_about_a_language_begins_none() -> None:
    assert read("---\nsubject: x\n---\nThe\nlanguage: sv\n\n      language: sv\n").also == ()


@pytest.mark.no_cover
def test_blanks_without_end_before_a_name_cost_little() -> None:
    draft = read(f"{HEAD}a{' ' * 100_000}b {{{{ name }}}}")
    assert cost(draft.nameless) < AFFORDABLE
