"""The commands about members: add, import, see, change, export, forget."""

import csv
import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import click
from sqlalchemy.orm import Session

from archive.pages import people
from archive.site import build
from listserv.cli.barred import allow, barred
from listserv.cli.member_import import because, import_, note_of, words_of
from listserv.cli.terminal import (
    agree,
    print_json,
    print_json_array,
    print_letter,
    print_table,
    say,
)
from listserv.membership import adding, erasing
from listserv.wiring.app import App
from mailer.errors import BadInput, Refused
from mailer.reading import addresses
from subscriptions.lists import attributes, roster
from subscriptions.lists.roster import MailList, Membership, MembershipState, Person, Rhythm, Role
from subscriptions.member_files import exporting
from subscriptions.member_files.member_file import clean_name, read_date, split_named
from subscriptions.membership import bouncing, changes, dossier, given_up, optin, rollcall
from subscriptions.membership.members import Candidate, Fate
from subscriptions.permission import bars
from subscriptions.permission.consent import ConsentNote, Source

members = click.Group("member", help="Add, see, change, export and forget members.")
members.add_command(barred)
members.add_command(allow)
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
    _take(app, list_address, candidate, welcome=welcome, as_json=as_json)


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
    _take(app, list_address, candidate, welcome=False, as_json=as_json)


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
        rhythm=roster.check_rhythm(rhythm),
        consent=note,
    )


def _take(
    app: App, list_address: str, candidate: Candidate, *, welcome: bool, as_json: bool
) -> None:
    now = time.time()
    with app.store.write() as session:
        lst = roster.get_list(session, list_address)
        outcome = adding.enter(session, app, lst, [candidate], now=now, welcome=welcome)[0]
    given = candidate.address.given
    if outcome.fate is Fate.ASKED or welcome:
        app.ring("deliver")
    if as_json:
        print_json({"list": lst.address, "email": given, "fate": outcome.fate, "why": outcome.why})
    if outcome.fate is Fate.ALREADY:
        say(f"{given} is on {lst.address} already{because(outcome.why)}.")
        if candidate.attributes:
            say(
                f"What is known of them stays: `krets member set {lst.address} {given}` changes it."
            )
    elif outcome.fate is Fate.ASKED:
        say(f"{given} is invited to {lst.address} by mail.")
    elif outcome.fate is not Fate.ADDED:
        raise Refused(f"{given} was not added: {outcome.fate.value}{because(outcome.why)}.")
    else:
        say(f"{given} is on {lst.address}.")


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
    with app.store.read() as session:
        lst = roster.get_list(session, list_address)
    if as_csv:
        if as_json or state or role:
            raise BadInput("--csv prints everybody, by itself.", "Leave the other options out.")
        _print_sheet(app, lst)
        return
    chosen = (
        row
        for row in _everyone(app, lst)
        if state in {None, row.state} and role in {None, row.role}
    )
    if as_json:
        print_json_array(asdict(row) for row in chosen)
        return
    print_table(
        ("address", "name", "language", "role", "rhythm", "state"),
        ((row.email, row.name, row.language, row.role, row.rhythm, row.state) for row in chosen),
    )


