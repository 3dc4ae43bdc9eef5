"""Bring a list's pages where its policy and its address want them, also after a crash.

    moved_pages.ask(lst)                # in the transaction that changes the list
    moved_pages.move(app, address)      # at once, by whoever may wait for it
    moved_pages.move_asked(app)         # what was asked for and not done yet, beside other work

Knows the trees of pages and that a change of a list asks for them; refuses to know who asked.
SECURITY: pages leave strangers' sight first, and the renderers wait meanwhile, so that none that
began before the change writes a page into the tree that was just cleared.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.wiring.app import App
from subscriptions.lists.roster import MailList, find_list


def ask(lst: MailList, *also: str) -> None:
    """Have the files of ``lst`` moved, and those of its former addresses ``also``."""
    waiting = {*filter(None, lst.redraw.split("\n")), lst.address, *also}
    lst.redraw = "\n".join(sorted(waiting))


def move(app: App, list_address: str) -> None:
    """Move what was asked for of one list."""
    from archive.pages import views  # noqa: PLC0415 - slow, rarely needed
    from archive.site import build, whole_archive  # noqa: PLC0415
    from archive.threads.disk import list_files, remove_files  # noqa: PLC0415

    root = app.settings.archive_path
    with build.rendering(app.store):
        with app.store.read() as session:
            lst = find_list(session, list_address)
        if lst is None:
            return
        asked = [*filter(None, lst.redraw.split("\n"))]
        for address in {*asked, lst.address}:
            kept = views.trees_of(lst) if address == lst.address else ()
            for tree in set(views.TREES) - set(kept):
                remove_files(root / tree, list(list_files(root / tree, address)))
        whole_archive.build(app.store, root, app.settings.listserv.base_url, lst)
    with app.store.write() as session:
        now = find_list(session, list_address)
        if now is not None:
            left = {*filter(None, now.redraw.split("\n"))} - set(asked)
            again = (now.archive, now.members_since, now.public_since) != (
                *(lst.archive, lst.members_since, lst.public_since),
            )
            now.redraw = now.redraw if again else "\n".join(sorted(left))


def waiting(session: Session) -> MailList | None:
    """Return a list whose pages are to be moved."""
    asked = select(MailList).where(MailList.redraw != "").order_by(MailList.id).limit(1)
    return session.scalar(asked)


def move_asked(app: App) -> None:
    """Move what was asked for, one list after the other."""
    while True:
        with app.store.read() as session:
            lst = waiting(session)
        if lst is None:
            app.ring("archive")
            return
        move(app, lst.address)
