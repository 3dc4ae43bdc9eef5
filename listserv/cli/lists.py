"""The commands about lists: make one, see them, change one."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from listserv.cli.terminal import Application, agree, print_json, print_letter, print_table, say
from listserv.upkeep import widening
from mailer.errors import BadInput
from mailer.storage.store import Store
from subscriptions.lists import openness, roster
from subscriptions.lists.list_settings import BY_NAME, SETTINGS, ListSetting
from subscriptions.lists.roster import (
    ArchivePolicy,
    Join,
    ListKind,
    MailList,
    Membership,
    PostPolicy,
)

if TYPE_CHECKING:
    from listserv.cli.archive_application import ArchiveApplication

P = ParamSpec("P")
R = TypeVar("R")

lists = click.Group("list", help="Make, see and change lists.")


def _words(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([word.value for word in kind], case_sensitive=False)


def setting_options(*, creating: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add one option for each setting of a list; for ``creating`` those that it may begin with."""

    def decorated(command: Callable[P, R]) -> Callable[P, R]:
        for setting in reversed(SETTINGS):
            if setting.at_creation or not creating:
                command = _option(setting)(command)
        return command

    return decorated


def _option(setting: ListSetting) -> Callable[[Callable[P, R]], Callable[P, R]]:
    option, off = setting.option, f"--no-{setting.option[2:]}"
    if setting.is_switch:
        return click.option(f"{option}/{off}", default=None, help=setting.help)
    if setting.is_number:
        return click.option(option, type=int, metavar=setting.metavar, help=setting.help)
    if setting.words is not None:
        return click.option(option, type=_words(setting.words), help=setting.help)
    return click.option(option, metavar=setting.metavar, help=setting.help)


def read_settings(said: Mapping[str, object]) -> dict[str, object]:
    """Return what the options said, each choice as its own word; what was not said is left out."""
    values: dict[str, object] = {}
    for setting in SETTINGS:
        value = said.get(setting.name)
        if value is not None:
            words = setting.words
            values[setting.name] = words(str(value).lower()) if words is not None else value
    return values


