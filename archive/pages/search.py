"""Build the search bundles of a list: the only module that knows pagefind.

A bundle holds one year of one language, because pagefind stems by one language for each index; what
came since stands in a small bundle of its own (``new``), which is folded into its year when it has
grown. Only own words are indexed. pagefind is a program: it runs beside us and answers with the
files. SECURITY: it gets ``Seen`` mails alone, as JSON; its page needs wasm, so that page alone has
a policy that allows it (listserv/web/archive_pages.py).
"""

import base64
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

from pagefind.service import get_executable
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.pages.index_pages import search_page
from archive.pages.page_frame import MANY, ListView, sheet_name, spot
from archive.pages.thread_rendering import sheets_of
from archive.threads.archive_tables import Body, Message, Thread
from archive.threads.disk import list_files, remove_files, write_files
from archive.visibility.visibility import Seen, unpack
from mailer.reading.subjects import bare_subject
from subscriptions.lists.roster import MailList

FOLD = 500  # new messages that stand apart from their year's bundle
RARE = 5  # messages of a language in one bundle; fewer go with the list's own
MAX_WORDS = 20_000  # characters of one mail that are indexed
MANIFEST = "bundles.json"
_SHARED = "pagefind.js"
_KEPT = (".pf_meta", ".pf_index", ".pf_fragment", ".pf_filter")


