"""Every theme with every block and long words, on three widths, by day, night, without pictures.

Axe is content, nothing is wider than the window, and it looks as when somebody looked at it.
"""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, ViewportSize

import templates
from listserv.newsletters import drafts
from tests.browser.gallery import LONG
from tests.browser.window import DESK, PHONE, SCHEMES, Window, look, violations
from tests.listserv.test_november import november
from tests.listserv.test_sources import SHEET, bodies_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "themes"
TALLER, DIFFERENT = 0.08, 9.0  # of the height; of 255, in the mean: another machine's fonts
TABLET: ViewportSize = {"width": 700, "height": 900}
# Words in place of a picture are as large as prose is, and light in the dark.
LEGIBLE = """image => {
  const {color, fontSize} = getComputedStyle(image);
  return parseInt(fontSize) >= 14 && color.match(/\\d+/g).every(part => part > 150);
}"""
_SHOT = io.BytesIO()
Image.linear_gradient("L").resize((900, 600)).convert("RGB").save(_SHOT, "PNG")
POND = _SHOT.getvalue()


@pytest.mark.parametrize("name", templates.theme_names())
def test_a_theme_is_wide_enough_and_can_be_read_by_everybody(
    window: Window, name: str, pictures: Path | None
) -> None:
    # Its own colour, and the two that are hardest to read on white and on black.
    sheets = {one: november(name, one, LONG["sv"])[1] for one in ("", "#ffe94d", "#0b0b2a")}

    def keep(page: Page, sight: str) -> None:
        shot = page.screenshot(full_page=True)
        seen[sight.removeprefix(f"{name}  ")] = grid(shot)
        if pictures is not None:
            (pictures / f"{sight}.png").write_bytes(shot)

    def work(page: Page) -> list[str]:
        page.goto("about:blank")  # what was shown before would impose its policy on the styles
        page.route("**/*", lambda route: route.abort())
        page.route("**/pond.png", lambda route: route.fulfill(content_type="image/png", body=POND))
        wrong: list[str] = []
        for accent, html in sheets.items():
            for size in (PHONE, TABLET, DESK) if not accent else (PHONE,):
                for scheme in SCHEMES:
                    look(page, size, scheme)
                    page.set_content(html)
                    sight = f"{name} {accent} {size['width']} {scheme}"
                    # The colours are the same on each: axe has little new to see on the others.
                    found = violations(page, *(() if size == PHONE else ("image-alt",)))
                    wrong += [f"{sight}: {one}" for one in found]
                    if not accent:
                        keep(page, sight)
        page.unroute_all()
        page.route("**/*", lambda route: route.abort())
        look(page, PHONE, "dark")
        page.set_content(sheets[""])
        words = page.locator(".shot img").first  # in place of a picture that nobody loads
        wrong += [] if words.evaluate(LEGIBLE) else [f"{name}: no words in place of a picture"]
        keep(page, f"{name}  {PHONE['width']} dark bare")
        page.unroute_all()
        return wrong

    seen: dict[str, tuple[int, str]] = {}
    assert not window.do(work)
    golden = GOLDEN / f"{name}.json"
    if not golden.exists():
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
        pytest.fail(f"{golden.name} was written: look at the pictures and run again")
    known = json.loads(golden.read_text(encoding="utf-8"))
    assert known.keys() == seen.keys()
    strange = {sight: off(*known[sight], *seen[sight]) for sight in known}
    assert not {sight: how for sight, how in strange.items() if how}


def test_a_sheet_of_ones_own_and_our_foot_below_it_can_be_read_by_everybody(window: Window) -> None:
    html = bodies_of(drafts.read(SHEET.encode()))[1]

    def work(page: Page) -> list[str]:
        page.goto("about:blank")
        page.route("**/*", lambda route: route.abort())
        wrong: list[str] = []
        for scheme in SCHEMES:
            look(page, PHONE, scheme)
            page.set_content(html)
            wrong += violations(page)
        page.unroute_all()
        return wrong

    assert not window.do(work)


def grid(shot: bytes) -> tuple[int, str]:
    """Return a picture's height, and its light on a grid of 12 by 30 fields, two digits each."""
    with Image.open(io.BytesIO(shot)) as picture:
        small = picture.convert("L").resize((12, 30), Image.Resampling.BOX)
        return picture.height, small.tobytes().hex()


def off(height: int, light: str, now: int, seen: str) -> str:
    """Say how a sight differs from its golden by more than another font would explain."""
    fields = zip(bytes.fromhex(light), bytes.fromhex(seen), strict=True)
    apart = [abs(one - other) for one, other in fields]
    if abs(now - height) > height * TALLER:
        return f"{now} px high, not {height}"
    mean = sum(apart) / len(apart)
    return f"its light differs by {mean:.1f} of 255" if mean > DIFFERENT else ""