@lists.command("create")
@click.argument("list_address", metavar="LIST")
@click.option(
    "--kind", type=_words(ListKind), default="discussion", show_default=True, help="What it is for."
)
@setting_options(creating=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as one JSON object.")
@click.pass_obj
def create(app: Application, /, list_address: str, *, as_json: bool, **wanted: str | None) -> None:
    """Make the list LIST, a full address.

    A discussion list is open, its members post, its archive is public and it speaks English;
    a newsletter is written by its editors.

    \b
    Examples:
      krets list create friends@example.org --title "Friends of the garden"
      krets list create news@example.org --kind newsletter --language sv
    """
    settings = read_settings(wanted)
    kind = ListKind(wanted["kind"] or "discussion")
    with app.store.write() as session:
        lst = roster.create_list(session, list_address, now=time.time(), kind=kind, **settings)
    if as_json:
        print_json(as_object(lst))
        return
    say(
        f"{lst.address} is there. Add people: krets member add {lst.address} ADDRESS --consent TEXT"
    )


@lists.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def ls(app: Application, /, *, as_json: bool) -> None:
    """Show every list.

    \b
    Example:
      krets list ls --json
    """
    with app.store.read() as session:
        every = roster.all_lists(session)
        counts = _active_counts(session)
    if as_json:
        print_json([{**as_object(one), "members": counts.get(one.id, 0)} for one in every])
        return
    if not every:
        say("There is no list yet. Make one: krets list create friends@example.org")
        return
    print_table(
        ("list", "kind", "language", "members", "title"),
        [
            (one.address, one.kind.value, one.language, str(counts.get(one.id, 0)), one.title)
            for one in every
        ],
    )


@lists.command("show")
@click.argument("list_address", metavar="LIST")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(app: Application, /, list_address: str, *, as_json: bool) -> None:
    """Show one list: its settings and how many members it has.

    \b
    Example:
      krets list show friends@example.org
    """
    with app.store.read() as session:
        lst = roster.get_list(session, list_address)
        counts = state_counts(session, lst.id)
    if as_json:
        print_json({**as_object(lst), "members": counts})
        return
    people = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    settings = [(name.replace("_", " "), _shown(value)) for name, value in as_object(lst).items()]
    print_letter(lst.title, [*settings, ("members", people or "nobody yet")])


@lists.command("set")
@click.argument("list_address", metavar="LIST")
@setting_options()
@click.option(
    "--footer-language", metavar="CODE", help="--footer is for those who read this language."
)
@click.option(
    "--also-past", is_flag=True, help="Open the archive for what was written before as well."
)
@click.option("--yes", is_flag=True, help="Do not ask before the list is opened further.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as one JSON object.")
@click.pass_obj
def set_(
    app: "ArchiveApplication",
    /,
    list_address: str,
    *,
    as_json: bool,
    also_past: bool,
    yes: bool,
    footer_language: str | None,
    **said: object,
) -> None:
    """Change settings of LIST; what is not named stays.

    What lets more people join, post or read the archive says what that opens, and asks. An archive
    is opened for what comes from then on: what is older stays with those who could read it, unless
    --also-past says that it does not.

    \b
    Examples:
      krets list set friends@example.org --archive members --language it
      krets list set friends@example.org --archive public --yes
      krets list set friends@example.org --emergency
      krets list set news@example.org --theme magazine --accent "#7a2e1d"
    """
    wanted = read_settings(said)
    if wanted.get("theme"):
        from listserv.newsletters.composing.looks import find_theme  # noqa: PLC0415 - slow, rarely needed

        find_theme(app.data, str(wanted["theme"]))
    _ask_to_open(app.store, list_address, wanted, past=also_past, yes=yes)
    archive = wanted.pop("archive", None)
    with app.store.write() as session:
        lst = roster.get_list(session, list_address)
        before = as_object(lst)
        if archive is not None or also_past:
            policy = archive if isinstance(archive, ArchivePolicy) else lst.archive
            openness.set_archive(lst, policy, time.time(), past=also_past)
        if "@" in str(wanted.get("replies", "")):
            roster.get_list(session, str(wanted["replies"]))  # raises where there is none
        roster.change_list(lst, **wanted, footer_language=footer_language)
        after = as_object(lst)
    changed = [name for name, value in after.items() if before[name] != value]
    for name in changed:
        words = f"{name.replace('_', ' ')}: {_shown(before[name]) or '-'} -> "
        say(words + (_shown(after[name]) or "-"))
        setting = BY_NAME.get("footer" if name == "footers" else name)
        if setting and setting.costs and after[name] not in (setting.default, "", {}):
            say("  " + setting.costs)
    if {"archive", "members_since", "public_since"} & set(changed):
        from listserv.cli.archive import move_pages  # noqa: PLC0415 - slow, rarely needed

        move_pages(app, lst)
    if not changed:
        say("Nothing to change.")
    if as_json:
        print_json(after)


def _ask_to_open(
    store: Store,
    list_address: str,
    wanted: Mapping[str, object],
    *,
    past: bool,
    yes: bool,
) -> None:
    """Say what these settings would open, and ask; raise Refused where nobody agrees."""
    with store.read() as session:
        lst = roster.get_list(session, list_address)
        found = openness.openings(
            lst,
            join=Join(str(wanted["join"])) if "join" in wanted else None,
            post=PostPolicy(str(wanted["post"])) if "post" in wanted else None,
            archive=ArchivePolicy(str(wanted["archive"])) if "archive" in wanted else None,
            past=past,
        )
        lines = widening.describe(lst, found, widening.reach_of(session, lst)) if found else []
    if past and not any(one.past for one in found):
        raise BadInput(
            "--also-past is for an archive that is being opened, or that holds something back.",
            "Name --archive public or --archive members with it.",
        )
    if yes:
        for line in lines:
            say(line)
    elif lines:
        agree(f"{' '.join(lines)} Open {lst.address} so far?", yes=False)


def as_object(lst: MailList) -> dict[str, object]:
    """Return a list's settings under their public names."""
    shown: dict[str, object] = {"list": lst.address, "kind": lst.kind.value}
    for setting in SETTINGS:
        value = getattr(lst, setting.name)
        missing = setting.default if value is None else value
        shown[setting.name] = missing.value if isinstance(missing, StrEnum) else missing
        if setting.name == "archive":
            shown["members_since"] = _day(lst.members_since)
            shown["public_since"] = _day(lst.public_since)
        if setting.name == "footer":
            shown["footers"] = json.loads(lst.footers) if lst.footers else {}
    return shown


def state_counts(session: Session, list_id: int) -> dict[str, int]:
    """Return how many memberships of a list stand in each state."""
    rows = session.execute(
        select(Membership.state, func.count().label("people"))
        .where(Membership.list_id == list_id)
        .group_by(Membership.state)
    )
    found = {row.state: row.people for row in rows}
    return {state.value: found.get(state, 0) for state in roster.MembershipState}


def _active_counts(session: Session) -> dict[int, int]:
    rows = session.execute(
        select(Membership.list_id, func.count().label("active"))
        .where(Membership.state == roster.MembershipState.ACTIVE)
        .group_by(Membership.list_id)
    )
    return {row.list_id: row.active for row in rows}


def _day(at: float | None) -> str:
    """Return a time for people and machines, "" for none: from the beginning."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {said}" for key, said in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
