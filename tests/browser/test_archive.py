"""An archive in a real browser, under the door's policy: search finds, hostile mail is inert."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from archive.filing.mail_threading import place
from archive.site import whole_archive
from listserv.web.door import build as door
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.store import put_raw
from subscriptions.lists import roster
from tests.browser.test_without_javascript import served
from tests.browser.window import DESK, PHONE, SCHEMES, Window, look, violations

LIST = "friends@example.org"
MAILS = {
    "sv": "Hälsningar från Åsa. Vi träffades på bryggan och pratade om båtarna och att det är vår.",
    "ru": "Мы говорили о собраниях и о книгах, и я думаю, что это было хорошо для всех нас.",
    "en": "We have talked about the meetings, and the boats are in the water for all of you.",
}
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
EVIL = "https://evil.example"
VECTORS = f"""
<h1>News</h1><table><tr><td>One</td><td>Two</td></tr></table><img src="{PNG}" alt="dot">
<script>document.title='pwned'</script><img src=x onerror="document.title='pwned'">
<svg onload="document.title='pwned'"><a xlink:href="javascript:document.title='pwned'">x</a></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1
onerror=document.title='pwned'&gt;">
<noscript><p title="</noscript><img src=x onerror=document.title='pwned'>"></noscript>
<form><math><mtext></form><form><mglyph><style></math><img src onerror=document.title='pwned'>
<a href="java&#9;script:document.title='pwned'" id="evil">click</a>
<a href="&#14; javascript:document.title='pwned'">click</a>
<iframe src="{EVIL}/frame" srcdoc="<script>top.document.title='pwned'</script>"></iframe>
<object data="{EVIL}/o"></object><embed src="{EVIL}/e"><link rel=stylesheet href="{EVIL}/s.css">
<style>@import "{EVIL}/i.css"; body {{ background: url({EVIL}/b) }}</style><base href="{EVIL}/">
<meta http-equiv="refresh" content="0;url={EVIL}/m"><video src="{EVIL}/v" autoplay></video>
<div style="position:fixed;inset:0;z-index:99;background:url({EVIL}/p)">over everything</div>
<img src="{EVIL}/pixel" srcset="{EVIL}/x 2x"><input autofocus onfocus="document.title='pwned'">
<details open ontoggle="document.title='pwned'">x</details><body onload="document.title='pwned'">
<table background="{EVIL}/t" width="5000"><tr><td background="{EVIL}/d">wide</td><td>x</td></tr>
</table>
"""
CLOSING = "<table><tr><td>1<td>2</table></table></div></div></article></main></body><p>outside?</p>"


def mail(name: str, text: str, kind: str = "plain", more: str = "") -> bytes:
    return (
        f"From: {name.title()} Person <{name}@example.org>\nMessage-ID: <{name}@x>\n"
        f"Subject: About {name}\nDate: Tue, 14 Nov 2023 10:00:00 +0000\n{more}"
        f"Content-Type: text/{kind}; charset=utf-8\n\n{text}\n"
    ).encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a list in three languages with a hostile newsletter in it."""
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("archive")
    app = App(load({"KRETS_MAILER__DATA": str(folder), "KRETS_LISTSERV__BASE_URL": base}))
    raws = [mail(name, text) for name, text in MAILS.items()]
    raws += [
        mail(f"{name}{n}", text, more=f"In-Reply-To: <{name}@x>\n")
        for name, text in MAILS.items()
        for n in range(5)
    ]
    raws += [mail("news", VECTORS, "html"), mail("closing", CLOSING, "html")]
    with app.store.write() as session:
        roster.create_list(session, LIST, now=time.time(), title="Friends")
        lst = roster.find_list(session, LIST)
        assert lst is not None
        for raw, sha in zip(raws, put_raw(session, raws), strict=True):
            place(session, lst, raw, sha, 1_700_000_000.0)
    whole_archive.build(app.store, app.settings.archive_path, base, lst)
    with served(door(app, dict), listener):
        yield base
    app.close()


@contextmanager
def watched(page: Page, base: str) -> Iterator[list[str]]:
    """Note every request that leaves for another host, and every script that a page runs."""
    wrong: list[str] = []

    def note(request: Any) -> None:  # noqa: ANN401 - Playwright's event
        if not request.url.startswith((base, "data:")):
            wrong.append(request.url)

    page.on("request", note)
    try:
        yield wrong
    finally:
        page.remove_listener("request", note)


