"""Remember where a list's archive was exported to, so that what is taken out leaves there too.

An export is a copy, and a copy is where a promise breaks: ``krets archive redact`` writes every
export that still stands on this machine anew, and looks into each. Knows folders; refuses to
know what became of a folder that was carried elsewhere.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from archive.threads.archive_tables import Export
from archive.threads.disk import list_files
from subscriptions.lists.roster import MailList

_OWN = ("index.html", "robots.txt", "_redirects")  # beside the lists' folders


def remember(session: Session, lst: MailList, folder: Path, now: float) -> None:
    """Write down that ``lst`` is exported to ``folder``."""
    path = str(folder.resolve())
    session.execute(delete(Export).where(Export.list_id == lst.id, Export.folder == path))
    session.execute(insert(Export), [{"list_id": lst.id, "folder": path, "at": now}])


def folders_of(session: Session, lst: MailList) -> list[Path]:
    """Return the folders of exports of ``lst`` that still stand on this machine."""
    rows = session.scalars(
        select(Export.folder).where(Export.list_id == lst.id).order_by(Export.folder)
    )
    places = [Path(row) for row in rows]
    return [one for one in places if any((one / name).is_dir() for name in lst.addresses)]


def files_of(folder: Path, lst: MailList) -> Iterator[str]:
    """Yield the files of an export of ``lst``, as paths below ``folder``."""
    for address in lst.addresses:
        yield from list_files(folder, address)
    yield from (name for name in _OWN if (folder / name).is_file())
