"""Newsletters: what an issue would mean, sent or proved; the effects behind the commands.

``survey`` looks and refuses; ``begin`` puts an issue into the archive and the ledger in one
transaction; ``freeze`` completes its audience in short pieces. From the first commit on a kill
loses nothing: any worker goes on with a mailing that is freezing.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.filing import mail_threading
from listserv.letters import notices
from listserv.letters.notices import face_of
from listserv.mailings import audience_freezing, due_times, signing, slots
from listserv.newsletters.checks import links, outline, preflight, sender_domain
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.checks.forecast import Forecast, PaceLimits, forecast
from listserv.newsletters.composing import issues
from listserv.newsletters.composing.issues import Imprint
from listserv.newsletters.composing.looks import look_of, theme_names
from listserv.newsletters.readers import reader_replies
from listserv.newsletters.writing import drafts, mailed_draft, pictures, sources, votes
from listserv.newsletters.writing.drafts import BadDraft, Draft
from listserv.newsletters.writing.pictures import Kept
from listserv.posts.permalinks import publish_permalink
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Issue
from mailer.client.relay import read_relay
from mailer.errors import Refused, Temporary
from mailer.ledger import mailings, pace
from mailer.ledger.mailings import Mailing, MailingState, UnsurePolicy
from mailer.ledger.splice import Segments
from mailer.ledger.warmup import read_calendar
from mailer.reading.addresses import MailAddress
from mailer.reading.head_facts import permalink_hash
from mailer.storage.store import Packed, pack, put_packed
from mailer.storage.tokens import TokenPurpose
from subscriptions.audience.audience import count_by_domain, count_by_language
from subscriptions.audience.segment_query import EVERYBODY, Chosen, resolve
from subscriptions.audience.segments import BadSegment
from subscriptions.lists import ballots, terms
from subscriptions.lists.roster import (
    ArchivePolicy,
    ListKind,
    MailList,
    Membership,
    MembershipState,
    Person,
    Role,
    get_list,
)
from subscriptions.membership import optin

EXPIRES = 3 * 86400.0  # seconds until a deferred copy of an issue is given up
SAME_WITHIN = 366 * 86400.0  # seconds in which the same words are one issue sent twice
ENOUGH = 200  # recipients from which a mailing says something about our speed


class NobodyDue(Refused):
    """Nobody is due in a series: what most of its runs come to, and no failure of theirs."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Name one person who proves an issue."""

    member: int
    to: MailAddress
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class EarlierPace:
    """Say how fast an earlier mailing left."""

    mailing: int
    rate: float  # accepted a second


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


@dataclass(frozen=True, slots=True)
class SendingSurvey:
    """Say what sending a draft would mean."""

    lst: MailList
    ready: Ready
    domains: tuple[tuple[str, int], ...]  # readers by the domain of their address, most first
    findings: tuple[Finding, ...]
    pace: EarlierPace | None
    forecast: Forecast | None

    @property
    def draft(self) -> Draft:
        """Return the draft."""
        return self.ready.draft

    @property
    def readers(self) -> int:
        """Return how many would get it now."""
        return sum(count for _, count in self.domains)

    @property
    def red(self) -> list[Finding]:
        """Return what keeps it from being sent until somebody insists."""
        return [finding for finding in self.findings if finding.red]

    @property
    def seconds(self) -> float | None:
        """Return how long sending would take, where something tells."""
        return self.forecast.seconds if self.forecast else None


def survey(
    app: App,
    list_address: str,
    data: bytes,
    now: float,
    *,
    readers: bool = True,
    segment: str | None = None,
    folder: Path | None = None,
) -> SendingSurvey:
    """Read a draft for a list and look at what sending it would mean; raise what forbids it.

    ``readers`` False lets a list without readers pass: a proof needs none. ``segment`` says who
    gets it, whatever the draft says. ``folder`` is where the draft stands, and its pictures.
    """
    with app.store.read() as session:
        lst = newsletter(session, list_address)
    source = drafts.text_of(data)
    page = sources.from_page(source)
    if page is not None:
        source = mailed_draft.compose({"subject": page.title}, page.text)
    drafts.read(source.encode())  # its words are judged before any picture is opened
    placed, fresh = pictures.place(source, pictures.beside(folder, source), face_of(app, lst).page)
    draft = drafts.read(placed.encode())
    if segment is not None:
        draft = replace(draft, segment=segment, segment_at=0)
    found = consider(app, lst, draft, now, fresh=fresh)
    if page is not None and page.turned:
        found = replace(found, findings=(*found.findings, outline.turned()))
    if readers and draft.series and not found.readers:
        raise NobodyDue(f"Nobody is due: all have had {draft.series!r} already.")
    if readers and found.ready.chosen.text and not found.readers:
        raise Refused(
            f"Nobody is in the segment {found.ready.chosen.text}.",
            key="nobody-in-segment",
            list=lst.address,
        )
    if readers and not found.readers:
        raise Refused(
            f"{lst.address} has no readers yet.",
            key="no-readers",
            list=lst.address,
        )
    return found


