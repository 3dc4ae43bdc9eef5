"""Write the page that a mail's Archived-At names, before the first copy leaves."""

from collections.abc import Collection

import structlog
from sqlalchemy.orm import Session

from archive.site.build import render_permalinks
from listserv.wiring.app import App
from subscriptions.lists.roster import MailList

_log = structlog.get_logger("krets.permalinks")


def publish_permalink(app: App, session: Session, lst: MailList, raw_sha: bytes) -> None:
    """Write the page that Archived-At names; a full disk there must not stop the post."""
    publish_permalinks(app, session, lst, [raw_sha])


def publish_permalinks(
    app: App, session: Session, lst: MailList, raw_shas: Collection[bytes]
) -> None:
    """Write the pages of several mails of one list."""
    settings = app.settings
    try:
        render_permalinks(session, settings.archive_path, lst, raw_shas, settings.listserv.base_url)
    except OSError as error:
        _log.warning("a permalink could not be written", reason=error.strerror)
