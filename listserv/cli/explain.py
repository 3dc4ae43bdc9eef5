"""``krets explain``: what would happen to this message, and why. Changes nothing."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import BinaryIO

import click

from listserv.actions import explaining as actions
from listserv.actions.explaining import ExplainPost, ExplainReply, PostExplained
from listserv.cli.terminal import asked, plain
from listserv.mailings import munging
from listserv.posts.carried_parts import PartChange, PartFate
from listserv.wiring.app import App
from mailer.door.callers import plain_ip
from mailer.errors import BadInput

MAX_FILE = 64 * 1024 * 1024  # bytes
_MUNGED = {
    munging.Why.STAYS: "stays as it is",
    munging.Why.OURS: "rewritten, because it is in a domain of ours and nothing proves it",
    munging.Why.SEVERAL: "rewritten, because it names several writers or none that can be read",
    munging.Why.UNSIGNED: "rewritten, because its domain asks receivers to refuse what it has not"
    " signed",
    munging.Why.BREAKS: "rewritten, because its domain asks receivers to refuse what it has not"
    " signed, and its signature does not fit what leaves",
}
_CARRIED = {
    PartFate.REMOVED: "taken out, of the archive as well",
    PartFate.LINKED: "linked to in the archive instead",
    PartFate.REDUCED: "HTML reduced to words and structure",
    PartFate.TEXT: "HTML made plain text",
}


def _part(change: PartChange) -> str:
    return f"{change.name or '-'} ({change.type}, {change.size} bytes)"


@click.group()
def explain() -> None:
    """See what would happen to a message, and why, without sending anything."""


@explain.command("post")
@click.argument("list_address", metavar="LIST")
@click.argument("file", type=click.File("rb"))
@click.option("--sender", metavar="ADDRESS", help="The envelope sender; default: the From address.")
@click.option("--client", metavar="IP", default="", help="Who connected, for SPF; default: nobody.")
@click.option("--helo", metavar="NAME", default="", help="What the client called itself.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def explain_post(
    app: App,
    list_address: str,
    file: BinaryIO,
    sender: str | None,
    client: str,
    helo: str,
    *,
    as_json: bool,
) -> None:
    """Judge the message in FILE as a post to LIST: the decision, and the rules that hit.

    Asks DNS whose mail it is (SPF, DKIM, DMARC), as for a mail that comes in.

    \b
    Examples:
      krets explain post friends@example.org mail.eml
      krets explain post friends@example.org - --sender '' --json < bounce.eml
      krets explain post friends@example.org mail.eml --client 192.0.2.7 --helo mx.example.net
    """
    if client and not plain_ip(client):
        raise BadInput(f"--client {client!r} is no IP address.", "Try --client 192.0.2.7.")
    wanted = ExplainPost(list_address, read_message(file), sender, client, helo)
    found = actions.post(asked(app), wanted)
    if as_json:
        click.echo(json.dumps(_object(found)))
        return
    verdict = found.verdict
    click.echo(verdict.decision.word)
    for hit in verdict.hits:
        click.echo(f"  {hit.rule}: {hit.decision.word}")
    if not verdict.hits:
        click.echo("  no rule hit")
    shown = {
        **found.authentication.shown,
        "aligned": "yes" if found.authentication.aligned else "no",
    }
    click.echo("  whose mail: " + ", ".join(f"{name} {word}" for name, word in shown.items()))
    click.echo(f"  From: {_MUNGED[found.munge]}")
    for _, change in found.carried:
        click.echo(f"  {_CARRIED[change.fate]}: {_part(change)}")
    for cost in found.costs:
        whose = f"breaks the signature of {', '.join(cost.breaks)}" if cost.breaks else "no cost"
        click.echo(f"  {cost.option.replace('_', '-')}: {whose}")


@explain.command("reply")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--asked",
    "question",
    type=click.Choice(sorted(actions.ASKED)),
    help="Say what the answer means to this question.",
)
@click.option(
    "--now",
    "day",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M"]),
    help="The day on which it is read (UTC); default: today.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def explain_reply(
    app: App, file: BinaryIO, question: str | None, day: datetime | None, *, as_json: bool
) -> None:
    """Show what FILE says in its writer's own words, without the quotes and the signature.

    With --asked: what these words mean to that question, how sure that is (0 to 1), and which
    words decided. A file that does not begin with header fields is bare text. Needs no database.

    \b
    Examples:
      krets explain reply answer.eml
      krets explain reply - --json < answer.txt
      echo 'Nej tack' | krets explain reply - --asked confirm --json
      echo 'until Monday' | krets explain reply - --asked date --now 2026-11-29 --json
    """
    answer = actions.reply(asked(app), ExplainReply(_bounded(file), question, day))
    found = answer.understood
    if found is None:
        told = json.dumps({"text": answer.text}, ensure_ascii=False) if as_json else answer.text
        click.echo(told)
        return
    why = " / ".join(found.why)
    if as_json:
        told_all = {
            "text": answer.text,
            "means": found.means,
            "sure": found.sure,
            "why": why,
            "until": found.until,
        }
        click.echo(json.dumps(told_all, ensure_ascii=False))
        return
    click.echo(found.means)
    click.echo(f"  sure: {found.sure}")
    for name, value in (("why", why), ("until", found.until or "")):
        click.echo(f"  {name}: {plain(value) or '-'}")


@explain.command("bounce")
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def explain_bounce(app: App, file: BinaryIO, *, as_json: bool) -> None:
    """Say whom the bounce in FILE is about, and for which reason. Needs no database.

    A file that does not begin with header fields is bare text: what a server answered.

    \b
    Examples:
      krets explain bounce bounce.eml
      echo '550 5.1.1 User unknown' | krets explain bounce - --json
    """
    found = actions.bounce(asked(app), _bounded(file))
    if as_json:
        told = {"kind": found.kind, "recipient": found.recipient, "status": found.status}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(found.kind)
    for name, value in (("recipient", found.recipient), ("status", found.status)):
        click.echo(f"  {name}: {plain(value) or '-'}")


def read_message(file: BinaryIO) -> bytes:
    """Read one message from FILE with CRLF line ends, as it would have come by SMTP."""
    raw = _bounded(file)
    if not raw.strip():
        raise BadInput("The file is empty.", "Give one message: header fields, a blank line, text.")
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines[0].startswith(b"From ") and not lines[0].startswith(
        b"From :"
    ):  # the separator of an mbox with one message
        lines = lines[1:]
    return b"\r\n".join(lines)


def _bounded(file: BinaryIO) -> bytes:
    """Read a file whole; raise BadInput where it is too large."""
    raw = file.read(MAX_FILE + 1)
    if len(raw) > MAX_FILE:
        raise BadInput(f"The file is larger than {MAX_FILE} bytes.")
    return raw


def _object(found: PostExplained) -> dict[str, object]:
    return {
        "decision": found.verdict.decision.word,
        "rules": found.verdict.rules,
        "authentication": found.authentication.shown,
        "munge": bool(found.munge),
        "why_munge": str(found.munge),
        "carried": [{"option": option, **asdict(change)} for option, change in found.carried],
        "costs": [{"option": cost.option, "breaks": list(cost.breaks)} for cost in found.costs],
    }
