"""One browser with one page, in a thread of its own.

Playwright's event loop stays with its thread, so that tests beside it may run theirs.
"""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

T = TypeVar("T")
Scheme = Literal["light", "dark"]
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1200, "height": 900}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN = """async rules => {
  const found = await axe.run({runOnly: rules, resultTypes: ["violations"]});
  const wrong = found.violations.map(one => one.id + ": " + one.nodes.map(
    node => node.html.slice(0, 160) + " " + node.failureSummary).join(" | "));
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) wrong.push(`${wide} px wide in a window of ${innerWidth}`);
  return wrong;
}"""


def chromium() -> str:
    """Return the path of Debian's Chromium, or of KRETS_CHROMIUM; "" where there is none."""
    named = os.environ.get("KRETS_CHROMIUM", "")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or ""


def only_fonts(folder: Path, pattern: str, at: Path) -> Path:
    """Write a configuration into ``at`` that lets a browser know some fonts and no others."""
    made = at / "fonts.conf"
    made.write_text(
        '<fontconfig><include ignore_missing="yes">/etc/fonts/conf.d</include>'
        f"<dir>{folder}</dir><cachedir>{at}/cache</cachedir><selectfont>"
        f"<acceptfont><glob>*/{pattern}</glob></acceptfont>"
        "<rejectfont><glob>*</glob></rejectfont></selectfont></fontconfig>",
        encoding="utf-8",
    )
    return made


@dataclass
class Window:
    """Give work to the one page."""

    thread: ThreadPoolExecutor
    browser: Browser
    page: Page
    stop: Callable[[], None]

    @classmethod
    def open(cls, fonts: Path | None = None) -> "Window":
        """Start the browser, with the machine's fonts or those of a configuration."""
        environment = {**os.environ, **({"FONTCONFIG_FILE": str(fonts)} if fonts else {})}
        thread = ThreadPoolExecutor(max_workers=1)

        def start() -> tuple[Any, Browser, Page]:
            player = sync_playwright().start()
            root = hasattr(os, "geteuid") and os.geteuid() == 0
            browser = player.chromium.launch(
                executable_path=chromium(),
                env=environment,
                args=["--no-sandbox"] if root else [],  # Chromium refuses root otherwise
            )
            return player, browser, browser.new_page()

        player, browser, page = thread.submit(start).result()

        def stop() -> None:
            browser.close()
            player.stop()

        return cls(thread, browser, page, stop)

    def do(self, work: Callable[[Page], T]) -> T:
        """Do something with the page, in its thread."""
        return self.thread.submit(work, self.page).result()

    def without_script(self, work: Callable[[Page], T]) -> T:
        """Do something with a page of its own that runs no script."""

        def there() -> T:
            context = self.browser.new_context(java_script_enabled=False, viewport=PHONE)
            try:
                return work(context.new_page())
            finally:
                context.close()

        return self.thread.submit(there).result()

    def close(self) -> None:
        self.thread.submit(self.stop).result()
        self.thread.shutdown()


def look(page: Page, size: ViewportSize, scheme: Scheme) -> None:
    """Look at what is shown in another light, on another screen."""
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)


def violations(page: Page, *rules: str) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA, or ``rules`` alone; and a page too wide."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    asked = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": WCAG}
    return list(page.evaluate(_RUN, asked))


def show(page: Page, html: str) -> None:
    """Show a page of its own: what was shown before would impose its policy on the styles."""
    page.goto("about:blank")
    page.set_content(html)
