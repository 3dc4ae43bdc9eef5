"""A layout holds under other fonts, and each way of breaking it is seen and named."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.gallery import LONG, Gallery
from tests.browser.layout import Measured, differences, draw, faults, measure, read
from tests.browser.test_pages import DRAWN, SIGHTS, look_at
from tests.browser.test_themes import WIDTHS, hang_pictures
from tests.browser.window import DESK, PHONE, Window, chromium, look, only_fonts, show
from tests.conftest import missing
from tests.listserv.newsletters.test_november import november

FONTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
# Whole machines' worth of fonts, from narrow to wide: each browser knows one and no other.
SETS = {"DejaVu Serif": "DejaVuSerif*", "DejaVu Sans Mono": "DejaVuSansMono*",
        "Liberation S": "Liberation*"}  # fmt: skip
Change = Callable[[str], str]


def style(rules: str) -> Change:
    """Return what adds rules to a page, after its own."""
    return lambda html: html.replace("</head>", f"<style>{rules}</style></head>")


def instead(old: str, new: str) -> Change:
    """Return what puts something else into a page."""
    return lambda html: re.sub(old, new, html, flags=re.DOTALL)


# What was done to the magazine, and a part of what must be said about it.
BROKEN: dict[str, tuple[Change, str]] = {
    "a picture is missing": (instead("pond.png", "gone.png"), "img Пруд в тумане: no picture"),
    "a picture is squeezed": (
        style(".shot img{height:40px!important}"),
        "img Пруд в тумане: picture out of proportion",
    ),
    "two columns became one": (
        style(".mj-column-per-50{width:100%!important;max-width:100%!important}"),
        "h3 Ждать: another left edge at 1200 px",
    ),
    "columns do not stack on a telephone": (
        style(".mj-column-per-50{width:50%!important;max-width:50%!important}"),
        "h3 Сажать: another right edge at 360 px",
    ),
    "text runs out of the window": (
        style(".words p{white-space:nowrap}"),
        "px wide in a window of 360",
    ),
    "text runs out of its box and is cut off": (
        style(".night{overflow:hidden}.words p{width:200px;white-space:nowrap}"),
        "p листья оставьте там, где: text goes",
    ),
    "a heading has another colour": (
        style(".words h3{color:#1a5fb4!important}"),
        "h3 Сажать: colour by day is #1a5fb4",
    ),
    "a button cannot be read": (style(".side a{color:#b4483c!important}"), ": contrast of"),
    "two paragraphs changed places": (
        instead(r"(<p[^>]*>Здравствуйте.*?</p>)\s*(<p.*?</p>)", r"\2\1"),
        "stands elsewhere in the order",
    ),
    "columns changed sides": (
        instead("direction:ltr;(?=font-size:0px;padding:[^;]*;text-align:cen)", "direction:rtl;"),
        "h3 Ждать: another left edge at 1200 px",
    ),
    "what is hidden is shown": (
        instead(r'<div style="display:none[^"]*"', "<div"),
        "div Листья оставьте, чай в в: shown otherwise",
    ),
    "the foot is lost": (
        style(".foot p{display:none}"),
        "a Отписаться от этой рассы: is gone",
    ),
    "the foot was cut off": (
        instead("Отписаться от этой.*?</a>", "</a>"),
        "a Отписаться от этой рассы: is gone",
    ),
    "night is day": (
        instead("prefers-color-scheme:dark", "prefers-color-scheme:none"),
        "h1 Сельскохозяйственномашин: colour by night is",
    ),
    "the padding is gone": (
        style("td.words{padding:0!important}"),
        "h1 Сельскохозяйственномашин: another left edge at 360 px (0..",
    ),
    "a button's padding is gone": (
        style(".side a{padding:0!important}"),
        "a Приду в воскресенье: another form at 360 px",
    ),
    "paragraphs stick together": (
        style(".words p{margin:0!important}"),
        "p листья оставьте там, где: another space above",
    ),
    "a text lies over another": (
        style(".words h1{margin-bottom:-60px!important}"),
        "overlap",
    ),
    "the title moved to the left": (
        style(".name div{text-align:left!important}"),
        "div Trädgårdsbevattningsslan: another form",
    ),
    "the text is too small": (
        style(".words div{font-size:10px!important}"),
        "p Здравствуйте, Мария,: another form",
    ),
    "links look like text": (
        style(".words a{text-decoration:none!important}"),
        "a ежи и божьи коровки: colour by day",
    ),
    "a line between is missing": (
        style(".rule p{border:0!important}"),
        "line (4): is gone",
    ),
}  # fmt: skip


def sights(page: Page, html: str) -> list[Measured]:
    """Measure a page on a telephone and at a desk by day, and on a telephone by night."""
    seen = []
    for size, scheme in ((PHONE, "light"), (DESK, "light"), (PHONE, "dark")):
        look(page, size, scheme)  # type: ignore[arg-type]
        show(page, html)
        seen.append(measure(page))
    return seen


def wrong_in(window: Window, html: str, drawing: str) -> list[str]:
    """Return the faults of a page, and how it differs from a drawing."""

    def work(page: Page) -> list[str]:
        with hang_pictures(page):
            *days, night = sights(page, html)
        wrong = [one for seen in (*days, night) for one in faults(seen)]
        return wrong + differences(read(drawing), draw(days, night), WIDTHS)

    return window.do(work)


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_layout_is_seen_and_named(window: Window, how: str) -> None:
    change, said = BROKEN[how]
    whole = november("magazine", "", LONG["sv"])[1]
    broken = change(whole)
    assert broken != whole
    assert said in "\n".join(wrong_in(window, broken, "magazine"))


def test_other_words_in_the_same_place_are_the_same_layout(window: Window) -> None:
    whole = november("magazine", "", LONG["sv"])[1]
    said = whole.replace("Кружок снова собирается", "Встречаемся").replace("Реклама", "Спонсор")
    assert said != whole
    assert not wrong_in(window, said, "magazine")


@pytest.fixture(
    params=[
        one if one == "DejaVu Serif" else pytest.param(one, marks=pytest.mark.journey)
        for one in SETS
    ]
)
def other_fonts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Window]]:
    """Open a browser that knows one family of fonts."""
    pattern = SETS[request.param]
    found = [font for folder in FONTS for font in folder.rglob(pattern)]
    if not found:
        missing(f"No {request.param} on this machine.")
    if not chromium():
        missing("Chromium is not installed.")
    opened = Window.open(only_fonts(found[0].parent, pattern, tmp_path))
    yield request.param, opened
    opened.close()


def test_no_theme_is_broken_by_other_fonts(other_fonts: tuple[str, Window]) -> None:
    family, window = other_fonts
    used = window.do(lambda page: fonts_of(page, "<p style='font-family: Georgia, serif'>Да. Yes."))
    assert used
    assert all(one.startswith(family) for one in used)
    for name in ("announcement", "digest", "letter", "magazine"):
        assert not wrong_in(window, november(name, "", LONG["sv"])[1], name)


def test_no_page_is_broken_by_other_fonts(
    other_fonts: tuple[str, Window], galleries: Callable[[str], Gallery]
) -> None:
    _, window = other_fonts
    english = galleries("en")
    pages = {name: english.pages[name] for name in DRAWN}
    assert not window.do(lambda page: look_at(page, pages, english.styles, SIGHTS[:1], hung=True))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (rb".*", b"", "me: button Save: another"),
        (rb"prefers-color-scheme: ?dark", b"width: 1px", "me: h1 Your own page: colour by night"),
        (
            rb"input[^{]*{[^}]*}",
            b"input { width: 600px }",
            "me: input name: another right edge at 360 px",
        ),
    ],
)
def test_a_page_with_a_broken_stylesheet_is_seen_and_named(
    window: Window, galleries: Callable[[str], Gallery], old: bytes, new: bytes, said: str
) -> None:
    english = galleries("en")
    styles = {
        path: re.sub(old, new, sheet, flags=re.DOTALL) for path, sheet in english.styles.items()
    }
    pages = {"me": english.pages["me"]}
    wrong = window.do(lambda page: look_at(page, pages, styles, SIGHTS[:1], hung=True))
    assert said in "\n".join(wrong)


def fonts_of(page: Page, html: str) -> list[str]:
    """Return the families with which a browser paints the first paragraph of a page."""
    show(page, html)
    asked = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        asked.send(f"{domain}.enable")
    root = asked.send("DOM.getDocument")["root"]["nodeId"]
    node = asked.send("DOM.querySelector", {"nodeId": root, "selector": "p"})["nodeId"]
    found = asked.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    asked.detach()
    return [font["familyName"] for font in found]
