"""What a person does with one mailing: see it, pause it, go on, stop it, send again.

The same commands stand under ``krets newsletter`` and ``krets queue``: an issue and a post are
both mailings.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import click

from listserv.actions import mailings as actions
from listserv.actions.mailings import AGAIN, ChangeMailing, MailingStatus, ResendMailing
from listserv.cli.terminal import (
    agree,
    asked,
    bar,
    plain,
    print_json,
    print_json_array,
    print_table,
    say,
)
from listserv.wiring.app import App
from mailer.ledger.mailings import MailingState, Recipient, RecipientState, Status
from subscriptions.lists import ballots, terms

COUNTS = ("audience", *(state.name.lower() for state in RecipientState))
SHOWN = 200  # recipients in a table; --json has all of them
LOOK = 0.5  # seconds between looks at a mailing that is being watched
_OVER = (MailingState.DONE, MailingState.STOPPED, MailingState.PAUSED)
_number = click.argument("mailing_id", metavar="MAILING", type=int)
_dry = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("mailing")
@click.argument("mailing_id", metavar="[MAILING]", type=int, required=False)
@click.option(
    "--only",
    type=click.Choice([state.name.lower() for state in RecipientState]),
    help="Only this state.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
@click.pass_obj
def mailing(app: App, mailing_id: int | None, only: str | None, *, as_json: bool) -> None:
    """Show the newest mailings, or what became of each recipient of one.

    \b
    Examples:
      krets queue mailing
      krets queue mailing 12 --only refused --json
    """
    if mailing_id is None:
        _newest(app, as_json=as_json)
        return
    state = RecipientState[only.upper()] if only is not None else None
    with actions.recipients(asked(app), mailing_id, state) as (counts, found):
        if as_json:
            print_json_array(_recipient(row) for row in found)
            return
        say(", ".join(f"{name} {getattr(counts, name)}" for name in COUNTS) + f" ({counts.state})")
        rows = [_recipient(row) for row, _ in zip(found, range(SHOWN), strict=False)]
    print_table(
        ("address", "state", "code", "reason"),
        [[str(row[name]) for name in ("address", "state", "code", "reason")] for row in rows],
    )


@click.command("status")
@_number
@click.option("--watch", is_flag=True, help="Go on until everybody has had their turn.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(app: App, mailing_id: int, *, watch: bool, as_json: bool) -> None:
    """Show where MAILING stands: how many recipients are in which state, and what to do next.

    \b
    Examples:
      krets newsletter status 12 --watch
      krets queue status 12 --json
    """
    if watch:
        follow(app, mailing_id)
    one = actions.status(asked(app), mailing_id)
    counts, asked_of = one.counts, one.votes
    if as_json:
        print_json(
            {"mailing": mailing_id, "list": one.list, "kind": one.kind}
            | {"state": counts.state, "policy": counts.policy}
            | {name: getattr(counts, name) for name in COUNTS}
            | {"bounced": one.bounced, "connections": one.connections}
            | {"votes": dict(asked_of.answers) if asked_of else None}
            | {"halted": one.halted, "segment": one.segment}
        )
        return
    title = (
        f"Mailing {mailing_id}: {plain(one.subject)}" if one.subject else f"Mailing {mailing_id}"
    )
    click.echo(f"{title}\n{one.kind} of {one.list}, {counts.state}, {counts.policy}\n")
    for line in (*_shown(mailing_id, counts), *_voices(asked_of), *_remarks(one)):
        click.echo(f"  {line}")
    if one.bounced:
        click.echo(f"  {one.bounced:,} came back later; accepted does not change by that")


@click.command("pause")
@_number
@_dry
@click.pass_obj
def pause(app: App, mailing_id: int, *, dry_run: bool) -> None:
    """Let nothing more of MAILING leave; what is under way is still answered.

    \b
    Examples:
      krets newsletter pause 12
      krets queue pause 12
    """
    stood = actions.pause(asked(app), ChangeMailing(mailing_id, dry_run))
    if dry_run:
        _would("pause", mailing_id, stood)
        return
    say(f"Mailing {mailing_id} is paused. It goes on with: krets newsletter resume {mailing_id}")


@click.command("resume")
@_number
@_dry
@_yes
@click.pass_obj
def resume(app: App, mailing_id: int, *, dry_run: bool, yes: bool) -> None:
    """Let a paused MAILING go on.

    \b
    Examples:
      krets newsletter resume 12 --yes
      krets queue resume 12 --yes
    """
    wanted = ChangeMailing(mailing_id, dry_run=True)
    stood = actions.resume(asked(app), wanted)
    if dry_run:
        _would("resume", mailing_id, stood)
        return
    agree(f"Go on with mailing {mailing_id}: {stood.open:,} wait?", yes=yes)
    actions.resume(asked(app), replace(wanted, dry_run=False))
    say(f"Mailing {mailing_id} goes on.")


@click.command("stop")
@_number
@_dry
@_yes
@click.pass_obj
def stop(app: App, mailing_id: int, *, dry_run: bool, yes: bool) -> None:
    """End MAILING for good: whoever has not had a copy yet gets none.

    \b
    Examples:
      krets newsletter stop 12 --yes
      krets queue stop 12 --dry-run
    """
    wanted = ChangeMailing(mailing_id, dry_run=True)
    stood, _ = actions.stop(asked(app), wanted)
    if dry_run:
        _would("stop", mailing_id, stood)
        return
    agree(f"Stop mailing {mailing_id} for good?", yes=yes)
    _, skipped = actions.stop(asked(app), replace(wanted, dry_run=False))
    say(f"Mailing {mailing_id} is stopped; {skipped:,} were skipped.")


@click.command("resend")
@_number
@click.option(
    "--only", required=True, type=click.Choice([state.name.lower() for state in AGAIN]),
    help="Whom to send it to again.",
)  # fmt: skip
@_dry
@_yes
@click.pass_obj
def resend(app: App, mailing_id: int, *, only: str, dry_run: bool, yes: bool) -> None:
    """Send MAILING again to those who were refused, are unsure or deferred; by the same id.

    Somebody who is unsure may have it already, and gets it twice then. A deferred recipient is
    tried at once instead of later.

    \b
    Examples:
      krets newsletter resend 12 --only unsure --dry-run
      krets queue resend 12 --only refused --yes
    """
    wanted = ResendMailing(mailing_id, RecipientState[only.upper()], dry_run=True)
    count = actions.resend(asked(app), wanted)
    said = f"mailing {mailing_id} again to {count:,} {only}"
    if dry_run or not count:
        told = f"Would send {said}" if count else f"Mailing {mailing_id} has none that is {only}"
        say(f"{told}; nothing was changed.")
        return
    agree(f"Send {said}?", yes=yes)
    sent = actions.resend(asked(app), replace(wanted, dry_run=False))
    say(f"{sent:,} are due again.")


@click.command("history")
@_number
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.pass_obj
def told(app: App, mailing_id: int, address: str, *, as_json: bool) -> None:
    """Show what happened to ADDRESS in MAILING, and when: each answer that was not the last, too.

    \b
    Examples:
      krets newsletter history 12 anna@example.org
      krets queue history 12 anna@example.org --json
    """
    found = actions.history(asked(app), mailing_id, address)
    rows = [
        {
            "at": _moment(one.at),
            "state": one.state.name.lower(),
            "code": one.code or None,
            "reason": one.reason,
            "by": one.by or None,
        }
        for one in found.events
    ]
    if as_json:
        print_json(rows)
        return
    say(f"{address} is {found.state.name.lower()} in mailing {mailing_id}.")
    columns = ("at", "state", "code", "reason", "by")
    print_table(columns, [[str(row[name] or "") for name in columns] for row in rows])


VERBS = (status, pause, resume, stop, resend, told)


def follow(app: App, mailing_id: int) -> None:
    """Wait until a mailing is over or paused; on a terminal, show how it goes."""
    size = actions.status(asked(app), mailing_id).counts.audience
    for _ in progress("sending", _settled(app, mailing_id), size):
        pass


def progress(words: str, counts: Iterable[int], size: int) -> Iterator[int]:
    """Pass on ``counts``; on a terminal, as a bar."""
    if not sys.stderr.isatty():
        yield from counts
        return
    with click.progressbar(length=size, label=words, file=sys.stderr) as shown:
        before = 0
        for count in counts:
            shown.update(min(count, size) - before)
            before = min(count, size)
            yield count


def _settled(app: App, mailing_id: int) -> Iterator[int]:
    while True:
        now = actions.status(asked(app), mailing_id).counts
        yield now.audience - now.open
        if now.state in _OVER:
            return
        app.ring("deliver")
        time.sleep(LOOK)


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _would(verb: str, mailing_id: int, stood: Status) -> None:
    where = f"{stood.state}, {stood.open:,} open"
    say(f"Would {verb} mailing {mailing_id} ({where}); nothing was done.")


def _shown(mailing_id: int, counts: Status) -> Iterator[str]:
    """Show a mailing in three lines: how far, where the others are, what to do."""
    drawn = bar(counts.accepted, counts.audience)
    yield f"{drawn}  {counts.accepted:,} of {counts.audience:,} accepted"
    others = [
        f"{name} {getattr(counts, name):,}"
        for name in COUNTS[1:]
        if name != "accepted" and getattr(counts, name)
    ]
    if others:
        yield ", ".join(others)
    next_step = _next(mailing_id, counts)
    if next_step:
        yield ""
        yield next_step


@click.command("votes")
@_number
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def votes(app: App, mailing_id: int, *, as_json: bool) -> None:
    """Show how many readers of MAILING chose which answer to its question; nobody is named.

    \b
    Example:
      krets newsletter votes 12
    """
    found = actions.votes(asked(app), mailing_id)
    if as_json:
        answers = [{"answer": words, "votes": count} for words, count in found.answers]
        print_json({"question": found.question, "votes": found.voices, "answers": answers})
        return
    for line in _voices(found):
        click.echo(line)


def _voices(found: ballots.VoteResult | None) -> Iterator[str]:
    """Show a question's answers, each with its share as a bar."""
    if found is None:
        return
    yield f"{plain(found.question)} ({found.voices:,} answered)"
    width = max(len(words) for words, _ in found.answers)
    for words, count in found.answers:
        yield f"  {plain(words):<{width}}  {bar(count, found.voices)}  {count:,}"
    yield ""


