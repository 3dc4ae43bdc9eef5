"""``krets try``: what is answered on its page goes through the real door and changes things."""

import contextlib
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.tree import ROOT, free_port, wait_for

GARDEN = "garden@krets.example"
KAI = "kai@example.net"


@dataclass
class Trial:
    """A running ``krets try``."""

    folder: Path
    pages: str
    box: str

    def fetch(self, url: str, form: dict[str, str] | None = None, **headers: str) -> str:
        """Return a page's text, that of an error too; "" where nobody answers."""
        data = urlencode(form).encode() if form is not None else None
        try:
            request = urllib.request.Request(url, data, headers)  # noqa: S310 - ours
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()
        except OSError:
            return ""

    def mails(self, reader: str) -> list[tuple[str, str]]:
        """Return (path, subject) of a reader's mails, the newest first."""
        page = self.fetch(f"{self.box}/?{urlencode({'reader': reader})}")
        return re.findall(r'class="about" href="(/mail/\d+)"[^>]*>([^<]*)<', page)


@pytest.fixture
def trial(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Trial]:
    """Run the command as a newcomer does."""
    if request.config.getoption("--database") != "sqlite":
        pytest.skip("krets try is SQLite's")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KRETS_")}
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "listserv", "try", "--port", str(free_port())],
            stdout=file,
            stderr=file,
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(ROOT)},
        )
    try:
        said = wait_for("krets try to be up", lambda: _announced(log, process))
        urls = dict(re.findall(r"(every mail|the lists)\s+(http://\S+)/", said))
        yield Trial(tmp_path, urls["the lists"], urls["every mail"])
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)


def _announced(log: Path, process: "subprocess.Popen[bytes]") -> str:
    said = log.read_text()
    assert process.poll() is None, said
    return said if "Ctrl-C" in said else ""


def test_an_answer_on_the_page_passes_the_real_door_and_makes_a_member(trial: Trial) -> None:
    trial.fetch(f"{trial.pages}/{GARDEN}/join", {"email": KAI, "name": "Kai"})
    path = wait_for("the question", lambda: trial.mails(KAI))[0][0]
    page = trial.fetch(trial.box + path)
    to = re.search(r"<option>(garden-confirm\+[^<]+)</option>", page)
    assert to is not None
    foreign = trial.fetch(trial.box + path, {"to": to[1]}, Origin="http://evil.example")
    assert "own address only" in foreign
    trial.fetch(trial.box + path, {"to": to[1], "subject": "Re: Do you", "text": ""})
    wait_for("the welcome", lambda: any("Welcome" in s for _, s in trial.mails(KAI)))
    mail = {"from": KAI, "to": GARDEN, "subject": "A wheelbarrow", "text": "Who lends me one?"}
    assert "Sent." in trial.fetch(f"{trial.box}/", mail)
    ingrid = "ingrid@bladverk.example"
    wait_for("the post", lambda: any("wheelbarrow" in s for _, s in trial.mails(ingrid)))
    home = f"{trial.pages}/{GARDEN}/"
    wait_for("its page", lambda: "wheelbarrow" in trial.fetch(home))
    issue = wait_for(
        "the issue", lambda: [p for p, s in trial.mails(ingrid) if s.endswith("in June")]
    )[0]
    assert f'src="{issue}/html"' in trial.fetch(trial.box + issue)
    assert "<strong>new valve</strong>" in trial.fetch(f"{trial.box}{issue}/html")
    # A machine with no time for its leases may warn of it; whatever goes well is silent.
    said = [
        line
        for line in (trial.folder / "log").read_text().splitlines()
        if line and "level=warning" not in line
    ]
    assert said[-1].endswith("krets try goes on where you left."), "nothing covers what to try"
    refused = trial.fetch(f"{trial.box}/", {**mail, "to": "nobody@krets.example"})
    assert "550" in refused
