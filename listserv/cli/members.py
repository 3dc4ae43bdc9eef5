"""The commands about members: add, import, see, change, export, forget."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from enum import StrEnum

import click
from sqlalchemy.orm import Session

from archive import build, people
from listserv import entering, erasing
from listserv.app import App
from listserv.cli.barred import allow, barred
from listserv.intake import Report, Tally, report_file, seekable, seldom_swept, take_in
from listserv.terminal import (
    Application,
    agree,
    plain,
    print_json,
    print_json_array,
    print_letter,
    print_table,
    say,
)
from mailer import addresses
from mailer.errors import BadInput, Refused
from subscriptions import attributes, changes, dossier, rollcall, roster
from subscriptions.consent import ConsentNote, Source
from subscriptions.importing import Defaults, clean_name, read_date, read_people, split_named
from subscriptions.members import Candidate, Fate
from subscriptions.roster import MailList, Membership, Person, Rhythm, Role, State

_TAKEN = (Fate.ADDED, Fate.ALREADY, Fate.ASKED)
_SHOWN = 10  # lines that an import names on the terminal

members = click.Group("member", help="Add, see, change, export and forget members.")
members.add_command(barred)
members.add_command(allow)


def _words(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([word.value for word in kind], case_sensitive=False)


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
@click.option("--role", type=_words(Role), default="member", show_default=True, help="Their role.")
@click.option("--rhythm", type=_words(Rhythm), default="each", show_default=True, help="How often.")
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
    candidate = _candidate(address, name, language, role, rhythm, _note(consent, Source.CLI))
    candidate = candidate._replace(attributes=_told(pairs))
    _take(app, list_address, candidate, welcome=welcome, as_json=as_json)


@members.command("invite")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--name", default="", help="What they are called.")
@click.option("--language", default="", metavar="CODE", help="sv, it, ro, ru, nl or en.")
@click.option("--role", type=_words(Role), default="member", show_default=True, help="Their role.")
@click.option("--rhythm", type=_words(Rhythm), default="each", show_default=True, help="How often.")
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
        role=Role(role),
        rhythm=Rhythm(rhythm),
        consent=note,
    )


def _take(
    app: App, list_address: str, candidate: Candidate, *, welcome: bool, as_json: bool
) -> None:
    now = time.time()
    with app.store.write() as session:
        lst = roster.get_list(session, list_address)
        outcome = entering.enter(session, app, lst, [candidate], now=now, welcome=welcome)[0]
    given = candidate.address.given
    if outcome.fate is Fate.ASKED or welcome:
        app.ring("deliver")
    if as_json:
        print_json({"list": lst.address, "email": given, "fate": outcome.fate, "why": outcome.why})
    if outcome.fate is Fate.ALREADY:
        say(f"{given} is on {lst.address} already{_because(outcome.why)}.")
        if candidate.attributes:
            say(
                f"What is known of them stays: `krets member set {lst.address} {given}` changes it."
            )
    elif outcome.fate is Fate.ASKED:
        say(f"{given} is invited to {lst.address} by mail.")
    elif outcome.fate is not Fate.ADDED:
        raise Refused(f"{given} was not added: {outcome.fate.value}{_because(outcome.why)}.")
    else:
        say(f"{given} is on {lst.address}.")


@members.command("import")
@click.argument("list_address", metavar="LIST")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--consent", metavar="TEXT", help="How these people said yes; a column may say more.")
@click.option("--language", default="", metavar="CODE", help="For lines that name none.")
@click.option("--role", type=_words(Role), default="member", show_default=True, help="Their role.")
@click.option("--rhythm", type=_words(Rhythm), default="each", show_default=True, help="How often.")
@click.option("--role-addresses", is_flag=True, help="Also add postmaster@, noreply@ and such.")
@click.option("--encoding", default="", metavar="NAME", help="If names look wrong: koi8-r, ...")
@click.option(
    "--attribute",
    "columns",
    multiple=True,
    metavar="[KEY=]COLUMN",
    help="Keep this column of the file too, as an attribute.",
)
@click.option("--report", metavar="FILE", help="Write every line's fate to FILE, as CSV.")
@click.option("--welcome", is_flag=True, help="Send everybody who is added the welcome mail.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--yes", is_flag=True, help="Answer yes to every question.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def import_(
    app: App,
    /,
    list_address: str,
    file: str,
    *,
    consent: str | None,
    language: str,
    role: str,
    rhythm: str,
    role_addresses: bool,
    encoding: str,
    columns: tuple[str, ...],
    report: str | None,
    welcome: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Add the people in FILE (CSV, or one address a line; - is standard input) to LIST.

    Columns: email, name, language, role, rhythm, consent, consent date, consent ip; commas,
    semicolons or tabs. People who left, complained or were forgotten stay away. Nobody is mailed,
    except with --welcome and those without consent, who are invited and stay pending until then.
    Other columns are left alone, unless --attribute names them; members already there keep theirs.

    \b
    Examples:
      krets member import friends@example.org people.csv --consent forms --attribute place=Ort
      krets member import friends@example.org people.csv --consent "paper forms, 2026" --dry-run
      krets member import friends@example.org people.csv --consent "paper forms, 2026"
    """
    now = time.time()
    defaults = Defaults(
        role=Role(role),
        rhythm=Rhythm(rhythm),
        language=roster.check_language(language) if language else "",
        consent=_note(consent, Source.IMPORT),
        template=ConsentNote("", Source.IMPORT, confirmed_by="statement"),
        role_addresses=role_addresses,
        attributes=tuple(_column(text) for text in columns),
        now=now,
    )
    with app.store.read() as session:
        lst = roster.get_list(session, list_address)
    tally = Tally()
    with ExitStack() as stack:
        stack.enter_context(seldom_swept())
        reading = read_people(stack.enter_context(seekable(file)), defaults, encoding)
        written = (
            Report(stack.enter_context(report_file(report, file, yes=yes))) if report else None
        )
        for note in reading.notes:
            say(note)
        people = take_in(app, lst, reading.lines, now=now, dry_run=dry_run, welcome=welcome)
        for fated in people:
            tally.add(fated)
            if written:
                written.add(fated)
    if as_json:
        print_json(
            {
                "list": lst.address,
                "dry_run": dry_run,
                "encoding": reading.encoding,
                "lines": tally.lines,
                "fates": {fate.value: tally.fates[fate.value] for fate in Fate},
                "not_added": [fated._asdict() for fated in tally.not_taken],
                "questions": [fated._asdict() for fated in tally.doubts],
            }
        )
    else:
        _tell(lst, tally, dry_run=dry_run)
    if not dry_run and (tally.fates[Fate.ASKED] or welcome):
        app.ring("deliver")
    if tally.lines and not sum(tally.fates[fate] for fate in _TAKEN):
        raise Refused("Nobody in this file could be added.")