def _remarks(one: MailingStatus) -> Iterator[str]:
    """Say what else bears on an issue: who goes first, whose hour comes later, a halt."""
    counts, canary = one.counts, terms.read_canary(one.terms.canary)
    over = counts.state in _OVER
    if one.ahead and counts.audience > canary.many and not over:
        yield (
            f"{canary.many:,} go first; the others follow {canary.minutes} minutes after the last"
            " of these was answered for"
        )
    if one.terms.timed and counts.ready and not over:
        yield "each reader's copy waits for their own hour"
    if one.halted:
        yield "it was halted by itself, because too many were refused or complained"


def _next(mailing_id: int, counts: Status) -> str:
    if counts.state is MailingState.PAUSED:
        return f"It is paused. Go on: krets newsletter resume {mailing_id}"
    if counts.unsure and counts.state is MailingState.DONE:
        return (
            f"{counts.unsure:,} may or may not have it."
            f" Send again: krets newsletter resend {mailing_id} --only unsure"
        )
    if counts.refused:
        return f"Who was refused, and why: krets queue mailing {mailing_id} --only refused"
    return ""


def _recipient(row: Recipient) -> dict[str, object]:
    return {
        "address": row.address,
        "state": RecipientState(row.state).name.lower(),
        "code": row.code or None,
        "reason": row.reason,
        "attempts": row.attempts,
    }


def _newest(app: App, *, as_json: bool) -> None:
    rows = [
        {"id": one.id, "list": one.list, "kind": one.kind, "state": str(one.counts.state)}
        | {name: getattr(one.counts, name) for name in COUNTS}
        for one in actions.newest(asked(app))
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    shown = ("id", "list", "kind", "state", "audience", "accepted", "refused", "deferred", "unsure")
    print_table(shown, [[str(row[name]) for name in shown] for row in rows])
