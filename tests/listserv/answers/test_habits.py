"""What people write by habit: to members', owners', editors' and moderators' doors, two blind lots.

Nothing may be done that somebody did not mean; how much is understood may not fall.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from listserv.answers import dates, meaning, owner_orders
from listserv.answers.own_words import OwnWords
from listserv.answers.owner_order import UNCLEAR
from listserv.letters import commands
from listserv.moderation import rulings
from listserv.newsletters.editors import editor_orders

NOW = datetime(2026, 11, 30, 10, tzinfo=UTC).timestamp()
ASKED = {
    "confirm-join": meaning.confirm,
    "confirm-leave": meaning.leave,
    "after-leaving": meaning.undo,
    "join-request": meaning.admit,
}
SEES = {"members", "count", "find", "queue", "export"}
OF_ONE = {"add", "remove", "invite", "set", "ban", "moderate", "allow", "pause", "resume", "role"}
HARMLESS = {"unclear", "help", "thanks", "settings", "-", "pause ?", "no", "never", "stay", "ok"}
# The least that is understood of each question, of a hundred; measured 2026-11-30.
LEAST = {
    "confirm-join": 93, "confirm-leave": 98, "after-leaving": 92, "join-request": 76,
    "command": 93, "owner": 88, "editor": 74, "moderator": 78,
}  # fmt: skip


class Habit(NamedTuple):
    """Hold one line: the question, what it means, the words, and what was understood."""

    asked: str
    means: str
    text: str
    found: str

    @property
    def is_right(self) -> bool:
        return self.found == self.means or {self.found, self.means} == {"no", "never"}


def habits() -> Iterator[Habit]:
    asked = ""
    for line in Path(__file__).with_name("habits.txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            asked = line[3:]
        elif "|" in line and not line.startswith("#"):
            means, text = line.split("|", 1)
            text = text.replace("\\n", "\n")
            yield Habit(asked, means, text, understood(asked, text))


def understood(asked: str, text: str) -> str:
    if asked in ASKED:
        return ASKED[asked](OwnWords(text)).means.value
    if asked == "command":
        return _command(text)
    if asked == "owner":
        found = [one for one in owner_orders.read(text) if one.verb != UNCLEAR]
        shown = {f"{one.verb} {one.who}" if one.verb in OF_ONE else one.verb for one in found}
        return " + ".join(sorted(shown)) or "-"
    if asked == "editor":
        order = editor_orders.read(text, NOW, ZoneInfo("Europe/Rome"))
        return "-" if order is None else "at" if order.at else order.verb.value
    ruling = rulings.read(text)
    return ruling.word.value if ruling else "-"


def _command(text: str) -> str:
    found = commands.command(text)
    if found is None:
        return "unclear"
    if found.verb == "pause":
        until = commands.until(found.rest, NOW)
        if until is None:
            return "pause ?" if dates.names_one(found.rest) else "pause"
        return f"pause {datetime.fromtimestamp(until, UTC):%Y-%m-%d}"
    return f"language {found.rest}" if found.verb == "language" else found.verb


def test_nothing_is_done_that_somebody_did_not_mean() -> None:
    done = [
        one
        for one in habits()
        if not one.is_right
        and one.found not in HARMLESS
        and one.found.split()[0] not in SEES
        and (one.found, one.means) != ("stop", "cancel")
        and (one.found, one.means) != ("forget", "leave")  # which asks, in so many words
    ]
    assert done == []


def test_most_is_understood() -> None:
    all_, right = Counter[str](), Counter[str]()
    for one in habits():
        all_[one.asked] += 1
        right[one.asked] += one.is_right
    share = {asked: 100 * right[asked] // all_[asked] for asked in all_}
    assert {asked for asked, least in LEAST.items() if share[asked] < least} == set(), share
