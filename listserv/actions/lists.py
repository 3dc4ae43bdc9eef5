"""Make, see and change lists.

    lists.create(call, CreateList("friends@example.org", settings={"language": "sv"}))
    lists.set_(call, SetList("friends@example.org", {"archive": ArchivePolicy.MEMBERS}))

What a setting may be, and who may change it, stands in subscriptions/lists/list_settings.py.
SECURITY: what opens a list further is counted in the result (``opens``, ``reach``); a door shows a
dry run of it to a person and asks, before it asks for the change. An archive is opened for what
comes from then on, unless ``also_past`` says otherwise.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.actions import audit, moved_pages
from listserv.actions.audit import ActionShown
from listserv.actions.call import Call
from listserv.actions.permissions import Action, ActorRole, NotPermitted
from listserv.actions.reach import Reach, reach_of
from listserv.letters import unanswered
from listserv.letters.visit import Visit
from mailer.errors import BadInput
from subscriptions.lists import openness, relatives, roster
from subscriptions.lists.list_settings import BY_LANGUAGE, BY_NAME, SETTINGS
from subscriptions.lists.openness import Opening
from subscriptions.lists.roster import (
    Address,
    ArchivePolicy,
    Join,
    ListKind,
    MailList,
    Membership,
    MembershipState,
    PostPolicy,
)
from subscriptions.membership.given_up import stands_against

_PAGES = ("archive", "members_since", "public_since")  # what decides where pages stand


@dataclass(frozen=True, slots=True)
class CreateList:
    """Ask for a new list; a setting that is not named has its default."""

    list: str
    kind: ListKind = ListKind.DISCUSSION
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetList:
    """Ask for other settings; what is not named stays."""

    list: str
    settings: Mapping[str, object]
    footer_language: str | None = None  # for whom the footer is; None: for everybody
    also_past: bool = False  # open the archive for what was written before, too
    dry_run: bool = False
    welcome_language: str | None = None  # for whom the welcome is; None: for everybody


@dataclass(frozen=True, slots=True)
class ListShown:
    """Hold settings by name, members by state, and mail that got no answer by reason."""

    settings: dict[str, object]
    members: dict[str, int]
    unanswered: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListSet:
    """Hold a list's settings before and after, and what the change opens."""

    before: dict[str, object]
    after: dict[str, object]
    opens: tuple[Opening, ...] = ()
    reach: Reach | None = None  # counted where something is opened

    @property
    def changed(self) -> list[str]:
        """Return the names of the settings that are others now."""
        return [name for name, value in self.after.items() if self.before[name] != value]

    def change(self, name: str) -> str:
        """Return what one of them was and is."""
        return f"{name}: {self.before[name]} -> {self.after[name]}"


def create(call: Call, wanted: CreateList) -> dict[str, object]:
    """Make a list and return its settings."""
    with call.changing_all(Action.LIST_CREATE) as session:
        lst = roster.create_list(
            session, wanted.list, now=call.now, kind=wanted.kind, **wanted.settings
        )
    return settings_of(lst)


def ls(call: Call) -> list[ListShown]:
    """Return every list, by domain and name."""
    with call.reading_all(Action.LIST_LS) as session:
        counts = _counts(session)
        every = roster.all_lists(session)
    return [ListShown(settings_of(lst), counts.get(lst.id) or _none()) for lst in every]


def show(call: Call, list_address: str) -> ListShown:
    """Return one list."""
    with call.reading(Action.LIST_SHOW, list_address) as visit:
        counts = _counts(visit.session, visit.lst)
        silent = unanswered.count(visit.session, visit.lst, visit.now)
        return ListShown(settings_of(visit.lst), counts.get(visit.lst.id) or _none(), silent)


def history(call: Call, list_address: str) -> list[ActionShown]:
    """Return what was changed of a list by a command, a mail or a page, the newest first."""
    with call.reading(Action.LIST_HISTORY, list_address) as visit:
        return audit.history(visit.session, visit.lst)


def set_(call: Call, wanted: SetList) -> ListSet:
    """Change settings of a list; with ``dry_run`` only say what that would change and open."""
    within = call.reading if wanted.dry_run else call.changing
    with within(Action.LIST_SET, wanted.list) as visit:
        _check(call, visit, wanted)
        before = settings_of(visit.lst)
        opens = _openings(visit.lst, wanted)
        reach = reach_of(visit.session, visit.lst) if opens else None
        if wanted.dry_run:
            columns = roster.checked_settings(visit.lst, **_named(wanted))
            return ListSet(before, settings_of(visit.lst, columns), opens, reach)
        _write(visit, wanted)
        done = ListSet(before, settings_of(visit.lst), opens, reach)
        audit.detail(visit.session, "; ".join(map(done.change, done.changed)))
        if not done.changed:
            audit.nothing(visit.session)
    if set(_PAGES) & set(done.changed) and call.within is None:
        moved_pages.move(call.app, wanted.list)
    return done


