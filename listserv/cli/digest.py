"""See a member's next digest, and send what is due."""

import time
from datetime import UTC, datetime

import click

from listserv.actions import digests
from listserv.actions.digests import PreviewDigest, SendDigests
from listserv.cli.terminal import asked, print_json, say
from listserv.wiring.app import App
from mailer.errors import BadInput


@click.group("digest")
def digest() -> None:
    """See and send digests: one mail for what was posted in a day or a week."""


@digest.command("preview")
@click.argument("list_address", metavar="LIST")
@click.argument("address")
@click.pass_obj
def preview(app: App, list_address: str, address: str) -> None:
    """Print the digest that ADDRESS would get from LIST now, as the mail that it is.

    \b
    Example:
      krets digest preview friends@example.org anna@example.org
    """
    raw = digests.preview(asked(app), PreviewDigest(list_address, address))
    click.echo(raw, nl=False)


@digest.command("send")
@click.argument("list_address", metavar="LIST")
@click.option("--until", metavar="TIME", help="What is due up to then, as 2026-12-01T08:00 (UTC).")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def send(app: App, list_address: str, until: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Send the digests of LIST that are due, each once; TIME may lie ahead.

    \b
    Examples:
      krets digest send friends@example.org
      krets digest send friends@example.org --until 2026-12-01T08:00 --json
    """
    wanted = SendDigests(list_address, _moment(until) if until else time.time(), dry_run=dry_run)
    made = digests.send(asked(app), wanted)
    if as_json:
        print_json(
            {
                "list": made.list,
                "mailings": made.mailings,
                "members": made.members,
                "dry_run": dry_run,
            }
        )
        return
    verb = "would get" if dry_run else "get"
    say(f"{made.members:,} members of {made.list} {verb} a digest now.")


def _moment(text: str) -> float:
    """Read a moment of ISO 8601; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"{text[:40]!r} is no time.", "Write one as 2026-12-01T08:00, or with +01:00."
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
