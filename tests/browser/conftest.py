"""A browser, and the pages it looks at; both made once for each process of a run."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from listserv.wiring.app import App
from tests.browser.gallery import Gallery, app_in
from tests.browser.window import Window, chromium
from tests.conftest import missing


@pytest.fixture(scope="session")
def window() -> Iterator[Window]:
    """Open the one browser."""
    if not chromium():
        missing("Chromium is not installed.")
    opened = Window.open()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def gallery_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Give the installation whose pages are looked at."""
    made = app_in(tmp_path_factory.mktemp("gallery"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def galleries(gallery_app: App) -> Callable[[str], Gallery]:
    """Give what walks through every page in a language, once."""

    @cache
    def walked(language: str) -> Gallery:
        made = Gallery(gallery_app, language)
        made.walk()
        return made

    return walked


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Give the folder for pictures of every page, where KRETS_PICTURES names one."""
    named = os.environ.get("KRETS_PICTURES")
    return Path(named) if named else None
