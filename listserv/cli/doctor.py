"""``krets doctor``: what keeps our mail from arriving, and the line that cures it."""

from collections.abc import Sequence

import click

from listserv.actions.machine import health
from listserv.actions.machine.health import AskDoctor
from listserv.cli.terminal import asked, check_ip, plain, print_json, say
from listserv.doctor.diagnosis import Diagnosis, Health
from listserv.wiring.app import App

_COLOURS = {Health.FAIL: "red", Health.WARN: "yellow", Health.OK: "green"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--all", "every", is_flag=True, help="Also what is well.")
@click.option(
    "--send", "to", metavar="ADDRESS", help="Send one real mail there, and read it as it left."
)
@click.option(
    "--address", metavar="IP", default="", help="Where mail leaves from, if DNS does not tell."
)
@click.option(
    "--mail", "mailed", is_flag=True, help="Mail it to listserv.operator; an answer asks again."
)
@click.pass_obj
def doctor(
    app: App, *, as_json: bool, every: bool, to: str | None, address: str, mailed: bool
) -> None:
    """Look at DNS, relays, doors, machine and one mail; say what is wrong, why, and the cure.

    Exit code 1 if something fails. Nothing is changed, and nothing is sent without --send or
    --mail. The mail to the operator can be answered, with any words: then the doctor looks again
    and mails what it finds.

    \b
    Example:
      krets doctor
      krets doctor --send you@example.net
      krets doctor --mail
    """
    wanted = AskDoctor(check_ip(address) if address else "", to or "", mailed)
    done = health.examine(asked(app), wanted)
    found = done.found
    if done.mailed_to:
        say(f"It goes to {done.mailed_to}; an answer to it asks again.")
    if as_json:
        print_json([one.shown for one in found])
    else:
        _letter(found, every=every)
    if any(one.state is Health.FAIL for one in found):
        raise SystemExit(1)


def _letter(found: Sequence[Diagnosis], *, every: bool) -> None:
    for state in (Health.FAIL, Health.WARN, *([Health.OK] if every else [])):
        for one in found:
            if one.state is state:
                _told(one)
    counts = {state: sum(one.state is state for one in found) for state in Health}
    say(
        f"{counts[Health.FAIL]} failed, {counts[Health.WARN]} to look at, {counts[Health.OK]} well."
    )


def _told(one: Diagnosis) -> None:
    mark = click.style(f"{one.state:<4}", fg=_COLOURS[one.state])
    click.echo(f"{mark}  {one.check}: {plain(one.what)}")
    if one.why:
        click.echo(f"      {plain(one.why)}")
    for line in one.cure.splitlines():
        click.echo(f"          {plain(line)}")
