"""A real list's mail: imported whole, and 120 of it sent again by its authors to 200 members."""

import json
import re
import smtplib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest

from listserv.posts import facts, rules
from mailer.reading.mbox import MboxMail, open_mail_file, read_mbox, write_mbox
from mailer.rehearsal.sink import Caught, Sink, rehearsal
from tests.tree import Krets, wait_for

LIVE, IMPORTED = "live@example.org", "imported@example.org"
POSTS, MEMBERS = 120, 200
PAGED = 600  # mails that become pages; all 1,967 take half a minute of a busy core
REMOVED = {
    b"return-path", b"delivered-to", b"x-original-to", b"errors-to", b"bcc", b"precedence",
    b"disposition-notification-to", b"return-receipt-to", b"archived-at",
}  # fmt: skip
ADDED = [
    b"received", b"list-id", b"list-post", b"list-help", b"list-subscribe", b"list-owner",
    b"list-archive", b"archived-at", b"precedence", b"list-unsubscribe",
]  # fmt: skip
_FIELD = re.compile(rb"^[^ \t].*\r\n(?:[ \t].*\r\n)*", re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^message-id:\s*<([^<>\r\n]+)>", re.IGNORECASE | re.MULTILINE)
_LEAVE = re.compile(rb"leave[+/][a-z2-7]{26}")
Trees = dict[str, list[tuple[str, str | None]]]


@dataclass(frozen=True)
class Mail:
    """Hold one mail of the corpus as its author's program would send it again."""

    raw: bytes  # with CRLF
    author: str
    message_id: bytes
    found: MboxMail

    @property
    def kept(self) -> list[bytes]:
        """Return the fields that must come out again, in order, byte for byte."""
        header = self.raw.partition(b"\r\n\r\n")[0] + b"\r\n"
        return list(_as_kept(_FIELD.findall(header)))


def _as_kept(fields: list[bytes]) -> Iterator[bytes]:
    for one in fields:
        name = _name(one)
        if name == b"list-id":
            yield b"X-Original-List-Id" + one[len(b"List-Id") :]
        elif name not in REMOVED and not name.startswith(b"list-"):
            yield one


def _name(one: bytes) -> bytes:
    return one.partition(b":")[0].lower()


@dataclass
class Checker:
    """Look at every copy as it comes, and keep what is wrong and how often each came."""

    mails: dict[bytes, Mail]
    copies: Counter[tuple[bytes, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _headers: dict[bytes, bytes] = field(default_factory=dict)  # each mail's, less the token

    def __call__(self, caught: Caught) -> None:
        """Compare one copy with what its author sent."""
        header, _, body = caught.raw.partition(b"\r\n\r\n")
        found = _MESSAGE_ID.search(header)
        mail = self.mails.get(found[1]) if found else None
        if mail is None:
            self.wrong.append(f"an unknown mail for {caught.recipient}: {header[:200]!r}")
            return
        self.copies[mail.message_id, caught.recipient] += 1
        if body != mail.raw.partition(b"\r\n\r\n")[2]:
            self.wrong.append(f"another body: {mail.message_id!r} for {caught.recipient}")
        plain = _LEAVE.sub(b"leave", header)
        if mail.message_id not in self._headers:
            self._headers[mail.message_id] = plain
            fields = _FIELD.findall(header + b"\r\n")
            if [_name(one) for one in fields[: len(ADDED)]] != ADDED:
                self.wrong.append(f"other fields were added: {header[:2000]!r}")
            if fields[len(ADDED) :] != mail.kept:
                self.wrong.append(f"other fields were kept: {header!r}")
        elif plain != self._headers[mail.message_id]:
            self.wrong.append(f"headers differ between members: {mail.message_id!r}")


def choose(mbox: Path) -> tuple[list[Mail], Counter[str]]:
    """Return the first ``POSTS`` mails that an author may send again, and why others may not."""
    chosen: dict[bytes, Mail] = {}
    left_out: Counter[str] = Counter()
    with open_mail_file(mbox) as file:
        for found in read_mbox(file):
            raw = b"\r\n".join(found.raw.replace(b"\r\n", b"\n").split(b"\n"))
            reading = facts.read(raw)
            told = facts.from_bytes(reading, (LIVE,), "anna@example.net")
            verdict = rules.judge(rules.PostFacts(LIVE, author_state="active", **told))
            message_id = _MESSAGE_ID.search(raw.partition(b"\r\n\r\n")[0])
            if raw.count(b"\r") != raw.count(b"\r\n") or b"\0" in raw:
                left_out["a bare CR or a NUL: the door refuses it"] += 1
            elif verdict.hits:
                left_out[f"held or discarded by {' '.join(verdict.rules)}"] += 1
            elif message_id is None or message_id[1] in chosen:
                left_out["no Message-ID of its own to be known by"] += 1
            else:
                chosen[message_id[1]] = Mail(raw, reading.authors[0], message_id[1], found)
            if len(chosen) == POSTS:
                break
    return list(chosen.values()), left_out


def trees(krets: Krets, lst: str) -> Trees:
    """Return (id, parent) of every message in tree order, by the name of its thread's folder."""
    folder = krets.folder / "data" / "archive" / "public" / lst / "t"
    found = {
        path.parent.name: json.loads(path.read_text())["messages"]
        for path in folder.glob("*/thread.json")
    }
    return {
        name: [(one["id"], one["parent"]) for one in messages] for name, messages in found.items()
    }


def size(found: Trees) -> int:
    return sum(map(len, found.values()))


@pytest.fixture
def checker() -> Checker:
    """Look at what the relay takes."""
    return Checker({})


@pytest.fixture
def krets(tmp_path: Path, checker: Checker) -> Iterator[Krets]:
    """Give an installation on SQLite whose relay is looked at copy by copy."""
    with rehearsal(Sink(keep=checker)) as relay:
        made = Krets(tmp_path, f"smtp://127.0.0.1:{relay.port}")
        yield made
        made.stop()


def send_again(krets: Krets, mails: list[Mail]) -> None:
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        for mail in mails:
            client.sendmail(mail.author, [LIVE], mail.raw, ["BODY=8BITMIME"])


@pytest.mark.journey
@pytest.mark.timeout(300)  # 24,000 copies, beside whatever else this machine does
@pytest.mark.no_cover
def test_real_mails_reach_200_members_as_they_were_written_and_thread_as_imported(
    krets: Krets, checker: Checker, corpora: Path
) -> None:
    mails, left_out = choose(corpora / "community" / "speakup.mbox.xz")
    print(dict(left_out))  # noqa: T201 - shown when the test fails
    assert len(mails) == POSTS
    assert left_out.total() < POSTS / 10
    checker.mails |= {mail.message_id: mail for mail in mails}
    authors = sorted({mail.author for mail in mails})
    members = authors + [f"m{number}@example.net" for number in range(MEMBERS - len(authors))]
    for lst in (LIVE, IMPORTED):
        krets.krets("list", "create", lst)
    consent = ("--consent", "Asked at the meeting", "--yes")
    krets.krets("member", "import", LIVE, "-", *consent, stdin="\n".join(members))
    mbox = krets.folder / "chosen.mbox"
    mbox.write_bytes(b"".join(write_mbox((m.found.raw, m.found.arrival or 0.0) for m in mails)))
    assert krets.json("import", "mbox", IMPORTED, str(mbox))["new"] == POSTS

    krets.start()
    sending = threading.Thread(target=send_again, args=(krets, mails))
    sending.start()
    wait_for("every copy", lambda: checker.wrong or len(checker.copies) >= POSTS * MEMBERS, 240)
    sending.join()
    wait_for("the queue to empty", lambda: not any(krets.json("queue", "ls").values()))
    assert not checker.wrong[:1]
    assert checker.copies == {(m.message_id, member): 1 for m in mails for member in members}

    imported = trees(krets, IMPORTED)
    assert size(imported) == POSTS
    assert sum(parent is not None for tree in imported.values() for _, parent in tree) > POSTS / 3
    wait_for("every page", lambda: size(trees(krets, LIVE)) == POSTS)
    wait_for("the same threads", lambda: trees(krets, LIVE) == imported, 10)


@pytest.mark.parametrize(
    ("name", "most", "counts"),
    [("speakup.mbox.xz", PAGED, (PAGED, PAGED, 0)), ("torture.mbox", None, (13, 12, 1))],
)
def test_real_mail_is_imported_whole_with_its_pages(
    krets: Krets, corpora: Path, name: str, most: int | None, counts: tuple[int, int, int]
) -> None:
    """The year's mail without pages is read whole in tests/archive/filing/test_mbox.py."""
    krets.krets("list", "create", IMPORTED)
    mbox = krets.folder / "some.mbox"
    with open_mail_file(corpora / "community" / name) as file:
        some = islice(read_mbox(file), most)
        mbox.write_bytes(b"".join(write_mbox((one.raw, one.arrival or 0.0) for one in some)))
    told = krets.json("import", "mbox", IMPORTED, str(mbox))
    assert (told["read"], told["new"], told["not_archived"]) == counts
    assert told["unreadable"] == 0
    made = trees(krets, IMPORTED)
    assert size(made) == counts[1]
    ids = {one for tree in made.values() for one, _ in tree}
    assert len(ids) == counts[1]