def do(window: Window, site: str, path: str, work: Callable[[Page], None]) -> list[str]:
    """Do something on a page, and return what left for elsewhere."""

    def there(page: Page) -> list[str]:
        with watched(page, site) as wrong:
            page.goto(f"{site}/{LIST}/{path}")
            work(page)
        return wrong

    return window.do(there)


def test_inflected_words_are_found_in_their_own_language(window: Window, site: str) -> None:
    """Other forms of Swedish and Russian words, one without its dots; no hits say what to do."""

    def look_for(page: Page) -> None:
        for words, subject in (
            ("båt", "About sv"),
            ("Halsningar", "About sv"),
            ("собрание", "About ru"),
            ("книга", "About ru"),
            ("meeting", "About en"),
        ):
            page.fill("#q", words)
            page.wait_for_function(
                "s => [...document.querySelectorAll('.about')].some(a => a.textContent === s)",
                arg=subject,
            )
        page.fill("#q", "qqqq")
        page.wait_for_function(
            "() => document.getElementById('said').textContent.includes('Nothing')"
        )
        page.fill("#q", "båt")
        page.wait_for_selector("#found .about")
        assert violations(page) == []
        page.keyboard.press("Tab")
        href = page.get_attribute("#found .about", "href")
        assert href is not None
        assert f"/{LIST}/t/{permalink_hash('sv@x')}/#" in href

    assert do(window, site, "search/", look_for) == []


def test_hostile_mail_runs_nothing_asks_nobody_and_stays_in_its_box(
    window: Window, site: str, pictures: Path | None
) -> None:
    """In the light of day and at night, on a telephone and on a desk."""

    def look_at(page: Page) -> None:
        for size in (PHONE, DESK):
            for scheme in SCHEMES:
                look(page, size, scheme)
                assert violations(page) == []
                if pictures is not None:
                    pictures.mkdir(parents=True, exist_ok=True)
                    name = f"news-{size['width']}-{scheme}.png"
                    page.screenshot(path=pictures / name, full_page=True)
        assert "pwned" not in page.title()
        outside = page.evaluate(
            """() => {
              const box = document.querySelector('.rich');
              const edge = box.getBoundingClientRect();
              const main = document.querySelector('main').getBoundingClientRect();
              const kinds = 'script, iframe, object, embed, form, style';
              const strange = document.querySelectorAll(kinds);
              return {wide: edge.right > main.right + 1, strange: strange.length,
                      links: [...box.querySelectorAll('a[href]')].length};
            }"""
        )
        assert outside == {"wide": False, "strange": 0, "links": 0}
        assert page.evaluate("() => document.querySelector('.rich img').naturalWidth") == 1

    def look_inside(page: Page) -> None:
        inside = "() => document.querySelector('article .rich').textContent.includes('outside?')"
        assert page.evaluate(inside)

    assert do(window, site, f"t/{permalink_hash('news@x')}/", look_at) == []
    assert do(window, site, f"t/{permalink_hash('closing@x')}/", look_inside) == []


def test_the_home_and_a_thread_are_good_to_read_for_everybody(window: Window, site: str) -> None:
    def look_at(page: Page) -> None:
        look(page, PHONE, "dark")
        assert violations(page) == []

    for path in ("", f"t/{permalink_hash('sv@x')}/", "2023-11/"):
        assert do(window, site, path, look_at) == []


SHIFTS = """() => new Promise(done => {
  const seen = new PerformanceObserver(list => done(list.getEntries().map(e => e.value)));
  seen.observe({type: 'layout-shift', buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => done([])));
})"""


def test_nothing_moves_while_a_page_comes_and_it_asks_for_little(window: Window, site: str) -> None:
    """No layout shift; one page, one sheet and the list's colour, far below 60 KB together."""

    def look_at(page: Page) -> None:
        page.wait_for_load_state("load")
        assert page.evaluate(SHIFTS) == []
        names, size = page.evaluate(
            """() => {
              const all = [...performance.getEntriesByType('navigation'),
                           ...performance.getEntriesByType('resource')];
              return [all.map(e => e.name.split('/').pop()),
                      all.reduce((sum, e) => sum + e.encodedBodySize, 0)];
            }"""
        )
        # A browser that is new to a site asks it for an icon, whatever the page says.
        asked = [name for name in names[1:] if name != "favicon.ico"]
        assert [name.rpartition(".")[2] for name in asked] == ["css"], names
        assert 0 < size < 60_000

    for path in ("", f"t/{permalink_hash('sv@x')}/"):
        assert do(window, site, path, look_at) == []
