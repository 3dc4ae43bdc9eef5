"""The commands about lists: make one, see them, change one."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from enum import StrEnum
from typing import ParamSpec, TypeVar

import click

from listserv.actions import deleting, renaming
from listserv.actions import lists as actions
from listserv.actions.deleting import DeleteList, RestoreList
from listserv.actions.lists import CreateList, ListSet, SetList
from listserv.actions.renaming import RenameList
from listserv.cli.openings import describe
from listserv.cli.terminal import agree, asked, print_json, print_letter, print_table, say
from listserv.letters.unanswered import DAYS
from listserv.wiring.app import App
from subscriptions.lists import deletion
from subscriptions.lists.list_settings import BY_LANGUAGE, BY_NAME, SETTINGS, ListSetting
from subscriptions.lists.roster import ListKind
from subscriptions.membership.personal_data import iso

P = ParamSpec("P")
R = TypeVar("R")

# Which other command knows more about a setting.
HINTS = {
    "footer": " `krets explain post` says whose.",
    "theme": " `krets newsletter themes` shows all.",
}

lists = click.Group("list", help="Make, see, change, rename and delete lists.")


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
    said = setting.help + ("" if setting.costs else HINTS.get(setting.name, ""))
    if setting.is_switch:
        return click.option(f"{option}/{off}", default=None, help=said)
    if setting.is_number:
        return click.option(option, type=int, metavar=setting.metavar, help=said)
    if setting.words is not None:
        return click.option(option, type=_words(setting.words), help=said)
    return click.option(option, metavar=setting.metavar, help=said)


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
def create(app: App, /, list_address: str, *, as_json: bool, **wanted: str | None) -> None:
    """Make the list LIST, a full address.

    A discussion list is open, its members post, its archive is public and it speaks English;
    a newsletter is written by its editors.

    \b
    Examples:
      krets list create friends@example.org --title "Friends of the garden"
      krets list create news@example.org --kind newsletter --language sv
    """
    kind = ListKind(wanted["kind"] or "discussion")
    made = actions.create(asked(app), CreateList(list_address, kind, read_settings(wanted)))
    if as_json:
        print_json(made)
        return
    where = made["list"]
    say(f"{where} is there. Add people: krets member add {where} ADDRESS --consent TEXT")


@lists.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def ls(app: App, /, *, as_json: bool) -> None:
    """Show every list.

    \b
    Example:
      krets list ls --json
    """
    every = actions.ls(asked(app))
    if as_json:
        print_json([{**one.settings, "members": one.members["active"]} for one in every])
        return
    if not every:
        say("There is no list yet. Make one: krets list create friends@example.org")
        return
    names = ("list", "kind", "language", "deleted")
    print_table(
        (*names, "members", "title"),
        [
            (
                *(str(one.settings[name]) for name in names),
                str(one.members["active"]),
                str(one.settings["title"]),
            )
            for one in every
        ],
    )


@lists.command("show")
@click.argument("list_address", metavar="LIST")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(app: App, /, list_address: str, *, as_json: bool) -> None:
    """Show one list: its settings and how many members it has.

    \b
    Example:
      krets list show friends@example.org
    """
    shown = actions.show(asked(app), list_address)
    if as_json:
        print_json({**shown.settings, "members": shown.members, "unanswered": shown.unanswered})
        return
    people = ", ".join(f"{count} {state}" for state, count in shown.members.items() if count)
    lines = [(name.replace("_", " "), _shown(value)) for name, value in shown.settings.items()]
    lines.append(("members", people or "nobody yet"))
    silent = ", ".join(f"{mails} {why}" for why, mails in shown.unanswered.items())
    lines.append((f"not answered in {DAYS} days", silent or "nothing"))
    print_letter(str(shown.settings["title"]), lines)


@lists.command("history")
@click.argument("list_address", metavar="LIST")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def history(app: App, /, list_address: str, *, as_json: bool) -> None:
    """Show what was changed of LIST, when, by whom, and what showed that it was they.

    \b
    Example:
      krets list history friends@example.org
    """
    found = actions.history(asked(app), list_address)
    if as_json:
        print_json([{**asdict(one), "at": iso(one.at)} for one in found])
        return
    columns = ("when", "what", "by", "proof", "how")
    print_table(
        columns,
        [(iso(o.at), o.action, o.by or o.role, o.proven, o.detail) for o in found],
    )


@lists.command("set")
@click.argument("list_address", metavar="LIST")
@setting_options()
@click.option(
    "--footer-language", metavar="CODE", help="--footer is for those who read this language."
)
@click.option(
    "--welcome-language", metavar="CODE", help="--welcome is for those who read this language."
)
@click.option(
    "--also-past", is_flag=True, help="Open the archive for what was written before as well."
)
@click.option("--dry-run", is_flag=True, help="Only say what would change, and what it opens.")
@click.option("--yes", is_flag=True, help="Do not ask before the list is opened further.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as one JSON object.")
@click.pass_obj
def set_(
    app: App,
    /,
    list_address: str,
    *,
    as_json: bool,
    also_past: bool,
    dry_run: bool,
    yes: bool,
    footer_language: str | None,
    welcome_language: str | None,
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
    wanted = SetList(
        list_address,
        read_settings(said),
        footer_language,
        also_past,
        welcome_language=welcome_language,
    )
    planned = actions.set_(asked(app), replace(wanted, dry_run=True))
    opened = describe(planned)
    if yes or dry_run:
        for line in opened:
            say(line)
    elif opened:
        agree(f"{' '.join(opened)} Open {planned.before['list']} so far?", yes=False)
    done = planned if dry_run else actions.set_(asked(app), wanted)
    _tell(done)
    if dry_run:
        say("Nothing was changed.")
    if as_json:
        print_json(done.after)


@lists.command("rename")
@click.argument("list_address", metavar="LIST")
@click.argument("to", metavar="NEW")
@click.option("--dry-run", is_flag=True, help="Only say whether LIST could be called so.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def rename(
    app: App, /, list_address: str, to: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Give LIST the address NEW; a bare name keeps the domain.

    Its members, archive and links stay: mail to the old address still comes, the old pages lead to
    the new ones, and mail programs that sort by List-Id notice nothing. Its owners are told. Nobody
    else can have the old address afterwards; LIST itself can have it back.

    \b
    Examples:
      krets list rename friends@example.org garden
      krets list rename friends@example.org friends@garden.example --yes
    """
    wanted = RenameList(list_address, to)
    planned = renaming.rename(asked(app), replace(wanted, dry_run=True))
    if not planned.signed:
        say(
            f"Mail from {planned.after} would leave unsigned: krets dkim new"
            f" {planned.after.rpartition('@')[2]}"
        )
    if dry_run:
        say(f"{planned.before} could be {planned.after}. Nothing was changed.")
    else:
        agree(f"Call {planned.before} {planned.after} from now on?", yes=yes)
        planned = renaming.rename(asked(app), wanted)
        say(f"{planned.before} is {planned.after} now; mail to the old address still comes.")
    if as_json:
        print_json(asdict(planned))


