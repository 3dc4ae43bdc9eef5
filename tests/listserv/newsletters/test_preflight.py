"""What an editor should look at first: each finding, and what is none."""

import pytest

import templates
from listserv.letters.post_headers import ListFace
from listserv.newsletters.checks import legibility, preflight
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.checks.links import LinkAnswer
from listserv.newsletters.composing import issues
from listserv.newsletters.composing.issues import Imprint
from listserv.newsletters.composing.looks import IssueLook
from listserv.newsletters.writing import drafts, sources
from mailer.ledger.splice import Segments

FACE = ListFace("news@example.org", "News", "https://lists.example.org", False, True)
HEAD = "---\nsubject: {subject}\npreheader: {preheader}\n---\n"


def look(
    text: str, subject: str = "News", preheader: str = "Leaves", made: object = None
) -> list[Finding]:
    draft = drafts.read((HEAD.format(subject=subject, preheader=preheader) + text).encode())
    copies = made or issues.compositions(
        issues.ComposedIssue(draft, FACE, "en", "a@b.example", 1.8e9)
    )
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
    assert keys(look(f"Hi.\n\n{text}")) == [(key, True)]


@pytest.mark.parametrize(
    "text",
    ["[bank.example](https://www.bank.example/a)", "[a.b.example](https://b.example)", "[e.g. this](https://x.example)"],
)  # fmt: skip
def test_a_link_that_shows_where_it_leads_is_none(text: str) -> None:
    assert look(f"Hi.\n\n{text}") == []


def test_a_picture_without_words_is_told_alone_and_among_others() -> None:
    assert keys(look("Hi.\n\n![](https://a.example/p.png)")) == [("alt", False)]
    assert keys(look("x ![](https://a.example/p.png)")) == [("alt", False)]
    assert look("![A pond](https://a.example/p.png)") == []


def test_subject_and_preheader_have_a_length() -> None:
    assert keys(look("Hi", subject="x" * 61)) == [("long-subject", False)]
    assert keys(look("Hi", preheader="x " * 60)) == [("long-preheader", False)]
    assert keys(look("Hi", preheader="")) == [("no-preheader", False)]


def test_what_gmail_would_cut_off_is_red() -> None:
    assert look("# A\n\n" + "word " * 15_000) == []
    (found,) = look("# A\n\n" + "word " * 22_000)
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
    answers = dict(
        zip(asked, (LinkAnswer.DEAD, LinkAnswer.DOUBTFUL, LinkAnswer.FINE), strict=False)
    )
    assert keys(list(preflight.followed(answers))) == [
        ("link-dead", True), ("link-doubtful", False),
    ]  # fmt: skip
    inside = preflight.followed({"http://x.example/": LinkAnswer.INSIDE, "y": LinkAnswer.UNKNOWN})
    assert keys(list(inside)) == [("link-inside", True)]
    assert list(preflight.warming(3e5, "last")) == list(preflight.warming(3e4, "days")) == []
    (slow,) = preflight.warming(3e5, "days")
    assert slow.values["days"] == 4


LONG = "One two three four five six seven eight nine ten. " * 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# A\n\n### B\n\nHi", ["heading-jump"]),
        ("## A\n\n### B\n\n# C\n\n## D\n\nHi", []),
        ("left:\n\n# A\n\nright:\n\n#### B\n\nHi\n\nend:", ["heading-jump"]),
        (LONG * 9, ["no-heading"]),
        (f"| a | b |\n|---|---|\n| {LONG * 2} | c |", ["table-read"]),
        ("| a | b |\n|---|---|\n| c | d |", []),
        ("![](https://a.example/p.png)", ["alt", "text-empty"]),
        ("<https://a.example/>", ["text-empty"]),
        ("x" * 90, ["text-wide"]),
        (f"Here: <https://a.example/{'x' * 120}>", []),
        ("This is <b>bold</b>.", ["text-markup"]),
        ("Tea&amp;nbsp;time", ["text-markup"]),
        ("Write `<b>` so:\n\n    <b>bold</b>", ["text-markup"]),
        ("Like this:\n\n    <b>bold</b>", []),
    ],
)
def test_what_is_hard_to_follow_read_aloud_or_as_plain_text_is_told(
    text: str, found: list[str]
) -> None:
    assert keys(look(text)) == [(key, False) for key in found]


SHEET = """<mjml><mj-head><mj-title>News</mj-title><mj-preview>Leaves</mj-preview></mj-head>
<mj-body background-color="#ffffff"><mj-section{more}><mj-column><mj-text>{text}</mj-text>
{drawn}</mj-column></mj-section></mj-body></mjml>"""
PAGE = (
    "<!doctype html><html><head><title>News</title></head><body><p>{text}</p>{drawn}</body></html>"
)


def sheet(text: str = "Hi.", drawn: str = "", more: str = "") -> list[str]:
    draft = drafts.read(SHEET.format(text=text, drawn=drawn, more=more).encode())
    copies = issues.compositions(issues.ComposedIssue(draft, FACE, "en", "a@b.example", 1.8e9))
    return [one.key for one in preflight.look(draft, copies, {}, "en")]


