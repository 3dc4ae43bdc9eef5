"""Pictures of a proof: by a second mail, once a revision, whatever becomes of the browser."""

import os
import socket
import stat
from email.message import Message
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from listserv.newsletters.editors import screenshot_mail, screenshots
from listserv.run import scheduler
from listserv.wiring.listserv_tables import ScreenshotJob
from mailer.ledger.mailings import Mailing, MailingState
from tests.browser.window import chromium
from tests.conftest import missing
from tests.listserv.newsletters.test_pictures import (
    DOT,
    ISSUE,
    OLGA,
    kept,
    mail,
    part,
    place,
    plain,
    send,
)
from tests.place import Place, reply_to, subject

__all__ = ["place"]  # a fixture
# Plays Chromium: keeps the page it was given and its words, and writes a picture of four bytes.
STUB = """#!/bin/sh
echo "$@" >> {folder}/words
for word in "$@"; do
  case "$word" in
    --screenshot=*) shot="${{word#--screenshot=}}" ;;
    file:*) cat "${{word#file://}}" >> {folder}/pages ;;
  esac
done
{end}
"""
SHOOT = "printf '\\211PNG\\r\\n\\032\\n' > \"$shot\""


def uses(place: Place, folder: Path, end: str = SHOOT) -> None:
    """Let a program play Chromium."""
    program = folder / "chromium"
    program.write_text(STUB.format(folder=folder, end=end))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    object.__setattr__(place.app.settings.listserv, "screenshots", str(program))


def leave(place: Place) -> None:
    """Let all that was written leave."""
    with place.app.store.write() as session:
        session.execute(update(Mailing).values(state=MailingState.DONE))


def rows(place: Place) -> list[bool]:
    with place.app.store.read() as session:
        return list(session.scalars(select(ScreenshotJob.done).order_by(ScreenshotJob.id)))


def names(made: Message) -> list[str | None]:
    return [one.get_filename() for one in made.walk() if one.get_content_type() == "image/png"]


def test_an_editor_gets_pictures_of_each_revision_once_when_the_report_has_left(
    place: Place, tmp_path: Path
) -> None:
    """In the report's thread, to this editor alone; the browser is shown no address to ask."""
    uses(place, tmp_path)
    send(place, mail("mixed", plain("Hi all\n\n![a](o.png)"), part(DOT, "o.png")))
    screenshot_mail.carry_out(place.app)
    assert rows(place) == [False]  # proof and report have not left
    assert "sit" not in scheduler.tick(place.app)
    report = place.mails(OLGA)[-1]
    leave(place)
    assert "sit" in scheduler.tick(place.app)
    for _ in range(2):
        screenshot_mail.carry_out(place.app)
    _, again, made = place.mails(OLGA)
    assert again["Message-ID"] == report["Message-ID"]
    assert made["In-Reply-To"] == report["Message-ID"]
    assert names(made) == ["360-light.png", "360-dark.png", "700-light.png"]
    assert subject(made) == 'Garden: pictures of "November"'
    words = (tmp_path / "words").read_text()
    assert [words.count(f"--window-size={n},") for n in (360, 700)] == [2, 1]
    assert ("--no-sandbox" in words) is (os.geteuid() == 0)
    pages = (tmp_path / "pages").read_text()
    assert "data:image/png;base64," in pages
    assert f"/f/{kept(place)[0].key}" not in pages
    assert pages.count("default-src 'none'") == 3
    # A new text is a new revision; an answer to the pictures counts as one to the report.
    place.write(
        OLGA, reply_to(made), "new text\n\nsubject: Other\n\nHello all of you", subject="Re: x"
    )
    place.write(OLGA, reply_to(report), "what?", subject="Re: x")
    leave(place)
    screenshot_mail.carry_out(place.app)
    assert rows(place) == [True, True]
    assert sum(bool(names(one)) for one in place.mails(OLGA)) == 2


@pytest.mark.parametrize(
    "end", ["exit 1", "kill -9 $$", 'printf no > "$shot"', "sleep 60", "exec sleep 60"]
)
def test_a_browser_that_fails_is_a_line_in_the_log_and_no_mail(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(screenshots, "PATIENCE", 0.3 if "sleep" in end else 20.0)
    if end.startswith("exec"):
        monkeypatch.setattr(screenshots, "MEMORY", 1)
    uses(place, tmp_path, end)
    place.write(OLGA, ISSUE, "Hello", subject="November")
    leave(place)
    with capture_logs() as said:
        screenshot_mail.carry_out(place.app)
    assert [(one["event"], one["missed"]) for one in said if "missed" in one] == [
        ("chromium has not taken every picture", 3)
    ]
    assert len(place.mails(OLGA)) == 2
    assert rows(place) == [True]


def test_what_a_restart_cuts_off_is_done_again_but_not_for_ever(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uses(place, tmp_path)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    place.write(OLGA, ISSUE, "Hello", subject="November")
    place.write(OLGA, ISSUE, "Hello again", subject="December")
    leave(place)
    for _ in range(screenshot_mail.TRIES):
        with monkeypatch.context() as broken:
            broken.setattr(screenshots, "take", die)
            with pytest.raises(KeyboardInterrupt):
                screenshot_mail.carry_out(place.app)
    assert rows(place) == [False, False]
    screenshot_mail.carry_out(place.app)
    assert rows(place) == [True, True]
    (made,) = [one for one in place.mails(OLGA) if names(one)]
    assert "December" in subject(made)


def test_no_browser_and_no_root_mean_no_second_mail(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert screenshots.find("off") == ""
    monkeypatch.setattr(screenshots.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(screenshots.os, "geteuid", lambda: 0)
    assert screenshots.find("auto") == ""  # root's would have no sandbox
    monkeypatch.setattr(screenshots.os, "geteuid", lambda: 1000)
    assert screenshots.find("auto") == "/usr/bin/chromium"
    object.__setattr__(place.app.settings.listserv, "screenshots", "off")
    place.write(OLGA, ISSUE, "Hello", subject="November")
    assert rows(place) == []


@pytest.mark.timeout(120)
def test_a_real_browser_takes_them_and_nothing_leaves_it(tmp_path: Path) -> None:
    """Not even what the page names, reloads or would run."""
    program = chromium()
    if not program:
        missing("Chromium is not installed.")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        page = (
            f'<meta http-equiv="refresh" content="0;url={address}"><img src="{address}">'
            f'<link rel="stylesheet" href="{address}"><iframe src="{address}"></iframe>'
            f'<script>fetch("{address}")</script><body style="background:url({address})">Hej'
        )
        made = screenshots.take(program, [(page, 360), ("<body style='background:#123456'>", 700)])
        with pytest.raises(TimeoutError):
            server.accept()
    sizes = [(int.from_bytes(one[16:20]), int.from_bytes(one[20:24])) for one in made if one]
    assert sizes == [(360, screenshots.TALL), (700, screenshots.TALL)]
