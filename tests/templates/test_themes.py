"""A theme is a folder that anybody may copy and change; a bad one costs little and says why."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

import templates
from templates import BrokenThemeError, brand
from templates.brand import DARK, ENOUGH, LIGHT, NIGHT, PAPER, contrast

SHEET = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
CONTEXT: dict[str, object] = {
    "subject": "News",
    "preheader": "What is new",
    "body_language": "sv",
    "list": {"title": "Nytt & <nära>", "page": "https://l.example/n/", "owner": "o@l.example"},
    "imprint": {"controller": "Ingrid", "postal_address": "Hamngatan 12"},
    "permalink": "https://l.example/n/m/x/",
    "leave_url": "https://l.example/n/leave/x",
    "blocks": [
        {
            "kind": "prose", "words": "One", "level": 1,
            "html": Markup("<h1>One</h1><p><a href='https://a.example'>x</a></p>"),
        },
        {
            "kind": "picture", "address": "https://a.example/p.png", "words": "A <pond>",
            "caption": "The pond", "href": "", "level": 0, "width": 300, "height": 200,
        },
        {
            "kind": "button", "address": "https://a.example/?a=1&b=2", "words": "Come & see",
            "level": 0,
        },
        {"kind": "rule", "level": 0},
    ],
}  # fmt: skip


def own(folder: Path, sheet: str, css: str = "", toml: str = "", name: str = "mine") -> Path:
    made = folder / name
    made.mkdir(exist_ok=True)
    (made / "issue.mjml").write_text(sheet, encoding="utf-8")
    (made / "issue.css").write_text(css, encoding="utf-8")
    (made / "theme.toml").write_text(toml, encoding="utf-8")
    return folder


def drawn(folder: Path, name: str = "mine", **more: object) -> str:
    theme = templates.find_theme(name, folder)
    return templates.set_issue(theme, "sv", brand(theme.accent), **{**CONTEXT, **more})


@pytest.mark.parametrize("name", templates.theme_names())
def test_a_theme_of_ours_shows_everything_in_the_readers_language(name: str) -> None:
    theme = templates.find_theme(name)
    for logo in ("", "https://a.example/logo.png"):
        shown = templates.set_issue(theme, "sv", brand("#0b7285", logo), **CONTEXT)
        assert "<h1" in shown
        assert 'alt="A <pond>"' in shown
        assert "The pond" in shown
        assert 'href="https://a.example/?a=1&amp;b=2"' in shown
        assert "Come &amp; see" in shown
        assert "https://l.example/n/leave/x" in shown
        assert "Lämna listan" in shown
        assert "Hamngatan 12" in shown
        assert "Nytt &amp; &lt;nära&gt;" in shown
        assert "https://l.example/n/m/x/" in shown
        assert ("logo.png" in shown) is bool(logo)
        assert "#0b7285" in shown
        assert 'lang="sv"' in shown
        assert "prefers-color-scheme" in shown
        assert "fonts.googleapis" not in shown
        assert len(shown.encode()) < 25_000


def test_a_theme_in_the_data_folder_is_seen_at_once_and_wins_over_ours(tmp_path: Path) -> None:
    own(tmp_path, SHEET.format("<mj-text>{{ subject }} 1</mj-text>"), name="letter")
    assert "News 1" in drawn(tmp_path, "letter")
    own(tmp_path, SHEET.format("<mj-text>{{ subject }} 2</mj-text>"), name="letter")
    assert "News 2" in drawn(tmp_path, "letter")
    assert templates.theme_names(tmp_path) == templates.theme_names()
    own(tmp_path, SHEET.format("<mj-text>x</mj-text>"), toml='accent = "#112233"')
    assert templates.find_theme("mine", tmp_path).accent == "#112233"
    assert "mine" in templates.theme_names(tmp_path)


def test_style_is_written_into_the_tags_in_the_lists_colour(tmp_path: Path) -> None:
    sheet = SHEET.format('<mj-text css-class="w"><p>x</p></mj-text>')
    shown = drawn(own(tmp_path, sheet, ".w p { color: {{ brand.link }}; }"))
    assert '<p style="color: #1f4b3f;">x</p>' in shown


TWICE = "{% set a %}{{ a }}{{ a }}{% endset %}"
FILLED = "{% set a = _('%(a)s%(a)s', a=a) %}"
BROKEN = [
    ("{% if %}", "mine/issue.mjml line 1"),
    ("<mj-text>\n{{ nobody }}</mj-text>", "mine/issue.mjml line 2: 'nobody' is undefined"),
    ("<mj-text>\n<mj-oops /></mj-text>", "line 2: MJML has no <mj-oops>"),
    ("<mj-text>", "does not close its tags"),
    ("{% for a in range(999) %}{% for b in range(999) %}{% endfor %}{% endfor %}", "50,000 turns"),
    ("{% for a in range(100000000) %}x{% endfor %}", "range of 100,000,000"),
    ("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}", "mine/issue.mjml"),
    ("{{ 'x' * 1000000000 }}", "* is for numbers only"),
    ("{{ 9 ** 9 ** 9 ** 9 }}", "** is for numbers only"),
    ("\n{{ 'x' ~ 'y' }}", "line 2"),
    ("{{ ''.__class__.__mro__ }}", "mine/issue.mjml"),
    ("{{ subject.format(1) }}", "mine/issue.mjml"),
    ("{{ subject|center(1000000000) }}", "center"),
    ("{{ list.title.upper() }}", "mine/issue.mjml"),
    ("{% for a in range(999) %}{{ big }}{{ big }}{{ big }}{% endfor %}", "2,000,000"),
    ("{% include '../letter/issue.mjml' %}", "mine/issue.mjml"),
    ("{{ 1 // 0 }}", "mine/issue.mjml line 1"),
    (f"{{% set a %}}{{{{ big }}}}{{% endset %}}{TWICE * 11}", "puts together more than 2,000,000"),
    ("{{ '%09999999d' % 1 }}", "% is for numbers only"),
    ("{{ _('%(a)09999999d', a=1) }}", "a sentence has %(name)s"),
    (f"{{% set a = big %}}{FILLED * 11}", "puts together more than 2,000,000"),
    ("{% set a = range(999)|join(big) %}{{ range(999)|join(a) }}", "puts together more"),
    ("{{ ([1]|batch(99999999, 1)|list)|length }}", "at most 1,000"),
    ("{{ ([1]|slice(99999999)|list)|length }}", "at most 1,000"),
    ("{% set a = 99999999 %}" + "{% set a = a * a %}" * 9, "counts beyond"),
    ("{% set a = [1] %}" + "{% set a = [a, a] %}" * 20 + "{{ a }}", "a list is not written"),
    ("{% set a = [1] %}" + "{% set a = [a, a] %}" * 20 + "{{ a|upper }}", "a list is not written"),
]  # fmt: skip


@pytest.mark.parametrize(("inside", "said"), BROKEN)
def test_a_broken_or_greedy_theme_says_where_and_ends_soon(
    tmp_path: Path, inside: str, said: str
) -> None:
    with pytest.raises(BrokenThemeError) as caught:
        drawn(own(tmp_path, SHEET.format("{}").replace("{}", inside)), big="x" * 1000)
    assert said in caught.value.what
    greedy = re.search(r"turns|range of|2,000,000|at most 1,000|puts|beyond", caught.value.what)
    assert (caught.value.key == "theme-greedy") == bool(greedy)
    assert caught.value.values["where"].startswith("mine/issue.mjml")


def test_a_theme_that_draws_itself_over_and_over_ends_soon(tmp_path: Path) -> None:
    again = "{% include 'issue.css' %}"
    css = f"{{% set left = left|default(40) - 1 %}}{{% if left %}}{again}{again}{{% endif %}}"
    with pytest.raises(BrokenThemeError, match="50,000 turns"):
        drawn(own(tmp_path, SHEET.format("<mj-text>x</mj-text>"), css))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("accent = 'red'", "no colour"), ("colour = 'x'", "'colour'"), ("a b", "theme.toml"),
        ("title = 1", "no text"),
    ],
)  # fmt: skip
def test_a_description_that_says_nonsense_is_refused(tmp_path: Path, toml: str, said: str) -> None:
    own(tmp_path, SHEET.format("<mj-text>x</mj-text>"), toml=toml)
    with pytest.raises(BrokenThemeError) as caught:
        templates.find_theme("mine", tmp_path)
    assert said in caught.value.what
    assert caught.value.values["where"] == "mine/theme.toml"


@pytest.mark.parametrize("name", ["nobody", "../letter", "", "LETTER", "letter/../letter"])
def test_a_theme_that_is_not_there_names_those_that_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(BrokenThemeError) as caught:
        templates.find_theme(name, tmp_path)
    assert "letter" in caught.value.fix


colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(colours)
def test_words_in_any_accent_can_be_read_by_day_and_by_night(accent: str) -> None:
    made = brand(accent)
    assert contrast(made.link, PAPER) >= ENOUGH
    assert contrast(made.night, NIGHT) >= ENOUGH
    assert contrast(made.on_accent, accent) >= ENOUGH
    assert made.on_accent in {LIGHT, DARK}


def test_contrast_is_what_the_guidelines_say() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