@lists.command("delete")
@click.argument("list_address", metavar="LIST")
@click.option(
    "--archive",
    type=click.Choice(deletion.ARCHIVES),
    default=deletion.KEEPS,
    show_default=True,
    help="What becomes of its archive: whoever reads it today still can, or nobody.",
)
@click.option("--dry-run", is_flag=True, help="Only say what that would mean.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def delete(
    app: App, /, list_address: str, *, archive: str, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete LIST: nobody can post or join, what is planned is not sent, all members are told.

    For 30 days `krets list restore`, or an owner's mail, brings all of it back; then what is kept
    of its members is erased, and with --archive hide the archive too. Every way out keeps working,
    and no other list ever gets the address.

    \b
    Examples:
      krets list delete friends@example.org
      krets list delete friends@example.org --archive hide --yes
    """
    wanted = DeleteList(list_address, archive)
    planned = deleting.delete(asked(app), replace(wanted, dry_run=True))
    say(
        f"{planned.members} members would be told, and {planned.scheduled} scheduled issues would"
        f" not be sent. It can be brought back until {iso(planned.until)}."
    )
    if dry_run:
        say("Nothing was changed.")
    else:
        agree(f"Delete {planned.list}, and {archive} its archive?", yes=yes)
        planned = deleting.delete(asked(app), wanted)
        say(f"{planned.list} is deleted. Bring it back: krets list restore {planned.list}")
    if as_json:
        print_json({**asdict(planned), "until": iso(planned.until)})


@lists.command("restore")
@click.argument("list_address", metavar="LIST")
@click.option("--dry-run", is_flag=True, help="Only say whether it can be brought back.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def restore(app: App, /, list_address: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Bring LIST back, which was deleted at most 30 days ago: all is as it was, members are told.

    Issues that had been scheduled are drafts again.

    \b
    Example:
      krets list restore friends@example.org
    """
    wanted = RestoreList(list_address)
    planned = deleting.restore(asked(app), replace(wanted, dry_run=True))
    if dry_run:
        say(f"{planned.list} can be brought back. Nothing was changed.")
    else:
        agree(f"Bring {planned.list} back, and tell its {planned.members} members?", yes=yes)
        planned = deleting.restore(asked(app), wanted)
        say(f"{planned.list} is back, with {planned.members} members.")
    if as_json:
        print_json(asdict(planned))


def _tell(done: ListSet) -> None:
    """Say which settings are others now, and what each of them costs."""
    for name in done.changed:
        words = f"{name.replace('_', ' ')}: {_shown(done.before[name]) or '-'} -> "
        say(words + (_shown(done.after[name]) or "-"))
        setting = BY_NAME.get(name.removesuffix("s") if name in BY_LANGUAGE.values() else name)
        if setting and setting.costs and done.after[name] not in (setting.default, "", {}):
            say(f"  {setting.costs}{HINTS.get(setting.name, '')}")
    if not done.changed:
        say("Nothing to change.")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {said}" for key, said in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
