"""Gather the entries of a feed that is of more than one thread: a list's, a person's."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from archive.pages import page_frame
from archive.pages.page_frame import PageMail
from archive.pages.thread_rendering import DrawingContext, Drawn, draw_mail, seen_of, sheets_of
from archive.threads.archive_tables import Message, Thread
from archive.visibility.visibility import unpack
from mailer.storage.store import get_raw


def entries_of(
    session: Session, desk: DrawingContext, drawn: Drawn, found: Sequence[tuple[Message, Thread]]
) -> list[tuple[str, PageMail]]:
    """Return (thread, mail) of each that may be seen; what is drawn for it goes to ``drawn``."""
    kept = seen_of(session, desk, Message.id.in_([message.id for message, _ in found]))
    entries = []
    sheets = sheets_of(session, desk.view, {t.id for _, t in found if t.size > page_frame.MANY})
    for message, thread in found:
        body = drawn.bodies.get(message.id)
        seen = unpack(body["packed"]) if body else kept.get(message.id)
        if seen is None:
            raw = get_raw(session, message.raw_sha) or b""
            seen = draw_mail(session, desk, message, raw, drawn.bodies)
        if not seen.gone:
            mail = PageMail(
                hash=message.hash,
                message_id=message.message_id,
                parent=None,
                depth=0,
                date=message.date,
                arrival=message.arrival,
                seen=seen,
                sheet=sheets.get(message.id, 1),
            )
            entries.append((thread.hash, mail))
    return entries
