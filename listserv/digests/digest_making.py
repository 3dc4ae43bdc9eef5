"""Make the digests that are due: a mailing for each group, in the languages of its readers.

Everything of one digest is written in one transaction; its audience is entered afterwards, in
pieces, by audience_freezing.py. Runs while its list is claimed (posts/list_claims.py), so that no
post comes in between: what is decided is in the window or behind it.
"""

import secrets
import time
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.digests import digest_mail, digest_threads
from listserv.digests.digest_threads import DigestSource, DigestThread
from listserv.letters.notices import face_of
from listserv.letters.post_headers import ListFace
from listserv.mailings import digest_windows, signing
from listserv.mailings.digest_windows import KIND, Window
from listserv.mailings.slots import digest_variant
from listserv.posts.list_claims import ListClaims
from listserv.wiring.app import App
from mailer.errors import Temporary
from mailer.ledger import mailings
from mailer.ledger.splice import Segments
from subscriptions.lists.rhythms import DigestForm
from subscriptions.lists.roster import LANGUAGES, MailList, Membership, Person, get_list

EXPIRES = 3 * 86400.0  # seconds until a deferred digest is given up: there is a newer one then
EVERYBODY = 2**62  # behind every membership
WAIT = 60.0  # seconds that a command waits for the sorter to pause


def attend(app: App, now: float, claims: ListClaims) -> int:
    """Make every digest that is due at ``now``; return how many mailings that is.

    A list whose posts somebody else decides just now comes with the next look.
    """
    with app.store.read() as session:
        due = digest_windows.waiting(session, now)
        lists = [(one, session.get_one(MailList, one).address) for one in due]
    made = 0
    for list_id, address in lists:
        with claims.holding(address) as mine:
            made += len(make(app, list_id, now)) if mine is not None else 0
    return made


def make(app: App, list_id: int, now: float) -> list[int]:
    """Make one list's digests that are due at ``now``; return their mailings.

    Whoever asks holds the list (posts/list_claims.py): no post is decided meanwhile.
    """
    with app.store.read() as session:
        lst = session.get_one(MailList, list_id)
        windows = digest_windows.due(session, lst, now)
        source = digest_threads.DigestSource(session, lst, _face(session, app, lst))
        made = [(window, *_composed(session, source, window)) for window in windows]
    found: list[int] = []
    for window, message_id, compositions in made:
        with app.store.write() as session:
            lst = session.get_one(MailList, list_id)
            if compositions:
                found.append(_begin(session, lst, window, message_id, compositions))
            else:  # all of it was taken out of the archive, or nothing was posted
                digest_windows.close(session, window, 0, EVERYBODY)
    return found


def send_due(app: App, list_address: str, until: float) -> list[int]:
    """Make a list's digests due up to ``until``, once; wait until its posts rest.

    Raise Temporary where it does not.
    """
    with app.store.read() as session:
        lst = get_list(session, list_address)
    claims = ListClaims(app.store)
    ends = time.monotonic() + WAIT
    while time.monotonic() < ends:
        with claims.holding(lst.address) as mine:
            if mine is not None:
                return make(app, lst.id, until)
        time.sleep(0.1)
    raise Temporary("Posts are being decided without a pause.", "Try again in a minute.")


def _begin(
    session: Session,
    lst: MailList,
    window: Window,
    message_id: str,
    compositions: dict[int, Segments],
) -> int:
    now = time.time()
    mailing = mailings.create_mailing(
        session,
        kind=KIND,
        list_address=lst.address,
        message_id=message_id,
        policy="never-miss",
        compositions=compositions,
        created=now,
        expires_at=now + EXPIRES,
    )
    digest_windows.keep(session, mailing, window)
    return mailing


def _composed(
    session: Session, source: DigestSource, window: Window
) -> tuple[str, dict[int, Segments]]:
    """Return a digest's Message-ID and its compositions; none where there is nothing to show."""
    lst, face = source.lst, source.face
    message_id = f"digest.{b32encode(secrets.token_bytes(15)).decode().lower()}@{lst.domain}"
    threads = source.threads_of(window.posts)
    if not threads:
        return message_id, {}
    now, zone = time.time(), window.zone or lst.zone
    return message_id, {
        digest_variant(language, form): digest_mail.compose(
            threads, face, language, form, message_id=message_id, now=now, zone=zone
        )
        for language, form in _readers(session, lst, window)
    }


def _face(session: Session, app: App, lst: MailList) -> ListFace:
    one_click = signing.one_click(session, app.settings, lst.domain, time.time())
    return replace(face_of(app, lst), one_click=one_click)


def _readers(session: Session, lst: MailList, window: Window) -> Sequence[tuple[str, DigestForm]]:
    """Return what the members of a window read, and the list's own language in each form."""
    dialect = session.get_bind().dialect.name
    joined = (
        select(Person.language, Membership.digest_form)
        .join(Membership, Membership.person_id == Person.id)
        .where(*digest_windows.readers(dialect, window))
        .distinct()
    )
    found = {(lst.language, DigestForm.PAGE)}
    for language, form in session.execute(joined, digest_windows.bounds(dialect, window)):
        written = DigestForm(form or DigestForm.PAGE)
        found |= {(lst.language, written), (language or lst.language, written)}
    return sorted(one for one in found if one[0] in LANGUAGES)


def threads_for(
    session: Session, app: App, lst: MailList, member: Membership, now: float
) -> tuple[ListFace, list[DigestThread]]:
    """Return what a member's next digest would hold at ``now``."""
    face = _face(session, app, lst)
    posts = digest_windows.posts_for(session, lst, member, now)
    return face, digest_threads.DigestSource(session, lst, face).threads_of(posts)
