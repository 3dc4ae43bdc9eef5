"""Find what remains of what was taken out, in every file of a list on this machine.

    renew_exports(store, base_url, lst)        # after the live trees were built
    proof = look(store, root, lst)

The files are those of the live trees, whichever the list has now, and of every export that stands
(archive/threads/exports.py): a promise that holds in one tree alone is none.
"""

from pathlib import Path

from archive.erasure.removal_proof import Known, RemovalProof, prove
from archive.pages.views import TREES, removed_of, trees_of
from archive.site import whole_archive
from archive.threads import exports
from archive.threads.disk import list_files
from mailer.storage.store import Store
from subscriptions.lists.roster import MailList


def renew_exports(store: Store, base_url: str, lst: MailList) -> list[Path]:
    """Write the exports of ``lst`` anew where they stand; return their folders.

    Where strangers may read nothing any more they are left to ``look``, which names them.
    """
    if "public" not in trees_of(lst):
        return []
    with store.read() as session:
        folders = exports.folders_of(session, lst)
    for folder in folders:
        whole_archive.export(store, folder, base_url, lst)
    return folders


def look(store: Store, root: Path, lst: MailList) -> RemovalProof:
    """Look into every file of ``lst``, in its trees and exports; no removal, no file."""
    with store.read() as session:
        removed = removed_of(session, lst)
        folders = exports.folders_of(session, lst)
    if not removed.revision:
        return RemovalProof()
    found, known = RemovalProof(), Known()
    for tree in TREES:
        names = [f"{tree}/{name}" for one in lst.addresses for name in list_files(root / tree, one)]
        names += [name for name in (f"{tree}/index.html",) if (root / name).is_file()]
        found += prove(root, names, removed, known)
    for folder in folders:
        found += prove(folder, exports.files_of(folder, lst), removed, known).below(folder)
    return found
