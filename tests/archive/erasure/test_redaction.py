"""Redaction: what was taken out is in no file any more, and nothing else moves."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from archive.erasure import redaction
from archive.erasure.removal_proof import RemovalProof
from archive.filing.mail_threading import place
from archive.pages import views
from archive.site import removal_check, whole_archive
from archive.threads.archive_tables import Message
from archive.visibility.removal import Removed, phrase, runs
from mailer.errors import Refused
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage import tokens
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import ArchivePolicy, MailList

BASE = "https://lists.example.org"
SECRET = "The gate behind the old barn opens with the number four seven eleven."
Write = Callable[..., bytes]


def attached(raw: bytes, name: str, text: bytes) -> bytes:
    """Put a file beside the text of a mail."""
    head, _, body = raw.partition(b"\n\n")
    parts = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\n%s\n--b\n'
        b"Content-Type: application/pdf; name=%s\nContent-Disposition: attachment\n\n%s\n--b--\n"
    )
    return head + b"\n" + parts % (body, name.encode(), text)


@pytest.fixture
def talk(store: Store, circle: MailList, mail: Write, tmp_path: Path) -> MailList:
    """Build an archive of a talk in which a secret is told, quoted and answered."""
    attribution = "On 14 Nov 2023, Anna Person <anna@example.org> wrote:"
    quoted = f"{attribution}\n> {SECRET}\n\nThanks, Anna Person.\n"
    raws = [
        mail("root", body="How do I get in?\n"),
        mail("anna", "root", at=1, body=SECRET + "\n"),
        attached(mail("bo", "anna", at=2, body=quoted), "plan.pdf", b"%PDF the plan"),
        mail("other", at=3, body="Ask Anna Person or anna at example.org, or anna@example.org.\n"),
    ]
    with store.write() as session:
        if tokens.load_keyring(session) is None:
            tokens.new_key(session)
        for raw, sha in zip(raws, put_raw(session, raws), strict=True):
            place(session, circle, raw, sha, 1_700_000_000.0)
    whole_archive.build(store, tmp_path, BASE, circle)
    return circle


def redact(
    store: Store, lst: MailList, root: Path, **wanted: tuple[str, ...]
) -> tuple[RemovalProof, str]:
    """Take something out; return the proof and all that stands in the archive afterwards."""
    with store.read() as session:
        plan = redaction.prepare(session, lst, redaction.Request(**wanted))
    with store.write() as session:
        redaction.apply(session, lst, plan, 1.0)
    whole_archive.build(store, root, BASE, lst)
    assert not whole_archive.check(store, root, BASE, lst)
    (tree,) = views.trees_of(lst)
    return removal_check.look(store, root, lst), everything(root / tree / lst.address)


def everything(folder: Path) -> str:
    """Return the names and contents of all files."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        # What is searched is packed as well, under names of pagefind's own.
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        found.append(f"{path.name}\n{data.decode('utf-8', 'replace')}")
    return "\n".join(found)


def paths(root: Path) -> set[str]:
    """Return the addresses there are; pagefind calls its own files anew each time."""
    files = (p for p in (root / "public").rglob("*") if p.is_file())
    return {str(p.relative_to(root)) for p in files if "search" not in p.parts}


def test_a_removed_message_is_gone_with_its_quotes_and_leaves_a_stone(
    store: Store, talk: MailList, tmp_path: Path
) -> None:
    """Its words are in no file, nor in the store; every other address is what it was."""
    before = paths(tmp_path)
    proof, text = redact(store, talk, tmp_path, messages=("<anna@x>",))
    assert proof.left == ()
    assert proof.looked > 10
    assert "four seven eleven" not in text
    assert "taken out of the archive" in text
    assert "Thanks, Anna Person" in text
    hash_ = permalink_hash("anna@x")
    assert before - paths(tmp_path) == {f"public/circle@example.org/m/{hash_}/raw.eml"}
    with store.read() as session:
        row = session.query(Message).filter_by(hash=hash_).one()
        assert redaction.get_raw(session, row.raw_sha) is None