def consider(
    app: App,
    lst: MailList,
    draft: Draft,
    now: float,
    *,
    message_id: str = "",
    fresh: Sequence[Kept] = (),
) -> SendingSurvey:
    """Compose a draft and look at what sending it would mean; ``fresh`` pictures are not kept."""
    with app.store.read() as session:
        had = due_times.series_of(session, lst.id, draft.series)
        chosen = replace(_chosen(session, lst, draft, now), series=draft.series, had=had)
    of_domain = sender_domain.begin(app, lst.domain, now)  # DNS answers while we compose
    ready = compose(app, lst, draft, now, message_id=message_id, fresh=fresh)
    ready = replace(ready, chosen=chosen)
    if gone := pictures.gone(ready.issue.face.page, draft.whole, ready.issue.pictures):
        raise pictures.missing(0, gone)  # redacted with another issue
    asked = preflight.addresses(draft) if app.settings.listserv.check_links else []
    dead = sorted(preflight.followed(links.check(asked)), key=lambda one: not one.red)
    dns = of_domain()
    with app.store.read() as session:
        domains = count_by_domain(session, lst.id, now, chosen)
        most_first = tuple(sorted(domains.items(), key=lambda one: (-one[1], one[0])))
        last = _pace(session)
        ahead = forecast(most_first, _limits(session, app, lst, last, now))
        slow = preflight.warming(ahead.seconds, ahead.bound) if ahead else ()
        return SendingSurvey(
            lst=lst,
            ready=ready,
            domains=most_first,
            findings=(*dead, *_findings(session, app, lst, ready, now), *slow, *dns),
            pace=last,
            forecast=ahead,
        )


def _chosen(session: Session, lst: MailList, draft: Draft, now: float) -> Chosen:
    """Return who gets a draft; raise BadDraft that names the line of its segment."""
    try:
        return resolve(session, lst, draft.segment, now)
    except BadSegment as error:
        if not draft.segment_at:
            raise
        values = {"at": str(error.at), "near": "", "known": "", **error.values}
        raise BadDraft(
            draft.segment_at, f"segment-{error.key}", error.what, error.fix, **values
        ) from None


def newsletter(session: Session, list_address: str) -> MailList:
    """Return the newsletter at this address; raise Refused for a discussion list."""
    lst = get_list(session, list_address)
    if lst.kind is not ListKind.NEWSLETTER:
        raise Refused(
            f"{lst.address} is a discussion list: it has posts and no issues.",
            key="no-newsletter",
            list=lst.address,
        )
    if lst.closed:
        raise Refused(f"{lst.address} is closed.", key="list-closed", list=lst.address)
    return lst


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


def begin(
    app: App, lst: MailList, ready: Ready, *, policy: UnsurePolicy, now: float, by: str = "cli"
) -> int:
    """Archive an issue, publish its permalink and begin its mailing; return the mailing's id."""
    keep_pictures(app, lst, ready.issue.pictures.values(), now)
    with app.store.write() as session:
        mailing = enter(session, app, lst, ready, policy=policy, now=now, by=by)
    app.ring("archive")
    return mailing


def keep_pictures(app: App, lst: MailList, found: Iterable[Kept], now: float) -> None:
    """Keep the pictures of a draft, each in a transaction of its own: they may be large."""
    for one in found:
        with app.store.write() as session:
            pictures.keep(session, lst.id, [one], now)