def _print_sheet(app: App, lst: MailList) -> None:
    """Print everybody as CSV in UTF-8, a short read at a time."""
    with app.store.read() as session:
        headings = exporting.header(session, lst)
    rows: list[tuple[str, ...]] = [headings]
    after: int | None = 0
    while rows:
        sheet = io.StringIO()
        csv.writer(sheet).writerows(rows)
        click.echo(sheet.getvalue().encode(), nl=False)
        rows = []
        if after is not None:
            with app.store.read() as session:
                rows, after = exporting.page(
                    session, lst, headings, keyring=app.keyring, now=time.time(), after=after
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
    now = time.time()
    with app.store.read() as session:
        lst = roster.get_list(session, list_address)
        member = _member(session, lst, address)
        row = asdict(rollcall.one(session, lst, member.id, now))
        ended = given_up.at(session, member)
        back = bouncing.history(session, member.person_id)
        told = attributes.of(session, [member.id]).get(member.id, {})
    row["joined"] = dossier.iso(member.joined_at)
    row["left"] = dossier.iso_or_none(member.left_at)
    row["paused_until"] = dossier.iso_or_none(member.paused_until)
    here = ended if row["state"] == MembershipState.GIVEN_UP else None
    row["since"] = dossier.iso(here.since) if here is not None else None
    row["why"] = here.why if here is not None else None
    if as_json:
        print_json(row | {"attributes": told, "bounces": dossier.bounces_shown(back)})
        return
    if here is None:
        del row["since"], row["why"]
    row |= {f"came back {dossier.iso(one.at)}": one.words for one in back[:_BACK]}
    row |= {key: ", ".join(values) for key, values in told.items()}
    title = f"{row['name'] or row['email']} on {lst.address}"
    print_letter(title, [(name.replace("_", " "), value or "") for name, value in row.items()])


@members.command("set")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--role", type=words_of(Role), help="The new role.")
@click.option("--rhythm", type=words_of(Rhythm), help="The new rhythm.")
@click.option("--state", type=click.Choice(["active", "paused", "left"]), help="The new state.")
@click.option("--until", metavar="DATE", help="With --state paused: the day it ends.")
@click.option("--name", help="The new name.")
@click.option("--language", metavar="CODE", help="sv, it, ro, ru, nl or en; '' for the list's.")
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
) -> None:
    """Change one member of LIST; what is not named stays.

    \b
    Examples:
      krets member set friends@example.org anna@example.org --role moderator
      krets member set friends@example.org anna@example.org --state paused --until 2026-09-01
      krets member set friends@example.org anna@example.org --state active --consent "wrote to us"
      krets member set friends@example.org anna@example.org --attribute place=Lund
    """
    now = time.time()
    told = [attributes.read_pair(pair) for pair in pairs]
    if until and state != MembershipState.PAUSED:
        raise BadInput("--until goes with --state paused.")
    note = note_of(consent, Source.CLI) or ConsentNote("", Source.CLI)
    keyring = app.keyring
    with app.store.write() as session:
        lst = roster.get_list(session, list_address)
        member = _member(session, lst, address)
        desk = changes.ChangeContext(session, lst, keyring, note, now)
        if state == MembershipState.ACTIVE:
            bars.lift(session, keyring, optin.address_of(session, member), note=note, now=now)
        if state:
            ends = _future(until, now) if until else None
            changes.change_state(desk, member, MembershipState(state), paused_until=ends)
        if rhythm:
            changes.change_rhythm(member, roster.check_rhythm(rhythm))
        if role:
            changes.change_role(desk, member, roster.check_role(role))
        if page:
            changes.change_page(desk, member, wanted=page == "on")
        _rename(session, member, name, language)
        for key, value in told:
            attributes.put(session, member.id, key, value)
        session.flush()
        row = rollcall.one(session, lst, member.id, now)
        waiting = people.waits(session)
    if waiting:
        _draw_again(app)
    if as_json:
        print_json(asdict(row))
        return
    say(f"{row.email} on {lst.address}: {row.role}, {row.rhythm}, {row.state}, {row.language}.")


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
    key, keyring = addresses.parse(address).key, app.keyring
    with app.store.read() as session:
        found = dossier.open_dossier(session, keyring, key, time.time())
    if found.empty:
        raise Refused(f"Krets knows nothing about {address}.")
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
    now = time.time()
    key, keyring = addresses.parse(address).key, app.keyring
    with app.store.read() as session:
        found = dossier.open_dossier(session, keyring, key, now)
    named = [one.email for one in found.addresses] or [address]
    known = (
        found.addresses
        or any(entry.email for entry in found.consent)
        or any(one.reason != "erased" for one in found.suppression)
    )
    if not known:
        raise Refused(f"Krets knows nothing about {address}, or forgot it before.")
    places = [one.list for one in found.memberships]
    if not dry_run:
        agree(f"Erase {', '.join(named)} ({len(places)} lists)? This cannot be undone.", yes=yes)
        erasing.forget(app, key, note=ConsentNote("", Source.CLI), now=now)
        _draw_again(app)
    if as_json:
        print_json({"dry_run": dry_run, "addresses": named, "lists": places})
        return
    verb = "would be erased" if dry_run else "is erased"
    say(f"{', '.join(named)} {verb}, from {', '.join(places) or 'no list'}.")
    say("Backups that were made before still know them.")


def _draw_again(app: App) -> None:
    """Render the pages that a forgotten person stood on, whether or not a worker is there."""
    settings = app.settings
    with build.rendering(app.store):
        while build.render_dirty(app.store, settings.archive_path, settings.listserv.base_url):
            pass


def _member(session: Session, lst: MailList, address: str) -> Membership:
    found = roster.membership_of(session, lst.id, addresses.parse(address).key)
    if found is None:
        raise Refused(
            f"{address} is not on {lst.address}.", f"`krets member ls {lst.address}` shows who is."
        )
    return found


def _rename(session: Session, member: Membership, name: str | None, language: str | None) -> None:
    person = session.get_one(Person, member.person_id)
    if name is not None:
        person.name = clean_name(name)
    if language is not None:
        person.language = roster.check_language(language) if language else ""


def _future(text: str, now: float) -> float:
    ends = read_date(text, float("inf"))
    if ends <= now:
        raise BadInput(f"{text} is over already.")
    return ends


def _everyone(app: App, lst: MailList) -> Iterator[rollcall.MemberRow]:
    """Yield all members, a short read at a time, so that no long snapshot stays open."""
    after: int | None = 0
    while after is not None:
        with app.store.read() as session:
            rows, after = rollcall.page(session, lst, now=time.time(), after=after)
        yield from rows
