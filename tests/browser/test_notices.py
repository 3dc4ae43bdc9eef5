"""Notices in a real browser: in each language and light, on a telephone and a desk, axe is content.

``KRETS_PICTURES=FOLDER`` keeps a picture of each.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Page

import templates
from tests.browser.gallery import LONG
from tests.browser.layout import draw, faults, hold, measure
from tests.browser.window import DESK, PHONE, SCHEMES, Window, look, show, violations
from tests.templates.mail_samples import CONTEXT
from tests.templates.test_notice_layout import notice

pytestmark = pytest.mark.timeout(300)
SHOWN = ("stranger-confirm", "owner-request", "moderator-held", "member-welcome")
SIZES = (PHONE, DESK)


def html_of(name: str, language: str) -> str:
    """Return a notice of a list whose title is as long as a word can be."""
    shown = CONTEXT["list"]
    assert isinstance(shown, dict)
    return notice(name, language, list={**shown, "title": LONG[language]}).html


def look_at(page: Page, name: str, language: str, pictures: Path | None) -> list[str]:
    """Show one notice on each screen in each light; return what is wrong."""
    wrong: list[str] = []
    page.route("**/*", lambda route: (wrong.append(route.request.url), route.abort()))
    try:
        show(page, html_of(name, language))
        for size in SIZES:
            for scheme in SCHEMES:
                look(page, size, scheme)
                found = violations(page) + faults(measure(page))
                wrong += [f"{name} {language} {size['width']} {scheme}: {one}" for one in found]
                if pictures is not None:
                    file = f"notice-{name}-{language}-{size['width']}-{scheme}.png"
                    page.screenshot(path=pictures / file, full_page=True)
    finally:
        page.unroute_all()
    return wrong


@pytest.mark.parametrize("language", templates.LANGUAGES)
def test_a_notice_is_good_to_read_for_everybody_and_asks_for_nothing(
    window: Window, language: str, pictures: Path | None
) -> None:
    wrong = window.do(
        lambda page: [one for name in SHOWN for one in look_at(page, name, language, pictures)]
    )
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", SHOWN)
def test_a_notice_looks_as_it_did(window: Window, name: str) -> None:
    def work(page: Page) -> list[str]:
        show(page, html_of(name, "ru"))
        seen = []
        for size, scheme in ((PHONE, "light"), (DESK, "light"), (PHONE, "dark")):
            look(page, size, scheme)  # type: ignore[arg-type]
            seen.append(measure(page))
        widths = [size["width"] for size in SIZES]
        return hold(f"notice-{name}", widths, draw(seen[:-1], seen[-1]))

    wrong = window.do(work)
    assert not wrong, "\n".join(wrong)
