"""Compose the copies of a post: one for all readers, or one for each of their languages.

Knows a list's settings for its posts (subject tag, Reply-To, footer) and who reads which
language; how bytes change is for posts/copy_options.py. Without a footer there is one composition
for everybody; with one, our line under it is in each member's language.
"""

import json
import secrets
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

import templates
from listserv.letters import post_headers, writer_alias
from listserv.letters.post_headers import LEAVE, ListFace, Trace
from listserv.letters.writer_alias import Alias
from listserv.mailings import carrying
from listserv.mailings.audience_freezing import Choice
from listserv.mailings.slots import variant_of
from listserv.posts import copy_options
from listserv.posts.copy_options import RULE, Options
from mailer.ledger.splice import Segments
from mailer.reading import message
from mailer.reading.message import MessageHeader
from subscriptions.lists.roster import LANGUAGES, Copies, MailList, Membership, Person


def languages_of(session: Session, lst: MailList) -> tuple[str, ...]:
    """Return in which languages a post's copies are needed: the list's alone without a footer."""
    if not has_footer(lst):
        return (lst.language,)
    joined = select(Person.language).join(Membership, Membership.person_id == Person.id)
    spoken = set(session.scalars(joined.where(Membership.list_id == lst.id).distinct()))
    return tuple(one for one in LANGUAGES if one in spoken or one == lst.language)


def choice_of(lst: MailList, languages: tuple[str, ...]) -> Choice:
    """Return how a reader's composition is chosen among those in ``languages``."""
    if not has_footer(lst):
        return Choice()
    found = frozenset(variant_of(one, named=False, filled=False) for one in languages)
    return Choice(found, lst.language)


def has_footer(lst: MailList) -> bool:
    """Tell whether a list's owner has written a footer, in whatever language."""
    return bool(lst.footer or lst.footers)


def footer_in(lst: MailList, language: str) -> str:
    """Return the owner's footer in a language, else the one for all."""
    own = json.loads(lst.footers) if lst.footers else {}
    return str(own.get(language) or lst.footer)


def options_of(lst: MailList, face: ListFace, language: str, slot: str = "") -> Options:
    """Return what a list's owner wants changed in a copy for readers of ``language``.

    ``slot`` stands for a reader's own leave token; without one their way out is the list's.
    """
    footer = footer_in(lst, language)
    if footer:
        way = f"{face.page}leave/{slot}" if slot else face.sub("leave")
        line = templates.mail_part("post-footer", language, title=lst.title, way=way)
        footer = f"{RULE}\n{footer}\n\n{line}"
    return Options(
        subject_tag=lst.subject_tag,
        reply_to=lst.address if lst.reply_to_list else "",
        footer=footer,
        slot=slot if footer else "",
    )


def compose(
    raw: bytes,
    head: MessageHeader,
    lst: MailList,
    face: ListFace,
    trace: Trace,
    permalink: str,
    *,
    languages: tuple[str, ...],
    answers: str,
    own: frozenset[str],
    disowned: frozenset[str] = frozenset(),
    alias: Alias | None = None,
    doubted: bool = False,
) -> dict[int, Segments]:
    """Return a post's compositions by their variant, as ``choice_of`` chooses among them.

    ``alias`` takes the place of the writer in From; a subject says so where a writer is
    ``doubted``.
    """
    shared = lst.copies is Copies.SHARED
    slot = "" if shared else secrets.token_hex(13)  # as long as a token, and in no stranger's mail
    made = {}
    for language in languages:
        options = options_of(lst, face, language, slot)
        if doubted:
            mark = templates.mail_part("post-doubted", language)
            options = replace(options, subject_tag=f"[{mark}] {options.subject_tag}".strip())
        changed, fields = carrying.for_copies(raw, lst, permalink, language).raw, head
        if changed is not raw:
            fields = message.head(changed)
        if options:
            changed = copy_options.change(raw, head, options)
            fields = message.head(changed)
        if alias is not None:
            changed = writer_alias.munged(changed, fields, alias)
            fields = message.head(changed)
        copy = post_headers.compose(
            changed,
            fields,
            face,
            trace,
            permalink,
            answers=answers,
            shared=shared,
            own=own,
            disowned=disowned,
        )
        variant = variant_of(language, named=False, filled=False) if has_footer(lst) else 0
        made[variant] = _with_slot(copy, options.slot)
    return made


def _with_slot(copy: Segments, slot: str) -> Segments:
    """Return the copy with a slot for the token where ``slot`` stands in its last part."""
    if not slot:
        return copy
    *before, last = copy.parts
    pieces = last.split(slot.encode("ascii"))
    return Segments((*before, *pieces), (*copy.slots, *[LEAVE] * (len(pieces) - 1)))