def test_an_export_over_an_older_one_leaves_nothing_that_has_been_taken_out(
    store: Store, talk: MailList, tmp_path: Path
) -> None:
    """Pages, originals, files and bundles of the older export are gone; other lists' stay."""
    out = tmp_path / "out"
    whole_archive.export(store, out, BASE, talk)
    other = out / "others@example.org" / "index.html"
    other.parent.mkdir()
    other.write_text("Another list's.")
    own = out / talk.address / ".htaccess"
    own.write_text("The operator's.")
    assert "four seven eleven" in everything(out)
    assert "%PDF the plan" in everything(out)
    names = ("root", "anna", "bo", "other")
    redact(store, talk, tmp_path, messages=tuple(f"<{name}@x>" for name in names))
    whole_archive.export(store, out, BASE, talk)
    text = everything(out)
    assert "four seven eleven" not in text
    assert "How do I get in" not in text
    assert "%PDF the plan" not in text
    assert other.exists()
    assert own.exists()
    own.unlink()
    whole_archive.export(store, tmp_path / "new", BASE, talk)
    assert {
        path.relative_to(out).as_posix()
        for path in (out / talk.address).rglob("*")
        if path.is_file() and path.name != "pagefind.js"
    } == {
        path.relative_to(tmp_path / "new").as_posix()
        for path in (tmp_path / "new" / talk.address).rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"people": ("anna@example.org",)}, "Anna Person"),
        ({"messages": ("<anna@x>",)}, "About anna"),
        ({"phrases": ("about other",)}, "About other"),
    ],
)
def test_an_export_is_of_the_same_view_as_the_pages(
    store: Store, talk: MailList, tmp_path: Path, wanted: dict[str, tuple[str, ...]], word: str
) -> None:
    """A name, a subject and a phrase in one are in no file of it, and it is the live tree."""
    assert word in everything(tmp_path / "public")
    redact(store, talk, tmp_path, **wanted)
    whole_archive.export(store, tmp_path / "out", BASE, talk)
    assert word not in everything(tmp_path / "out")
    same = {path for path in paths(tmp_path) if talk.address in path}
    assert same
    for name in same:
        live = (tmp_path / name).read_bytes()
        assert (tmp_path / "out" / name.removeprefix("public/")).read_bytes() == live, name


def test_an_export_that_stands_is_written_anew_and_looked_into(
    store: Store, talk: MailList, tmp_path: Path
) -> None:
    """Where it cannot be written anew, its files are named."""
    out = tmp_path / "out"
    whole_archive.export(store, out, BASE, talk)
    proof, _ = redact(store, talk, tmp_path, messages=("<anna@x>",))
    assert proof.left
    assert all(name.startswith(f"{out}/") for name in proof.left)
    assert removal_check.renew_exports(store, BASE, talk) == [out]
    assert removal_check.look(store, tmp_path, talk).left == ()
    assert "four seven eleven" not in everything(out)
    (out / talk.address / "old.html").write_text(f"<p>{SECRET}</p>")
    assert removal_check.look(store, tmp_path, talk).left == (f"{out}/{talk.address}/old.html",)


def test_an_export_removes_nothing_behind_a_link(
    store: Store, talk: MailList, tmp_path: Path
) -> None:
    """Where the list's folder is a link, it is refused before anything is written."""
    precious = tmp_path / "elsewhere" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("Mine.")
    out = tmp_path / "out"
    out.mkdir()
    (out / talk.address).symlink_to(precious.parent)
    with pytest.raises(Refused, match="is a link"):
        whole_archive.export(store, out, BASE, talk)
    assert precious.exists()


def test_a_removed_person_keeps_their_words_and_loses_name_and_address(
    store: Store, talk: MailList, tmp_path: Path
) -> None:
    """Wherever it stood: as an author, in an attribution, in others' words, spelled out."""
    before = paths(tmp_path)
    proof, text = redact(store, talk, tmp_path, people=("Anna@Example.org",))
    assert proof.left == ()
    assert "Anna Person" not in text
    assert "anna at example.org" not in text
    assert "anna@" not in text.replace("anna@x", "")
    assert SECRET in text
    assert paths(tmp_path) == before


