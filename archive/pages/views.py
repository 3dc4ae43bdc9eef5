"""Make the views of a list: what may be read of it, and in which tree of files.

    for view in views_of(session, lst, base_url):
        ...                                    # draw; write below root / view.tree

Every file of an archive is made from such a view: the live trees, an export, feeds, mbox, search
bundles, redirects. Knows which trees a list has, what was taken out of it, and from when on each of
them may be read (subscriptions/lists/openness.py). SECURITY: this
module alone makes a ``ListView``, a ``Viewer`` or a ``Removed`` (a test of the house says so), so
that no writer of files can come to one that has forgotten what was taken out.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.pages.page_frame import ListInfo, ListView
from archive.threads.archive_tables import Removal
from archive.visibility.removal import DIGEST, Removed
from archive.visibility.visibility import Viewer
from mailer.storage.tokens import load_keyring
from subscriptions.lists.roster import ArchivePolicy, ListKind, MailList

TREES = ("public", "members")  # below the archive's folder; a web door cannot mix them up


def trees_of(lst: MailList) -> tuple[str, ...]:
    """Return the trees that hold ``lst``, the one that shows most first; none without an archive.

    An archive that was opened to strangers later has both: theirs begins where it was opened.
    """
    if lst.archive == ArchivePolicy.NONE:
        return ()
    if lst.archive == ArchivePolicy.MEMBERS:
        return ("members",)
    return ("members", "public") if lst.closed_part else ("public",)


def views_of(session: Session, lst: MailList, base_url: str) -> tuple[ListView, ...]:
    """Return the view of each tree that holds ``lst``, the one that shows most first."""
    removed = removed_of(session, lst)
    info = info_of(lst, base_url)
    # Alike in both trees of one list, so that a mail is drawn once.
    viewer = Viewer(lst.archive != ArchivePolicy.MEMBERS, info.language, removed)
    since = {"members": lst.members_since or 0.0}
    since["public"] = max(since["members"], lst.public_since or 0.0)
    trees = trees_of(lst)
    return tuple(
        ListView(
            address=info.address,
            identity=info.identity,
            title=removed.clean(info.title),
            description=removed.clean(info.description),
            language=info.language,
            base=info.base,
            zone=info.zone,
            viewer=viewer,
            tree=tree,
            since=since[tree],
            closed=tree == "public" and "members" in trees,
            talks=lst.kind is ListKind.DISCUSSION,
        )
        for tree in trees
    )


def members_viewer(session: Session, lst: MailList) -> Viewer:
    """Return how members see in a mail of ours: all but what was taken out of the archive."""
    return Viewer(masked=False, language=lst.language, removed=removed_of(session, lst))


def info_of(lst: MailList, base_url: str) -> ListInfo:
    """Return what the web door's own pages say about ``lst``: nothing of its mail."""
    return ListInfo(
        address=lst.address,
        identity=lst.identity,
        title=lst.title or lst.address,
        description=lst.description,
        language=lst.language,
        base=base_url.rstrip("/"),
        zone=lst.zone,
    )


def removed_of(session: Session, lst: MailList) -> Removed:
    """Return what is in no view of ``lst``."""
    rows = session.scalars(
        select(Removal).where(Removal.list_id == lst.id).order_by(Removal.id)
    ).all()
    if not rows:
        return Removed()
    return Removed(
        revision=rows[-1].id,
        key=removal_key(session, lst),
        messages=frozenset(r.digest.decode() for r in rows if r.kind == "message"),
        authors=frozenset(r.digest.decode() for r in rows if r.kind == "author"),
        files=frozenset(r.digest.decode() for r in rows if r.kind == "file"),
        phrases=frozenset((r.words, r.digest) for r in rows if r.kind == "phrase"),
        quotes=frozenset((r.words, r.digest) for r in rows if r.kind == "quote"),
        titles=frozenset((r.words, r.digest) for r in rows if r.kind == "title"),
        inside=frozenset(
            (r.digest[DIGEST:].decode(), r.words, r.digest[:DIGEST])
            for r in rows
            if r.kind == "inside"
        ),
        quoteless=frozenset(r.digest.decode() for r in rows if r.kind == "unquote"),
    )


def removal_key(session: Session, lst: MailList) -> bytes:
    """Return the secret with which this list's digests are made."""
    keyring = load_keyring(session)
    return keyring.keyed_hash(f"archive {lst.identity}") if keyring else b""
