"""``krets member admit``: decide about somebody who waits for an owner's yes."""

from dataclasses import replace

import click

from listserv.actions import members as actions
from listserv.actions.members import AdmitMember
from listserv.cli.terminal import agree, asked, say
from listserv.wiring.app import App


@click.command()
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.option("--refuse", is_flag=True, help="Turn them away instead; they are told.")
@click.option("--reason", default="", help="What somebody who is turned away is told.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def admit(
    app: App,
    /,
    list_address: str,
    address: str,
    *,
    refuse: bool,
    reason: str,
    dry_run: bool,
    yes: bool,
) -> None:
    """Let ADDRESS into LIST, who has asked to join and waits for an owner's yes.

    The owners and moderators were asked by mail, and hear what was decided. Who is let in gets
    the welcome mail.

    \b
    Examples:
      krets member admit friends@example.org bo@example.com
      krets member admit friends@example.org bo@example.com --refuse --reason "For members only."
    """
    wanted = AdmitMember(list_address, address, not refuse, reason, dry_run=True)
    given = actions.admit(asked(app), wanted)
    verb = "Turn away" if refuse else "Let in"
    if dry_run:
        say(f"{verb} {given} (nothing was done)")
        return
    agree(f"{verb} {given}?", yes=yes)
    actions.admit(asked(app), replace(wanted, dry_run=False))
    say(f"{given} is {'turned away' if refuse else 'let in'}.")