def test_a_person_is_found_however_their_domain_is_spelled(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """In letters of its language in a field, as it travels in what an operator writes."""
    own = mail("asa").replace(b"asa@example.org", "asa@ex\u00e4mple.se".encode())
    raws = [own, mail("bo", "asa", at=1, body="Ask asa@ex\u00e4mple.se, that is Asa Person.\n")]
    with store.write() as session:
        if tokens.load_keyring(session) is None:
            tokens.new_key(session)
        for raw, sha in zip(raws, put_raw(session, raws), strict=True):
            place(session, circle, raw, sha, 1_700_000_000.0)
    proof, text = redact(
        store, circle, tmp_path, people=("asa@ex\u00e4mple.se", "asa@xn--exmple-cua.se")
    )
    assert proof.left == ()
    assert "Asa Person" not in text
    assert "ex\u00e4mple" not in text


def test_what_a_removed_message_was_called_goes_from_its_answers_too(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """In subjects and quotes; a title that an earlier message gave stays."""
    answer = mail("b", "a", at=1, body="---- Original Message ----\nSubject: A sad affair\n\nNo.\n")
    raws = [
        mail("a").replace(b"About a", b"A sad affair"),
        answer.replace(b"About b", b"Re: A sad affair"),
        mail("c", at=2),
        mail("d", "c", at=3).replace(b"About d", b"Re: About c"),
    ]
    with store.write() as session:
        if tokens.load_keyring(session) is None:
            tokens.new_key(session)
        for raw, sha in zip(raws, put_raw(session, raws), strict=True):
            place(session, circle, raw, sha, 1_700_000_000.0)
    proof, text = redact(store, circle, tmp_path, messages=("a@x", "d@x"))
    assert proof.left == ()
    assert "sad affair" not in text
    assert "About c" in text


def test_a_removed_phrase_is_found_in_any_case_and_across_lines(
    store: Store, talk: MailList, tmp_path: Path
) -> None:
    proof, text = redact(store, talk, tmp_path, phrases=("FOUR seven\neleven",))
    assert proof.left == ()
    assert "opens with the number [\u2026]." in text
    assert "seven" not in text


def test_a_removed_file_is_gone_by_its_name(store: Store, talk: MailList, tmp_path: Path) -> None:
    proof, text = redact(store, talk, tmp_path, files=("plan.pdf",))
    assert proof.left == ()
    assert "plan" not in text
    assert "Thanks, Anna Person" in text


def test_members_get_no_original_that_still_holds_it(
    store: Store, talk: MailList, tmp_path: Path
) -> None:
    """An address stands in the head of many mails; after a redaction all are written anew."""
    with store.write() as session:
        talk = session.merge(talk)
        talk.archive = ArchivePolicy.MEMBERS
    whole_archive.build(store, tmp_path, BASE, talk)
    assert "From: Anna Person <anna@example.org>" in everything(tmp_path / "members")
    proof, text = redact(store, talk, tmp_path, people=("anna@example.org",))
    assert proof.left == ()
    assert "anna@example.org" not in text


@pytest.mark.parametrize(
    "wanted",
    [
        {"messages": ("no@where",)},
        {"files": ("no.pdf",)},
        {"phrases": ("the",)},
        {"people": ("x",)},
    ],
)
def test_what_is_not_there_or_too_short_is_refused(
    store: Store, talk: MailList, wanted: dict[str, tuple[str, ...]]
) -> None:
    with store.read() as session, pytest.raises(Refused):
        redaction.prepare(session, talk, redaction.Request(**wanted))


def test_words_are_known_by_secret_digests_alone() -> None:
    """With another key nothing is known, and a lone word of a message is anybody's."""
    found = phrase(b"key", "Anna Ek")
    assert found is not None
    assert Removed(1, b"key", phrases=frozenset({found})).clean("So ANNA\n> Ek!") == "So [\u2026]!"
    assert Removed(1, b"other", phrases=frozenset({found})).clean("Anna Ek") == "Anna Ek"
    assert runs(b"key", "Yes.") == set()
    assert len(runs(b"key", "one two three four five six")) == 2
