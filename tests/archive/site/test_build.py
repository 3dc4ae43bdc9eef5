"""Pages: what stands on disk is what the rows say, and nothing hostile gets out of its place."""

import gzip
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from archive.filing.mail_import import import_mails
from archive.filing.mail_threading import place
from archive.pages import mail_text, page_frame, thread_rendering
from archive.pages.search import MANIFEST, write_search
from archive.pages.views import views_of
from archive.site import build, whole_archive
from archive.threads.archive_tables import Body
from mailer.errors import Refused
from mailer.reading.headers.head_facts import permalink_hash
from mailer.reading.masking import mask
from mailer.reading.mbox import open_mail_file, read_mbox
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import ArchivePolicy, MailList

ARRIVAL = 1_700_000_000.0
BASE = "https://lists.example.org"
GOLDEN = Path(__file__).resolve().parents[2] / "golden"
Write = Callable[..., bytes]


def keep(store: Store, lst: MailList, *raws: bytes) -> list[bytes]:
    with store.write() as session:
        shas = put_raw(session, raws)
        for raw, sha in zip(raws, shas, strict=True):
            place(session, lst, raw, sha, ARRIVAL)
    return shas


def set_policy(store: Store, lst: MailList, policy: ArchivePolicy) -> MailList:
    with store.write() as session:
        session.execute(update(MailList).where(MailList.id == lst.id).values(archive=policy))
    with store.read() as session:
        return session.scalars(select(MailList).where(MailList.id == lst.id)).one()


def thread(root: Path, name: str, tree: str = "public") -> Path:
    return root / tree / "circle@example.org" / "t" / permalink_hash(f"{name}@x")


def spot(message_id: str) -> str:
    return page_frame.spot(permalink_hash(message_id))


