"""A list's coming events and its polls, as pages and as a calendar to subscribe to.

Made when they are asked for, because they change with time: what is over goes by itself. They show
what every member was asked, and nobody who has answered. SECURITY: whoever may read the archive
may read these; archive_pages.py asks for that before it comes here.
"""

import re
import time
from collections.abc import Sequence

from starlette.responses import HTMLResponse, Response

import templates
from archive.pages import page_frame
from archive.pages.views import info_of
from listserv.community import polls
from listserv.letters import event_files
from listserv.letters.notices import face_of
from listserv.wiring.app import App
from subscriptions.lists import questions
from subscriptions.lists.questions import QuestionState
from subscriptions.lists.roster import ArchivePolicy, MailList, find_list
from templates.calendar import write

_PATH = re.compile(r"([^/]+@[^/]+)/(events\.ics|(?:events|polls)(?:/(?:index\.html)?)?)\Z")
_ASKED = (QuestionState.OPEN, QuestionState.CLOSED)
OVER = 30  # events that are over and still shown
_SOON = {"cache-control": "no-cache"}


def made(app: App, path: str, *, reader: bool) -> Response | None:
    """Return the page or the calendar that ``path`` names, None for any other path.

    ``reader`` says that a member asks, who may read what strangers may not.
    """
    found = _PATH.match(path)
    if found is None:
        return None
    now = time.time()
    with app.store.read() as session:
        lst = find_list(session, found[1])
        if lst is None or lst.deleted_at is not None or not (reader or _is_open(lst)):
            return None
        if found[2] == "events.ics":
            face = face_of(app, lst)
            some = event_files.coming(session, lst, now)
            file = write(
                "PUBLISH", [event_files.calendar_event(face, one, now) for one in some],
                name=lst.title,
            )  # fmt: skip
            return Response(
                file.encode("utf-8", "replace"), media_type="text/calendar", headers=_SOON
            )
        if found[2].startswith("polls"):
            every = questions.of_list(session, lst.id, events=False)
            known = [one for one in every if one.state in _ASKED]
            return _shown(
                app, lst, "polls",
                shown=[(one, polls.shown(one, polls.count(session, one))) for one in known[::-1]],
            )  # fmt: skip
        return _page(app, lst, questions.of_list(session, lst.id, events=True), now)


def _is_open(lst: MailList) -> bool:
    return lst.archive is ArchivePolicy.PUBLIC


def _page(app: App, lst: MailList, every: Sequence[questions.Question], now: float) -> Response:
    shown = [one for one in every if one.state is not QuestionState.DRAFT]
    ahead = [one for one in shown if (one.ends or 0.0) > now]
    over = [one for one in shown if (one.ends or 0.0) <= now]
    return _shown(
        app, lst, "events",
        ahead=sorted(ahead, key=lambda one: one.starts or 0.0),
        over=sorted(over, key=lambda one: -(one.starts or 0.0))[:OVER],
    )  # fmt: skip


def _shown(app: App, lst: MailList, name: str, **more: object) -> Response:
    view = info_of(lst, app.settings.listserv.base_url)
    accent = page_frame.accent(view.identity)
    text = templates.page(name, lst.language, list=view, root="../../", accent=accent, **more)
    return HTMLResponse(text, headers={**_SOON, "content-language": lst.language})
