"""An owner's week by mail only: from an empty list to a handover, on real sockets.

Nothing but mail is written; what is asserted is what people got, and what ``krets member ls`` and
``krets list show`` say afterwards.
"""

import tomllib
from email.message import Message
from pathlib import Path

import pytest

from mailer.rehearsal.sink import Caught
from tests.journeys.letters import mails_to, reply_to, send, state, subject_of, text_of, wait_mail
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
        """Return the next mail to somebody that was not looked at yet."""
        self._seen[who] = self._seen.get(who, 0) + 1
        return wait_mail(self._outbox, who, self._seen[who])

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


@pytest.mark.parametrize("language", ["sv", "it"])
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