def page(text: str = "Hi.", drawn: str = "") -> list[str]:
    made = sources.from_page(PAGE.format(text=text, drawn=drawn))
    assert made is not None
    return [one.key for one in look(made.text)]


def test_a_sheet_and_a_web_page_are_looked_at_as_markdown_is() -> None:
    assert sheet() == page() == []
    assert sheet("Tea at TK") == page("Tea at TK") == ["placeholder"]
    assert sheet("A [...] b") == page("A [...] b") == ["placeholder"]
    bad = '<a href="https://evil.example/">bank.example</a>'
    assert sheet(f"Hi {bad}") == page(f"Hi {bad}") == ["disguised"]
    nowhere = 'Hi <a href="https://example.com/x">here</a>'
    assert sheet(nowhere) == page(nowhere) == ["nowhere"]
    assert sheet(drawn='<mj-button href="#">Come</mj-button>') == ["nowhere"]
    silent = '<img src="https://a.example/p.png">'
    assert sheet(f"Hi {silent}") == page(drawn=silent) == ["alt"]
    assert sheet(drawn='<mj-image src="https://a.example/p.png" />') == ["alt"]
    jump = "<h1>A</h1><h3>B</h3>"
    assert sheet(drawn=f"<mj-text>{jump}</mj-text>") == page(drawn=jump) == ["heading-jump"]
    social = (
        '<mj-social><mj-social-element src="https://a.example/p.png" href="#">x'
        "</mj-social-element></mj-social>"
    )
    assert sheet(drawn=social) == ["nowhere", "alt"]
    shown = drafts.read(
        SHEET.format(text="Hi.", drawn=social.replace("#", "https://b.example/"), more="").encode()
    )
    assert "https://b.example/" in preflight.addresses(shown)
    assert sheet(drawn=f"<mj-raw><p>{LONG}</p></mj-raw>" * 3) == []
    assert sheet(more=' direction="rtl"') == ["turned"]
    drawn = PAGE.format(text="Hi", drawn='<div style="flex-direction: row-reverse">x</div>')
    assert sources.from_page(drawn).turned  # type: ignore[union-attr]  # it is a page
    assert not sources.from_page(PAGE.format(text="Hi", drawn="")).turned  # type: ignore[union-attr]  # too


def test_colours_are_judged_by_day_and_in_the_dark() -> None:
    assert sheet('<span style="color:#999">dim</span>') == ["contrast"]
    assert sheet('<span style="color:rgb(0,0,0)">dim</span>') == []
    assert sheet('<span style="color:#888;font-size:24px">dim</span>') == []  # 3.5 to 1, but large
    night = (
        "<mj-style>@media (prefers-color-scheme: dark) { .n div { color: #222 !important; }"
        " .n > td, .n { background: #111 !important } }</mj-style>"
    )
    dark = SHEET.format(text="Hi.", drawn="", more="").replace("</mj-head>", f"{night}</mj-head>")
    draft = drafts.read(dark.replace("<mj-text>", '<mj-text css-class="n">').encode())
    copies = issues.compositions(issues.ComposedIssue(draft, FACE, "en", "a@b.example", 1.8e9))
    (found,) = preflight.look(draft, copies, {}, "en")
    assert (found.key, found.values["colour"], found.values["ground"]) == (
        "contrast-dark", "#222222", "#111111",
    )  # fmt: skip
    unset = '<p style="color:#333333">Hi</p>'
    assert [(one.dark, one.ground) for one in legibility.find(unset)] == [(True, "#121212")]
    assert legibility.find('<p style="background:url(x.png);color:#fff">Hi</p>') == []


@pytest.mark.parametrize("accent", ["#ffee00", "#1f4b3f", "#ffffff", "#000000"])
def test_our_themes_can_be_read_in_any_colour_and_show_the_address(accent: str) -> None:
    text = (
        "# A\n\n[b](https://a.example) and `c`\n\n> d\n\n    e\n\nbutton: f\nhttps://a.example/\n\n"
        "event: g\nwhen: h\nlink: i https://a.example\n\nquote: j\nname: k\n\nsponsor: l\ntext: m"
    )
    for name in templates.theme_names():
        draft = drafts.read((HEAD.format(subject="x", preheader="y") + text).encode())
        look_of = IssueLook(templates.find_theme(name), templates.brand(accent))
        issue = issues.ComposedIssue(
            draft,
            FACE,
            "en",
            "a@b.example",
            1.8e9,
            Imprint("We", "Hamngatan 1, Lund"),
            look=look_of,
        )
        made = issues.compositions(issue)
        assert list(preflight.look(draft, made, {}, "en", "Hamngatan 1, Lund")) == []
        unseen = preflight.look(draft, made, {}, "en", "Elsewhere 2")
        assert [one.key for one in unseen] == ["postal-unseen"]
