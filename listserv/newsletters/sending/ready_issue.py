"""Make an issue ready to be sent: compose it in every language, with its look and its pictures.

All that can be made before a transaction begins. Knows a list's settings and a draft; refuses to
know who gets it and whether it should leave.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from listserv.letters.notices import face_of
from listserv.mailings import signing
from listserv.newsletters.composing import issues
from listserv.newsletters.composing.issues import Imprint
from listserv.newsletters.composing.looks import look_of, theme_names
from listserv.newsletters.readers import reader_replies
from listserv.newsletters.writing import pictures
from listserv.newsletters.writing.drafts import BadDraft, Draft
from listserv.newsletters.writing.pictures import Kept
from listserv.wiring.app import App
from mailer.ledger.splice import Segments
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.store import Packed, pack
from subscriptions.audience.segment_query import EVERYBODY, Chosen
from subscriptions.lists.roster import (
    ArchivePolicy,
    MailList,
)


@dataclass(frozen=True, slots=True)
class Ready:
    """Hold an issue composed: all that can be made before a transaction begins."""

    draft: Draft
    issue: issues.ComposedIssue
    copies: Mapping[int, Segments]
    raw: bytes  # the archive's copy
    kept: Packed
    chosen: Chosen = EVERYBODY  # who gets it

    @property
    def digest(self) -> bytes:
        """Return what was proved: its bodies, and the words that choose who gets them."""
        bodies = issues.body_digest(self.copies)
        to = (self.chosen.text, self.draft.series)
        return sha256(bodies + json.dumps(to).encode()).digest() if any(to) else bodies


def make(
    app: App,
    lst: MailList,
    draft: Draft,
    now: float,
    *,
    message_id: str = "",
    fresh: Sequence[Kept] = (),
) -> issues.ComposedIssue:
    """Return the issue that a draft becomes, with its Message-ID, permalink, look and pictures."""
    face = face_of(app, lst)
    with app.store.read() as session:
        one_click = signing.one_click(session, app.settings, lst.domain, now)
        shown = pictures.shown(session, lst.id, face.page, draft.whole, fresh)
    face = replace(face, one_click=one_click)
    known = message_id or issues.new_message_id(lst.domain)
    kept = lst.archive is not ArchivePolicy.NONE and not draft.series
    settings = app.settings.listserv
    return issues.ComposedIssue(
        draft=draft,
        face=face,
        language=lst.language,
        message_id=known,
        at=now,
        imprint=Imprint(settings.controller, lst.postal_address or settings.postal_address),
        permalink=f"{face.page}m/{permalink_hash(known)}/" if kept else "",
        look=look_of(app.data, lst, _theme(app, draft)),
        reply_to="" if draft.series else reader_replies.address(app.keyring, lst, known),
        pictures=shown,
    )


def compose(
    app: App,
    lst: MailList,
    draft: Draft,
    now: float,
    *,
    message_id: str = "",
    fresh: Sequence[Kept] = (),
) -> Ready:
    """Compose an issue in every language, and the archive's copy of it."""
    issue = make(app, lst, draft, now, message_id=message_id, fresh=fresh)
    raw = issues.archived(issue)
    return Ready(draft, issue, issues.compositions(issue), raw, pack(raw))


def _theme(app: App, draft: Draft) -> str:
    """Return the theme that a draft asks for; raise BadDraft that names its line."""
    known = theme_names(app.data)
    if draft.theme and draft.theme not in known:
        said = draft.theme[:40]
        raise BadDraft(
            draft.theme_at,
            "theme",
            f"There is no theme {said!r}.",
            f"Known are {', '.join(known)}.",
            said=said,
            known=", ".join(known),
        )
    return draft.theme
