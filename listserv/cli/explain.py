"""``krets explain``: what would happen to this message, and why. Changes nothing."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import BinaryIO
from zoneinfo import ZoneInfo

import click

from listserv.answers import answer_file as answers
from listserv.answers.answer_file import Understood
from listserv.answers.machine_kinds import MailRole
from listserv.answers.own_words import OwnWords
from listserv.cli.terminal import plain
from listserv.letters.notices import face_of
from listserv.letters.post_headers import Trace
from listserv.mailings import carrying, munging, post_copies
from listserv.moderation import rulings
from listserv.newsletters.editors import editor_orders
from listserv.posts import copy_options, facts
from listserv.posts.carried_parts import PartChange, PartFate
from listserv.posts.rules import judge
from listserv.wiring import vouching
from listserv.wiring.app import App
from mailer.authentication import verdict as whose_mail
from mailer.authentication.verdict import Envelope
from mailer.door.callers import plain_ip
from mailer.errors import BadInput
from mailer.reading import bounces, message
from mailer.reading.bodies import MAX_TEXT
from mailer.reading.charsets import clean, decode
from mailer.reading.headers import auth_results, header_repair
from subscriptions.lists.roster import get_list

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
    with app.store.read() as session:
        lst = get_list(session, list_address)
        own = vouching.own_names(session, app.settings)
    reading = facts.read(header_repair.mend(auth_results.without(read_message(file), own)))
    envelope = _envelope(reading) if sender is None else sender
    brought = Envelope(plain_ip(client), helo, envelope)
    found = whose_mail.judge(reading.raw, reading.head, brought, app.resolver)
    now = time.time()
    with app.store.read() as session:
        means = app.settings.mailer.disowned
        means = "hold" if means == "refuse" and app.settings.mailer.front else means
        known = facts.gather(
            session,
            lst,
            reading,
            envelope,
            now,
            found,
            means,
            fronted=bool(app.settings.mailer.front or app.settings.mailer.lmtp),
        )
        verdict = judge(known)
        whole = facts.completed(facts.named(reading, lst.domain), now)
        trace = Trace(
            client=client, helo=helo, protocol="ESMTP", arrival=0, received_at=now,
            by=app.settings.listserv.domain, added=whole.added,
        )  # fmt: skip
        asked = munging.ask(
            session, app, lst, whole.raw, whole.head, found, trace, answers="", now=now
        )
    munge = munging.decide(asked, app.resolver)
    carried = carrying.foretold(whole.raw, lst, face_of(app, lst))
    costs = copy_options.costs(
        reading.head,
        post_copies.options_of(lst, face_of(app, lst), lst.language),
        tuple(dict.fromkeys(option for option, _ in carried)),
    )
    if as_json:
        told: dict[str, object] = {"decision": verdict.decision.word, "rules": verdict.rules}
        said = [{"option": cost.option, "breaks": list(cost.breaks)} for cost in costs]
        told |= {"authentication": found.shown, "munge": bool(munge), "why_munge": str(munge)}
        told["carried"] = [{"option": option, **asdict(change)} for option, change in carried]
        click.echo(json.dumps(told | {"costs": said}))
        return
    click.echo(verdict.decision.word)
    for hit in verdict.hits:
        click.echo(f"  {hit.rule}: {hit.decision.word}")
    if not verdict.hits:
        click.echo("  no rule hit")
    shown = {**found.shown, "aligned": "yes" if found.aligned else "no"}
    click.echo("  whose mail: " + ", ".join(f"{name} {word}" for name, word in shown.items()))
    click.echo(f"  From: {_MUNGED[munge]}")
    for _, change in carried:
        click.echo(f"  {_CARRIED[change.fate]}: {_part(change)}")
    for cost in costs:
        whose = f"breaks the signature of {', '.join(cost.breaks)}" if cost.breaks else "no cost"
        click.echo(f"  {cost.option.replace('_', '-')}: {whose}")


@explain.command("reply")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--asked",
    type=click.Choice(sorted((*answers.ASKED, "moderate", "issue"))),
    help="Say what the answer means to this question.",
)
@click.option(
    "--now",
    "day",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M"]),
    help="The day on which it is read (UTC); default: today.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain_reply(
    file: BinaryIO, asked: str | None, day: datetime | None, *, as_json: bool
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
    raw = file.read(MAX_FILE + 1)
    if len(raw) > MAX_FILE:
        raise BadInput(f"The file is larger than {MAX_FILE} bytes.")
    text = own_words(raw)
    if asked is None:
        click.echo(json.dumps({"text": text}, ensure_ascii=False) if as_json else text)
        return
    role = MailRole.COMMAND if asked == "command" else MailRole.ANSWER
    own = answers.letter_words(raw, role)
    found = _understand(own, asked, (day or datetime.now(UTC)).replace(tzinfo=UTC))
    if as_json:
        told = {
            "text": own.text or ("" if own.unseen else text),
            "means": found.means,
            "sure": found.sure,
            "why": " / ".join(found.why),
            "until": found.until,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(found.means)
    click.echo(f"  sure: {found.sure}")
    for name, value in (("why", " / ".join(found.why)), ("until", found.until or "")):
        click.echo(f"  {name}: {plain(value) or '-'}")


def _understand(own: OwnWords, asked: str, now: datetime) -> Understood:
    """Ask whoever reads answers to this question."""
    if asked in answers.ASKED:
        return answers.understand(own, asked, now.date())
    means = "unclear"
    if asked == "moderate" and (ruling := rulings.read(own.text)) is not None:
        means = ruling.word.value
    elif asked == "issue" and (
        order := editor_orders.read(own.text, now.timestamp(), ZoneInfo("UTC"))
    ):
        means = order.means
    why = own.text.strip().split("\n")[0][:100]
    return Understood(means, 0.3) if means == "unclear" else Understood(means, 1.0, (why,))


@explain.command("bounce")
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain_bounce(file: BinaryIO, *, as_json: bool) -> None:
    """Say whom the bounce in FILE is about, and for which reason. Needs no database.

    A file that does not begin with header fields is bare text: what a server answered.

    \b
    Examples:
      krets explain bounce bounce.eml
      echo '550 5.1.1 User unknown' | krets explain bounce - --json
    """
    raw = file.read(MAX_FILE + 1)
    if len(raw) > MAX_FILE:
        raise BadInput(f"The file is larger than {MAX_FILE} bytes.")
    found = (
        bounces.read(raw) if answers.is_mail(raw) else bounces.said(clean(decode(raw[:MAX_TEXT])))
    )
    if as_json:
        told = {"kind": found.kind, "recipient": found.recipient, "status": found.status}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(found.kind)
    for name, value in (("recipient", found.recipient), ("status", found.status)):
        click.echo(f"  {name}: {plain(value) or '-'}")


def own_words(raw: bytes) -> str:
    """Return what a reply says; ``raw`` is a message, or bare text."""
    found = answers.quoted(raw)
    return found.text or found.trimmed


def read_message(file: BinaryIO) -> bytes:
    """Read one message from FILE with CRLF line ends, as it would have come by SMTP."""
    raw = file.read(MAX_FILE + 1)
    if len(raw) > MAX_FILE:
        raise BadInput(f"The file is larger than {MAX_FILE} bytes.")
    if not raw.strip():
        raise BadInput("The file is empty.", "Give one message: header fields, a blank line, text.")
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines[0].startswith(b"From ") and not lines[0].startswith(
        b"From :"
    ):  # the separator of an mbox with one message
        lines = lines[1:]
    return b"\r\n".join(lines)


def _envelope(reading: facts.PostReading) -> str:
    for value in reading.head.all("return-path"):
        return message.text_of(value).strip(" <>")
    return reading.authors[0] if reading.authors else "unknown@invalid"