@dataclass(frozen=True, slots=True)
class SearchEntry:
    """Hold one mail as the index gets it."""

    number: int
    year: int
    language: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Hold what the page knows of one bundle."""

    name: str
    year: int
    language: str
    count: int


def write_search(
    session: Session, root: Path, view: ListView, lst: MailList, *, anew: bool = False
) -> None:
    """Bring the bundles of ``lst`` under ``root`` up to date; ``anew`` builds every one.

    Raise OSError where the disk, or the program, does not do it.
    """
    folder = f"{view.address}/search"
    if get_executable() is None:
        return
    bundles, upto = _manifest(root / folder / MANIFEST)
    if anew:
        bundles, upto = [], 0
    fresh = [(e.number, e.year) for e in _entries(session, view, lst, Message.id > upto)]
    if not fresh and not anew:
        return
    years = {year for _, year in fresh}
    bundles = [b for b in bundles if not b.name.startswith("new-")]
    files: dict[str, bytes] = {}
    if len(fresh) <= FOLD and upto:
        made = _bundles(list(_entries(session, view, lst, Message.id > upto)), view, "new")
    else:
        upto = max((number for number, _ in fresh), default=0)
        bundles = [b for b in bundles if b.year not in years]
        made = []
        for year in sorted(years):
            made += _bundles(list(_entries(session, view, lst, *_within(year))), view, str(year))
    for bundle, entries in made:
        files |= _index(bundle, entries, folder)
        bundles.append(bundle)
    bundles.sort(key=lambda b: (b.name.startswith("new-"), b.year, b.count), reverse=True)
    told = [
        {"name": b.name, "year": b.year, "language": b.language, "count": b.count} for b in bundles
    ]
    manifest = json.dumps({"upto": upto, "bundles": told}, indent=1) + "\n"
    write_files(root, files | search_page(view, sorted({b.year for b in bundles}, reverse=True)))
    write_files(root, {f"{folder}/{MANIFEST}": manifest.encode()})
    _sweep(root, folder, {b.name for b in bundles}, {b.name for b, _ in made}, set(files))


def _manifest(path: Path) -> tuple[list[Bundle], int]:
    try:
        data = json.loads(path.read_bytes())
        return [Bundle(**one) for one in data["bundles"]], int(data["upto"])
    except (OSError, ValueError, KeyError, TypeError):
        return [], 0


def _entries(
    session: Session,
    view: ListView,
    lst: MailList,
    *where: Any,  # noqa: ANN401 - SQLAlchemy's expressions
) -> Iterator[SearchEntry]:
    large = select(Thread.id).where(Thread.list_id == lst.id, Thread.size > MANY)
    sheets = sheets_of(session, view, session.scalars(large).all())
    rows = session.execute(
        select(Message.id, Message.hash, Message.date, Thread.hash.label("thread"), Body.packed)
        .join(Thread, Thread.id == Message.thread_id)
        .join(Body, Body.message_id == Message.id)
        .where(
            Message.list_id == lst.id,
            Message.arrival >= view.since,
            Body.sight.endswith(view.viewer.whose),
            *where,
        )
        .order_by(Message.id)
        .execution_options(yield_per=200)
    )
    for row in rows:
        seen = unpack(row.packed)
        if not seen.gone:
            at = datetime.fromtimestamp(row.date, UTC)
            language = seen.language or lst.language
            page = f"t/{row.thread}/{sheet_name(sheets.get(row.id, 1))}"
            yield SearchEntry(
                row.id, at.year, language, _record(row.hash, row.thread, page, at, seen)
            )


def _record(hash_: str, thread: str, page: str, at: datetime, seen: Seen) -> dict[str, Any]:
    subject = bare_subject(seen.subject)
    return {
        "url": f"{page}#{spot(hash_)}",
        "content": f"{subject}\n{seen.quoted.text[:MAX_WORDS]}",
        "meta": {"title": subject, "author": seen.author, "date": at.strftime("%Y-%m-%d")},
        "filters": {
            "author": [seen.author] if seen.author else [],
            "attachment": ["yes" if seen.attachments else "no"],
            "kind": ["first" if hash_ == thread else "reply"],
        },
    }


def _within(year: int) -> tuple[Any, Any]:
    start, end = (datetime(y, 1, 1, tzinfo=UTC).timestamp() for y in (year, year + 1))
    return Message.date >= start, Message.date < end


def _bundles(
    entries: Sequence[SearchEntry], view: ListView, name: str
) -> list[tuple[Bundle, list[SearchEntry]]]:
    """Return a bundle for each language that is not rare, with its entries."""
    found: dict[str, list[SearchEntry]] = {}
    for entry in entries:
        found.setdefault(entry.language, []).append(entry)
    for language in [code for code, some in found.items() if len(some) < RARE]:
        if language != view.language and len(found) > 1 and name != "new":
            found.setdefault(view.language, []).extend(found.pop(language))
    return [
        (Bundle(f"{name}-{code}", max(e.year for e in some), code, len(some)), some)
        for code, some in sorted(found.items())
    ]


def _index(bundle: Bundle, entries: Sequence[SearchEntry], folder: str) -> dict[str, bytes]:
    """Return the files of a bundle, and the script that all bundles share."""
    files = {}
    kept = (*_KEPT, f"wasm.{bundle.language}.pagefind", "pagefind-entry.json")
    for one in _run(bundle.language, entries):
        name = one["path"]
        if name == _SHARED or name.endswith(kept):
            place = folder if name == _SHARED else f"{folder}/{bundle.name}"
            files[f"{place}/{name}"] = base64.b64decode(one["content"])
    for name, content in files.items():
        if not content:
            message = f"pagefind: {name} is empty"
            raise OSError(message)
    return files


def _run(language: str, entries: Sequence[SearchEntry]) -> list[dict[str, str]]:
    """Talk to pagefind's service: JSON in base64, ended by a comma, one answer for each request.

    Its Python client sleeps a tenth of a second for each answer (measured, 1.5.2), so we speak for
    ourselves. The files come in its answer: what it is asked to write to a disk may still be empty
    when it says that it is written (seen, 1.5.2, on a busy machine). Raise OSError where it does
    not do what it is asked.
    """
    program = get_executable()
    if program is None:
        raise FileNotFoundError("pagefind")
    with subprocess.Popen(  # noqa: S603 - the program of the package we depend on
        [program, "--service"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as service:
        try:
            made = _ask(service, {"type": "NewIndex", "config": {"force_language": language}})
            index = {"index_id": made["index_id"]}
            for entry in entries:
                record = {"type": "AddRecord", **index, "language": language, **entry.record}
                _ask(service, record)
            files: list[dict[str, str]] = _ask(service, {"type": "GetFiles", **index})["files"]
        finally:
            service.kill()
            with suppress(BrokenPipeError):  # what it did not read any more
                service.communicate()
    return files


def _ask(service: "subprocess.Popen[bytes]", payload: dict[str, Any]) -> dict[str, Any]:
    """Send one request and return its answer; one at a time, so that no pipe fills up."""
    stdin, stdout = service.stdin, service.stdout
    if stdin is None or not isinstance(stdout, BufferedReader):
        raise BrokenPipeError
    request = json.dumps({"message_id": 1, "payload": payload}).encode()
    ended = "pagefind ended before it answered."
    try:
        stdin.write(base64.b64encode(request) + b",")
        stdin.flush()
    except BrokenPipeError as error:
        raise BrokenPipeError(ended) from error
    answer = bytearray()
    while not answer.endswith(b","):
        some = stdout.read1()
        if not some:
            raise BrokenPipeError(ended)
        answer += some
    found: dict[str, Any] = json.loads(base64.b64decode(answer[:-1]))["payload"]
    if found["type"] == "Error":
        raise OSError(f"pagefind: {found['message']}")
    return found


def _sweep(root: Path, folder: str, known: set[str], made: set[str], files: set[str]) -> None:
    """Remove bundles that are no more, and what the old ones of those just made have left."""
    old = []
    for name in list_files(root, folder):
        bundle = name.removeprefix(f"{folder}/").partition("/")
        if bundle[2] and (bundle[0] not in known or (bundle[0] in made and name not in files)):
            old.append(name)
    remove_files(root, old)
