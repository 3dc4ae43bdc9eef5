"""Set what every page of an archive has, and the tiny pages that lead to a message's place.

Knows how a list is called (``ListInfo``) and shown (``ListView``), how pages are called, and what a
mail of a thread is. SECURITY: a ListView is made in archive/pages/views.py alone, so that whoever
writes a file has the one that knows what was taken out; subjects are hostile, they leave here as
text and are escaped by the templates.
"""

import hashlib
from dataclasses import dataclass
from html import escape

from archive.visibility.visibility import Seen, Viewer
from mailer.reading.markup import FOLD, UNFOLD
from mailer.reading.subjects import bare_subject
from templates import page, static_files

MANY = 250  # messages on one page of a thread; those that came later stand on pages of their own
SPOT = 16  # letters of a message's hash that name its place on a page: 80 bits
HUES = 24  # colours that a list may have (templates/static/krets.css names them)
LISTS = 100  # lists whose pointer page is kept


@dataclass(frozen=True, slots=True)
class ListInfo:
    """Hold what every page says about a list; ``base`` is the web address of the site or ""."""

    address: str
    identity: str  # the address that the list was made with: what must outlive a new one
    title: str
    description: str
    language: str
    base: str
    zone: str  # of hours; "" is UTC

    @property
    def domain(self) -> str:
        """Return the domain that the list is at."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class ListView(ListInfo):
    """Hold what may be read of a list, and the tree of files in which it may be read."""

    viewer: Viewer
    tree: str  # "public" or "members"
    since: float = 0.0  # what arrived before is not in it
    closed: bool = False  # members may read more than it shows
    talks: bool = False  # its members write in it, and may follow a thread

    def sees(self, arrival: float) -> bool:
        """Tell whether a mail that came at ``arrival`` is in this view."""
        return arrival >= self.since

    @property
    def masked(self) -> bool:
        """Tell whether mail addresses are shortened here."""
        return self.viewer.masked

    @property
    def info(self) -> ListInfo:
        """Return what is said of the list, and nothing that can be read in it."""
        return ListInfo(
            address=self.address,
            identity=self.identity,
            title=self.title,
            description=self.description,
            language=self.language,
            base=self.base,
            zone=self.zone,
        )


@dataclass(frozen=True, slots=True)
class PageMail:
    """Hold one mail of a thread, in tree order; ``raw`` is needed in unmasked trees."""

    hash: str
    message_id: str
    parent: str | None  # the hash of the nearest present ancestor
    depth: int
    date: float
    arrival: float
    seen: Seen
    raw: bytes = b""
    reply: str = ""  # the address that a reply goes to, so that it finds its thread
    person: str = ""  # the hash of its writer's own page, if they have one
    sheet: int = 1  # the page of its thread that it stands on; by arrival, so it stays there


def sheet_name(number: int) -> str:
    """Return how a page of a thread is called; a folder's first one needs no name."""
    return "" if number == 1 else f"{number}.html"


def sheet_files(size: int) -> list[str]:
    """Return the files of the pages of a thread with ``size`` messages, but for the first."""
    return [sheet_name(number) for number in range(2, (size - 1) // MANY + 2)]


def permalink_file(
    lst: ListView, hash_: str, thread: str, subject: str, sheet: int = 1
) -> dict[str, bytes]:
    """Return the tiny page of one message, which leads to its place in its thread."""
    target = f"../../t/{thread}/{sheet_name(sheet)}#{spot(hash_)}"
    return {
        f"{lst.address}/m/{hash_}/index.html": _pointer(
            lst, target, lst.viewer.line(hash_, bare_subject(subject) or subject)
        )
    }


def former_file(
    lst: ListView, former: str, thread: str, subject: str, sheet: int = 1
) -> dict[str, bytes]:
    """Return the page that stands where a thread once was."""
    target = f"../../t/{thread}/{sheet_name(sheet)}#{spot(former)}"
    return {
        f"{lst.address}/t/{former}/index.html": _pointer(
            lst, target, lst.viewer.line(former, bare_subject(subject) or subject)
        )
    }


def shared_files() -> dict[str, bytes]:
    """Return the files that all pages of a tree refer to."""
    return {f"static/{name}": data for name, data in static_files().items()}


def spot(hash_: str) -> str:
    """Return the name of a message's place on the pages of its thread: short, and never another."""
    return hash_[:SPOT]


def way(here: PageMail, there: PageMail) -> str:
    """Return the link from one mail of a thread to another."""
    same = here.sheet == there.sheet
    return f"{'' if same else sheet_name(there.sheet) or './'}#{spot(there.hash)}"


def _pointer(lst: ListView, target: str, subject: str) -> bytes:
    """Return a page that leads on; only two words of it differ, and every mail has one."""
    if not subject:
        return _pointer_page(lst, target, "")
    key = (lst.address, lst.title, lst.language)
    if key not in _POINTERS:
        if len(_POINTERS) >= LISTS:
            _POINTERS.clear()
        _POINTERS[key] = _pointer_page(lst, FOLD, UNFOLD).decode()
    text = _POINTERS[key].replace(FOLD, escape(target)).replace(UNFOLD, escape(subject))
    return text.encode("utf-8", "replace")


_POINTERS: dict[tuple[str, str, str], str] = {}


def _pointer_page(lst: ListView, target: str, subject: str) -> bytes:
    shown = frame(lst, "../../../", "../../")
    return page("pointer", lst.language, **shown, target=target, subject=subject).encode()


def frame(lst: ListInfo, root: str, up: str) -> dict[str, object]:
    """Return what every page of a list needs; ``root`` and ``up`` lead to the top and the list."""
    return {"list": lst, "root": root, "up": up, "accent": accent(lst.identity)}


def accent(address: str) -> str:
    """Return the name of a list's own colour: one of HUES, which its address decides."""
    return f"hue{int.from_bytes(hashlib.sha256(address.encode()).digest()[:2]) % HUES}"
