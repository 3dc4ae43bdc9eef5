"""An archive that was opened later: strangers see what came since, and members all of it."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from archive.erasure.removal_proof import FileSearch
from archive.filing.mail_threading import place
from archive.pages import redirects
from archive.site import build, whole_archive
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage import tokens
from mailer.storage.store import Store, put_raw
from subscriptions.lists.openness import set_archive
from subscriptions.lists.roster import ArchivePolicy, MailList
from tests.archive.conftest import make_list

BASE = "https://lists.example.org"
BEFORE, OPENED, AFTER = 1_700_000_000.0, 1_700_100_000.0, 1_703_000_000.0
Write = Callable[..., bytes]
OLD = (
    "brass key",
    "geraniums",
    "about root",
    "about child",
    "root person",
    "first@x",
    "about first",
    "old.txt",
)


def keep(store: Store, lst: MailList, at: float, *raws: bytes) -> None:
    """Place mails that came then; the newer ones are of another month."""
    if at > OPENED:
        raws = tuple(raw.replace(b"Date: Tue, 14 Nov", b"Date: Thu, 14 Dec") for raw in raws)
    with store.write() as session:
        if tokens.load_keyring(session) is None:
            tokens.new_key(session)
        for raw, sha in zip(raws, put_raw(session, raws), strict=True):
            place(session, lst, raw, sha, at)


def reopened(
    store: Store, lst: MailList, policy: ArchivePolicy, now: float, *, past: bool = False
) -> MailList:
    with store.write() as session:
        lst = session.merge(lst)
        set_archive(lst, policy, now, past=past)
    return lst


def texts(folder: Path) -> dict[str, str]:
    """Return all that may be read in each file, packed and coded as it may be."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        said = " ".join(FileSearch().texts(path.read_bytes()))
        found[str(path.relative_to(folder))] = " ".join(said.lower().split())
    return found


@pytest.fixture
def opened(store: Store, mail: Write, tmp_path: Path) -> MailList:
    """Make a members' archive, open it to strangers, and let both talks and a new one go on."""
    lst = make_list(store, ArchivePolicy.MEMBERS)
    attached = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nSee.\n--b\n'
        b"Content-Type: text/plain; name=old.txt\nContent-Disposition: attachment\n\nList.\n--b--\n"
    )
    keep(
        store,
        lst,
        BEFORE,
        mail("root", body="The brass key\nhangs behind the geraniums.\n"),
        mail("first", "root", at=1, body="I took the brass key.\n"),
        mail("child", "absent", at=3),
        mail("files", at=2).replace(b"\n\nHello.\n", b"\n" + attached),
    )
    whole_archive.build(store, tmp_path, BASE, lst)
    lst = reopened(store, lst, ArchivePolicy.PUBLIC, OPENED)
    whole_archive.build(store, tmp_path, BASE, lst)
    who = "On Tue, 14 Nov 2023, Root Person wrote:\n"
    keep(
        store,
        lst,
        AFTER,
        mail(
            "late",
            "root",
            "first",
            at=10,
            body=f"{who}> The brass key\n> hangs behind the geraniums.\n\nIs it there yet?\n",
        ),
        mail(
            "later",
            "root",
            "late",
            at=11,
            body="On Tue, 14 Nov 2023, Late Person wrote:\n> Is it there\n> yet?\n>\n"
            ">> The brass key\n\nNo more.\n",
        ),
        mail("kin", "absent", "child", at=14),
        mail("fresh", at=12, body="Something new: plums.\n"),
        mail("answer", "fresh", at=13, body="On 14 Nov Fresh wrote:\n> new: plums.\n\nFine.\n"),
    )
    while build.render_dirty(store, tmp_path, BASE):
        pass
    build.render_late(store, tmp_path, BASE, time.time() + build.LATE)
    return lst


def test_strangers_find_nothing_older_in_any_file(
    store: Store, opened: MailList, tmp_path: Path
) -> None:
    """No word, name, subject, id, file or quote of it, in pages nor in anything packed."""
    whole_archive.export(store, tmp_path / "out", BASE, opened)
    for tree in (tmp_path / "public", tmp_path / "out"):
        found = texts(tree)
        assert found
        for name, said in found.items():
            assert not [word for word in OLD if word in said], name
        for name in ("root", "first", "files"):
            hidden = permalink_hash(f"{name}@x")
            assert not [path for path in found if f"/m/{hidden}" in path]
        assert any("is it there yet?" in said for said in found.values())
    assert not [p for p in (tmp_path / "public").rglob("f/*") if p.is_file()]


