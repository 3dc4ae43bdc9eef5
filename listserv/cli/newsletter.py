"""``krets newsletter``: prove an issue, send it, and see what became of it."""

import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import click

from listserv.actions import newsletters as actions
from listserv.actions import segments
from listserv.actions.newsletters import PlanIssue, ProveIssue, ScheduleIssue, SendIssue
from listserv.cli.mailing import VERBS, follow, progress, votes
from listserv.cli.segment import segment as segment_group
from listserv.cli.segment import told
from listserv.cli.terminal import agree, asked, plain, print_json, print_table, say
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.checks.forecast import DAY
from listserv.newsletters.sending.issue_sending import NobodyDue, SendingSurvey
from listserv.wiring.app import App
from mailer.ledger.mailings import UnsurePolicy

_DOMAINS = 3  # named in the plan

newsletter = click.Group("newsletter", help="Prove and send issues; see what became of them.")
for _verb in VERBS:
    newsletter.add_command(_verb)
newsletter.add_command(segment_group)
newsletter.add_command(votes)
_segment = click.option(
    "--segment", metavar="SEGMENT", help="Only these readers: a saved name, or an expression."
)


@newsletter.command("send")
@click.argument("list_address", metavar="LIST")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--policy", type=click.Choice([policy.value for policy in UnsurePolicy]), show_default=True,
    default=UnsurePolicy.NEVER_TWICE.value, help="What becomes of a copy whose answer is lost.",
)  # fmt: skip
@_segment
@click.option("--anyway", is_flag=True, help="Send although a finding is red.")
@click.option("--wait", is_flag=True, help="Return when everybody has had their turn.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def send(
    app: App,
    /,
    list_address: str,
    file: BinaryIO,
    *,
    policy: str,
    segment: str | None,
    anyway: bool,
    wait: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send the draft in FILE (- is standard input) as an issue to every reader of LIST.

    A draft is front matter (subject, preheader, language, theme, segment) and Markdown, with the
    slots {{ name }}, {{ email }} and {{ list }}. The command returns when everybody stands in the
    ledger; krets serve sends. never-twice leaves a copy alone whose answer was lost; never-miss
    sends it again.

    \b
    Examples:
      krets newsletter send news@example.org november.md --dry-run
      krets newsletter send news@example.org november.md --yes --wait
      krets newsletter send news@example.org november.md --segment "language = sv" --dry-run
    """
    try:
        survey = _survey(app, list_address, file, segment=segment)
    except NobodyDue as nobody:
        _nobody(nobody, list_address, dry_run=dry_run, as_json=as_json)
        return
    _tell(app, survey, UnsurePolicy(policy))
    found = _answer(survey, policy)
    if dry_run:
        say("Nothing was sent.")
        if as_json:
            print_json(found | {"mailing": None, "dry_run": True})
        return
    if anyway or not survey.red:  # else the action says why not
        agree(f"Send it to {survey.readers:,} readers now?", yes=yes)
    mailing = actions.send(
        asked(app),
        SendIssue(survey, UnsurePolicy(policy), anyway),
        lambda counts, size: progress("writing the ledger", counts, size),
    )
    if wait:
        follow(app, mailing)
    if as_json:
        print_json(found | {"mailing": mailing, "dry_run": False})
    say(f"Mailing {mailing} is in the ledger. See it: krets newsletter status {mailing}")


@newsletter.command("proof")
@click.argument("list_address", metavar="LIST")
@click.argument("file", type=click.File("rb"))
@click.option("--to", "address", metavar="ADDRESS", help="One editor or owner, not all editors.")
@click.option("--language", default="", metavar="CODE", help="See what readers of CODE see.")
@_segment
@click.option("--dry-run", is_flag=True, help="Only say who would get it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def proof(
    app: App,
    /,
    list_address: str,
    file: BinaryIO,
    *,
    address: str | None,
    language: str,
    segment: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Mail the draft in FILE to the editors of LIST (or its owners) as readers would get it.

    Each gets the proof, whose way out does nothing, and a report; whoever answers the report with
    "send", or "send friday 9:30", sends the issue, as if the draft had come by mail.

    \b
    Examples:
      krets newsletter proof news@example.org november.md
      krets newsletter proof news@example.org november.md --to olga@example.org --language ru
    """
    survey = _survey(app, list_address, file, readers=False, segment=segment)
    done = actions.proof(asked(app), ProveIssue(survey, address, language, dry_run))
    for finding in survey.findings:
        say(plain(f"{_colour(finding)}: {finding.what}"))
    if as_json:
        found = {"list": survey.lst.address, **asdict(done)}
        print_json(found | {"dry_run": dry_run})
    said = "Nothing was sent; the proof would go" if dry_run else "The proof is on its way"
    say(f"{said} to {', '.join(done.to)}.")
    if done.page:
        say(f"See it as other readers do: {done.page}")


@newsletter.command("schedule")
@click.argument("list_address", metavar="LIST")
@click.argument("file", type=click.File("rb"))
@click.argument("when", nargs=-1, required=True)
@_segment
@click.option("--anyway", is_flag=True, help="Send although a finding is red.")
@click.option("--dry-run", is_flag=True, help="Only say when it would go out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def schedule(
    app: App,
    /,
    list_address: str,
    file: BinaryIO,
    when: tuple[str, ...],
    *,
    segment: str | None,
    anyway: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Send the draft in FILE to every reader of LIST at a time: WHEN is a day and an hour.

    Hours are in the list's time zone unless one is named. The editors get the proof and a report
    now; a report answered with "cancel" takes it back, as `krets newsletter cancel` does.

    \b
    Examples:
      krets newsletter schedule news@example.org november.md tomorrow 8
      krets newsletter schedule news@example.org november.md friday 9:30 Europe/Rome --yes
      krets newsletter schedule news@example.org november.md friday 9:30 local time
    """
    try:
        survey = _survey(app, list_address, file, segment=segment)
    except NobodyDue as nobody:
        _nobody(nobody, list_address, dry_run=dry_run, as_json=as_json)
        return
    order = actions.read_hour(survey, " ".join(when), time.time())
    at = order.at or 0.0
    _tell(app, survey, UnsurePolicy.NEVER_TWICE)
    said = datetime.fromtimestamp(at, ZoneInfo(order.zone)).strftime("%A %Y-%m-%d %H:%M")
    say(f"  goes out {said} ({'in the time of each reader' if order.own else order.zone})")
    found = _answer(survey, UnsurePolicy.NEVER_TWICE.value) | {"at": at, "zone": order.zone}
    edition = None
    if dry_run:
        say("Nothing was scheduled.")
    else:
        if anyway or not survey.red:  # else the action says why not
            agree(f"Send it then to about {survey.readers:,} readers?", yes=yes)
        edition = actions.schedule(asked(app), ScheduleIssue(survey, order, anyway))
        say(f"Edition {edition} is scheduled. Take it back: krets newsletter cancel {edition}")
    if as_json:
        print_json(found | {"edition": edition, "dry_run": dry_run})


@newsletter.command("cancel")
@click.argument("edition", metavar="EDITION", type=int)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_obj
def cancel(app: App, edition: int, *, dry_run: bool) -> None:
    """Take the time back at which EDITION was to go out; its proof still stands.

    \b
    Example:
      krets newsletter cancel 7
    """
    actions.cancel(asked(app), edition, dry_run=dry_run)
    if dry_run:
        say(f"Would cancel edition {edition}; nothing was done.")
        return
    say(f"Edition {edition} is no longer scheduled.")


@newsletter.command("drafts")
@click.argument("list_address", metavar="[LIST]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def show_drafts(app: App, /, list_address: str | None, *, as_json: bool) -> None:
    """Show the issues that have been proved and not sent, and when they go out.

    \b
    Examples:
      krets newsletter drafts
      krets newsletter drafts news@example.org --json
    """
    found = actions.drafts(asked(app), list_address)
    if as_json:
        print_json(found)
        return
    columns = ("edition", "list", "subject", "revision", "state", "goes out")
    print_table(columns, [[plain(str(row[name] or "")) for name in columns] for row in found])


@newsletter.command("themes")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def themes(app: App, /, *, as_json: bool) -> None:
    """Show the themes that an issue can be set in: ours, and those in the data folder.

    A theme is a folder that can be copied to DATA/themes/NAME and changed with any editor.

    \b
    Example:
      krets newsletter themes
    """
    found = actions.themes(asked(app))
    if as_json:
        rows = [
            {"name": o.name, "title": o.title, "about": o.about, "folder": str(o.folder)}
            for o in found
        ]
        print_json(rows)
        return
    print_table(("name", "about", "folder"), [(o.name, o.about, str(o.folder)) for o in found])


def _survey(
    app: App,
    list_address: str,
    file: BinaryIO,
    *,
    readers: bool = True,
    segment: str | None = None,
) -> SendingSurvey:
    """Read a draft, and the pictures beside it where it is a file."""
    path = Path(str(getattr(file, "name", "")))
    folder = path.parent if path.is_file() else None
    return actions.plan(asked(app), PlanIssue(list_address, file.read(), segment, folder, readers))


def _nobody(error: NobodyDue, list_address: str, *, dry_run: bool, as_json: bool) -> None:
    """Say that nobody is due, which is how most runs of a series end: well."""
    say(f"{error.what} Nothing was sent.")
    if as_json:
        found = {"list": list_address, "audience": 0, "mailing": None, "edition": None}
        print_json(found | {"dry_run": dry_run})


def _answer(survey: SendingSurvey, policy: str) -> dict[str, object]:
    return {
        "list": survey.lst.address,
        "subject": survey.draft.subject,
        "audience": survey.readers,
        "segment": survey.ready.chosen.text,
        "policy": policy,
        "seconds": None if survey.seconds is None else round(survey.seconds),
        "findings": [{"what": one.what, "red": one.red} for one in survey.findings],
    }


def _tell(app: App, survey: SendingSurvey, policy: UnsurePolicy) -> None:
    """Say in a few lines what is about to happen."""
    chosen = survey.ready.chosen
    only: list[tuple[str, str]] = []
    if chosen.text:
        sample = segments.named(asked(app), survey.lst.address, chosen)
        only = [line for line in told(chosen.text, survey.readers, sample) if line[0] != "readers"]
    say(plain(survey.draft.subject))
    say("")
    rows = [
        ("to", survey.lst.address),
        *only,
        ("readers", f"{survey.readers:,}: {_domains(survey)}"),
        ("time", _time(survey)),
        ("policy", policy.value),
        *((_colour(one), one.what) for one in survey.findings),
    ]
    for name, words in rows:
        say(f"  {name:<9}{plain(words)}")
    say("")


def _colour(finding: Finding) -> str:
    return "red" if finding.red else "look at"


def _domains(survey: SendingSurvey) -> str:
    named = [f"{domain} {count:,}" for domain, count in survey.domains[:_DOMAINS]]
    rest = sum(count for _, count in survey.domains[_DOMAINS:])
    return ", ".join([*named, *([f"elsewhere {rest:,}"] if rest else [])])


def _time(survey: SendingSurvey) -> str:
    """Say how long it will take, and by whose measure; "last" only where a pace makes it so."""
    said = survey.forecast
    if said is None:
        return "not known yet: no large mailing has left from here, and no rate is set"
    minutes = said.seconds / 60
    about = f"about {minutes:,.0f} min" if minutes >= 1 else "less than a minute"
    if said.bound == "days":
        about = f"about {said.seconds / DAY + 1:,.0f} days"
    rate = f"{said.rate:,.3g}/s" if said.rate < 10 else f"{said.rate:,.0f}/s"  # noqa: PLR2004 - digits
    mailing = survey.pace.mailing if survey.pace else 0
    because = {
        "relays": f"at the relays' rate ({rate})",
        "list": f"at this list's rate ({rate})",
        "last": f"at the pace of mailing {mailing} ({rate})",
        "domain": f"{said.last} last ({rate})",
        "days": "by the warm-up calendar (mailer.warm_up)",
    }
    return f"{about}, {because[said.bound]}"
