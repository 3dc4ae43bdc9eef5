"""Newsletters: what an issue would mean, sent or proved; the effects behind the commands.

``survey`` looks and refuses; ``begin`` puts an issue into the archive and the ledger in one
transaction; ``freeze`` completes its audience in short pieces. From the first commit on a kill
loses nothing: any worker goes on with a mailing that is freezing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.filing import mail_threading
from listserv.letters import notices
from listserv.letters.notices import face_of
from listserv.mailings import audience_freezing, due_times, slots
from listserv.newsletters.checks import links, outline, preflight, sender_domain
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.checks.forecast import Forecast, forecast
from listserv.newsletters.composing import issues
from listserv.newsletters.sending.issue_findings import EarlierPace, earlier_pace, findings, limits
from listserv.newsletters.sending.ready_issue import Ready, compose
from listserv.newsletters.writing import drafts, mailed_draft, pictures, sources, votes
from listserv.newsletters.writing.drafts import BadDraft, Draft
from listserv.newsletters.writing.pictures import Kept
from listserv.posts.permalinks import publish_permalink
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Issue
from mailer.errors import Refused, Temporary
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, MailingState, UnsurePolicy
from mailer.reading.addresses import MailAddress
from mailer.storage.store import put_packed
from mailer.storage.tokens import TokenPurpose
from subscriptions.audience.audience import count_by_domain
from subscriptions.audience.segment_query import Chosen, resolve
from subscriptions.audience.segments import BadSegment
from subscriptions.lists import ballots
from subscriptions.lists.roster import (
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


class NobodyDue(Refused):
    """Say that nobody is due in a series, which is how most of its runs end: well."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Name one person who proves an issue."""

    member: int
    to: MailAddress
    name: str
    language: str


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
        last = earlier_pace(session)
        ahead = forecast(most_first, limits(session, app, lst, last, now))
        slow = preflight.warming(ahead.seconds, ahead.bound) if ahead else ()
        return SendingSurvey(
            lst=lst,
            ready=ready,
            domains=most_first,
            findings=(*dead, *findings(session, app, lst, ready, now), *slow, *dns),
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


def freeze(app: App, mailing: int) -> Iterator[int]:
    """Complete the audience; yield how many members have been looked at after each piece."""
    seen = 0
    while audience_freezing.freeze_some(app.store, mailing):
        seen += audience_freezing.POUR
        yield seen
    app.ring("deliver")
