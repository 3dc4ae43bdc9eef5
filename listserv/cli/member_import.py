"""The command that takes a file of people in: what it says, asks, and tells afterwards.

Whom the file says to have left, or to have been blocked, is left out whatever is answered here;
which words those are is subscriptions.member_files.former_state's business.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from listserv.actions import member_import as actions
from listserv.actions.member_import import TAKEN, Fated, ImportMembers, MembersImported
from listserv.cli.import_files import Report, report_file, seekable
from listserv.cli.terminal import agree, asked, plain, print_json, say
from listserv.wiring.app import App
from mailer.errors import BadInput, Refused
from subscriptions.lists import attributes, roster
from subscriptions.lists.roster import Rhythm, Role
from subscriptions.member_files.former_state import FormerState
from subscriptions.member_files.member_file import Defaults, MemberFile, read_people
from subscriptions.member_files.row_standing import Answers, read_answer
from subscriptions.member_files.state_survey import MAX_VALUES, StateSurvey
from subscriptions.membership.members import Fate
from subscriptions.permission.consent import ConsentNote, Source

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
    encoding: str,
    state_column: str,
    states: tuple[str, ...],
    suppressed: bool,
    report: str | None,
    welcome: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **said: Any,  # noqa: ANN401 - typed by _defaults
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
    call = asked(app)
    where = actions.destination(call, list_address)
    answers = Answers(state_column, dict(map(read_answer, states)))
    with ExitStack() as stack:
        stack.enter_context(actions.seldom_swept())
        opened = stack.enter_context(seekable(file))
        named = "" if file == "-" else Path(file).name
        reading = read_people(
            opened, _defaults(call.now, **said), encoding, name=named, answers=answers
        )
        for note in reading.notes:
            say(note)
        _ask(reading.survey, dry_run=dry_run, yes=yes)
        each = _written(stack, report, file, yes=yes)
        newest = reading.survey.newest
        wanted = ImportMembers(where, reading.lines, newest, welcome, suppressed, dry_run)
        done = actions.import_(call, wanted, each)
    if done.canary:
        _tell_slow(done, newest)
    if as_json:
        print_json(_object(done, reading, dry_run=dry_run))
    else:
        _tell(done, dry_run=dry_run)
    tally = done.tally
    if tally.lines and not sum(tally.fates[fate] for fate in (*TAKEN, Fate.SUPPRESSED)):
        raise Refused("Nobody in this file could be added.")


def _defaults(
    now: float,
    *,
    consent: str | None,
    language: str,
    role: str,
    rhythm: str,
    role_addresses: bool,
    columns: tuple[str, ...],
) -> Defaults:
    """Return what is true of a line that says nothing else."""
    return Defaults(
        role=roster.check_role(role),
        rhythm=Rhythm(rhythm),
        language=roster.check_language(language) if language else "",
        consent=note_of(consent, Source.IMPORT),
        template=ConsentNote("", Source.IMPORT, confirmed_by="statement"),
        role_addresses=role_addresses,
        attributes=tuple(_column(text) for text in columns),
        now=now,
    )


def _written(
    stack: ExitStack, report: str | None, file: str, *, yes: bool
) -> Callable[[Fated], None]:
    """Return what writes each fate into the report, if there is one."""
    if not report:
        return lambda _fated: None
    return Report(stack.enter_context(report_file(report, file, yes=yes))).add


def _object(done: MembersImported, reading: MemberFile, *, dry_run: bool) -> dict[str, object]:
    tally = done.tally
    return {
        "list": done.list,
        "dry_run": dry_run,
        "encoding": reading.encoding,
        "lines": tally.lines,
        "fates": {fate.value: tally.fates[fate.value] for fate in Fate},
        "ends": tally.ends,
        "canary": done.canary,
        "not_added": [fated._asdict() for fated in tally.not_taken],
        "questions": [fated._asdict() for fated in tally.doubts],
        "states": [asdict(said) for said in reading.survey.said],
    }


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


def _tell_slow(done: MembersImported, newest: float) -> None:
    """Say that a few readers of an old list go first from now on."""
    first, minutes, percent = done.canary.split("/")
    say(
        f"The newest day in this file is {datetime.fromtimestamp(newest, UTC):%Y-%m-%d}. Of each"
        f" issue {first} readers get theirs first and all others {minutes} minutes later, and it"
        f" pauses where more than {percent} % are refused. `krets list set {done.list} --canary"
        " ''` ends that."
    )


def _column(text: str) -> tuple[str, str]:
    """Read ``KEY=COLUMN``, or a column that gives its name to the attribute."""
    key, _, column = text.rpartition("=")
    return attributes.check_key(key or column), column


def _tell(done: MembersImported, *, dry_run: bool) -> None:
    tally = done.tally
    for fated in [*tally.not_taken[:_SHOWN], *tally.doubts[:_SHOWN]]:
        who = plain(fated.email or fated.name)
        say(f"line {fated.line}: {who}: {fated.fate}{because(plain(fated.why))}")
    left_out = sum(count for fate, count in tally.fates.items() if fate not in TAKEN)
    if left_out > _SHOWN:
        say(f"... and {left_out - _SHOWN:,} more; --report FILE names every one.")
    counts = ", ".join(f"{count:,} {fate}" for fate, count in tally.fates.most_common())
    would = "Nothing was changed; this would be" if dry_run else done.list
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
