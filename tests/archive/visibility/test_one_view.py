"""One view: whoever writes a file of the archive writes what its list's view shows."""

import ast
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select, update

import archive
from archive.erasure import redaction
from archive.erasure.removal_proof import FileSearch
from archive.filing.mail_threading import place
from archive.pages import redirects, search
from archive.site import build, whole_archive
from archive.threads import disk
from archive.threads.archive_tables import Thread
from mailer.storage import tokens
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import MailList

BASE = "https://lists.example.org"
ARRIVAL = 1_700_000_000.0
GONE = ("anna person", "anna@example.org", "violet lantern", "orange bicycle", "cellar")
Write = Callable[..., bytes]


def writers() -> set[str]:
    """Return every function of the archive that calls ``write_files``, by its file and name."""
    found = set()
    for path in Path(archive.__file__).parent.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name != "write_files":
                inner = {
                    n for f in function.body for n in ast.walk(f) if isinstance(n, ast.FunctionDef)
                }
                nested = {id(n) for f in inner for n in ast.walk(f)}
                for node in ast.walk(function):
                    if (
                        isinstance(node, ast.Call)
                        and isinstance(node.func, ast.Name)
                        and node.func.id == "write_files"
                        and id(node) not in nested
                    ):
                        found.add(f"{path.name}:{function.name}")
    return found


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bytes]]:
    """Note (writer, name, content) of each file that anybody writes."""
    notes: list[tuple[str, str, bytes]] = []

    def note(root: Path, files: Mapping[str, bytes]) -> int:
        code = sys._getframe(1).f_code
        who = f"{Path(code.co_filename).name}:{code.co_name}"
        notes.extend((who, name, data) for name, data in files.items())
        return disk.write_files(root, files)

    for module in (build, search, whole_archive):
        monkeypatch.setattr(module, "write_files", note)
    return notes


def test_no_writer_of_files_writes_what_was_taken_out(
    store: Store,
    circle: MailList,
    mail: Write,
    tmp_path: Path,
    written: list[tuple[str, str, bytes]],
) -> None:
    """Each of them is seen to write, and none writes a name, a subject, a phrase or a file."""
    with store.write() as session:
        circle = session.merge(circle)
        circle.title = "The circle of Anna Person"
        circle.description = "Ask anna@example.org about the violet lantern."
    attached = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nSee.\n--b\n'
        b"Content-Type: text/plain; name=plan.txt\nContent-Disposition: attachment\n\n"
        b"The key is in the cellar.\n--b--\n"
    )
    files = mail("files", at=5).replace(b"\n\nHello.\n", b"\n" + attached)
    kept = mail("kept", at=6).replace(
        b"\n\nHello.\n", b"\n" + attached.replace(b"cellar", b"shed").replace(b"plan", b"other")
    )
    raws = [
        mail("late", "anna", at=1, body="On 3 Mar 2023, Anna Person wrote:\n> Hello.\n\nYes.\n"),
        mail("anna", at=0, body="I am Anna Person.\n"),
        mail("lamp").replace(b"About lamp", b"A violet\n lantern"),
        mail("ride", at=4, body="It is under the bridge by the river.\n").replace(
            b"About ride", b"The orange bicycle"
        ),
        files,
        kept,
    ]
    with store.write() as session:
        if tokens.load_keyring(session) is None:
            tokens.new_key(session)
        shas = put_raw(session, raws)
        place(session, circle, raws[0], shas[0], ARRIVAL)
    build.render_dirty(store, tmp_path, BASE)  # with a place that is a former one soon
    with store.write() as session:
        for raw, sha in zip(raws[1:], shas[1:], strict=True):
            place(session, circle, raw, sha, ARRIVAL)
        redirects.keep(session, circle, {"/old/anna-person/1.html": "", "/old/2.html": "2023-11/"})
    build.render_dirty(store, tmp_path, BASE)
    request = redaction.Request(
        messages=("ride@x",),
        files=("plan.txt",),
        people=("anna@example.org",),
        phrases=("violet lantern",),
    )
    with store.read() as session:
        plan = redaction.prepare(session, circle, request)
    with store.write() as session:
        redaction.apply(session, circle, plan, 1.0)
        session.execute(update(Thread).values(touched=Thread.touched + 1))
    written.clear()
    with store.write() as session:
        for sha in shas:
            build.render_permalinks(session, tmp_path, circle, [sha], BASE)
    while build.render_dirty(store, tmp_path, BASE):
        pass
    build.render_late(store, tmp_path, BASE, time.time() + build.LATE)
    whole_archive.build(store, tmp_path, BASE, circle)
    with store.read() as session:
        keys = list(session.scalars(select(Thread.id).where(Thread.size > 0)))
    address = store.url.render_as_string(hide_password=False)
    whole_archive._draw_slice(address, tmp_path, BASE, circle.id, keys)
    whole_archive.export(store, tmp_path / "out", BASE, circle)
    assert {who for who, _, _ in written} == writers()
    names = {name.rpartition("/")[2] for _, name, _ in written}
    assert {"index.json", "_redirects", "thread.json", "feed.atom", "raw.eml"} <= names
    for who, name, data in written:
        for text in FileSearch().texts(data):
            for word in GONE:
                assert word not in " ".join(text.lower().replace("-", " ").split()), (who, name)
    assert any(b"shed" in data for _, _, data in written)
