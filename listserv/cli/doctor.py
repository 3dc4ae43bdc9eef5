"""``krets doctor``: what keeps our mail from arriving, and the line that cures it."""

import time

import click

from listserv.cli.terminal import check_ip, plain, print_json, say
from listserv.doctor import daily, examination
from listserv.doctor.diagnosis import Diagnosis, Health, fail
from listserv.wiring.app import App
from mailer.errors import KretsError, Misconfigured, Refused
from mailer.reading.addresses import parse

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
    now, address = time.time(), check_ip(address) if address else ""
    recipient = parse(to).wire if to else ""
    found = examination.examine(app, now, address=address)
    if recipient:
        found = [one for one in found if one.check != "message"]
        found += _sent(app, recipient, now)
    if mailed:
        _mail(app, found, now)
    if as_json:
        print_json([one.shown for one in found])
    else:
        _letter(found, every=every)
    if any(one.state is Health.FAIL for one in found):
        raise SystemExit(1)


def _mail(app: App, found: list[Diagnosis], now: float) -> None:
    operator = app.settings.listserv.operator
    if not operator:
        raise Misconfigured(
            "Nobody is named as the operator.", 'listserv.operator = "you@example.org"'
        )
    if not daily.tell(app, found, now):
        raise Refused("There is no list yet to write in the name of.", "krets list create LIST")
    app.ring("deliver")
    say(f"It goes to {operator}; an answer to it asks again.")


def _sent(app: App, recipient: str, now: float) -> list[Diagnosis]:
    try:
        return examination.send_sample(app, recipient, now)
    except KretsError as error:
        why = "This is what every copy would meet."
        return [fail("sent", error.what, why, error.fix or "Mend what is told of the relay.")]


def _letter(found: list[Diagnosis], *, every: bool) -> None:
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
