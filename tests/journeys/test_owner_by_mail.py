"""An owner's week by mail only: from an empty list to a handover, on real sockets.

Nothing but mail is written; what is asserted is what people got, and what ``krets member ls`` and
``krets list show`` say afterwards.
"""

import csv
import io
import re
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import (
    link,
    mails_to,
    reply_to,
    send,
    settled,
    state,
    subject_of,
    text_of,
    wait_mail,
)
from tests.tree import Krets, wait_for

WORDS = tomllib.loads((Path(__file__).parent / "owner_week.toml").read_text())
LIST = "friends@example.org"
REQUEST = "friends-request@example.org"
OWNER, ANNA, BO, EVA = (
    "olga@example.se", "anna@example.net", "bo@example.net", "eva@example.net",
)  # fmt: skip


class Owner:
    """Write as an owner does, and read what comes back."""

    def __init__(self, krets: Krets, outbox: list[Caught], words: dict[str, str]) -> None:
        self._krets, self._outbox, self._words = krets, outbox, words
        self._seen: dict[str, int] = {}

    def says(self, key: str, who: str = OWNER) -> None:
        """Write an order."""
        send(self._krets, who, REQUEST, self._words[key].strip().replace("\n", "\r\n"))

    def next(self, who: str = OWNER) -> Message:
        """Return the next notice to somebody that was not looked at yet."""
        self._seen[who] = self._seen.get(who, 0) + 1
        count = self._seen[who]
        wait_for(f"notice {count} to {who}", lambda: len(notices(self._outbox, who)) >= count)
        return notices(self._outbox, who)[count - 1]

    def last(self, who: str = OWNER) -> Message:
        """Return the newest notice to somebody, once everything is read and sent."""
        settled(self._krets)
        self._seen[who] = len(notices(self._outbox, who))
        return notices(self._outbox, who)[-1]

    def orders(self, key: str, who: str = OWNER) -> Message:
        """Write an order, say yes to the question that comes, and return the receipt."""
        self.says(key, who)
        return self.answers(self.next(who), who)

    def answers(self, mail: Message, who: str = OWNER, key: str = "yes") -> Message:
        """Answer a mail and return the one that comes next."""
        self.replies(mail, who, key)
        return self.next(who)

    def replies(self, mail: Message, who: str, key: str = "yes") -> None:
        """Answer a mail."""
        send(self._krets, who, reply_to(mail), self._words[key], subject=f"Re: {mail['Subject']}")


@pytest.mark.parametrize("language", [pytest.param("sv", marks=pytest.mark.journey), "it"])
def test_a_week_from_an_empty_list_to_a_handover_is_done_by_mail_alone(
    krets: Krets, outbox: list[Caught], language: str
) -> None:
    krets.krets("list", "create", LIST, "--title", "Test", "--language", language)
    krets.krets("member", "add", LIST, OWNER, "--role", "owner", "--consent", "founder")
    krets.start()
    words = WORDS[language]
    owner = Owner(krets, outbox, words)

    owner.says("members")
    assert OWNER in text_of(owner.next())

    assert words["done"] in text_of(owner.orders("begin"))
    assert state(krets, LIST, ANNA) == "active"
    assert words["reason"] in text_of(owner.next(ANNA))
    owner.replies(owner.next(BO), BO)
    owner.next(BO)  # the welcome
    assert state(krets, LIST, BO) == "active"

    owner.orders("settings")
    shown = krets.json("list", "show", LIST)
    assert (shown["title"], shown["first_posts_moderated"]) == (words["title"], True)

    send(krets, ANNA, LIST, "Vi ses.", subject="Picknick")
    held = owner.next()
    owner.says("queue")
    assert f"{ANNA}: Picknick" in text_of(owner.next())
    owner.replies(held, OWNER, "ok")
    wait_for("the post", lambda: "Picknick" in map(subject_of, mails_to(outbox, BO)))

    owner.last()  # what was decided

    paused = owner.orders("pause")
    assert words["done"] in text_of(paused)
    assert state(krets, LIST, BO) == "paused"
    owner.answers(paused, key="undo")
    assert state(krets, LIST, BO) == "active"

    owner.orders("ban")
    send(krets, EVA, "friends-join@example.org", "")
    owner.replies(owner.next(EVA), EVA)
    assert words["welcome"] in text_of(owner.next(EVA))

    owner.orders("hand_over")
    owner.next(EVA)  # told of the role
    owner.says("export", EVA)
    sheet = download(krets, outbox, link(owner.next(EVA), "members"))
    assert {ANNA, BO, EVA, OWNER} <= {row["email"] for row in sheet}
    owner.next(EVA)  # the code
    assert EVA in text_of(owner.next())  # the other owner is told
    owner.orders("step_back", EVA)
    roles = {row["email"]: row["role"] for row in krets.json("member", "ls", LIST)}
    assert (roles[OWNER], roles[EVA]) == ("member", "owner")

    owner.says("members")
    assert BO not in text_of(owner.last())
    owner.orders("close", EVA)
    assert krets.json("list", "show", LIST)["closed"] is True


def notices(outbox: list[Caught], who: str) -> list[Message]:
    """Return what the service itself wrote to somebody: no posts."""
    return [mail for mail in mails_to(outbox, who) if mail["Auto-Submitted"] is not None]


def download(krets: Krets, outbox: list[Caught], page: str) -> list[dict[str, str]]:
    """Open a link to the list of members as a browser does, with the code that is mailed."""
    known = len(mails_to(outbox, EVA))
    path = page.removeprefix(krets.url)
    assert krets.get(path)[0] == 200
    assert len(mails_to(outbox, EVA)) == known
    browse(krets, path, act="code")
    code = re.search(r"^ {2}(\d{6})\s*$", text_of(wait_mail(outbox, EVA, known + 1)), re.MULTILINE)
    assert code is not None
    assert browse(krets, path, act="open", code="12345x")[0] == 403
    status, found = browse(krets, path, act="open", code=code[1])
    assert status == 200
    assert browse(krets, path, act="open", code=code[1])[0] == 410
    return list(csv.DictReader(io.StringIO(found.decode())))


def browse(krets: Krets, path: str, **fields: str) -> tuple[int, bytes]:
    """Press a button of a page."""
    data = urllib.parse.urlencode(fields).encode()
    try:
        with urllib.request.urlopen(krets.url + path, data, timeout=60) as answer:  # noqa: S310 - ours
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
