"""Pictures of an issue: found by the names that a draft says, kept, given an address on the web.

    pictures.place(source, files, page)     the draft with addresses in it, and what is to be kept
    pictures.keep(session, list_id, made)   in the database, under the digest of the content
    pictures.shown(session, list_id, ...)   those whose addresses stand in a text

A draft says ``![words](pond.jpg)``; what is sent says ``https://.../LIST/f/KEY.jpg``, which is the
address that the archive gives to a file in a mail, so that the archive's export has it too. No
reader's copy names anything else, so a picture tells nobody who looks at it. Knows names, lines and
rows; pixels are for picture_processing.py.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from archive.erasure import redaction_journal
from archive.erasure.redaction_journal import PICTURE
from listserv.newsletters.writing import picture_processing
from listserv.newsletters.writing.drafts import BadDraft
from listserv.newsletters.writing.picture_processing import Developed, Spoilt
from listserv.wiring.listserv_tables import DraftState, DraftUnderReview, Issue, Picture
from mailer.ledger.mailings import Mailing
from mailer.reading.attachments import key_of
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.store import get_raw, insert_or_ignore
from subscriptions.lists.roster import MailList, find_list

MOST = 40  # pictures of one draft
# Everything is bounded, and no two repeats can take the same blanks: anybody may have written it.
_SAID = re.compile(
    r"!\[([^\[\]\n]{0,400})\]\([ \t]{0,3}"
    r"<?([^\s()<>\"](?:[^()<>\n\"]|\([^()\n]{0,80}\)){0,200}?)>?"
    r"(?:[ \t]{1,3}(\"[^\"\n]{0,400}\"))?[ \t]{0,3}\)"
)
_SCHEME = re.compile(r"(?!cid:)[a-z][a-z0-9+.-]*:|//|#|\{\{", re.IGNORECASE)
# "picture: pond.jpg", a line of a block (blocks.py)
_LINE = re.compile(
    r"([Pp]icture:[ \t]{0,80})<?"
    r"([^<>\s][^<>\n]{0,400}?\.[A-Za-z]{3,4}|cid:[^<>\s]{1,400})>?([ \t\\]*)"
)
# <mj-image src="pond.jpg" />
_SHEET = re.compile(r"""(<(?:mj-image|img)\b[^<>]{0,400}?\ssrc=")([^"<>]+)(")""")
_NAME_ALONE = re.compile(
    r"[^\s/]{1,80}\.(?:jpe?g|png|gif|webp|heic|bmp|tiff?)"
    r"|(?:img|image|dsc|dscn|photo|pxl|screenshot|bild|foto)[\s_-]?\d[\d_-]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """Hold a picture as it came: by mail, or beside the draft."""

    name: str
    data: bytes
    cid: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold a picture as readers see it."""

    key: str
    name: str
    made: Developed

    @property
    def path(self) -> str:
        """Return its place below the list's page."""
        return f"f/{self.key}.{self.made.ending}"


def place(
    source: str, files: Sequence[PictureFile], page: str, known: Mapping[str, str] | None = None
) -> tuple[str, tuple[Kept, ...]]:
    """Return ``source`` with an address for each picture that it names, and those to be kept.

    ``known`` are paths of pictures that came before, by name. Raise BadDraft that names the line
    of a picture that is not there, or cannot be used, and the cure.
    """
    known = known or {}
    made = _developed(source, files, known)

    def address(target: str) -> str:
        at = _find(target, files)
        return page + (known[_plain(target)] if at is None else made[at].path)

    def written(match: re.Match[str]) -> str:
        if _SCHEME.match(match[2]):
            return match[0]
        if match[0].startswith("!"):
            return f"![{_worded(match[1])}]({address(match[2])}{_caption(match[3])})"
        return f"{match[1]}{address(match[2])}{match[3]}"

    lines = source.split("\n")
    for number in {number for number, _, _ in _local(source)}:
        line = lines[number - 1]
        first = next(_named_in(line))
        lines[number - 1] = first.re.sub(written, line)
    return "\n".join(lines), tuple(made.values())


def _developed(
    source: str, files: Sequence[PictureFile], known: Mapping[str, str]
) -> dict[int, Kept]:
    """Return the files that a text names, as readers will see them."""
    wanted: dict[int, int] = {}  # the files that the text names: on which line
    for number, _, target in _local(source):
        at = _find(target, files)
        if at is not None:
            wanted.setdefault(at, number)
        elif _plain(target) not in known:
            raise missing(number, target, files)
    if len(wanted) > MOST:
        what = f"an issue can have {MOST} pictures, not {len(wanted)}."
        raise BadDraft(0, "pictures-many", what, size=str(MOST))
    made: dict[int, Kept] = {}
    developed = picture_processing.develop([files[at].data for at in wanted])
    for at, one in zip(wanted, developed, strict=True):
        if isinstance(one, Spoilt):
            raise _spoilt(wanted[at], files[at].name, one)
        made[at] = Kept(key_of(one.data), files[at].name, one)
    return made


def names(source: str) -> list[str]:
    """Return the names of pictures beside a draft that it asks for."""
    return list(dict.fromkeys(target for _, _, target in _local(source)))


def found(source: str, files: Sequence[PictureFile]) -> set[int]:
    """Return which of ``files`` a text names."""
    at = {_find(target, files) for target in names(source)}
    return {one for one in at if one is not None}


def beside(folder: Path | None, source: str) -> list[PictureFile]:
    """Return the pictures beside a draft in a file that it asks for, none from elsewhere."""
    got: list[PictureFile] = []
    if folder is None:
        return got
    for name in names(source):
        path = (folder / name.replace("%20", " ")).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            continue  # whoever asked is told which line
        size = path.stat().st_size
        got.append(
            PictureFile(
                name, b"\0" * size if size > picture_processing.BYTES else path.read_bytes()
            )
        )
    return got


def shown(
    session: Session, list_id: int, page: str, text: str, fresh: Iterable[Kept] = ()
) -> dict[str, Kept]:
    """Return the pictures whose addresses stand in a text, by address; ``fresh`` are kept later."""
    got = {page + one.path: one for one in fresh}
    keys = [key for key in keys_in(text) if not any(one.key == key for one in got.values())]
    chosen = select(Picture).where(Picture.list_id == list_id, Picture.key.in_(keys))
    for row in session.scalars(chosen) if keys else ():
        made = Developed(row.data, row.ending, row.width, row.height)
        one = Kept(row.key, row.name, made)
        got[page + one.path] = one
    return got


def find(session: Session, address: str, key: str, ending: str) -> bytes | None:
    """Return a picture of the list at ``address``, None where it has none."""
    lst = find_list(session, address)
    chosen = select(Picture.data).where(Picture.key == key, Picture.ending == ending)
    return None if lst is None else session.scalar(chosen.where(Picture.list_id == lst.id))


def keep(session: Session, list_id: int, found: Iterable[Kept], now: float) -> None:
    """Keep pictures; one that is known already costs a look."""
    rows = [
        {
            "list_id": list_id,
            "key": one.key,
            "ending": one.made.ending,
            "name": _plain(one.name)[-200:],
            "width": one.made.width,
            "height": one.made.height,
            "data": one.made.data,
            "sent": False,
            "taken_at": now,
        }
        for one in found
    ]
    if rows:
        session.execute(insert_or_ignore(session, Picture), rows)
        again = [row["key"] for row in rows]
        chosen = update(Picture).where(Picture.list_id == list_id, Picture.key.in_(again))
        session.execute(chosen.values(taken_at=now))


def known_of(session: Session, list_id: int, source: str) -> dict[str, str]:
    """Return the paths of the pictures that a draft names already, by their first names."""
    keys = keys_in(source)
    if not keys:
        return {}
    chosen = select(Picture.name, Picture.key, Picture.ending)
    chosen = chosen.where(Picture.list_id == list_id, Picture.key.in_(keys))
    return {row.name: f"f/{row.key}.{row.ending}" for row in session.execute(chosen)}


def keys_in(text: str) -> list[str]:
    """Return the keys of pictures whose address stands in a text."""
    return list(dict.fromkeys(re.findall(r"/f/([a-z2-7]{52})\.(?:png|jpg|gif)\b", text)))


def mark_sent(session: Session, list_id: int, text: str) -> None:
    """Keep for ever what a sent issue shows."""
    keys = keys_in(text)
    if keys:
        chosen = update(Picture).where(Picture.list_id == list_id, Picture.key.in_(keys))
        session.execute(chosen.values(sent=True))


def gone(page: str, text: str, known: Mapping[str, Kept]) -> str:
    """Return the name of a picture of ours whose address a text says and that is kept no more."""
    pattern = re.compile(re.escape(page) + r"f/([a-z2-7]{52}\.(?:png|jpg|gif))\b")
    return next((m[1] for m in pattern.finditer(text) if m[0] not in known), "")


def shown_elsewhere(
    session: Session, list_id: int, keys: set[str], removed: Collection[str]
) -> set[str]:
    """Return which of ``keys`` a sent issue shows whose permalink is not among ``removed``."""
    chosen = select(Issue.raw_sha, Mailing.message_id).join(Mailing, Mailing.id == Issue.mailing_id)
    found: set[str] = set()
    for sha, message_id in session.execute(chosen.where(Issue.list_id == list_id)).all():
        if keys - found and permalink_hash(message_id) not in removed:
            raw = get_raw(session, sha) or b""
            found |= {key for key in keys if b"Content-ID: <" + key.encode() + b">" in raw}
    return found


def forget(session: Session, lst: MailList, keys: Collection[str]) -> None:
    """Delete pictures by their keys: from now on nobody is shown them, after a restore neither."""
    session.execute(delete(Picture).where(Picture.list_id == lst.id, Picture.key.in_(keys)))
    redaction_journal.note(session, lst, [(PICTURE, 0, key.encode()) for key in keys])


def missing(line: int, target: str, files: Sequence[PictureFile] = ()) -> BadDraft:
    """Return what is said of a picture that a draft names and that is not there."""
    shown = target[:80]
    have = ", ".join(one.name for one in files[:5])
    return BadDraft(
        line,
        "picture-missing",
        f"there is no picture {shown!r}.",
        f"There are {have}." if have else "Attach it, or put it beside the draft.",
        said=shown,
        known=have,
    )


def old_drafts(session: Session, before: float, most: int) -> list[int]:
    """Return some editions that nobody has touched since ``before`` and nobody has sent."""
    chosen = select(DraftUnderReview.id).where(
        DraftUnderReview.state == DraftState.OPEN, DraftUnderReview.changed < before
    )
    return list(session.scalars(chosen.order_by(DraftUnderReview.id).limit(most)))


def drop_drafts(session: Session, ids: list[int]) -> None:
    """Delete editions; answers to their reports find nothing any more."""
    session.execute(
        delete(DraftUnderReview).where(
            DraftUnderReview.id.in_(ids), DraftUnderReview.state == DraftState.OPEN
        )
    )


def old(session: Session, before: float, most: int) -> list[int]:
    """Return some pictures, older than ``before``, that no issue shows and no draft names."""
    chosen = select(Picture.id).where(
        Picture.sent.is_(False), Picture.taken_at < before, ~_named_by_a_draft()
    )
    return list(session.scalars(chosen.order_by(Picture.taken_at).limit(most)))


def drop(session: Session, ids: list[int]) -> None:
    """Delete pictures."""
    session.execute(delete(Picture).where(Picture.id.in_(ids)))


def _named_by_a_draft() -> ColumnElement[bool]:
    return exists().where(
        DraftUnderReview.list_id == Picture.list_id,
        DraftUnderReview.state != DraftState.SENT,
        DraftUnderReview.source.contains(Picture.key),
    )


def _local(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, words, name) of each picture that is named by a file and not by an address."""
    code = False
    for number, line in enumerate(source.split("\n"), start=1):
        if line.lstrip().startswith("```"):
            code = not code
        if code or (line.startswith("    ") and not _SHEET.search(line)):
            continue
        for match in _named_in(line):
            if not _SCHEME.match(match[2]):
                yield number, match[1], match[2]


def _named_in(line: str) -> Iterator[re.Match[str]]:
    """Return the pictures that a line names: of a sheet, of a block, or in Markdown."""
    pattern = _SHEET if _SHEET.search(line) else _LINE if _LINE.fullmatch(line) else _SAID
    return pattern.finditer(line)


def _find(target: str, files: Sequence[PictureFile]) -> int | None:
    """Return which file a text means: by Content-ID, by name, or by name without its ending."""
    if target.startswith("cid:"):
        return next((at for at, one in enumerate(files) if one.cid == target[4:]), None)
    said = _plain(target)
    exact = [at for at, one in enumerate(files) if _plain(one.name) == said]
    stems = [at for at, one in enumerate(files) if _plain(one.name).rpartition(".")[0] == said]
    return next(iter([*exact, *stems]), None)


def _plain(name: str) -> str:
    """Return a file's name as two programs would both spell it."""
    folded = unicodedata.normalize("NFC", name.replace("%20", " ")).casefold()
    return " ".join(folded.replace("\\", "/").removeprefix("./").split())


def _worded(words: str) -> str:
    """Return a picture's words; a file's name says nothing, though mail programs write it there."""
    return "" if _NAME_ALONE.fullmatch(words.strip()) else words


def _caption(quoted: str | None) -> str:
    return f" {quoted}" if quoted else ""


def _spoilt(line: int, name: str, trouble: Spoilt) -> BadDraft:
    named = name[:80]
    small = f"Save it {picture_processing.WIDTH:,} pixels wide."
    if trouble.why == "large":
        size, most = round(trouble.size / 1e6), round(picture_processing.BYTES / 1e6)
        what = f"the picture {named!r} has {size} MB; {most} MB are the most."
        return BadDraft(
            line, "picture-large", what, small, said=named, size=str(size), most=str(most)
        )
    if trouble.why == "pixels":
        size = max(1, round(trouble.size / 1e6))
        what = f"the picture {named!r} has too many pixels ({size} million)."
        return BadDraft(line, "picture-pixels", what, small, said=named, size=str(size))
    what = f"the picture {named!r} cannot be read."
    return BadDraft(line, "picture-kind", what, "Save it as JPEG or PNG.", said=named)
