"""What an editor should look at first: each finding, and what is none."""

import pytest

from listserv.headers import ListFace
from listserv.newsletters import drafts, issues, preflight
from listserv.newsletters.links import Answer
from listserv.newsletters.preflight import Finding
from mailer.splice import Segments

FACE = ListFace("news@example.org", "News", "https://lists.example.org", False, True)
HEAD = "---\nsubject: {subject}\npreheader: {preheader}\n---\n"


def look(
    text: str, subject: str = "News", preheader: str = "Leaves", made: object = None
) -> list[Finding]:
    draft = drafts.read((HEAD.format(subject=subject, preheader=preheader) + text).encode())
    copies = made or issues.compositions(issues.Issue(draft, FACE, "en", "a@b.example", 1.8e9))
    return list(preflight.look(draft, copies, {}, "en"))  # type: ignore[arg-type]


def keys(found: list[Finding]) -> list[tuple[str, bool]]:
    return [(one.key, one.red) for one in found]


def test_a_good_issue_has_nothing_to_look_at() -> None:
    text = "# Leaves\n\nHello {{ name }}, [why](https://a.example) and <https://a.example>."
    assert look(text) == []


@pytest.mark.parametrize(
    "text",
    ["Tea at TK", "TODO: more", "x [...] y", "lorem ipsum dolor", "At ??? o'clock", "XXXX", "TKTK"],
)
def test_what_is_left_to_fill_in_is_red_in_text_subject_and_preheader(text: str) -> None:
    assert keys(look(text)) == [("placeholder", True)]
    assert keys(look("Hi", subject=text)) == [("placeholder", True)]
    assert keys(look("Hi", preheader=text)) == [("placeholder", True)]


@pytest.mark.parametrize("text", ["Volume XXX", "The TKO is near", "Mitodo", "Wait..."])
def test_words_that_only_look_like_it_are_none(text: str) -> None:
    assert look(text) == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[here](#)", "nowhere"),
        ("[here]()", "nowhere"),
        ("**[Come](https://example.com/x)**", "nowhere"),
        ("[x](http://localhost:8080/)", "nowhere"),
        ("[bank.example](https://evil.example/)", "disguised"),
        ("[https://www.bank.example/login](https://bank.example.evil.example/)", "disguised"),
    ],
)
def test_a_link_that_leads_nowhere_or_elsewhere_is_red(text: str, key: str) -> None:
    assert keys(look(text)) == [(key, True)]


@pytest.mark.parametrize(
    "text",
    ["[bank.example](https://www.bank.example/a)", "[a.b.example](https://b.example)", "[e.g. this](https://x.example)"],
)  # fmt: skip
def test_a_link_that_shows_where_it_leads_is_none(text: str) -> None:
    assert look(text) == []


def test_a_picture_without_words_is_told_alone_and_among_others() -> None:
    assert keys(look("![](https://a.example/p.png)")) == [("alt", False)]
    assert keys(look("x ![](https://a.example/p.png)")) == [("alt", False)]
    assert look("![A pond](https://a.example/p.png)") == []


def test_subject_and_preheader_have_a_length() -> None:
    assert keys(look("Hi", subject="x" * 61)) == [("long-subject", False)]
    assert keys(look("Hi", preheader="x " * 60)) == [("long-preheader", False)]
    assert keys(look("Hi", preheader="")) == [("no-preheader", False)]


def test_what_gmail_would_cut_off_is_red() -> None:
    assert look("word " * 15_000) == []
    (found,) = look("word " * 22_000)
    assert (found.key, found.red) == ("heavy", True)
    assert 105 < int(str(found.values["size"])) < 140


def test_a_theme_without_a_way_out_is_red() -> None:
    parts = b"Content-Type: text/plain\r\n\r\nContent-Type: text/html\r\n\r\nx"
    bare = Segments((b"To: x\r\n\r\n" + parts,))
    assert keys(look("Hi", made={0: bare})) == [("no-way-out", True)]


def test_the_red_comes_first() -> None:
    assert [one.red for one in look("![](https://a.example/p.png)\n\nTODO", preheader="")] == [
        True, False, False,
    ]  # fmt: skip


def test_links_that_were_asked_and_a_calendar_of_days_are_told_by_their_colour() -> None:
    text = (
        "[a](https://a.example/?x=1&y=2) **[Come](https://b.example/)**\n\n"
        "**[Come](https://b.example/)**\n\n[mail](mailto:a@b.example)"
    )
    draft = drafts.read((HEAD.format(subject="x", preheader="y") + text).encode())
    asked = preflight.addresses(draft)
    assert set(asked) >= {"https://a.example/?x=1&y=2", "https://b.example/"}
    answers = dict(zip(asked, (Answer.DEAD, Answer.DOUBTFUL, Answer.FINE), strict=False))
    assert keys(list(preflight.followed(answers))) == [
        ("link-dead", True), ("link-doubtful", False),
    ]  # fmt: skip
    inside = preflight.followed({"http://x.example/": Answer.INSIDE, "y": Answer.UNKNOWN})
    assert keys(list(inside)) == [("link-inside", True)]
    assert list(preflight.warming(3e5, "last")) == list(preflight.warming(3e4, "days")) == []
    (slow,) = preflight.warming(3e5, "days")
    assert slow.values["days"] == 4
