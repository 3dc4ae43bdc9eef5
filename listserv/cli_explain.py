"""``krets explain``: what would happen to this message, and why. Changes nothing."""

import json
import time
from typing import BinaryIO

import click

from listserv import facts
from listserv.app import App
from listserv.rules import judge
from mailer import message
from mailer.errors import BadInput
from subscriptions.roster import get_list

MAX_FILE = 64 * 1024 * 1024  # bytes


@click.group()
def explain() -> None:
    """See what would happen to a message, and why, without sending anything."""


@explain.command("post")
@click.argument("list_address", metavar="LIST")
@click.argument("file", type=click.File("rb"))
@click.option("--sender", metavar="ADDRESS", help="The envelope sender; default: the From address.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def explain_post(
    app: App, list_address: str, file: BinaryIO, sender: str | None, *, as_json: bool
) -> None:
    """Judge the message in FILE as a post to LIST: the decision, and the rules that hit.

    \b
    Examples:
      krets explain post friends@example.org mail.eml
      krets explain post friends@example.org - --sender '' --json < bounce.eml
    """
    raw = read_message(file)
    reading = facts.read(raw)
    envelope = _envelope(reading) if sender is None else sender
    with app.store.read() as session:
        lst = get_list(session, list_address)
        verdict = judge(facts.gather(session, lst, reading, envelope, time.time()))
    if as_json:
        click.echo(json.dumps({"decision": verdict.decision.word, "rules": verdict.rules}))
        return
    click.echo(verdict.decision.word)
    for hit in verdict.hits:
        click.echo(f"  {hit.rule}: {hit.decision.word}")
    if not verdict.hits:
        click.echo("  no rule hit")


def read_message(file: BinaryIO) -> bytes:
    """Read one message from FILE with CRLF line ends, as it would have come by SMTP."""
    raw = file.read(MAX_FILE + 1)
    if len(raw) > MAX_FILE:
        raise BadInput(f"The file is larger than {MAX_FILE} bytes.")
    if not raw.strip():
        raise BadInput("The file is empty.", "Give one message: header fields, a blank line, text.")
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines[0].startswith(b"From "):  # the separator of an mbox with one message
        lines = lines[1:]
    return b"\r\n".join(lines)


def _envelope(reading: facts.Reading) -> str:
    for value in reading.head.all("return-path"):
        return message.text_of(value).strip(" <>")
    return reading.authors[0] if reading.authors else "unknown@invalid"
