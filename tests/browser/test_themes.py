"""Every theme with every block and long words, on three widths, by day, night, without pictures.

Axe is content, nothing is too wide, cut off or faint, and it is laid out as in its drawing.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, ViewportSize

import templates
from listserv.newsletters.writing import drafts
from tests.browser.gallery import LONG
from tests.browser.layout import Measured, draw, faults, hold, measure
from tests.browser.window import DESK, PHONE, SCHEMES, Scheme, Window, look, show, violations
from tests.listserv.newsletters.test_november import november
from tests.listserv.newsletters.test_sources import SHEET, bodies_of

SAMPLE = ("letter", "magazine")  # by `make test`; the others by `make journeys`
WIDTHS = (PHONE["width"], DESK["width"])  # that a drawing shows
TABLET: ViewportSize = {"width": 700, "height": 900}
# Words in place of a picture are as large as prose is, and light in the dark.
LEGIBLE = """image => {
  const {color, fontSize} = getComputedStyle(image);
  return parseInt(fontSize) >= 14 && color.match(/\\d+/g).every(part => part > 150);
}"""
_SHOT = io.BytesIO()
Image.linear_gradient("L").resize((900, 600)).convert("RGB").save(_SHOT, "PNG")
POND = _SHOT.getvalue()


@contextmanager
def hang_pictures(page: Page) -> Iterator[None]:
    """Answer for the picture of the pond and for nothing else."""
    page.route("**/*", lambda route: route.abort())
    page.route("**/pond.png", lambda route: route.fulfill(content_type="image/png", body=POND))
    yield
    page.unroute_all()


@pytest.mark.parametrize(
    "name",
    [
        one if one in SAMPLE else pytest.param(one, marks=pytest.mark.journey)
        for one in templates.theme_names()
    ],
)
def test_a_theme_is_wide_enough_and_can_be_read_by_everybody(
    window: Window, name: str, pictures: Path | None
) -> None:
    # Its own colour, and the two that are hardest to read on white and on black.
    sheets = {one: november(name, one, LONG["sv"])[1] for one in ("", "#ffe94d", "#0b0b2a")}
    seen: dict[tuple[int, str], Measured] = {}

    def one(page: Page, accent: str, size: ViewportSize, scheme: Scheme) -> list[str]:
        look(page, size, scheme)
        show(page, sheets[accent])
        sight = f"{name} {accent} {size['width']} {scheme}"
        found = measure(page)
        if not accent:
            seen[size["width"], scheme] = found
            if pictures is not None:
                page.screenshot(path=pictures / f"{sight}.png", full_page=True)
        # The colours are the same on each: axe has little new to see on the others.
        wrong = violations(page, *(() if size == PHONE else ("image-alt",)))
        return [f"{sight}: {one}" for one in wrong + faults(found)]

    def work(page: Page) -> list[str]:
        wrong: list[str] = []
        with hang_pictures(page):
            for accent in sheets:
                for size in (PHONE, TABLET, DESK) if not accent else (PHONE,):
                    for scheme in SCHEMES:
                        wrong += one(page, accent, size, scheme)
        page.route("**/*", lambda route: route.abort())
        look(page, PHONE, "dark")
        show(page, sheets[""])
        words = page.locator(".shot img").first  # in place of a picture that nobody loads
        wrong += [] if words.evaluate(LEGIBLE) else [f"{name}: no words in place of a picture"]
        page.unroute_all()
        return wrong

    assert not window.do(work)
    days = [seen[width, "light"] for width in WIDTHS]
    assert not hold(name, WIDTHS, draw(days, seen[PHONE["width"], "dark"]))


def test_a_sheet_of_ones_own_and_our_foot_below_it_can_be_read_by_everybody(window: Window) -> None:
    html = bodies_of(drafts.read(SHEET.encode()))[1]

    def work(page: Page) -> list[str]:
        page.route("**/*", lambda route: route.abort())
        wrong: list[str] = []
        for scheme in SCHEMES:
            look(page, PHONE, scheme)
            show(page, html)
            wrong += violations(page)
        page.unroute_all()
        return wrong

    assert not window.do(work)