def enter(
    session: Session,
    app: App,
    lst: MailList,
    ready: Ready,
    *,
    policy: UnsurePolicy,
    now: float,
    by: str,
    hour: str = "",
) -> int:
    """Do what ``begin`` does in the caller's transaction, who rings "sort" and "archive".

    ``hour`` is the hour of each reader's own day at which their copy may go.
    """
    issue, series = ready.issue, ready.draft.series
    lst = get_list(session, lst.address)  # its archive may be closed by now
    _wait_for(session, due_times.series_of(session, lst.id, series))
    put_packed(session, [ready.kept])
    pictures.mark_sent(session, lst.id, ready.draft.whole)
    if not series:  # the same words again and again
        mail_threading.place(session, lst, ready.raw, ready.kept.sha, now)
    mailing = mailings.create_mailing(
        session,
        kind=slots.KIND,
        list_address=lst.address,
        message_id=issue.message_id,
        policy=policy,
        compositions=ready.copies,
        created=now,
        expires_at=now + EXPIRES,
    )
    session.add(
        Issue(
            mailing_id=mailing,
            list_id=lst.id,
            subject=ready.draft.subject,
            digest=ready.draft.digest,
            raw_sha=ready.kept.sha,
            sent_at=now,
            sent_by=by,
            segment=ready.chosen.text,
            terms=due_times.terms_of(lst, hour).write(),
            series=series,
        )
    )
    question = votes.find(ready.draft.text)
    if question is not None:
        ballots.ask(
            session, mailing, lst.id, code=votes.code_of(issue.message_id), question=question.words,
            answers=question.answers, now=now,
        )  # fmt: skip
    session.flush()
    if not series:
        publish_permalink(app, session, lst, ready.kept.sha)
    return mailing


def _wait_for(session: Session, earlier: Sequence[int]) -> None:
    """Raise Temporary while it is not known yet who gets an earlier mailing of a series."""
    waiting = select(Mailing.id).where(
        Mailing.id.in_(earlier), Mailing.state == MailingState.FREEZING
    )
    if session.scalar(waiting.limit(1)) is not None:
        raise Temporary("This series is being sent this very moment.", "Try again in a minute.")


_EDITORS = (Role.EDITOR, Role.OWNER)
_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)
PROOF = 0  # the membership that a proof's way out names: nobody's


def is_editor(member: Membership) -> bool:
    """Tell whether a membership may decide about issues."""
    return member.role in _EDITORS and member.state in _HERE


def editors(session: Session, lst: MailList) -> list[Membership]:
    """Return who answers for this list's issues: its editors, and where none is, its owners."""
    roles = (Role.EDITOR, Role.OWNER)
    found = optin.owners_of(session, lst, *roles)
    return [m for m in found if m.role is Role.EDITOR] or found


def provers(session: Session, lst: MailList) -> list[Reader]:
    """Return who may prove an issue: editors and owners, as readers of it."""
    members = optin.owners_of(session, lst, Role.EDITOR, Role.OWNER)
    return [reader_of(session, lst, member) for member in members]


@dataclass(frozen=True, slots=True)
class IssueProof:
    """Hold one proof as it will be mailed."""

    to: MailAddress
    message_id: str
    raw: bytes


def proof_for(
    app: App, lst: MailList, ready: Ready, reader: Reader, language: str = ""
) -> IssueProof:
    """Return the copy that ``reader`` would get; its way out does nothing and says so."""
    leave = app.keyring.standing(TokenPurpose.LEAVE, lst.address, PROOF)
    message_id = issues.new_message_id(lst.domain, "proof")
    raw = issues.proof(
        ready.issue,
        reader.name,
        reader.to.wire,
        language or reader.language,
        leave,
        message_id=message_id,
        vote=app.keyring.standing(TokenPurpose.VOTE, lst.address, PROOF),
    )
    return IssueProof(reader.to, message_id, raw)


def post_proof(session: Session, lst: MailList, letter: IssueProof, now: float) -> int:
    """Put a proof into the ledger; return the mailing's id."""
    return notices.post(session, lst, letter.to, letter.message_id, letter.raw, now)


def reader_of(session: Session, lst: MailList, member: Membership) -> Reader:
    """Return a member as a reader of the list's issues."""
    person = session.get_one(Person, member.person_id)
    to = optin.address_of(session, member)
    return Reader(member.id, to, person.name, person.language or lst.language)


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


