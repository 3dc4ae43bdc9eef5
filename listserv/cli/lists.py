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
from subscriptions.lists.roster import (
    ArchivePolicy,
    Copies,
    Join,
    Kind,
    MailList,
    Membership,
    PostPolicy,
)

if TYPE_CHECKING:
    from listserv.cli.archive_application import ArchiveApplication

P = ParamSpec("P")
R = TypeVar("R")

lists = click.Group("list", help="Make, see and change lists.")

_COSTS = {
    "reply_to_list": "Private answers will go to everybody, and about one author's signature in"
    " three breaks: receivers refuse such mail where its domain says p=reject.",
    "subject_tag": "A tag changes the Subject: authors' signatures break, and receivers refuse"
    " such mail where its domain says p=reject.",
    "copies": "Nobody has a way out of their own in the mail, only the list's address and page, and"
    " a bounce counts only where it names its recipient.",
    "footer": "A footer changes the text: authors' signatures break, and receivers refuse such"
    " mail where its domain says p=reject. `krets explain post` says whose.",
}
_COSTS["footers"] = _COSTS["footer"]


def _words(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([word.value for word in kind], case_sensitive=False)


def policy_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add the options that ``create`` and ``set`` share."""
    options = (
        click.option("--title", help="The name people read."),
        click.option("--description", help="One paragraph about what the list is for."),
        click.option("--language", metavar="CODE", help="sv, it, ro, ru, nl or en."),
        click.option("--join", type=_words(Join), help="Who may join."),
        click.option("--post", type=_words(PostPolicy), help="Who may post."),
        click.option("--archive", type=_words(ArchivePolicy), help="Who may read the archive."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@lists.command("create")
@click.argument("list_address", metavar="LIST")
@click.option(
    "--kind", type=_words(Kind), default="discussion", show_default=True, help="What it is for."
)
@policy_options
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
    with app.store.write() as session:
        lst = roster.create_list(
            session,
            list_address,
            now=time.time(),
            kind=Kind(wanted["kind"] or "discussion"),
            title=wanted["title"] or "",
            description=wanted["description"] or "",
            language=wanted["language"] or "en",
            join=Join(wanted["join"] or "open"),
            post=PostPolicy(wanted["post"]) if wanted["post"] else None,
            archive=ArchivePolicy(wanted["archive"] or "public"),
        )
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
@policy_options
@click.option(
    "--first-posts-moderated/--no-first-posts-moderated",
    default=None,
    help="Hold a new member's first post.",
)
@click.option("--emergency/--no-emergency", default=None, help="Hold every post.")
@click.option(
    "--reply-to-list/--no-reply-to-list", default=None, help="Point Reply-To at the list (costly)."
)
@click.option("--subject-tag", metavar="TEXT", help="Put TEXT before subjects (costly).")
@click.option("--footer", metavar="TEXT", help="Put TEXT under every post (costly).")
@click.option(
    "--footer-language", metavar="CODE", help="--footer is for those who read this language."
)
@click.option("--copies", type=_words(Copies), help="Own copies, or one for many (costly).")
@click.option(
    "--four-eyes/--no-four-eyes", default=None, help="An issue needs the word of two editors."
)
@click.option("--cap", metavar="ISSUES/DAYS", help="So many issues to a person: 2/7; '' for any.")
@click.option(
    "--quiet-hours", metavar="FROM-TO", help="No issue begins then, in readers' own time: 22-7."
)
@click.option(
    "--replies",
    metavar="editors|thread|LIST",
    help="Where answers to an issue go: its editors, its page in the archive, another list.",
)
@click.option(
    "--canary",
    metavar="READERS/MINUTES/PERCENT",
    help="Some readers first; stop when so many are refused: 200/30/5.",
)
@click.option("--theme", metavar="NAME", help="How issues look: krets newsletter themes.")
@click.option("--accent", metavar="#RRGGBB", help="The list's own colour in its issues.")
@click.option("--logo", metavar="URL", help="A picture on top of issues, at an https:// address.")
@click.option("--postal-address", metavar="TEXT", help="Who sends issues, if not the service.")
@click.option("--zone", metavar="NAME", help="Time zone of hours that editors name (UTC).")
@click.option("--max-size", type=int, metavar="BYTES", help="The largest post.")
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
    first_posts_moderated: bool | None,
    emergency: bool | None,
    reply_to_list: bool | None,
    four_eyes: bool | None,
    max_size: int | None,
    also_past: bool,
    yes: bool,
    **wanted: str | None,
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
    if wanted["theme"]:
        from listserv.newsletters.composing.looks import find_theme  # noqa: PLC0415 - slow, rarely needed

        find_theme(app.data, wanted["theme"])
    _ask_to_open(app.store, list_address, wanted, past=also_past, yes=yes)
    with app.store.write() as session:
        lst = roster.get_list(session, list_address)
        before = as_object(lst)
        if wanted["archive"] or also_past:
            policy = ArchivePolicy(wanted["archive"] or lst.archive)
            openness.set_archive(lst, policy, time.time(), past=also_past)
        if "@" in (wanted["replies"] or ""):
            roster.get_list(session, wanted["replies"] or "")  # raises where there is none
        roster.change_list(
            lst,
            title=wanted["title"],
            description=wanted["description"],
            language=wanted["language"],
            join=Join(wanted["join"]) if wanted["join"] else None,
            post=PostPolicy(wanted["post"]) if wanted["post"] else None,
            copies=Copies(wanted["copies"]) if wanted["copies"] else None,
            first_posts_moderated=first_posts_moderated,
            emergency=emergency,
            reply_to_list=reply_to_list,
            subject_tag=wanted["subject_tag"],
            footer=wanted["footer"],
            footer_language=wanted["footer_language"],
            max_size=max_size,
            theme=wanted["theme"],
            accent=wanted["accent"],
            logo=wanted["logo"],
            postal_address=wanted["postal_address"],
            zone=wanted["zone"],
            cap=wanted["cap"],
            quiet_hours=wanted["quiet_hours"],
            canary=wanted["canary"],
            replies=wanted["replies"],
            four_eyes=four_eyes,
        )
        after = as_object(lst)
    changed = [name for name, value in after.items() if before[name] != value]
    for name in changed:
        words = f"{name.replace('_', ' ')}: {_shown(before[name]) or '-'} -> "
        say(words + (_shown(after[name]) or "-"))
        if after[name] not in (False, "", {}, Copies.PERSONAL.value) and name in _COSTS:
            say("  " + _COSTS[name])
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
    wanted: Mapping[str, str | None],
    *,
    past: bool,
    yes: bool,
) -> None:
    """Say what these settings would open, and ask; raise Refused where nobody agrees."""
    with store.read() as session:
        lst = roster.get_list(session, list_address)
        found = openness.openings(
            lst,
            join=Join(wanted["join"]) if wanted["join"] else None,
            post=PostPolicy(wanted["post"]) if wanted["post"] else None,
            archive=ArchivePolicy(wanted["archive"]) if wanted["archive"] else None,
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
    return {
        "list": lst.address,
        "kind": lst.kind.value,
        "title": lst.title,
        "description": lst.description,
        "language": lst.language,
        "join": lst.join.value,
        "post": lst.post.value,
        "archive": lst.archive.value,
        "members_since": _day(lst.members_since),
        "public_since": _day(lst.public_since),
        "copies": (lst.copies or Copies.PERSONAL).value,
        "first_posts_moderated": lst.first_posts_moderated,
        "emergency": lst.emergency,
        "reply_to_list": lst.reply_to_list,
        "subject_tag": lst.subject_tag,
        "footer": lst.footer,
        "footers": json.loads(lst.footers) if lst.footers else {},
        "max_size": lst.max_size,
        "theme": lst.theme or "",
        "accent": lst.accent or "",
        "logo": lst.logo or "",
        "postal_address": lst.postal_address or "",
        "zone": lst.zone or "",
        "four_eyes": bool(lst.four_eyes),
        "cap": lst.cap or "",
        "quiet_hours": lst.quiet_hours or "",
        "canary": lst.canary or "",
        "replies": lst.replies or "editors",
    }


def state_counts(session: Session, list_id: int) -> dict[str, int]:
    """Return how many memberships of a list stand in each state."""
    rows = session.execute(
        select(Membership.state, func.count().label("people"))
        .where(Membership.list_id == list_id)
        .group_by(Membership.state)
    )
    found = {row.state: row.people for row in rows}
    return {state.value: found.get(state, 0) for state in roster.State}


def _active_counts(session: Session) -> dict[int, int]:
    rows = session.execute(
        select(Membership.list_id, func.count().label("active"))
        .where(Membership.state == roster.State.ACTIVE)
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
