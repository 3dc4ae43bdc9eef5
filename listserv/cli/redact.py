"""The command that takes something out of an archive, and says truly whether it is gone."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from archive.erasure import redaction
from archive.erasure.mentions import Mention
from archive.erasure.mentions import mentions_of as find_mentions
from archive.erasure.removal_proof import RemovalProof
from archive.pages import views
from archive.site import build as pages
from archive.site import removal_check, whole_archive
from listserv.cli.archive_application import SHOWN, ArchiveApplication, counting, lists_of
from listserv.cli.terminal import agree, plain, print_json, say
from listserv.newsletters.writing import pictures
from mailer.errors import BadInput, Refused
from subscriptions.lists.roster import MailList


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
    app: ArchiveApplication,
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
    lst = lists_of(app, list_address)[0]
    request = redaction.Request(messages, files, people, phrases, inside, unquoted)
    if request == redaction.Request(inside=inside):
        raise BadInput("Nothing was named.", "Give --message, --attachment, --person or --phrase.")
    if inside and not phrases:
        raise BadInput("--in says where a phrase goes.", "Give the words with --phrase.")
    with app.store.read() as session:
        plan = redaction.prepare(session, lst, request)
        mentions = find_mentions(session, lst, plan, people) if people else []
    said = {
        "messages": len(plan.messages),
        "files": len(plan.files),
        "names": len(plan.names),
        "phrases": len(phrases),
        "people": len(people),
        "quotes": len(unquoted),
    }
    say(", ".join(f"{count} {word}" for word, count in said.items() if count) + " will go.")
    for note in plan.notes:
        say(note)
    listed = [{**asdict(one), "command": one.command(lst)} for one in mentions]
    if dry_run:
        _tell_mentions(lst, mentions, as_json=as_json)
        if as_json:
            told = {"looked": 0, "left": [], "closed": [], "exports": [], "mentions": listed}
            print_json({**said, **told, "dry_run": True})
        return
    agree(f"Take this out of the archive of {lst.address} for good?", yes=yes)
    removed = {hash_ for hash_, _ in plan.messages}
    with app.store.read() as session:
        removed |= views.removed_of(session, lst).messages
        shown = pictures.shown_elsewhere(session, lst.id, plan.brought, removed)
    with app.store.write() as session:
        redaction.apply(session, lst, plan, time.time())
        pictures.forget(session, lst, {*plan.files, *(plan.brought - shown)})
    proof, folders = _build_and_prove(app, lst)
    if as_json:
        told = {"looked": proof.looked, "left": list(proof.left), "closed": list(proof.closed)}
        more = {"exports": [str(one) for one in folders], "mentions": listed}
        print_json({**said, **told, **more, "dry_run": False})
    for name in proof.left:
        click.echo(name, err=as_json)
    for folder in folders:
        say(f"Written anew: {folder}. What was copied from there elsewhere is not.")
    if proof.left:
        raise Refused(
            f"{len(proof.left)} of {proof.looked} files still hold some of it.",
            "What came with a mail is taken out by --attachment NAME; an export that cannot be"
            " written anew, by hand.",
        )
    say(f"{proof.looked} files looked into: none holds it any more. Backups do, until replaced.")
    _tell_closed(proof)
    _tell_mentions(lst, mentions, as_json=as_json)


def _tell_mentions(lst: MailList, mentions: Sequence[Mention], *, as_json: bool) -> None:
    """List where a person still stands in others' words, each with what takes it out there."""
    if as_json or not mentions:
        return
    say(f"In others' words there are {len(mentions)} places that may be this person. You decide:")
    for one in mentions:
        click.echo(plain(f"{one.kind}\t{one.text}\t{one.command(lst)}"))


def _tell_closed(proof: RemovalProof) -> None:
    """Say which files nobody can search."""
    if proof.closed:
        say(f"{len(proof.closed)} of them show words as pictures, or are sealed. Look yourself:")
    for name in proof.closed[:SHOWN]:
        say(f"  {name}")


def _build_and_prove(app: ArchiveApplication, lst: MailList) -> tuple[RemovalProof, list[Path]]:
    """Write the pages and exports of ``lst`` anew; return what a look found, and the exports."""
    root, base_url = app.settings.archive_path, app.settings.listserv.base_url
    with pages.rendering(app.store), counting(app, lst) as progress:
        whole_archive.build(app.store, root, base_url, lst, progress)
        folders = removal_check.renew_exports(app.store, base_url, lst)
    return removal_check.look(app.store, root, lst), folders