def test_thread_json_has_the_promised_shape(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """Messages in tree order, parents in the same file, own words apart from quotes."""
    reply = mail("b", "a", at=1, body="Yes.\n\nOn 3 Mar 2025, A wrote:\n> Is it?\n")
    keep(store, circle, mail("a", body="Is it?\n"), reply)
    assert build.render_dirty(store, tmp_path, BASE) == 1
    assert build.render_dirty(store, tmp_path, BASE) == 0
    found = json.loads((thread(tmp_path, "a") / "thread.json").read_text(encoding="utf-8"))
    assert found["subject"] == "About a"
    assert found["messages"] == [
        {
            "id": "a@x",
            "parent": None,
            "author": "A Person",
            "date": "2023-11-14T10:00:00+00:00",
            "text": "Is it?",
            "quoted": "",
            "language": "en",
            "attachments": [],
        },
        {
            "id": "b@x",
            "parent": "a@x",
            "author": "B Person",
            "date": "2023-11-14T10:01:00+00:00",
            "text": "Yes.",
            "quoted": "On 3 Mar 2025, A wrote:\n\n> Is it?",
            "language": None,
            "attachments": [],
        },
    ]


def test_a_thread_page_is_set_as_it_always_was(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """The whole page, to the letter; delete the golden file to write it anew."""
    code = "Look:\n\n    $ krets serve\n    Krets is up.\n\nhttps://example.org/a_(b).\n-- \nBo\n"
    keep(store, circle, mail("a", body="Is it?\n"), mail("b", "a", at=1, body=code))
    build.render_dirty(store, tmp_path, BASE)
    html = (thread(tmp_path, "a") / "index.html").read_text(encoding="utf-8")
    html = re.sub(r"krets\.[0-9a-f]{8}\.css", "krets.HASH.css", html)
    html = re.sub(r"reply\+[a-z2-7]{26}@", "reply+TOKEN@", html)
    golden = GOLDEN / "archive-thread.html"
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(html, encoding="utf-8")
        pytest.fail(f"{golden.name} was written: look at it and run again")
    assert html == golden.read_text(encoding="utf-8")


def test_the_disk_equals_the_rows_after_any_way(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """A late root moves a thread; its old place points on, and check finds no difference."""
    keep(store, circle, mail("b", "a", at=1))
    build.render_dirty(store, tmp_path, BASE)
    keep(store, circle, mail("a"), mail("c", "b", at=2), mail("d", at=3))
    build.render_dirty(store, tmp_path, BASE)
    assert not whole_archive.check(store, tmp_path, BASE, circle)
    assert not (thread(tmp_path, "b") / "thread.json").exists()
    pointer = (thread(tmp_path, "b") / "index.html").read_text(encoding="utf-8")
    assert f"../../t/{permalink_hash('a@x')}/#{spot('b@x')}" in pointer
    assert build.render_late(store, tmp_path, BASE, time.time()) == 0
    assert build.render_late(store, tmp_path, BASE, time.time() + build.LATE) == 1
    before = drawn(tmp_path)
    whole_archive.build(store, tmp_path, BASE, circle)
    assert drawn(tmp_path) == before


def drawn(root: Path) -> dict[str, bytes]:
    """Return the files that we make ourselves; pagefind names its own anew each time."""
    return {name: data for name, data in snapshot(root).items() if "/search/" not in name}


def snapshot(root: Path) -> dict[str, bytes]:
    files = (p for p in root.rglob("*") if p.is_file() and not p.name.startswith("krets.db"))
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


def test_check_tells_what_is_missing_different_and_extra(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """And build repairs it."""
    keep(store, circle, mail("a"), mail("b"))
    build.render_dirty(store, tmp_path, BASE)
    (thread(tmp_path, "a") / "thread.json").unlink()
    (thread(tmp_path, "b") / "thread.json").write_text("{}")
    (thread(tmp_path, "b") / "more.html").write_text("x")
    found = whole_archive.check(store, tmp_path, BASE, circle)
    assert [len(names) for names in (found.missing, found.differing, found.extra)] == [1, 1, 1]
    whole_archive.build(store, tmp_path, BASE, circle)
    assert not whole_archive.check(store, tmp_path, BASE, circle)


def test_a_permalink_stands_before_its_thread(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """Archived-At holds as soon as the first copy leaves."""
    (sha,) = keep(store, circle, mail("a"))
    with store.read() as session:
        build.render_permalinks(session, tmp_path, circle, [sha], BASE)
    path = tmp_path / "public" / "circle@example.org" / "m" / permalink_hash("a@x") / "index.html"
    assert f"../../t/{permalink_hash('a@x')}/" in path.read_text(encoding="utf-8")
    with store.read() as session:
        assert build.something_dirty(session)


def test_only_the_touched_thread_is_rendered(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """A mail in one thread leaves the other's files alone."""
    keep(store, circle, mail("a"), mail("b"))
    build.render_dirty(store, tmp_path, BASE)
    (thread(tmp_path, "a") / "index.html").write_text("mine")
    keep(store, circle, mail("c", "b", at=1))
    build.render_dirty(store, tmp_path, BASE)
    assert (thread(tmp_path, "a") / "index.html").read_text() == "mine"


def test_the_page_of_a_large_thread_rests_between_mails(
    store: Store,
    circle: MailList,
    mail: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not every mail costs the whole page; others do not wait, and nothing waits for long."""
    monkeypatch.setattr(build, "LARGE", 2)
    monkeypatch.setattr(build, "REST", 100.0)
    keep(store, circle, mail("a"), mail("b", "a", at=1), mail("c", "a", at=2))
    assert build.render_dirty(store, tmp_path, BASE, now=time.time()) == 1
    written = (thread(tmp_path, "a") / "index.html").stat().st_mtime
    keep(store, circle, mail("d", "a", at=3), mail("e"))
    assert build.render_dirty(store, tmp_path, BASE, now=written + 1) == 1
    assert (thread(tmp_path, "e") / "index.html").is_file()
    assert build.render_dirty(store, tmp_path, BASE, now=written + 399) == 0
    assert build.render_dirty(store, tmp_path, BASE, now=written + 401) == 1
    assert not whole_archive.check(store, tmp_path, BASE, circle)


def test_trees_for_strangers_and_members_are_apart(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """A list that turns private leaves the public tree, and one without archive leaves both."""
    keep(store, circle, mail("a"))
    build.render_dirty(store, tmp_path, BASE)
    circle = set_policy(store, circle, ArchivePolicy.MEMBERS)
    whole_archive.build(store, tmp_path, BASE, circle)
    assert not (tmp_path / "public" / "circle@example.org").exists()
    mbox = thread(tmp_path, "a", "members") / "thread.mbox.gz"
    assert gzip.decompress(mbox.read_bytes()).endswith(mail("a") + b"\n")
    with pytest.raises(Refused):
        whole_archive.export(store, tmp_path / "out", BASE, circle)
    circle = set_policy(store, circle, ArchivePolicy.NONE)
    whole_archive.build(store, tmp_path, BASE, circle)
    assert not (tmp_path / "members" / "circle@example.org").exists()


def raw_of(root: Path, name: str, tree: str) -> Path:
    return root / tree / "circle@example.org" / "m" / permalink_hash(f"{name}@x") / "raw.eml"


def test_each_mail_has_its_raw_beside_its_permalink(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """Members get its bytes, strangers a masked one; a private mail has none."""
    hidden = b"X-No-Archive: yes\n" + mail("c", "a", at=2)
    keep(store, circle, mail("a", body="Ask bo@example.net.\n"), mail("b", "a", at=1), hidden)
    build.render_dirty(store, tmp_path, BASE)
    shown = raw_of(tmp_path, "a", "public").read_bytes()
    assert b"bo@" not in shown
    assert b"...@example.net" in shown
    html = (thread(tmp_path, "a") / "index.html").read_text(encoding="utf-8")
    assert f'href="../../m/{permalink_hash("b@x")}/raw.eml"' in html
    assert not raw_of(tmp_path, "c", "public").exists()
    circle = set_policy(store, circle, ArchivePolicy.MEMBERS)
    whole_archive.build(store, tmp_path, BASE, circle)
    assert raw_of(tmp_path, "b", "members").read_bytes() == mail("b", "a", at=1)
    assert not whole_archive.check(store, tmp_path, BASE, circle)
    raw_of(tmp_path, "b", "members").unlink()
    assert whole_archive.check(store, tmp_path, BASE, circle).missing


@pytest.mark.no_cover
def test_a_mail_as_long_as_a_book_is_cut_on_its_page_alone(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """The page shows a bounded part and says so; JSON and raw have all."""
    keep(store, circle, mail("a", body="x\n\n" * 20_000))
    build.render_dirty(store, tmp_path, BASE)
    html = (thread(tmp_path, "a") / "index.html").read_text(encoding="utf-8")
    assert html.count("<p>x</p>") == mail_text.MAX_LINES // 2
    assert "longer than is shown here" in html
    found = json.loads((thread(tmp_path, "a") / "thread.json").read_text(encoding="utf-8"))
    assert found["messages"][0]["text"].count("x") == 20_000
    assert raw_of(tmp_path, "a", "public").read_bytes().count(b"x\n") >= 20_000


def test_strangers_see_no_address(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """Not in pages, JSON or mbox, wherever in the mail it stood."""
    body = "Write to secret.person@example.net or (mailto:other@example.net)\n> third@example.net\n"
    keep(store, circle, b"Cc: fourth@example.net\n" + mail("a", body=body))
    whole_archive.export(store, tmp_path / "out", BASE, circle)
    files = snapshot(tmp_path / "out")
    unpacked = (gzip.decompress(data) for name, data in files.items() if name.endswith(".gz"))
    everything = b"\n".join([*files.values(), *unpacked])
    assert not re.findall(rb"[\w.]+(?<!\.\.\.)@example\.net", everything)
    assert b"a@example.org>" not in everything
    assert b"s...@example.net" in everything


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"anna b"@x.org', '"...@x.org'),
        ("@anna@x.org", "@a...@x.org"),
        ("anna@[192.0.2.1]", "a...@[192.0.2.1]"),
        ("http://x,anna@x.org", "http://x,...@x.org"),
        ("anna@example.org", "a...@example.org"),
        ("a@example.org", "...@example.org"),
        ("anna at example.org", "a...at example.org"),
        ("https://example.org/@anna/x@y.org", "https://example.org/@anna/x@y.org"),
        ("https://example.org/?m=anna@example.org", "https://example.org/?m=...@example.org"),
        ("@anna and 5 @ 3", "@anna and 5 @ 3"),
    ],
)
def test_addresses_are_shortened(text: str, shown: str) -> None:
    """People can be recognised, and not collected."""
    assert mask(text).replace(" at ", "at ") == shown.replace(" at ", "at ")


HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


def test_hostile_words_stay_words(store: Store, circle: MailList, tmp_path: Path) -> None:
    """No markup gets out of a subject, a name, an id, a file name or a text."""
    raw = (
        f"From: {HOSTILE.replace('<', '(')} <x@example.org>\nSubject: {HOSTILE}\n"
        f'Message-ID: <"/../../etc/{HOSTILE.replace("<", "(").replace(">", ")")}@x>\n'
        'Content-Type: multipart/mixed; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\n{HOSTILE} javascript:alert(3) "
        'http://x.example/"onclick=alert(4)\n> ' + HOSTILE + "\n\nEnd.\n"
        f"--b\nContent-Type: application/x; name='{HOSTILE}'\n\nx\n--b--\n"
    ).encode()
    keep(store, circle, raw)
    build.render_dirty(store, tmp_path, BASE)
    files = snapshot(tmp_path)
    assert all(not name.startswith("..") and "etc" not in name for name in files)
    html = b"\n".join(data for name, data in files.items() if name.endswith(".html"))
    bare = re.sub(rb'"[^"]*"', b'""', html)  # a quoted value runs nothing but a link's
    assert not re.search(rb"<script|<img|<[^>]+\son\w+=|style=|=\"javascript:", bare)
    assert b'="javascript:' not in html


def test_a_real_list_becomes_an_archive(
    store: Store, circle: MailList, tmp_path: Path, corpora: Path
) -> None:
    """Each mail is in exactly one thread.json, with a page beside it and a permalink."""
    with open_mail_file(corpora / "community" / "torture.mbox") as file:
        import_mails(store, circle, read_mbox(file), 1_780_000_000.0)
    build.render_dirty(store, tmp_path, BASE)
    folder = tmp_path / "public" / "circle@example.org"
    seen: list[str] = []
    for path in folder.rglob("thread.json"):
        assert (path.parent / "index.html").is_file()
        messages = json.loads(path.read_text(encoding="utf-8"))["messages"]
        ids = [message["id"] for message in messages]
        assert all(m["parent"] is None or m["parent"] in ids for m in messages)
        seen += ids
    assert len(seen) == len(set(seen)) == 12
    assert all((folder / "m" / permalink_hash(i) / "index.html").is_file() for i in seen)
    assert not whole_archive.check(store, tmp_path, BASE, circle)


def test_a_thread_that_cannot_be_drawn_does_not_stop_the_others(
    store: Store,
    circle: MailList,
    mail: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its page is missing and `check` says so; the other thread has its page."""
    keep(store, circle, mail("a"), mail("b"))
    real = thread_rendering.thread_files

    def fails_for_one(
        view: page_frame.ListView,
        hash_: str,
        mails: Sequence[page_frame.PageMail],
        solved: str | None = None,
    ) -> dict[str, bytes]:
        if mails[0].message_id == "b@x":
            raise ZeroDivisionError
        return real(view, hash_, mails, solved)

    monkeypatch.setattr(thread_rendering, "thread_files", fails_for_one)
    while build.render_dirty(store, tmp_path, BASE):
        pass
    monkeypatch.undo()
    assert (thread(tmp_path, "a") / "index.html").exists()
    found = whole_archive.check(store, tmp_path, BASE, circle)
    assert any(permalink_hash("b@x") in name for name in found.missing)
    assert not any(f"t/{permalink_hash('a@x')}" in name for name in found.missing)


def test_many_hands_write_what_one_writes(
    store: Store,
    circle: MailList,
    mail: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A build shared by processes gives the same files, and tells of every message."""
    keep(store, circle, mail("a"), mail("b", "a", at=1), mail("c"), mail("d"))
    whole_archive.build(store, tmp_path, BASE, circle)
    before = drawn(tmp_path)
    monkeypatch.setattr(whole_archive, "WORTH", 0)
    monkeypatch.setattr(whole_archive, "SLICE", 1)
    told: list[int] = []
    with store.write() as session:
        session.execute(delete(Body))
    assert whole_archive.build(store, tmp_path, BASE, circle, told.append, workers=2) == 3
    assert sum(told) == 4
    assert drawn(tmp_path) == before


def test_a_long_thread_has_several_pages_and_its_links_stay(
    store: Store,
    circle: MailList,
    mail: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mail stays on its page whatever comes later; answers and permalinks lead across."""
    monkeypatch.setattr(page_frame, "MANY", 2)
    keep(store, circle, mail("a"), mail("b", "a", at=1), mail("c", "a", at=2))
    build.render_dirty(store, tmp_path, BASE)
    folder = thread(tmp_path, "a")
    second = (folder / "2.html").read_text(encoding="utf-8")
    assert f'id="{spot("c@x")}"' in second
    assert f'href="./#{spot("a@x")}"' in second
    pointer = folder.parent.parent / "m" / permalink_hash("c@x") / "index.html"
    assert f"/2.html#{spot('c@x')}" in pointer.read_text()
    keep(store, circle, mail("d", "a", "b", at=3), mail("e", "a", "c", at=4))
    build.render_dirty(store, tmp_path, BASE)
    first = (folder / "index.html").read_text(encoding="utf-8")
    assert [f'id="{spot(f"{n}@x")}"' in first for n in "abcde"] == [1, 1, 0, 0, 0]
    assert f"/2.html#{spot('c@x')}" in pointer.read_text()
    assert f"/3.html#{spot('e@x')}" in (folder.parents[1] / "feed.atom").read_text()
    assert len(json.loads((folder / "thread.json").read_text())["messages"]) == 5
    assert not whole_archive.check(store, tmp_path, BASE, circle)
    whole_archive.build(store, tmp_path, BASE, circle)
    assert not whole_archive.check(store, tmp_path, BASE, circle)


def test_what_an_older_program_drew_can_still_be_found(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """An upgrade draws mails anew one by one; search bundles do not lose the others meanwhile."""
    keep(store, circle, mail("a"), mail("b"))
    build.render_dirty(store, tmp_path, BASE)
    with store.write() as session:
        (view,) = views_of(session, circle, BASE)
        session.execute(update(Body).values(sight=f"0.0{view.viewer.whose}"))
    with store.read() as session:
        write_search(session, tmp_path / "public", view, circle, anew=True)
    told = json.loads((tmp_path / "public" / view.address / "search" / MANIFEST).read_text())
    assert sum(bundle["count"] for bundle in told["bundles"]) == 2
