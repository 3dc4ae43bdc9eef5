"""The command that takes a file of people in: what it says, asks, and tells afterwards.

Whom the file says to have left, or to have been blocked, is left out whatever is answered here;
which words those are is subscriptions.member_files.former_state's business.
"""

import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import click

from listserv.cli.member_intake import Report, Tally, report_file, seekable, seldom_swept, take_in
from listserv.cli.terminal import agree, plain, print_json, say
from listserv.wiring.app import App
from mailer.errors import BadInput, Refused
from subscriptions.lists import attributes, roster
from subscriptions.lists.roster import ListKind, MailList, Rhythm, Role
from subscriptions.member_files.former_state import FormerState
from subscriptions.member_files.member_file import Defaults, read_people
from subscriptions.member_files.row_standing import Answers, read_answer
from subscriptions.member_files.state_survey import MAX_VALUES, StateSurvey
from subscriptions.membership.members import Fate
from subscriptions.permission.consent import ConsentNote, Source

_TAKEN = (Fate.ADDED, Fate.PAUSED, Fate.ALREADY, Fate.ASKED)
OLD = 3 * 365.25 * 86_400  # seconds since the newest day in a file, from which it is old
OLD_CANARY = "100/60/3"  # readers, minutes, per cent: subscriptions.lists.terms
_SHOWN = 10  # lines that an import names on the terminal
_MEANS = {standing: f"stays out ({standing})" for standing in FormerState} | {
    FormerState.MEMBER: "member",
    FormerState.PAUSED: "paused",
    FormerState.UNKNOWN: "stays out: is this a state?",
}


def words_of(kind: type[StrEnum]) -> click.Choice[str]:
    """Return the words of an enum as choices of an option."""
    return click.Choice([word.value for word in kind], case_sensitive=False)


