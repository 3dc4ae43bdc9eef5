"""The commands about members: add, import, see, change, export, forget."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, replace

import click

from listserv.actions import members as actions
from listserv.actions import people
from listserv.actions.members import (
    AddMember,
    ListMembers,
    MemberAdded,
    ModerateMember,
    RemoveMember,
    SetMember,
)
from listserv.actions.people import ForgetPerson
from listserv.cli.barred import allow, ban, barred
from listserv.cli.join_requests import admit
from listserv.cli.member_import import because, import_, note_of, words_of
from listserv.cli.terminal import (
    agree,
    asked,
    print_json,
    print_json_array,
    print_letter,
    print_table,
    say,
)
from listserv.wiring.app import App
from mailer.errors import BadInput, Refused
from mailer.reading import addresses
from subscriptions.lists import attributes, roster
from subscriptions.lists.rhythms import DIGESTS, THE_LISTS, DigestChoices, DigestForm
from subscriptions.lists.roster import MembershipState, Rhythm, Role
from subscriptions.member_files.member_file import clean_name, read_date, split_named
from subscriptions.membership import personal_data
from subscriptions.membership.changes import DigestChange
from subscriptions.membership.members import Candidate, Fate
from subscriptions.permission.consent import ConsentNote, Source

members = click.Group("member", help="Add, see, change, export and forget members.")
members.add_command(barred)
members.add_command(admit)
members.add_command(allow)
members.add_command(ban)
members.add_command(import_)


_BACK = 5  # mails that came back, shown of one member
_pairs = click.option(
    "--attribute",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the list knows of them: place=Lund, tags=board,choir; place= for nothing.",
)


@members.command("add")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--consent", metavar="TEXT", help="How this person said yes; kept in the ledger.")
@click.option("--name", default="", help="What they are called.")
@click.option("--language", default="", metavar="CODE", help="sv, it, ro, ru, nl or en.")
@click.option(
    "--role", type=words_of(Role), default="member", show_default=True, help="Their role."
)
@click.option(
    "--rhythm", type=words_of(Rhythm), default="each", show_default=True, help="How often."
)
@_pairs
@click.option("--welcome", is_flag=True, help="Send them the welcome mail.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def add(
    app: App,
    /,
    list_address: str,
    address: str,
    *,
    consent: str | None,
    name: str,
    language: str,
    role: str,
    rhythm: str,
    pairs: tuple[str, ...],
    welcome: bool,
    as_json: bool,
) -> None:
    """Add ADDRESS to LIST, at once, with their consent; without it they are invited by mail.

    With --consent no mail is sent, except with --welcome. Somebody who left, complained or was
    forgotten is not added again; whoever is a member already stays as they are.

    \b
    Examples:
      krets member add friends@example.org anna@example.org --consent "asked me on 3 May"
      krets member add friends@example.org "Olga <olga@example.org>" --role owner --consent self
      krets member add friends@example.org bo@example.org --consent paper --attribute place=Lund
    """
    candidate = _candidate(address, name, language, role, rhythm, note_of(consent, Source.CLI))
    candidate = candidate._replace(attributes=_told(pairs))
    _tell(actions.add(asked(app), AddMember(list_address, candidate, welcome)), candidate, as_json)


@members.command("invite")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--name", default="", help="What they are called.")
@click.option("--language", default="", metavar="CODE", help="sv, it, ro, ru, nl or en.")
@click.option(
    "--role", type=words_of(Role), default="member", show_default=True, help="Their role."
)
@click.option(
    "--rhythm", type=words_of(Rhythm), default="each", show_default=True, help="How often."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def invite(
    app: App,
    /,
    list_address: str,
    address: str,
    *,
    name: str,
    language: str,
    role: str,
    rhythm: str,
    as_json: bool,
) -> None:
    """Invite ADDRESS to LIST by mail; their answer makes them a member, also of an invite list.

    \b
    Example:
      krets member invite friends@example.org "Chiara <chiara@example.it>" --language it
    """
    candidate = _candidate(address, name, language, role, rhythm, None)
    _tell(actions.invite(asked(app), AddMember(list_address, candidate)), candidate, as_json)


def _told(pairs: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read what is said of somebody, each key once; raise BadInput for what cannot be."""
    found: dict[str, str] = {}
    for key, value in map(attributes.read_pair, pairs):
        if key in found:
            raise BadInput(f"{key} is said twice.", "Several tags stand between commas.")
        attributes.values_of(key, value)  # raises what is wrong with it
        found[key] = value
    if len(found) > attributes.MAX_KEYS:
        raise BadInput(f"A member can have {attributes.MAX_KEYS} attributes, and no more.")
    return tuple(found.items())


