"""Build, check and export a list's archive, lead old addresses to it, and take out of it.

    archive.redact(call, RedactArchive("friends@example.org", Request(people=("anna@x.org",))))
    archive.check(call, "friends@example.org")

A long run tells how far it is by a callable that the door brings (``Progress``). SECURITY: a
removal rewrites pages, feeds, search and exports, and then looks into every file; what still holds
some of it is in the result, and no door may call that done.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from archive.erasure import redaction
from archive.erasure.mentions import Mention
from archive.erasure.mentions import mentions_of as find_mentions
from archive.erasure.redaction import RedactionPlan, Request
from archive.erasure.removal_proof import RemovalProof
from archive.filing.mail_import import ImportCounts, import_mails
from archive.pages import redirects, views
from archive.site import build as pages
from archive.site import removal_check, whole_archive
from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.newsletters.writing import pictures
from mailer.errors import BadInput
from mailer.reading.mbox import read_mbox
from subscriptions.lists import openness
from subscriptions.lists.roster import MailList, all_lists, get_list

# Called with a list before its pages are drawn; gives what is told how many messages are.
Progress = Callable[[MailList, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, slots=True)
class BuildArchive:
    """Ask that every page of a list, or of all lists, is rendered anew."""

    list: str | None
    workers: int


@dataclass(frozen=True, slots=True)
class RedirectArchive:
    """Ask that the addresses of an old archive lead on; ``folder`` has its pages, if any."""

    list: str
    at: str
    folder: Path | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RedactArchive:
    """Ask that something is taken out of an archive for good."""

    list: str
    what: Request


@dataclass(frozen=True, slots=True)
class ArchiveChecked:
    """Name the files that are not what the mail says, or hold what was taken out."""

    missing: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveExported:
    """Say how many files were written."""

    list: str
    files: int


@dataclass(frozen=True, slots=True)
class ArchiveRedirected:
    """Say how many old addresses lead on, and which old pages are of mails that are not there."""

    list: str
    addresses: int
    lost: Sequence[str]


@dataclass(frozen=True, slots=True)
class RedactionPlanned:
    """Say what would go, and where a person still stands in others' words."""

    list: str
    counts: dict[str, int]
    notes: tuple[str, ...]
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class ArchiveRedacted:
    """Say what a look into every file found afterwards, and which exports were written anew."""

    proof: RemovalProof
    exports: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class MailImported:
    """Count what came of a file of old mail; ``hides_past``: the list shows it to nobody new."""

    list: str
    counts: ImportCounts
    hides_past: bool