def freeze(app: App, mailing: int) -> Iterator[int]:
    """Complete the audience; yield how many members have been looked at after each piece."""
    seen = 0
    while audience_freezing.freeze_some(app.store, mailing):
        seen += audience_freezing.POUR
        yield seen
    app.ring("deliver")


def _findings(
    session: Session, app: App, lst: MailList, ready: Ready, now: float
) -> Iterator[Finding]:
    draft = ready.draft
    same = session.scalar(
        select(Issue)
        .where(
            Issue.list_id == lst.id,
            Issue.digest == draft.digest,
            Issue.sent_at > now - SAME_WITHIN,
        )
        .order_by(Issue.mailing_id.desc())
        .limit(1)
    )
    if same is not None and not draft.series:
        day = time.strftime("%Y-%m-%d", time.gmtime(same.sent_at))
        yield Finding(
            "same",
            f"this very issue was sent on {day} already, as mailing {same.mailing_id}",
            red=True,
            values={"at": same.sent_at},
        )
    language = draft.language or lst.language
    counts = Counter[str]()
    for one, count in count_by_language(session, lst.id, now, ready.chosen).items():
        counts[one or lst.language] += count
    for version in draft.versions:
        counts.pop(version.language or lst.language, None)
    postal = ready.issue.imprint.postal_address
    names = {address: one.name for address, one in ready.issue.pictures.items()}
    yield from preflight.look(draft, ready.copies, counts, language, postal, names)
    capped = due_times.left_out(session, lst, ready.chosen, due_times.terms_of(lst), now)
    if capped:
        yield Finding(
            "capped",
            f"{capped:,} have had enough issues these days ({lst.cap}) and would be left out",
            values={"count": capped},
        )
    if terms.clock(lst.zone) is None:
        yield Finding(
            "zone-unknown",
            f"this machine does not know the list's time zone, {lst.zone}: hours would be UTC's;"
            f" `krets list set {lst.address} --zone NAME` changes it",
            red=bool(lst.quiet_hours),
            values={"zone": lst.zone},
        )
    if ready.chosen.text and not draft.series and lst.archive is not ArchivePolicy.NONE:
        yield Finding(
            "segment-archived",
            "it goes to a segment, but its page in the archive is for whoever may read the archive",
        )
    settings = app.settings.listserv
    yield from preflight.unseen(settings.base_url, len(ready.issue.pictures))
    if not postal:
        yield Finding(
            "no-postal-address",
            "no postal address is set (listserv.postal_address); many laws ask for one",
        )
    if not settings.base_url.startswith("https://"):
        yield Finding(
            "no-https", "listserv.base_url is not https://, so no copy offers one-click leaving"
        )
    elif not signing.one_click(session, app.settings, lst.domain, now):
        yield Finding(
            "unsigned",
            f"nobody signs for {lst.domain} (`krets dkim new`), so no copy offers one-click"
            " leaving",
        )


def _limits(
    session: Session, app: App, lst: MailList, last: EarlierPace | None, now: float
) -> PaceLimits:
    """Gather what bounds a mailing of this list: the operator's word, and what was learnt."""
    settings = app.settings.mailer
    paces = pace.known(session, now, pace.read_rates(settings.rates))
    relays = [
        paces.get(pace.through(relay.name), relay.rate) or relay.rate
        for relay in map(read_relay, settings.relays)
        if relay.weight > 0
    ]
    to = pace.to("")
    return PaceLimits(
        relays=sum(relays) if all(relays) else 0.0,
        own=paces.get(pace.of(lst.address), 0.0),
        last=last.rate if last else 0.0,
        domains={key.removeprefix(to): rate for key, rate in paces.items() if key.startswith(to)},
        days=pace.days(session, now, read_calendar(settings.warm_up)),
    )


def _pace(session: Session) -> EarlierPace | None:
    """Return the pace of the newest mailing that is large enough to tell."""
    newest = session.scalars(
        select(Mailing)
        .where(Mailing.state == MailingState.DONE, Mailing.audience >= ENOUGH)
        .order_by(Mailing.id.desc())
        .limit(1)
    ).first()
    if newest is None or not newest.started or not newest.finished:
        return None
    lasted = max(newest.finished - newest.started, 1.0)
    return EarlierPace(newest.id, mailings.status(session, newest.id).accepted / lasted)