def settings_of(lst: MailList, instead: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return a list's settings under their public names, those of ``instead`` in their place."""
    stands = {**{one.name: getattr(lst, one.name) for one in SETTINGS}, **(instead or {})}
    texts = {
        column: str(stands.get(column, getattr(lst, column)) or "")
        for column in BY_LANGUAGE.values()
    }
    shown: dict[str, object] = {"list": lst.address, "kind": lst.kind.value}
    for setting in SETTINGS:
        value = stands[setting.name]
        missing = setting.default if value is None else value
        shown[setting.name] = missing.value if isinstance(missing, StrEnum) else missing
        if setting.name == "archive":
            shown["members_since"] = _day(lst.members_since)
            shown["public_since"] = _day(lst.public_since)
        if setting.name in BY_LANGUAGE:
            column = BY_LANGUAGE[setting.name]
            shown[column] = json.loads(texts[column]) if texts[column] else {}
    shown["deleted"] = _day(lst.deleted_at)
    return shown


def _check(call: Call, visit: Visit, wanted: SetList) -> None:
    """Raise where whoever asks may not change one of these, or what it names is not there."""
    role = call.by.role_on(visit.session, visit.lst)
    for name in wanted.settings:
        roles = {str(one) for one in BY_NAME[name].changed_by}
        if role is not ActorRole.OPERATOR and str(role) not in roles:
            raise NotPermitted(f"A {role} may not change this setting.", key="not-permitted")
    if wanted.settings.get("theme"):
        from listserv.newsletters.composing.looks import find_theme  # noqa: PLC0415 - slow, rarely needed

        find_theme(call.app.data, str(wanted.settings["theme"]))
    for name in relatives.RELATIVES:
        _check_relatives(call, visit, name, str(wanted.settings.get(name) or ""))
    if "@" in str(wanted.settings.get("replies", "")):
        roster.get_list(visit.session, str(wanted.settings["replies"]))  # raises for none
    if wanted.also_past and not any(one.past for one in _openings(visit.lst, wanted)):
        raise BadInput(
            "The past can only be opened of an archive that is being opened, or that holds"
            " something back.",
            key="no-past",
        )


def _check_relatives(call: Call, visit: Visit, name: str, addresses: str) -> None:
    """Raise where a list names another that it may not, or that whoever asks does not own too.

    SECURITY: an umbrella writes to all members of its parts, and whoever may post to a sibling is
    known to be a member: both are their own owner's to give.
    """
    for other in relatives.check(visit.session, visit.lst, name, addresses):
        role = call.by.role_on(visit.session, other)
        if role not in {ActorRole.OWNER, ActorRole.OPERATOR}:
            what = f"Only an owner of {other.address} as well may name it here."
            raise NotPermitted(what, key="not-permitted")


def _openings(lst: MailList, wanted: SetList) -> tuple[Opening, ...]:
    said = wanted.settings
    return tuple(
        openness.openings(
            lst,
            join=Join(str(said["join"])) if "join" in said else None,
            post=PostPolicy(str(said["post"])) if "post" in said else None,
            archive=ArchivePolicy(str(said["archive"])) if "archive" in said else None,
            past=wanted.also_past,
        )
    )


def _named(wanted: SetList) -> dict[str, object]:
    languages = {
        "footer_language": wanted.footer_language,
        "welcome_language": wanted.welcome_language,
    }
    return {**wanted.settings, **languages}


def _write(visit: Visit, wanted: SetList) -> None:
    named = _named(wanted)
    archive = named.pop("archive", None)
    if archive is not None or wanted.also_past:
        policy = ArchivePolicy(str(archive)) if archive is not None else visit.lst.archive
        openness.set_archive(visit.lst, policy, visit.now, past=wanted.also_past)
        moved_pages.ask(visit.lst)
    roster.change_list(visit.lst, **named)
    visit.session.flush()


def _counts(session: Session, only: MailList | None = None) -> dict[int, dict[str, int]]:
    """Return how many memberships of each list stand in each state."""
    query = select(Membership.list_id, Membership.state, func.count().label("people"))
    if only is not None:
        query = query.where(Membership.list_id == only.id)
    query = query.group_by(Membership.list_id, Membership.state)
    found: dict[int, dict[str, int]] = {}
    for row in session.execute(query):
        found.setdefault(row.list_id, _none())[row.state.value] = row.people
    ended = query.join(Address, Address.id == Membership.address_id).where(
        Membership.state.in_((MembershipState.ACTIVE, MembershipState.PAUSED)),
        stands_against(Address.key),
    )
    for row in session.execute(ended):
        found[row.list_id][row.state.value] -= row.people
        found[row.list_id][MembershipState.GIVEN_UP.value] += row.people
    return found


def _none() -> dict[str, int]:
    return dict.fromkeys((state.value for state in MembershipState), 0)


def _day(at: float | None) -> str:
    """Return a time for people and machines, "" for none: from the beginning."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
