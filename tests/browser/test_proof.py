"""The page of a proof in a real browser: frames show what they say, axe is content."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, Route

from tests.browser.window import DESK, PHONE, Window, look, violations
from tests.listserv.newsletters.test_pictures import place
from tests.listserv.newsletters.test_preview import path_in, web
from tests.listserv.web.conftest import Web
from tests.place import Place

__all__ = ["place", "web"]  # fixtures
pytestmark = pytest.mark.timeout(300)


def test_the_page_of_a_proof_is_readable_and_its_frames_are_day_and_night(
    window: Window, place: Place, web: Web, pictures: Path | None
) -> None:
    path = path_in(place)
    refused: list[str] = []
    door = ThreadPoolExecutor(max_workers=1)  # the browser's own loop is running where it asks

    def answer(route: Route, request: Request) -> None:
        url = urlsplit(request.url)
        if url.netloc != "lists.example":
            refused.append(url.netloc)
            route.abort()
            return
        got = door.submit(web.get, url.path, accept_language="sv").result()
        kept = {k: v for k, v in got.headers.items() if k != "content-length"}
        route.fulfill(status=got.status, headers=kept, body=got.body)

    def work(page: Page) -> tuple[list[str], list[str]]:
        page.route("**/*", answer)
        wrong: list[str] = []
        grounds: list[str] = []
        for size, scheme in ((DESK, "light"), (PHONE, "dark")):
            look(page, size, scheme)  # type: ignore[arg-type]
            page.goto(f"https://lists.example{path}")
            for frame in page.query_selector_all("iframe"):
                frame.scroll_into_view_if_needed()
            page.wait_for_load_state("networkidle")
            wrong += [f"{size['width']} {scheme}: {one}" for one in violations(page)]
            if pictures is not None:
                for number, one in enumerate(page.query_selector_all("figure")):
                    name = f"proof {size['width']} {scheme} {number}.png"
                    one.screenshot(path=pictures / name)  # frames are painted where one looks
            grounds += [
                str(one.evaluate("() => getComputedStyle(document.body).backgroundColor"))
                for one in page.frames[1:]
            ]
        page.unroute_all()
        return wrong, grounds

    with door:
        wrong, grounds = window.do(work)
    assert not wrong
    light, dark = "rgb(255, 255, 255)", "rgb(23, 24, 27)"
    assert grounds == [light, dark, light, dark, light] * 2  # whatever the window's own light is
    assert set(refused) == {"a.example"}
