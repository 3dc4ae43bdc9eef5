"""Old addresses: each page of an archive that moved in leads to the permalink of its mail."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import update

from archive.filing.mail_threading import place
from archive.pages import redirects
from archive.site import build, whole_archive
from mailer.errors import BadInput
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import ArchivePolicy, MailList

Write = Callable[..., bytes]
LIST = "circle@example.org"
PIPERMAIL = b"""<HTML><HEAD><TITLE> [Circle] Hello </TITLE>
<LINK REL="made" HREF="mailto:circle%40example.org?Subject=Re%3A%20Hello&In-Reply-To=%3Ca%40x%3E">
</HEAD><BODY>Hello</BODY></HTML>"""
MHONARC = (
    b"""<!-- MHonArc v2.6.19 -->\n<!--X-Subject: Hello -->\n<!--X-Message-Id: b&#45;&#45;1@x -->"""
)


@pytest.fixture
def filled(store: Store, circle: MailList, mail: Write, tmp_path: Path) -> Path:
    raws = [mail("a"), mail("b", "a").replace(b"<b@x>", b"<b--1@x>")]
    with store.write() as session:
        for raw, sha in zip(raws, put_raw(session, raws), strict=True):
            place(session, circle, raw, sha, 1_700_000_000.0)
    build.render_dirty(store, tmp_path, "")
    return tmp_path


def moved(
    store: Store, lst: MailList, at: str, old: redirects.FormerPages | None
) -> redirects.Moves:
    with store.write() as session:
        moves = redirects.moves_of(session, lst, at, old)
        redirects.keep(session, lst, moves.targets)
    return moves


def leads(store: Store, path: str) -> str | None:
    with store.read() as session:
        return redirects.resolve(session, path)


def test_pages_of_pipermail_and_mhonarc_lead_to_their_mails(
    store: Store, circle: MailList, filled: Path
) -> None:
    """A page of a mail that is not here is named; months and homes lead to ours."""
    old = filled / "old"
    (old / "2023-November").mkdir(parents=True)
    (old / "2023-November" / "000001.html").write_bytes(PIPERMAIL)
    (old / "2023-November" / "000002.html").write_bytes(PIPERMAIL.replace(b"%3Ca", b"%3Cgone"))
    (old / "2023-November" / "thread.html").write_bytes(b"x")
    (old / "msg00002.html").write_bytes(MHONARC)
    (old / "index.html").write_bytes(b"x")
    (old / "attachment.html").write_bytes(b"<p>no mail")
    moves = moved(store, circle, "/pipermail/circle/", redirects.read_tree(old))
    assert moves.lost == ["2023-November/000002.html"]
    one, two = (f"/{LIST}/m/{permalink_hash(i)}/" for i in ("a@x", "b--1@x"))
    assert leads(store, "/pipermail/circle/2023-November/000001.html") == one
    assert leads(store, "/pipermail/circle/msg00002.html") == two
    assert leads(store, "/pipermail/circle/2023-November/thread.html") == f"/{LIST}/2023-11/"
    assert leads(store, "/pipermail/circle/") == leads(store, "/pipermail/circle") == f"/{LIST}/"
    assert leads(store, "/pipermail/circle/2023-November/000002.html") is None
    assert leads(store, "/pipermail/other/") is None
    whole_archive.export(store, filled / "site", "", circle)
    told = (filled / "site" / "_redirects").read_text().splitlines()
    assert f"/pipermail/circle/2023-November/000001.html {one} 301" in told
    assert whole_archive.export(store, filled / "again", "", circle)


def test_addresses_of_hyperkitty_are_made_of_message_ids(
    store: Store, circle: MailList, filled: Path
) -> None:
    """No old file is needed; a thread leads to the mail that began it."""
    at = f"/hyperkitty/list/{LIST}"
    moved(store, circle, at, None)
    name = base64.b32encode(hashlib.sha1(b"a@x", usedforsecurity=False).digest()).decode()
    here = f"/{LIST}/m/{permalink_hash('a@x')}/"
    assert leads(store, f"{at}/message/{name}/") == leads(store, f"{at}/thread/{name}/") == here
    assert leads(store, f"{at}/2023/11/") == f"/{LIST}/2023-11/"


def test_a_members_archive_does_not_say_which_old_pages_there_were(
    store: Store, circle: MailList, filled: Path
) -> None:
    """Every address below its old place leads into the list's folder, where the door asks."""
    moved(store, circle, "/old/circle", redirects.FormerPages({"msg1.html": "a@x"}, {}))
    with store.write() as session:
        session.execute(update(MailList).values(archive=ArchivePolicy.MEMBERS))
    for name in ("msg1.html", "msg2.html", "x/y"):
        assert leads(store, f"/old/circle/{name}") == f"/{LIST}/old/old/circle/{name}"
    with store.read() as session:
        found = redirects.resolve_for_member(session, circle, "/old/circle/msg1.html")
        assert found == f"/{LIST}/m/{permalink_hash('a@x')}/"
        assert redirects.resolve_for_member(session, circle, "/old/circle/msg2.html") is None
    with store.write() as session:
        session.execute(update(MailList).values(archive=ArchivePolicy.NONE))
    assert leads(store, "/old/circle/msg1.html") is None


@pytest.mark.parametrize("at", ["", "/", "pipermail", "/" + "x" * 500])
def test_a_place_that_is_none_is_refused(store: Store, circle: MailList, at: str) -> None:
    with store.read() as session, pytest.raises(BadInput):
        redirects.moves_of(session, circle, at, None)