def silent(_lst: MailList, _total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Tell nobody how far it is."""
    return nullcontext(lambda _messages: None)


def build(call: Call, wanted: BuildArchive, progress: Progress = silent) -> dict[str, int]:
    """Render pages anew from the mail; return how many threads each list has."""
    done = {}
    lists = _lists(call, Action.ARCHIVE_BUILD, wanted.list)
    with pages.rendering(call.app.store):
        for lst in lists:
            with progress(lst, _size(call, lst)) as told:
                done[lst.address] = whole_archive.build(
                    call.app.store, *_site(call), lst, told, workers=wanted.workers
                )
    return done


def check(call: Call, list_address: str | None) -> ArchiveChecked:
    """Compare the pages on disk with the mail, and look for what was taken out of it."""
    found = whole_archive.Differences((), (), ())
    held: list[str] = []
    root, base_url = _site(call)
    for lst in _lists(call, Action.ARCHIVE_CHECK, list_address):
        found += whole_archive.check(call.app.store, root, base_url, lst)
        held += removal_check.look(call.app.store, root, lst).left
    return ArchiveChecked(found.missing, found.differing, found.extra, tuple(held))


def export(call: Call, list_address: str, folder: Path) -> ArchiveExported:
    """Write a list's archive into a folder, as a stranger may see it."""
    lst = call.permitted(Action.ARCHIVE_EXPORT, list_address)
    count = whole_archive.export(call.app.store, folder, _site(call)[1], lst)
    return ArchiveExported(lst.address, count)


def redirect(call: Call, wanted: RedirectArchive) -> ArchiveRedirected:
    """Lead the addresses of an old archive to the pages of a list."""
    lst = call.permitted(Action.ARCHIVE_REDIRECT, wanted.list)
    old = None if wanted.folder is None else redirects.read_tree(wanted.folder)
    with call.session(writes=False) as session:
        moves = redirects.moves_of(session, lst, wanted.at, old)
    for some in () if wanted.dry_run else redirects.batches(moves.targets):
        with call.session(writes=True) as session:
            redirects.keep(session, lst, some)
    return ArchiveRedirected(lst.address, len(moves.targets), moves.lost)


def plan_redaction(call: Call, wanted: RedactArchive) -> RedactionPlanned:
    """Say what a redaction would take out; what is asked before it is done."""
    lst, plan = _plan(call, wanted)
    what = wanted.what
    with call.session(writes=False) as session:
        mentions = find_mentions(session, lst, plan, what.people) if what.people else []
    counts = {
        "messages": len(plan.messages),
        "files": len(plan.files),
        "names": len(plan.names),
        "phrases": len(what.phrases),
        "people": len(what.people),
        "quotes": len(what.unquoted),
    }
    return RedactionPlanned(lst.address, counts, tuple(plan.notes), tuple(mentions))


def redact(call: Call, wanted: RedactArchive, progress: Progress = silent) -> ArchiveRedacted:
    """Take it out, write pages and exports anew, and look into every file."""
    lst, plan = _plan(call, wanted)
    removed = {hash_ for hash_, _ in plan.messages}
    with call.session(writes=False) as session:
        removed |= views.removed_of(session, lst).messages
        shown = pictures.shown_elsewhere(session, lst.id, plan.brought, removed)
    with call.session(writes=True) as session:
        redaction.apply(session, lst, plan, call.now)
        pictures.forget(session, lst, {*plan.files, *(plan.brought - shown)})
        audit.detail(session, f"{len(plan.rows)} rows, {len(plan.messages)} messages")
        call.note(Action.ARCHIVE_REDACT, session, lst)
    root, base_url = _site(call)
    with pages.rendering(call.app.store), progress(lst, _size(call, lst)) as told:
        whole_archive.build(call.app.store, root, base_url, lst, told)
        exports = removal_check.renew_exports(call.app.store, base_url, lst)
    return ArchiveRedacted(removal_check.look(call.app.store, root, lst), tuple(exports))


def mbox(
    call: Call, list_address: str, stream: BinaryIO, progress: Callable[[int], None]
) -> MailImported:
    """Take old mail into a list's archive, an mbox; doing it again adds nothing."""
    lst = call.permitted(Action.IMPORT_MBOX, list_address)
    counts = import_mails(call.app.store, lst, read_mbox(stream), call.now, progress)
    if counts.read == counts.unreadable:
        raise BadInput(
            "There is no mail in this file that could be read.",
            'An mbox begins with a line such as "From anna@example.org Sun Nov 22 10:00:00 2026".',
        )
    root, base_url = _site(call)
    with pages.rendering(call.app.store):
        while pages.render_dirty(call.app.store, root, base_url, list_id=lst.id):
            pass
    hides = bool(counts.new) and openness.hides_past(lst)
    return MailImported(lst.address, counts, hides)


def _plan(call: Call, wanted: RedactArchive) -> tuple[MailList, RedactionPlan]:
    if wanted.what == Request(inside=wanted.what.inside):
        raise BadInput("Nothing was named.", key="nothing-to-redact")
    if wanted.what.inside and not wanted.what.phrases:
        raise BadInput("A message was named, and no words that go from it.", key="no-phrase")
    with call.reading(Action.ARCHIVE_REDACT, wanted.list) as visit:
        return visit.lst, redaction.prepare(visit.session, visit.lst, wanted.what)


def _lists(call: Call, action: Action, list_address: str | None) -> list[MailList]:
    with call.reading_all(action) as session:
        if list_address is None:
            return sorted(all_lists(session), key=lambda lst: lst.id)
        return [get_list(session, list_address)]


def _size(call: Call, lst: MailList) -> int:
    with call.session(writes=False) as session:
        return pages.size_of(session, lst)


def _site(call: Call) -> tuple[Path, str]:
    return call.app.settings.archive_path, call.app.settings.listserv.base_url
