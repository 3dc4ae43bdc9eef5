"""A person whose browser runs no script joins, confirms, uses their own page and leaves."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Page
from starlette.types import ASGIApp

from listserv.web.door import build
from listserv.wiring.app import App
from listserv.wiring.config import load
from subscriptions.lists import roster
from tests.browser.window import Window
from tests.listserv.web.conftest import FRIENDS, Web
from tests.tree import wait_for

KAI = "kai@example.net"


@contextmanager
def served(site: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serve on a real socket, in a thread."""
    server = uvicorn.Server(uvicorn.Config(site, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        wait_for("the server", lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()


def walk(page: Page, web: Web, base: str) -> None:
    """Go from the list's home to having left."""

    def from_mail(name: str) -> str:
        link = f"{base}/{FRIENDS}/{name}/"  # a door may answer before the mail is written
        text = wait_for(link, lambda: next((one for one in web.mails(KAI) if link in one), ""))
        return text[text.index(link) :].split()[0]

    page.goto(f"{base}/{FRIENDS}/")
    page.click("text=Join this list")
    page.fill("#email", KAI)
    page.click("text=Ask to join")
    assert "Look in your mail" in page.content()
    page.goto(from_mail("confirm"))
    page.click("button")
    assert "You are a member" in page.content()
    assert web.state(KAI) == "active"
    page.goto(f"{base}/{FRIENDS}/")
    page.click("text=I am a member")
    page.fill("#email", KAI)
    page.click("text=Send me the link")
    page.goto(from_mail("me"))
    page.select_option("#language", "sv")
    page.click("text=Save")
    assert "That is changed" in page.content()
    page.click("button[value=leave]")
    assert "You have left" in page.content()
    assert web.state(KAI) == "left"


def test_a_whole_membership_needs_no_script(window: Window, tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = App(
        load({"KRETS_MAILER__DATA": str(tmp_path / "data"), "KRETS_LISTSERV__BASE_URL": base})
    )
    app.__dict__["ring"] = lambda _bell: None
    with app.store.write() as session:
        roster.create_list(session, FRIENDS, now=time.time(), title="Friends")
    site = build(app, dict)
    web = Web(app, site)
    with served(site, listener):
        window.without_script(lambda page: walk(page, web, base))
    app.close()