def test_members_still_read_all_of_it_where_it_always_stood(
    opened: MailList, tmp_path: Path
) -> None:
    folder = tmp_path / "members" / opened.address / "t" / permalink_hash("root@x")
    told = json.loads((folder / "thread.json").read_text())
    assert [one["id"] for one in told["messages"]] == ["root@x", "first@x", "late@x", "later@x"]
    assert "brass key" in told["messages"][2]["quoted"]
    assert (tmp_path / "members" / opened.address / "m" / permalink_hash("first@x")).is_dir()


def test_a_talk_that_began_before_is_shown_from_its_first_newer_mail(
    opened: MailList, tmp_path: Path
) -> None:
    """At the same address; what it quotes of itself stays, what it quotes of before does not."""
    folder = tmp_path / "public" / opened.address / "t" / permalink_hash("root@x")
    told = json.loads((folder / "thread.json").read_text())
    assert told["subject"] == "About late"
    assert [(one["id"], one["parent"]) for one in told["messages"]] == [
        ("late@x", None),
        ("later@x", "late@x"),
    ]
    assert "[\u2026]" in told["messages"][0]["quoted"]
    assert "Is it there\n> yet?" in told["messages"][1]["quoted"]
    home = json.loads((folder.parents[1] / "index.json").read_text())
    assert [(one["subject"], one["messages"]) for one in home["threads"]] == [
        ("About kin", 1),
        ("About fresh", 2),
        ("About late", 2),
    ]
    assert [(one["threads"], one["messages"]) for one in home["months"]] == [(3, 5)]
    pointer = folder.parents[1] / "m" / permalink_hash("late@x") / "index.html"
    assert f"../../t/{permalink_hash('root@x')}/#" in pointer.read_text()


def test_a_quote_of_what_strangers_see_stays(opened: MailList, tmp_path: Path) -> None:
    folder = tmp_path / "public" / opened.address / "t" / permalink_hash("fresh@x")
    told = json.loads((folder / "thread.json").read_text())
    assert "new: plums." in told["messages"][1]["quoted"]


def test_both_trees_are_what_a_whole_build_makes_of_them(
    store: Store, opened: MailList, mail: Write, tmp_path: Path
) -> None:
    """Mail by mail, with a late root from before and one since."""
    assert not whole_archive.check(store, tmp_path, BASE, opened)
    older = mail("older", body="The brass key again.\n")
    keep(store, opened, BEFORE, older, mail("absent"))
    keep(
        store,
        opened,
        AFTER,
        mail("more", "older", at=20),
        mail("orphan", "missing", at=21),
    )
    while build.render_dirty(store, tmp_path, BASE):
        pass
    for one in (mail("missing", at=3), mail("sooner", "root", at=9, body="In between.\n")):
        keep(store, opened, AFTER, one)
        while build.render_dirty(store, tmp_path, BASE):
            pass
    build.render_late(store, tmp_path, BASE, time.time() + 2 * build.LATE)
    assert not whole_archive.check(store, tmp_path, BASE, opened)
    whole_archive.build(store, tmp_path, BASE, opened)
    assert not whole_archive.check(store, tmp_path, BASE, opened)
    for name, said in texts(tmp_path / "public").items():
        assert not [word for word in (*OLD, "about absent") if word in said], name


def test_said_in_words_the_past_is_opened_too(
    store: Store, opened: MailList, tmp_path: Path
) -> None:
    """Then one tree is enough."""
    opened = reopened(store, opened, ArchivePolicy.PUBLIC, AFTER, past=True)
    whole_archive.build(store, tmp_path, BASE, opened)
    found = texts(tmp_path / "public")
    assert any("geraniums" in said for said in found.values())
    assert not [p for p in (tmp_path / "members" / opened.address).rglob("*") if p.is_file()]


def test_closed_and_opened_again_it_begins_anew(
    store: Store, opened: MailList, mail: Write, tmp_path: Path
) -> None:
    """What was public in between is not public again by itself."""
    opened = reopened(store, opened, ArchivePolicy.MEMBERS, AFTER + 1)
    opened = reopened(store, opened, ArchivePolicy.PUBLIC, AFTER + 2)
    keep(store, opened, AFTER + 3, mail("newest", at=30, body="Hello again.\n"))
    whole_archive.build(store, tmp_path, BASE, opened)
    found = texts(tmp_path / "public")
    assert any("hello again" in said for said in found.values())
    assert not [name for name, said in found.items() if "plums" in said]


def test_an_old_address_of_what_is_hidden_is_in_no_export(
    store: Store, opened: MailList, tmp_path: Path
) -> None:
    with store.write() as session:
        targets = {f"/old/{n}": f"m/{permalink_hash(f'{n}@x')}/" for n in ("root", "late")}
        redirects.keep(session, opened, targets)
    whole_archive.export(store, tmp_path / "out", BASE, opened)
    lines = (tmp_path / "out" / "_redirects").read_text()
    assert ("/old/late " in lines, "/old/root " in lines) == (True, False)
