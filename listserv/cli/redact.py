"""The command that takes something out of an archive, and says truly whether it is gone."""

from dataclasses import asdict

import click

from archive.erasure.mentions import Mention
from archive.erasure.redaction import Request
from archive.erasure.removal_proof import RemovalProof
from listserv.actions import archive as actions
from listserv.actions.archive import ArchiveRedacted, RedactArchive, RedactionPlanned
from listserv.cli.archive_progress import SHOWN, counting
from listserv.cli.terminal import agree, asked, plain, print_json, say
from listserv.wiring.app import App
from mailer.errors import Refused


@click.command("redact")
@click.argument("list_address", metavar="LIST")
@click.option("--message", "messages", multiple=True, help="A Message-ID or permalink: it goes.")
@click.option("--attachment", "files", multiple=True, help="A file's name or address: it goes.")
@click.option("--person", "people", multiple=True, help="An address: it and its names go.")
@click.option("--phrase", "phrases", multiple=True, help="Words: they go wherever they stand.")
@click.option("--in", "inside", default="", metavar="MESSAGE", help="Only there: --phrase.")
@click.option("--quotes", "unquoted", multiple=True, help="A message: what it quotes goes.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def redact(
    app: App,
    /,
    list_address: str,
    messages: tuple[str, ...],
    files: tuple[str, ...],
    people: tuple[str, ...],
    phrases: tuple[str, ...],
    inside: str,
    unquoted: tuple[str, ...],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take a message, a file, a person or a phrase out of the archive of LIST, for good.

    Pages, feeds, mbox and JSON are written anew, in the exports on this machine too, and then every
    file is looked into, packed and coded as it may be: exit 1 where one still holds what was to go.
    Addresses of pages stay. What other people quoted of a removed message goes too, and what it was
    called. A person's mails stay without their name and address; where they still stand in others'
    words, as a first name under a greeting or in a quote, is listed for you to decide, each with
    the command that takes it out there alone. Nobody is shown the pictures of a removed issue any
    more, unless another issue shows them.

    \b
    Examples:
      krets archive redact friends@example.org --message 20261122.1@mail.example.org
      krets archive redact friends@example.org --person anna@example.org --phrase "070 123 45 67"
      krets archive redact friends@example.org --phrase Anna --in 20261122.2@mail.example.org
      krets archive redact friends@example.org --quotes 20261122.2@mail.example.org
    """
    request = Request(messages, files, people, phrases, inside, unquoted)
    wanted = RedactArchive(list_address, request)
    planned = actions.plan_redaction(asked(app), wanted)
    said = ", ".join(f"{count} {word}" for word, count in planned.counts.items() if count)
    say(f"{said} will go.")
    for note in planned.notes:
        say(note)
    if dry_run:
        _tell_mentions(planned, as_json=as_json)
        if as_json:
            print_json(_object(planned, None))
        return
    agree(f"Take this out of the archive of {planned.list} for good?", yes=yes)
    done = actions.redact(asked(app), wanted, counting)
    if as_json:
        print_json(_object(planned, done))
    _tell(done, as_json=as_json)
    _tell_mentions(planned, as_json=as_json)


def _tell(done: ArchiveRedacted, *, as_json: bool) -> None:
    """Say what a look into every file found; raise Refused where some of it is left."""
    proof = done.proof
    for name in proof.left:
        click.echo(name, err=as_json)
    for folder in done.exports:
        say(f"Written anew: {folder}. What was copied from there elsewhere is not.")
    if proof.left:
        raise Refused(
            f"{len(proof.left)} of {proof.looked} files still hold some of it.",
            "What came with a mail is taken out by --attachment NAME; an export that cannot be"
            " written anew, by hand.",
        )
    say(f"{proof.looked} files looked into: none holds it any more. Backups do, until replaced.")
    if proof.closed:
        say(f"{len(proof.closed)} of them show words as pictures, or are sealed. Look yourself:")
    for name in proof.closed[:SHOWN]:
        say(f"  {name}")


def _object(planned: RedactionPlanned, done: ArchiveRedacted | None) -> dict[str, object]:
    proof = done.proof if done is not None else RemovalProof()
    return {
        **planned.counts,
        "looked": proof.looked,
        "left": list(proof.left),
        "closed": list(proof.closed),
        "exports": [str(one) for one in done.exports] if done is not None else [],
        "mentions": [
            {**asdict(one), "command": command_for(one, planned.list)} for one in planned.mentions
        ],
        "dry_run": done is None,
    }


def _tell_mentions(planned: RedactionPlanned, *, as_json: bool) -> None:
    """List where a person still stands in others' words, each with what takes it out there."""
    found = planned.mentions
    if as_json or not found:
        return
    say(f"In others' words there are {len(found)} places that may be this person. You decide:")
    for one in found:
        click.echo(plain(f"{one.kind}\t{one.text}\t{command_for(one, planned.list)}"))


def command_for(one: Mention, list_address: str) -> str:
    """Return the command that takes a mention out of its message alone."""
    place = f"{list_address}/m/{one.hash}/"
    start = f"krets archive redact {list_address}"
    if one.kind == "quote":
        return f"{start} --quotes {place}"
    return f'{start} --phrase "{one.phrase}" --in {place}'
