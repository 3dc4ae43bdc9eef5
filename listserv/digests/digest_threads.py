"""Read the threads of a digest's window: each mail's own words, as its readers may see them.

Knows posts and the archive's view; refuses to know how a digest looks. Questions that nobody has
answered come first, then the liveliest threads. ``fitted`` keeps as much as there is room for, and
what it leaves out stays named. SECURITY: every word is a stranger's, and passes the archive's view:
what was redacted is in no digest. Subjects, names and texts are bounded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.pages.views import members_viewer
from archive.threads.archive_tables import Message, Thread
from archive.visibility.visibility import Viewer, see
from listserv.letters.post_headers import ListFace
from listserv.wiring.listserv_tables import Post
from mailer.reading.bodies import read
from mailer.reading.headers.head_facts import permalink_hash, read_head
from mailer.reading.subjects import bare_subject
from mailer.storage.arrivals import Arrival
from mailer.storage.store import get_raw
from subscriptions.lists.roster import ArchivePolicy, MailList

LONGEST = 6_000  # characters of one mail's own words; the rest is a link
SUBJECT, AUTHOR, FILE = 160, 80, 80  # characters that are shown
FILES = 10  # of one mail that are named
CODE = 10  # letters of a mail's hash that name its thread (answers/thread_words.py)


@dataclass(frozen=True, slots=True)
class DigestPost:
    """Hold one mail of a digest as its readers may see it."""

    id: int  # of the post
    subject: str
    author: str
    at: float
    text: str  # own words; "" where there is no room or nothing to show
    cut: bool  # there is more than is shown
    permalink: str  # "" without an archive
    begins: bool
    message_id: str = ""
    references: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # pictures and others, by name

    @property
    def code(self) -> str:
        """Return what names its thread in a subject: "mute #k7f3q2abcd"."""
        return permalink_hash(self.message_id)[:CODE]


@dataclass(frozen=True, slots=True)
class DigestThread:
    """Hold the mails of one thread in a digest, oldest first; ``left`` are more, without room."""

    subject: str
    page: str  # "" without an archive
    mails: tuple[DigestPost, ...]
    first: float
    last: float
    left: int = 0

    @property
    def asks(self) -> bool:
        """Tell whether it is a question that nobody has answered."""
        return len(self.mails) == 1 and self.mails[0].begins and "?" in self.mails[0].text


@dataclass(frozen=True, slots=True)
class _Shelved:
    """Hold a post as its readers may see it, and where its thread stands."""

    mail: DigestPost | None  # None where it was taken out
    thread: str
    page: str


class DigestSource:
    """Read the posts of a list's digests, each once: many windows hold the same ones."""

    def __init__(self, session: Session, lst: MailList, face: ListFace) -> None:
        self.session, self.lst, self.face = session, lst, face
        self._viewer = members_viewer(session, lst)
        self._known: dict[int, _Shelved] = {}

    def threads_of(self, posts: Sequence[int]) -> list[DigestThread]:
        """Return the threads of these posts: unanswered questions first, then the liveliest."""
        self._read([one for one in posts if one not in self._known])
        found: dict[str, list[DigestPost]] = {}
        pages: dict[str, str] = {}
        for one in (self._known[post] for post in posts if post in self._known):
            if one.mail is not None:
                found.setdefault(one.thread, []).append(one.mail)
                pages[one.thread] = one.page
        for mails in found.values():
            mails.sort(key=lambda mail: (mail.at, mail.id))
        threads = [
            DigestThread(_named(mails[0]), pages[key], tuple(mails), mails[0].at, mails[-1].at)
            for key, mails in found.items()
        ]
        return sorted(threads, key=lambda one: (not one.asks, -len(one.mails), one.first))

    def _read(self, posts: Sequence[int]) -> None:
        rows = self.session.execute(
            select(Post, Arrival.raw_sha)
            .join(Arrival, Arrival.id == Post.arrival_id)
            .where(Post.id.in_(posts))
        ).all()
        hashes = {row.Post.id: permalink_hash(row.Post.message_id) for row in rows}
        placed = {
            row.hash: row
            for row in self.session.execute(
                select(Message.hash, Message.raw_sha, Thread.hash.label("thread"))
                .join(Thread, Thread.id == Message.thread_id)
                .where(Message.list_id == self.lst.id, Message.hash.in_(list(hashes.values())))
            )
        }
        for post, raw_sha in rows:
            hash_ = hashes[post.id]
            where = placed.get(hash_)
            raw = get_raw(self.session, where.raw_sha if where else raw_sha) or b""
            mail = _mail(post, raw, hash_, self._viewer)
            archived = where is not None and self.lst.archive is not ArchivePolicy.NONE
            if mail is not None and archived:
                mail = replace(mail, permalink=f"{self.face.page}m/{hash_}/")
            subject = mail.subject if mail is not None else ""
            self._known[post.id] = _Shelved(
                mail,
                where.thread if where else bare_subject(subject).casefold(),
                f"{self.face.page}t/{where.thread}/" if archived and where else "",
            )


def _named(mail: DigestPost) -> str:
    return bare_subject(mail.subject) or mail.subject


def _mail(post: Post, raw: bytes, hash_: str, viewer: Viewer) -> DigestPost | None:
    """Return what may be shown of a post; None for one that was taken out."""
    head = read_head(raw)
    seen = see(hash_, head.subject, head.author, read(raw), viewer)
    if seen.gone or not raw:
        return None
    text = seen.quoted.text.strip()
    shown = text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0]
    return DigestPost(
        id=post.id,
        subject=_short(seen.subject, SUBJECT),
        author=_short(seen.author, AUTHOR),
        at=post.decided_at,
        text=shown,
        cut=len(shown) < len(text) or seen.cut,
        permalink="",
        begins=post.begins,
        message_id=post.message_id,
        references=head.references,
        files=tuple(_short(one.name, FILE) for one in seen.attachments[:FILES]),
    )


def _short(text: str, most: int) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}\u2026"


def fitted(threads: Iterable[DigestThread], words: int, most: int) -> list[DigestThread]:
    """Return the threads with at most ``words`` bytes of own words, in at most ``most`` mails.

    A mail whose words have no room keeps its place; the mails behind ``most`` are counted.
    """
    made = []
    for thread in threads:
        mails = []
        for mail in thread.mails[:most]:
            size = len(mail.text.encode())
            fits = size <= words
            words -= size if fits else 0
            mails.append(mail if fits else replace(mail, text="", cut=True))
        most -= len(mails)
        made.append(replace(thread, mails=tuple(mails), left=len(thread.mails) - len(mails)))
    return made