@click.command("import")
@click.argument("list_address", metavar="LIST")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--consent", metavar="TEXT", help="How these people said yes; a column may say more.")
@click.option("--language", default="", metavar="CODE", help="For lines that name none.")
@click.option(
    "--role", type=words_of(Role), default="member", show_default=True, help="Their role."
)
@click.option(
    "--rhythm", type=words_of(Rhythm), default="each", show_default=True, help="How often."
)
@click.option("--role-addresses", is_flag=True, help="Also add postmaster@, noreply@ and such.")
@click.option("--encoding", default="", metavar="NAME", help="If names look wrong: koi8-r, ...")
@click.option(
    "--attribute",
    "columns",
    multiple=True,
    metavar="[KEY=]COLUMN",
    help="Keep this column of the file too, as an attribute.",
)
@click.option("--state-column", default="", metavar="NAME", help="The column of the states.")
@click.option(
    "--state",
    "states",
    multiple=True,
    metavar="VALUE=FATE",
    help="What a state means that nobody knows: member, paused, suppressed or refused.",
)
@click.option(
    "--suppress/--leave-out",
    "suppressed",
    default=True,
    help="Write down who had left elsewhere, so that they stay out; or only leave them out.",
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
    state_column: str,
    states: tuple[str, ...],
    suppressed: bool,
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

    A column of states (status, subscribed, unsubscribed at, ...) is read and asked about: only
    whose state is known to be good comes in. Who left, was blocked, bounced or never confirmed
    stays out, whatever is answered; --yes leaves them out, and those of an unknown state too.

    \b
    Examples:
      krets member import friends@example.org people.csv --consent forms --attribute place=Ort
      krets member import friends@example.org people.csv --consent "paper forms, 2026" --dry-run
      krets member import friends@example.org people.csv --consent "paper forms, 2026"
    """
    now = time.time()
    defaults = Defaults(
        role=roster.check_role(role),
        rhythm=roster.check_rhythm(rhythm),
        language=roster.check_language(language) if language else "",
        consent=note_of(consent, Source.IMPORT),
        template=ConsentNote("", Source.IMPORT, confirmed_by="statement"),
        role_addresses=role_addresses,
        attributes=tuple(_column(text) for text in columns),
        now=now,
    )
    answers = Answers(state_column, dict(map(read_answer, states)))
    with app.store.read() as session:
        lst = roster.get_list(session, list_address)
    tally = Tally()
    with ExitStack() as stack:
        stack.enter_context(seldom_swept())
        opened = stack.enter_context(seekable(file))
        named = "" if file == "-" else Path(file).name
        reading = read_people(opened, defaults, encoding, name=named, answers=answers)
        for note in reading.notes:
            say(note)
        _ask(reading.survey, dry_run=dry_run, yes=yes)
        written = (
            Report(stack.enter_context(report_file(report, file, yes=yes))) if report else None
        )
        people = take_in(
            app,
            lst,
            reading.lines,
            now=now,
            dry_run=dry_run,
            welcome=welcome,
            suppress=suppressed,
        )
        for fated in people:
            tally.add(fated)
            if written:
                written.add(fated)
    canary = "" if dry_run else _begin_slowly(app, lst, reading.survey.newest, tally, now)
    if as_json:
        print_json(
            {
                "list": lst.address,
                "dry_run": dry_run,
                "encoding": reading.encoding,
                "lines": tally.lines,
                "fates": {fate.value: tally.fates[fate.value] for fate in Fate},
                "ends": tally.ends,
                "canary": canary,
                "not_added": [fated._asdict() for fated in tally.not_taken],
                "questions": [fated._asdict() for fated in tally.doubts],
                "states": [asdict(said) for said in reading.survey.said],
            }
        )
    else:
        _tell(lst, tally, dry_run=dry_run)
    if not dry_run and (tally.fates[Fate.ASKED] or welcome):
        app.ring("deliver")
    if tally.lines and not sum(tally.fates[fate] for fate in (*_TAKEN, Fate.SUPPRESSED)):
        raise Refused("Nobody in this file could be added.")


def _ask(found: StateSurvey, *, dry_run: bool, yes: bool) -> None:
    """Show what the file says of states, and ask before anybody is taken in or left out by it."""
    for said in found.said[:MAX_VALUES]:
        value = f": {plain(said.value)}" if said.value else ""
        say(f"  {plain(said.column)}{value} ({said.count:,}) -> {_MEANS[said.standing]}")
    if not found.kept_out:
        return
    names = sorted({said.column for said in found.unknown})
    if names:
        say(
            f"Nobody can tell what some of this means: {plain(', '.join(names))}. Say it with"
            " --state VALUE=member, paused, suppressed or refused, or name the column of the"
            " states with --state-column."
        )
    good = found.rows - found.kept_out
    question = (
        f"This file says of {found.kept_out:,} that they left, are blocked, bounced, never"
        f" confirmed, or what nobody can tell; they stay out. Take in the other {good:,}?"
    )
    if dry_run:
        say(question.replace(" Take in", " It would be asked: take in"))
    else:
        agree(question, yes=yes)


def _begin_slowly(app: App, lst: MailList, newest: float, tally: Tally, now: float) -> str:
    """Let a few readers of an old list go first; return the terms that were set, "" for none.

    Many addresses are dead after years without mail, and a server that is asked for all of them at
    once takes the sender for a spammer.
    """
    old = newest and newest < now - OLD
    if not old or not tally.ends["member"] or lst.kind is not ListKind.NEWSLETTER or lst.canary:
        return ""
    with app.store.write() as session:
        roster.change_list(roster.get_list(session, lst.address), canary=OLD_CANARY)
    first, minutes, percent = OLD_CANARY.split("/")
    say(
        f"The newest day in this file is {datetime.fromtimestamp(newest, UTC):%Y-%m-%d}. Of each"
        f" issue {first} readers get theirs first and all others {minutes} minutes later, and it"
        f" pauses where more than {percent} % are refused. `krets list set {lst.address} --canary"
        " ''` ends that."
    )
    return OLD_CANARY


def _column(text: str) -> tuple[str, str]:
    """Read ``KEY=COLUMN``, or a column that gives its name to the attribute."""
    key, _, column = text.rpartition("=")
    return attributes.check_key(key or column), column


def _tell(lst: MailList, tally: Tally, *, dry_run: bool) -> None:
    for fated in [*tally.not_taken[:_SHOWN], *tally.doubts[:_SHOWN]]:
        who = plain(fated.email or fated.name)
        say(f"line {fated.line}: {who}: {fated.fate}{because(plain(fated.why))}")
    left_out = sum(count for fate, count in tally.fates.items() if fate not in _TAKEN)
    if left_out > _SHOWN:
        say(f"... and {left_out - _SHOWN:,} more; --report FILE names every one.")
    counts = ", ".join(f"{count:,} {fate}" for fate, count in tally.fates.most_common())
    would = "Nothing was changed; this would be" if dry_run else lst.address
    say(f"{would}: {counts or 'no lines'} (of {tally.lines:,}).")
    say("That is " + ", ".join(f"{count:,} {end}" for end, count in tally.ends.items()) + ".")


def note_of(consent: str | None, source: Source) -> ConsentNote | None:
    """Return the words of --consent as an entry of the ledger; None where nothing was said."""
    if consent is None:
        return None
    if not consent.strip():
        raise BadInput("--consent needs words: how did they say yes?")
    return ConsentNote(consent.strip(), source, confirmed_by="statement")


def because(why: str) -> str:
    """Return a reason as words behind what it is the reason of."""
    return f" ({why})" if why else ""