def _column(text: str) -> tuple[str, str]:
    """Read ``KEY=COLUMN``, or a column that gives its name to the attribute."""
    key, _, column = text.rpartition("=")
    return attributes.check_key(key or column), column


def _tell(lst: MailList, tally: Tally, *, dry_run: bool) -> None:
    for fated in [*tally.not_taken[:_SHOWN], *tally.doubts[:_SHOWN]]:
        who = plain(fated.email or fated.name)
        say(f"line {fated.line}: {who}: {fated.fate}{_because(plain(fated.why))}")
    left_out = sum(count for fate, count in tally.fates.items() if fate not in _TAKEN)
    if left_out > _SHOWN:
        say(f"... and {left_out - _SHOWN:,} more; --report FILE names every one.")
    counts = ", ".join(f"{count:,} {fate}" for fate, count in tally.fates.most_common())
    would = "Nothing was changed; this would be" if dry_run else lst.address
    say(f"{would}: {counts or 'no lines'} (of {tally.lines:,}).")


@members.command("ls")
@click.argument("list_address", metavar="LIST")
@click.option("--state", type=_words(State), help="Only these.")
@click.option("--role", type=_words(Role), help="Only these.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def ls(
    app: Application,
    /,
    list_address: str,
    *,
    state: str | None,
    role: str | None,
    as_json: bool,
) -> None:
    """Show the members of LIST, also those who are pending or left.

    \b
    Examples:
      krets member ls friends@example.org --role owner
      krets member ls friends@example.org --json
    """
    with app.store.read() as session:
        lst = roster.get_list(session, list_address)
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


@members.command("show")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(app: Application, /, list_address: str, address: str, *, as_json: bool) -> None:
    """Show one member of LIST.

    \b
    Example:
      krets member show friends@example.org anna@example.org
    """
    now = time.time()
    with app.store.read() as session:
        lst = roster.get_list(session, list_address)
        member = _member(session, lst, address)
        row = asdict(rollcall.one(session, lst, member.id, now))
        told = attributes.of(session, [member.id]).get(member.id, {})
    row["joined"] = dossier.iso(member.joined_at)
    row["left"] = dossier.iso_or_none(member.left_at)
    row["paused_until"] = dossier.iso_or_none(member.paused_until)
    if as_json:
        print_json(row | {"attributes": told})
        return
    row |= {key: ", ".join(values) for key, values in told.items()}
    title = f"{row['name'] or row['email']} on {lst.address}"
    print_letter(title, [(name.replace("_", " "), value or "") for name, value in row.items()])


@members.command("set")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--role", type=_words(Role), help="The new role.")
@click.option("--rhythm", type=_words(Rhythm), help="The new rhythm.")
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
    if until and state != State.PAUSED:
        raise BadInput("--until goes with --state paused.")
    note = _note(consent, Source.CLI) or ConsentNote("", Source.CLI)
    keyring = app.keyring
    with app.store.write() as session:
        lst = roster.get_list(session, list_address)
        member = _member(session, lst, address)
        desk = changes.Desk(session, lst, keyring, note, now)
        if state:
            ends = _future(until, now) if until else None
            changes.change_state(desk, member, State(state), paused_until=ends)
        if rhythm:
            changes.change_rhythm(member, Rhythm(rhythm))
        if role:
            changes.change_role(desk, member, Role(role))
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
def export(app: Application, /, address: str, *, as_json: bool) -> None:
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


def _note(consent: str | None, source: Source) -> ConsentNote | None:
    if consent is None:
        return None
    if not consent.strip():
        raise BadInput("--consent needs words: how did they say yes?")
    return ConsentNote(consent.strip(), source, confirmed_by="statement")


def _because(why: str) -> str:
    return f" ({why})" if why else ""


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


def _everyone(app: Application, lst: MailList) -> Iterator[rollcall.MemberRow]:
    """Yield all members, a short read at a time, so that no long snapshot stays open."""
    after: int | None = 0
    while after is not None:
        with app.store.read() as session:
            rows, after = rollcall.page(session, lst, now=time.time(), after=after)
        yield from rows
