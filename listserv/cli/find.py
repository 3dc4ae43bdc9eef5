"""``krets queue find``: where is my mail, and why. What is found, set like a letter."""

import time
from collections.abc import Iterator
from dataclasses import asdict

import click

from listserv.actions.machine import tracing
from listserv.cli.terminal import asked, bar, plain, print_json, print_letter, print_table, say
from listserv.upkeep.message_trace import MessageTrace, TracedCopy, TracedMessage
from listserv.wiring.app import App
from mailer.ledger.mailings import MailingState, RecipientState

_DECIDED = {
    "accept": "accepted",
    "hold": "held for a human",
    "refuse": "refused",
    "discard": "discarded",
    "issue": "an issue, sent from here",
    "notice": "a letter of ours",
    "": "no post",
}


@click.command("find")
@click.argument("what", metavar="MESSAGE-ID|ADDRESS")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def find(app: App, what: str, *, as_json: bool) -> None:
    """Say where a mail is, and why: when it came, what was decided by which rules, who has it.

    By MESSAGE-ID: one message and its recipients, those without a copy first. By ADDRESS: what
    it is on which list, and what came from it and went to it lately.

    \b
    Examples:
      krets queue find "<20261122.4711@example.net>"
      krets queue find anna@example.net --json
    """
    found = tracing.find(asked(app), what)
    if as_json:
        print_json(_as_json(found.trace))
        return
    _show(found.trace, what, found.at)


def _show(found: MessageTrace, what: str, now: float) -> None:
    if found.seats or found.suppressed:
        lines = [(one.list, f"{one.state}, {one.rhythm}, {one.role}") for one in found.seats]
        if found.suppressed:
            lines.append(("not mailed", ", ".join(found.suppressed)))
            lines.append((f"since {_moment(found.since)}" if found.since else "", found.why))
        print_letter(what, lines)
        click.echo()
    if found.bounces:
        say("Came back, newest first:")
        rows = [[one.list, _moment(one.at), one.kind, one.said] for one in found.bounces]
        print_table(("list", "when", "kind", "answer"), rows)
        click.echo()
    if found.copies:
        say(f"To {plain(what)}, newest first:")
        _table(found.copies, now, "list", "kind")
        click.echo()
    asked_for_one = not (found.seats or found.copies or found.suppressed)
    if found.letters and not asked_for_one:
        say(f"From {plain(what)}, newest first:")
    for letter in found.letters:
        print_letter(_title(letter), list(_lines(letter)))
        click.echo()
        if letter.copies:
            _table(letter.copies, now, "address")
            if letter.counts is not None and letter.counts.audience > len(letter.copies):
                say(f"All of them: krets queue mailing {letter.mailing}")
            click.echo()


def _title(letter: TracedMessage) -> str:
    return letter.subject or f"<{letter.message_id}>"


def _lines(letter: TracedMessage) -> Iterator[tuple[str, str]]:
    sender = f" from {letter.sender}" if letter.sender else ""
    yield "came in" if letter.arrival else "made", f"{_moment(letter.received)}{sender}"
    yield "to", letter.to
    yield "id", letter.message_id and f"<{letter.message_id}>"
    rules = f", by {', '.join(letter.rules)}" if letter.rules else ""
    yield "decision", _DECIDED.get(letter.decision, letter.decision) + rules
    if letter.detail:
        yield "", letter.detail
    if letter.state == "held":
        yield "next", f"krets queue show {letter.arrival}, then release, refuse or drop"
    counts = letter.counts
    if counts is None:
        return
    others = "".join(
        f", {number:,} {state.name.lower()}"
        for state in RecipientState
        if state is not RecipientState.ACCEPTED and (number := getattr(counts, state.name.lower()))
    )
    drawn = bar(counts.accepted, counts.audience, 20)
    going = "" if counts.state is MailingState.DONE else f" ({counts.state})"
    share = f"{counts.accepted:,} of {counts.audience:,} accepted{others}{going}"
    yield f"mailing {letter.mailing}", f"{drawn} {share}"


def _table(copies: tuple[TracedCopy, ...], now: float, *first: str) -> None:
    rows = [[*(str(getattr(one, name)) for name in first), *_standing(one, now)] for one in copies]
    print_table((*first, "state", "since or next", "answer"), rows)


def _standing(one: TracedCopy, now: float) -> tuple[str, str, str]:
    answer = " ".join(filter(None, (str(one.code or ""), one.reason)))
    if one.next_due is not None:
        when = f"in {_span(one.next_due - now)}" if one.next_due > now else "now"
        return one.state, when, "; ".join(filter(None, (answer, one.waits_for)))
    settled = [step.at for step in one.steps]
    return one.state, _moment(settled[-1]) if settled else "", answer


def _as_json(found: MessageTrace) -> dict[str, object]:
    told = asdict(found)
    for letter in told["letters"]:
        counts = letter.pop("counts")
        letter["mailing"] = counts and {"mailing": letter["mailing"], **counts}
    return told


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(1, seconds):.0f} s"