def _candidate(
    address: str, name: str, language: str, role: str, rhythm: str, note: ConsentNote | None
) -> Candidate:
    inside, bare = split_named(address) or ("", address)
    return Candidate(
        address=addresses.parse(bare),
        name=clean_name(name or inside),
        language=roster.check_language(language) if language else "",
        role=roster.check_role(role),
        rhythm=Rhythm(rhythm),
        consent=note,
    )


def _tell(added: MemberAdded, candidate: Candidate, as_json: bool) -> None:  # noqa: FBT001 - said by the option
    lst, given, outcome = added.list, added.email, added.outcome
    if as_json:
        print_json({"list": lst, "email": given, "fate": outcome.fate, "why": outcome.why})
    if outcome.fate is Fate.ALREADY:
        say(f"{given} is on {lst} already{because(outcome.why)}.")
        if candidate.attributes:
            say(f"What is known of them stays: `krets member set {lst} {given}` changes it.")
    elif outcome.fate is Fate.ASKED:
        say(f"{given} is invited to {lst} by mail.")
    elif outcome.fate is not Fate.ADDED:
        raise Refused(f"{given} was not added: {outcome.fate.value}{because(outcome.why)}.")
    else:
        say(f"{given} is on {lst}.")


@members.command("ls")
@click.argument("list_address", metavar="LIST")
@click.option("--state", type=words_of(MembershipState), help="Only these.")
@click.option("--role", type=words_of(Role), help="Only these.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a sheet that an import reads again.")
@click.pass_obj
def ls(
    app: App,
    /,
    list_address: str,
    *,
    state: str | None,
    role: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show the members of LIST, also those who are pending or left.

    With --csv how, when and from where they said yes stands beside them, and what else the list
    knows of them; `krets member import` takes all of it in again.

    \b
    Examples:
      krets member ls friends@example.org --role owner
      krets member ls friends@example.org --json
      krets member ls friends@example.org --csv > friends.csv
    """
    if as_csv:
        if as_json or state or role:
            raise BadInput("--csv prints everybody, by itself.", "Leave the other options out.")
        for rows in actions.sheet(asked(app), list_address):
            page = io.StringIO()
            csv.writer(page).writerows(rows)
            click.echo(page.getvalue().encode(), nl=False)
        return
    chosen = actions.ls(asked(app), ListMembers(list_address, state, role))
    if as_json:
        print_json_array(asdict(row) for row in chosen)
        return
    print_table(
        ("address", "name", "language", "role", "rhythm", "state"),
        ((row.email, row.name, row.language, row.role, row.rhythm, row.state) for row in chosen),
    )


@members.command("show")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(app: App, /, list_address: str, address: str, *, as_json: bool) -> None:
    """Show one member of LIST, and what came back of the mail to them.

    Somebody whose address no list mails any more is given-up, with since and why.

    \b
    Example:
      krets member show friends@example.org anna@example.org
    """
    shown = actions.show(asked(app), list_address, address)
    row: dict[str, str | None] = asdict(shown.row)
    row["joined"] = personal_data.iso(shown.joined)
    row["left"] = personal_data.iso_or_none(shown.left)
    row["paused_until"] = personal_data.iso_or_none(shown.paused_until)
    ended = shown.given_up
    row["since"] = personal_data.iso(ended.since) if ended is not None else None
    row["why"] = ended.why if ended is not None else None
    if as_json:
        back = personal_data.bounces_shown(shown.bounces)
        digest = asdict(shown.digest)
        print_json(row | {"digest": digest, "attributes": shown.attributes, "bounces": back})
        return
    if shown.row.rhythm in DIGESTS:
        row["digest"] = _said(shown.digest)
    if ended is None:
        del row["since"], row["why"]
    row |= {f"came back {personal_data.iso(one.at)}": one.words for one in shown.bounces[:_BACK]}
    row |= {key: ", ".join(values) for key, values in shown.attributes.items()}
    title = f"{row['name'] or row['email']} on {shown.list}"
    print_letter(title, [(name.replace("_", " "), value or "") for name, value in row.items()])


@members.command("set")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--role", type=words_of(Role), help="The new role.")
@click.option("--rhythm", type=words_of(Rhythm), help="The new rhythm.")
@click.option("--state", type=click.Choice(["active", "paused", "left"]), help="The new state.")
@click.option("--until", metavar="DATE", help="With --state or --rhythm paused: the day it ends.")
@click.option("--name", help="The new name.")
@click.option("--language", metavar="CODE", help="sv, it, ro, ru, nl or en; '' for the list's.")
@click.option("--hour", metavar="0-23", help="Of digests, in their time zone; '' for the list's.")
@click.option("--weekends", type=click.Choice(["on", "off"]), help="Digests at weekends.")
@click.option("--digest", type=words_of(DigestForm), help="How digests are written.")
@_pairs
@click.option(
    "--page",
    type=click.Choice(["on", "off"]),
    help="A page in the archive with what they wrote: only if they asked for one.",
)
@click.option("--consent", metavar="TEXT", help="How somebody who left said yes again.")
@click.option("--json", "as_json", is_flag=True, help="Print the member as one JSON object.")
@click.pass_obj
def set_(
    app: App,
    /,
    list_address: str,
    address: str,
    *,
    role: str | None,
    rhythm: str | None,
    state: str | None,
    until: str | None,
    name: str | None,
    language: str | None,
    pairs: tuple[str, ...],
    page: str | None,
    consent: str | None,
    as_json: bool,
    **digest: str | None,
) -> None:
    """Change one member of LIST; what is not named stays.

    \b
    Examples:
      krets member set friends@example.org anna@example.org --role moderator
      krets member set friends@example.org anna@example.org --state paused --until 2026-09-01
      krets member set friends@example.org anna@example.org --state active --consent "wrote to us"
      krets member set friends@example.org anna@example.org --attribute place=Lund
      krets member set friends@example.org anna@example.org --rhythm daily --hour 18
      krets member set friends@example.org anna@example.org --attribute zone=Europe/Rome
    """
    if until and rhythm == Rhythm.PAUSED and state is None:
        rhythm, state = None, MembershipState.PAUSED.value
    if until and state != MembershipState.PAUSED:
        raise BadInput("--until goes with --state paused, or --rhythm paused.")
    call = asked(app)
    done = actions.set_(
        call,
        SetMember(
            list_address,
            address,
            role=roster.check_role(role) if role else None,
            rhythm=Rhythm(rhythm) if rhythm else None,
            state=MembershipState(state) if state else None,
            paused_until=_future(until, call.now) if until else None,
            name=name,
            language=language,
            attributes=tuple(attributes.read_pair(pair) for pair in pairs),
            page=None if page is None else page == "on",
            digest=_digest(**digest),
            note=note_of(consent, Source.CLI) or ConsentNote("", Source.CLI),
        ),
    )
    if as_json:
        print_json(asdict(done.row))
        return
    row = done.row
    say(f"{row.email} on {done.list}: {row.role}, {row.rhythm}, {row.state}, {row.language}.")


def _said(chosen: DigestChoices) -> str:
    hour = "the list's hour" if chosen.hour is None else f"at {chosen.hour}:00"
    return f"{hour}, {chosen.form}{'' if chosen.weekends else ', none at weekends'}"


def _digest(*, hour: str | None, weekends: str | None, digest: str | None) -> DigestChange:
    return DigestChange(
        _hour(hour),
        None if weekends is None else weekends == "off",
        DigestForm(digest) if digest else None,
    )


def _hour(text: str | None) -> int | None:
    if text is None:
        return None
    if text and not (text.isascii() and text.isdecimal()):
        raise BadInput(f"{text[:20]!r} is no hour.", "Use 0 to 23, or '' for the list's.")
    return int(text[:4]) if text else THE_LISTS


@members.command("remove")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--dry-run", is_flag=True, help="Only say who would be removed.")
@click.option("--yes", is_flag=True, help="Answer yes to every question.")
@click.pass_obj
def remove(app: App, /, list_address: str, address: str, *, dry_run: bool, yes: bool) -> None:
    """Take ADDRESS off LIST, or turn their request to join down; nobody is mailed.

    \b
    Example:
      krets member remove friends@example.org bo@example.com --yes
    """
    wanted = RemoveMember(list_address, address, dry_run=True)
    found = actions.remove(asked(app), wanted)
    if not dry_run:
        agree(f"Take {found.email} ({found.role}, {found.state}) off {found.list}?", yes=yes)
        actions.remove(asked(app), replace(wanted, dry_run=False))
    say(f"{found.email} {'would be' if dry_run else 'is'} off {found.list}.")


@members.command("moderate")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option(
    "--posts",
    type=click.Choice(["held", "free", "as-list"]),
    default="held",
    show_default=True,
    help="Whether they wait for a moderator, go out at once, or as the list has it.",
)
@click.pass_obj
def moderate(app: App, /, list_address: str, address: str, *, posts: str) -> None:
    """Have what ADDRESS posts to LIST wait for a moderator, or let it go out at once.

    \b
    Examples:
      krets member moderate friends@example.org bo@example.com
      krets member moderate friends@example.org bo@example.com --posts free
    """
    held = {"held": True, "free": False}.get(posts)
    actions.moderate(asked(app), ModerateMember(list_address, address, held))
    words = {True: "wait for a moderator", False: "go out at once", None: "are as the list has it"}
    say(f"Posts of {address} {words[held]}.")


@members.command("export")
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="The same; an export is always JSON.")
@click.pass_obj
def export(app: App, /, address: str, *, as_json: bool) -> None:
    """Print everything about whoever owns ADDRESS, as one JSON object.

    \b
    Example:
      krets member export anna@example.org > anna.json
    """
    del as_json
    found = people.export(asked(app), address)
    print_json({"email": address, **asdict(found)})


@members.command("forget")
@click.argument("address")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--yes", is_flag=True, help="Answer yes to every question.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def forget(app: App, /, address: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase whoever owns ADDRESS from every list, with all their addresses.

    Their own mails go from the archives too; a line in their place says so, and what others quoted
    stays. What stays of them cannot be read: a keyed hash, so that an import cannot bring them
    back, and "never mail me" stays in force, and the ledger of permissions without their address.

    \b
    Example:
      krets member forget anna@example.org --dry-run
    """
    wanted = ForgetPerson(address, dry_run=True)
    found = people.forget(asked(app), wanted)
    named, places = ", ".join(found.addresses), ", ".join(found.lists) or "no list"
    if not dry_run:
        agree(f"Erase {named} ({len(found.lists)} lists)? This cannot be undone.", yes=yes)
        people.forget(asked(app), replace(wanted, dry_run=False))
    if as_json:
        print_json({"dry_run": dry_run, "addresses": found.addresses, "lists": found.lists})
        return
    verb = "would be erased" if dry_run else "is erased"
    say(f"{named} {verb}, from {places}.")
    say("Backups that were made before still know them.")


def _future(text: str, now: float) -> float:
    ends = read_date(text, float("inf"))
    if ends <= now:
        raise BadInput(f"{text} is over already.")
    return ends
