"""Walk the tour of ``krets try`` as a visitor does: by what its pages and its mails offer.

Knows the pages' addresses from the tour, and everything else from what they show: the form to
join, the question that came by mail, the moderator's mail, the link in the welcome. It looks
into no database: a step is done when its page or its mail says so.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TypeVar
from urllib.parse import urlencode

from listserv.trying.community import LIST, STRANGER, people, subject_of
from listserv.trying.page_client import VisitedPage, get, send
from listserv.trying.tour import STEPS, Tour

PATIENCE = 60.0  # seconds for what follows a step
_PAUSE = 0.2  # seconds between looks at a page
_FINE = 200
T = TypeVar("T")


class Stuck(Exception):
    """Say which step went no further (counted from 1), and at which page."""

    def __init__(self, number: int, page: str) -> None:
        super().__init__(f"{number}: {page}")
        self.number = number
        self.page = page


@dataclass(slots=True)
class VisitorWalk:
    """Visit the pages once, as somebody would who tries the software."""

    tour: Tour
    language: str
    who: str
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    patience: float = PATIENCE
    _number: int = 0
    _way_out: str = ""

    def steps(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Walk step by step; yield each one's name and what is to be told of it. Raise Stuck."""
        for number, name in enumerate(STEPS, start=1):
            self._number = number
            yield name, getattr(self, name)()

    def join(self) -> dict[str, str]:
        """Ask to join, by the form."""
        form = self.tour.steps(self.language, chosen=True)[0].link
        self._send(get(form), "email", email=self.who)
        return {"list": LIST, "who": self.who}

    def confirm(self) -> dict[str, str]:
        """Answer the question with an empty mail, and wait for the welcome."""
        question, to = self._wait(self._mails_of(self.who), self._question)
        self._send(question, "to", to=to, text="")
        self._way_out = self._wait(self._mails_of(self.who), self._find_way_out)
        return {}

    def post(self) -> dict[str, str]:
        """Write to the list, and wait until everybody and the archive have it."""
        subject = f"A walk, {self.who.partition('@')[0]}"
        words = {"from": self.who, "to": LIST, "subject": subject, "text": "I came by to look."}
        self._send(get(f"{self.tour.box}/"), "from", **words)
        everybody = [self.who, *people()]
        for reader in everybody:
            self._see(self._mails_of(reader), subject)
        self._see(f"{self.tour.pages}/{LIST}/", subject)
        return {"count": str(len(everybody))}

    def decide(self) -> dict[str, str]:
        """Answer ok as the moderator, and wait until the stranger's letter has gone out."""
        decider = self.tour.decider(self.language)
        self._send(self._wait(self._mails_of(decider), self._asked_about), "to", text="ok")
        self._see(self._mails_of(decider), subject_of(STRANGER))
        self._see(f"{self.tour.pages}/{LIST}/", subject_of(STRANGER))
        return {"decider": decider, "stranger": STRANGER}

    def leave(self) -> dict[str, str]:
        """Leave by the welcome's link, and wait for the goodbye."""
        before = len(_letters(get(self._mails_of(self.who))))
        self._send(get(self._way_out), "")
        if get(self._way_out).forms:  # it would still offer to leave
            raise Stuck(self._number, self._way_out)
        self._wait(self._mails_of(self.who), lambda page: len(_letters(page)) > before)
        return {}

    def _mails_of(self, reader: str) -> str:
        return f"{self.tour.box}/?{urlencode({'reader': reader})}"

    def _question(self, page: VisitedPage) -> tuple[VisitedPage, str] | None:
        """Return the mail that asks to be confirmed, and where its answer goes."""
        mark = LIST.partition("@")[0] + "-confirm+"
        for letter in map(get, _letters(page)):
            for to in _answers_to(letter):
                if to.startswith(mark):
                    return letter, to
        return None

    def _find_way_out(self, page: VisitedPage) -> str | None:
        begin = f"{self.tour.pages}/{LIST}/leave/"
        links = (link for letter in map(get, _letters(page)) for link in letter.links)
        return next((link for link in links if link.startswith(begin)), None)

    def _asked_about(self, page: VisitedPage) -> VisitedPage | None:
        """Return the moderator's mail about the stranger's letter."""
        mark = LIST.partition("@")[0] + "-reply+"
        for letter in map(get, _letters(page)):
            if STRANGER in letter.text and any(to.startswith(mark) for to in _answers_to(letter)):
                return letter
        return None

    def _see(self, url: str, words: str) -> None:
        self._wait(url, lambda page: escape(words) in page.text)

    def _send(self, page: VisitedPage, name: str, **values: str) -> None:
        """Send the page's form that has the field ``name``; raise Stuck where that fails."""
        form = page.form(name)
        if page.status != _FINE or form is None:
            raise Stuck(self._number, f"{page.url} ({page.status})")
        answer = send(form, values)
        if answer.status != _FINE:
            raise Stuck(self._number, f"{answer.url} ({answer.status})")

    def _wait(self, url: str, look: Callable[[VisitedPage], T | None]) -> T:
        """Look at a page until there is what is looked for; raise Stuck after a while."""
        deadline = self.clock() + self.patience
        while True:
            page = get(url)
            found = look(page) if page.status == _FINE else None
            if found:
                return found
            if self.clock() > deadline:
                raise Stuck(self._number, f"{url} ({self.patience:.0f} s)")
            self.pause(_PAUSE)


def _letters(page: VisitedPage) -> list[str]:
    """Return the addresses of the mails on a page, the newest first."""
    return list(dict.fromkeys(one for one in page.links if "/mail/" in one))


def _answers_to(letter: VisitedPage) -> list[str]:
    form = letter.form("to")
    return form.choices.get("to", []) if form else []
