"""Every kind of page, in six languages, light and dark, on a telephone and a desk: axe is content.

The pages are what the door answers, with its own headers, handed to a real browser. With
KRETS_PICTURES=FOLDER each is also kept as a picture, to be looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, Route

from templates import LANGUAGES
from tests.browser.gallery import DOMAIN, Gallery, desk_pages
from tests.browser.layout import draw, faults, hold, measure
from tests.browser.window import DESK, PHONE, Scheme, ViewportSize, Window, look, violations
from tests.listserv.web.conftest import Got

# `make test` sees the language with the longest words and the one that all are translated from;
# `make journeys`, or who wants pictures, sees each language in each light on each screen.
SIGHTS: list[tuple[ViewportSize, Scheme]] = [
    *((PHONE, "light"), (DESK, "dark"), (PHONE, "dark"), (DESK, "light")),
]
SAMPLE = {"ru": SIGHTS[:2], "en": SIGHTS[:1]}
DRAWN = {"home", "thread", "join-wrong", "me", "leave"}  # one of each form
DRAWN_IN: list[tuple[ViewportSize, Scheme]] = [(PHONE, "light"), (DESK, "light"), (PHONE, "dark")]
# What light and width can change; all else is the same in every sight of a page.
SEEN = ("color-contrast", "target-size")
pytestmark = pytest.mark.timeout(300)  # 20 s a language on an idle machine


def look_at(
    page: Page,
    pages: Mapping[str, tuple[str, Got]],
    styles: Mapping[str, bytes],
    sights: Sequence[tuple[ViewportSize, Scheme]],
    pictures: Path | None = None,
    *,
    hung: bool = False,
) -> list[str]:
    """Show each page in some sights; return what is wrong, for ``hung`` beside its drawing."""
    wrong: list[str] = []
    current: Got | None = None

    def answer(route: Route, request: Request) -> None:
        path = urlsplit(request.url).path
        if request.resource_type == "document" and current is not None:
            gentle = current.body.replace(b'http-equiv="refresh"', b'data-was="refresh"')
            kept = {k: v for k, v in current.headers.items() if k != "content-length"}
            route.fulfill(status=current.status, headers=kept, body=gentle)
        elif path in styles:
            route.fulfill(content_type="text/css", body=styles[path])
        else:
            wrong.append(f"asked for {request.url}")
            route.abort()

    page.route("**/*", answer)
    try:
        for name, (path, got) in pages.items():
            current = got
            page.goto(f"http://{DOMAIN}{path}")
            for number, (size, scheme) in enumerate(sights):
                look(page, size, scheme)
                found = violations(page, *(SEEN if number else ())) + faults(measure(page))
                wrong += [f"{name}, {size['width']} px, {scheme}: {one}" for one in found]
                if pictures is not None:
                    file = f"{name.replace('/', '-')}-{size['width']}-{scheme}.png"
                    page.screenshot(path=pictures / file, full_page=True)
            if hung and name in DRAWN:
                wrong += [f"{name}: {one}" for one in drawn(page, name)]
    finally:
        page.unroute("**/*")
    return wrong


def drawn(page: Page, name: str) -> list[str]:
    """Return how a page differs from its drawing."""
    seen = []
    for size, scheme in DRAWN_IN:
        look(page, size, scheme)
        seen.append(measure(page))
    widths = [size["width"] for size, _ in DRAWN_IN[:-1]]
    return hold(f"page-{name}", widths, draw(seen[:-1], seen[-1]))


@pytest.mark.parametrize("language", SAMPLE)
def test_every_page_of_the_door_is_good_to_read_for_everybody(
    window: Window, galleries: Callable[[str], Gallery], language: str
) -> None:
    gallery = galleries(language)
    hung = language == "en"
    wrong = window.do(
        lambda page: look_at(page, gallery.pages, gallery.styles, SAMPLE[language], hung=hung)
    )
    assert not wrong, "\n".join(wrong)


@pytest.mark.journey
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_good_to_read_in_each_light_on_each_screen(
    window: Window, galleries: Callable[[str], Gallery], language: str, pictures: Path | None
) -> None:
    gallery = galleries(language)
    folder = pictures / language if pictures else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    wrong = window.do(lambda page: look_at(page, gallery.pages, gallery.styles, SIGHTS, folder))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_of_krets_try_is_good_to_read_for_everybody(
    window: Window, tmp_path: Path, pictures: Path | None, language: str
) -> None:
    pages, styles = desk_pages(tmp_path, language)
    wrong = window.do(lambda page: look_at(page, pages, styles, SIGHTS, pictures))
    assert not wrong, "\n".join(wrong)
