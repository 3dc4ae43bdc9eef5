"""The proof that nothing is left is true: it reads what is packed, coded and spelled otherwise."""

import base64
import bz2
import gzip
import io
import lzma
import quopri
import zipfile
import zlib
from collections.abc import Callable
from email.header import Header
from pathlib import Path

import pytest

from archive.erasure.name_spellings import address_phrases, name_phrases, names_beside
from archive.erasure.removal_proof import prove
from archive.visibility.removal import Removed

KEY = b"key"
NAME = "Åsa Lindqvist"
REMOVED = Removed(
    1,
    KEY,
    phrases=frozenset(name_phrases(KEY, NAME) | address_phrases(KEY, "asa.lindqvist@example.org")),
)


def zipped(name: str, data: bytes) -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, data)
    return box.getvalue()


def pdf(text: bytes) -> bytes:
    stream = zlib.compress(b"BT [(" + b")-8(".join(bytes([c]) for c in text) + b")] TJ ET")
    return b"%PDF-1.4\n1 0 obj <<>> stream\n" + stream + b"\nendstream endobj"


SAID = f"Yesterday {NAME} said so."
WAYS = {
    "plain.txt": SAID.encode(),
    "upper.txt": SAID.upper().encode(),
    "bare.txt": b"Yesterday Asa Lindqvist said so.",
    "turned.txt": "Lindqvist, Åsa".encode(),
    "apart.txt": "Yesterday A\u030asa\n> Lind\u00adqvist said so.".encode(),
    "underscore.txt": "plan_by_åsa_lindqvist_2.pdf".encode(),
    "latin.txt": SAID.encode("latin-1"),
    "wide.txt": SAID.encode("utf-16"),
    "month.mbox.gz": gzip.compress(gzip.compress(SAID.encode())),
    "log.bz2": bz2.compress(SAID.encode()),
    "log.xz": lzma.compress(SAID.encode()),
    "minutes.docx": zipped("word/document.xml", "<w:t>Åsa</w:t><w:t> Lindqvist</w:t>".encode()),
    "named.zip": zipped("Asa Lindqvist.txt", b"Nothing."),
    "report.pdf": pdf(b"Asa Lindqvist"),
    "base64.eml": b"Subject: x\n\n" + base64.encodebytes(SAID.encode()),
    "long.eml": b"Subject: x\n\n" + base64.encodebytes(b"Hello. " * 40 + SAID.encode()),
    "quopri.eml": b"Subject: x\n\n" + quopri.encodestring(SAID.encode()),
    "header.eml": b"From: " + Header(NAME, "utf-8").encode().encode() + b" <a@x.org>\n\nHi.\n",
    "latinheader.eml": b"From: =?iso-8859-1?q?=C5sa?= =?iso-8859-1?q?_Lindqvist?= <a@x>\n\nHi.\n",
    "page.html": b"<p>Ask &Aring;sa <b>Lind</b>qvist.</p>",
    "title.html": b'<meta property="og:title" content="Asa Lindqvist">',
    "data.html": b'<img src="data:text/plain;base64,' + base64.b64encode(SAID.encode()) + b'">',
    "data.json": b'{"author": "\\u00c5sa Lindqvist"}',
    "link.html": b'<a href="mailto:x?subject=%C3%85sa%20Lindqvist">x</a>',
    "spelled.txt": b"Write to asa dot lindqvist at example dot org.",
    "addressed.txt": b"Write to Asa.Lindqvist@EXAMPLE.org.",
}


@pytest.mark.parametrize("name", sorted(WAYS))
def test_a_name_is_found_however_it_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(WAYS[name])
    assert prove(tmp_path, [name], REMOVED).left == (name,)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(20)),
        ("sealed.7z", b"7z\xbc\xaf\x27\x1c" + bytes(20)),
        ("broken.gz", b"\x1f\x8b" + bytes(20)),
        ("drawn.pdf", b"%PDF-1.4\nstream\n\x00\x01\nendstream"),
    ],
)
def test_what_nobody_can_search_is_named_apart(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    proof = prove(tmp_path, [name], REMOVED)
    assert (proof.left, proof.closed) == ((), (name,))


def test_others_words_are_let_alone(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes("<p>Åsa said, and Lindqvist (another) too.</p>".encode())
    proof = prove(tmp_path, ["a.html"], REMOVED)
    assert (proof.looked, proof.left, proof.closed) == (1, (), ())


def test_names_are_found_beside_the_address_wherever_it_stands(
    mail: Callable[..., bytes],
) -> None:
    """In a field that others wrote, in a line that says who is quoted; not the words before it."""
    raw = mail(
        "bo",
        body="On 3 May 2024, Åsa M.\nLindqvist <ASA@example.org> wrote:\n> Hi\n\n"
        "Dear <asa@example.org>\n",
    ).replace(b"Subject:", b"Cc: =?utf-8?q?=C3=85sa_Ek?= <asa@example.org>\nSubject:")
    found = names_beside(raw, {"asa@example.org"}, {"asa@example.org"})
    assert found == {"Åsa M. Lindqvist", "Åsa Ek"}
