"""Find where a person still stands in what others wrote, for somebody to decide about.

    found = mentions_of(session, lst, plan, request.people)

A full name and an address go by themselves; a first name under somebody's "Thanks", a nickname, a
quote of what the person said do not: they may be anybody's, and they are in others' mails. Each is
told with its place, and with the words that would take it out there and nowhere else. Reads mail;
decides and changes nothing. SECURITY: a phrase in a command is one word, so no shell reads more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.erasure.redaction import RedactionPlan, address_of, senders_of
from archive.pages.repeated_quotes import squeezed
from archive.pages.views import removal_key, removed_of
from archive.threads.archive_tables import Message
from archive.visibility.removal import MARK, Removed, spelled_words, words_of
from mailer.reading.bodies import read
from mailer.reading.quotes import LineBlock, LineKind
from mailer.storage.store import get_raw
from subscriptions.lists.roster import MailList

SHORTEST = 3  # letters of a part of a name that is looked for
LONG = 20  # letters of a line that only one person wrote
CONTEXT = 60  # characters shown on each side
# Local parts that are nobody's name.
_ROLES = {"info", "mail", "post", "kontakt", "contact", "office", "admin", "lists", "hello", "web"}


@dataclass(frozen=True, slots=True)
class Mention:
    """Say where one stands; ``phrase`` is "" for a quote."""

    hash: str  # of the message
    kind: str  # subject, mention, signature, quote
    phrase: str
    text: str  # the words around it


def mentions_of(
    session: Session, lst: MailList, plan: RedactionPlan, people: Sequence[str]
) -> list[Mention]:
    """Return where ``people`` stand in others' mails when ``plan`` has been carried out."""
    keys = {address_of(one).key for one in people}
    removed = _after(session, lst, plan)
    words = _parts(plan.names, keys)
    said: set[str] = set()
    others: list[tuple[str, str, str, tuple[LineBlock, ...]]] = []
    for row in session.execute(
        select(Message.hash, Message.subject, Message.author, Message.raw_sha)
        .where(Message.list_id == lst.id)
        .order_by(Message.date, Message.hash)
    ).all():
        raw = get_raw(session, row.raw_sha) or b""
        blocks = read(raw).quoted.blocks
        if senders_of(raw) & keys:
            own = squeezed("\n".join(b.text for b in blocks if b.kind is LineKind.OWN))
            said |= {line for line in own.split("\n") if len(line) >= LONG}
        elif row.hash not in removed.messages:
            others.append((row.hash, row.subject, row.author, blocks))
    found: list[Mention] = []
    for hash_, subject, author, blocks in others:
        own_words = set(words_of(author))
        here = removed.within(hash_)
        found += _in_text(hash_, "subject", here.clean_subject(subject), words - own_words)
        quoted = hash_ in removed.quoteless
        found += _in_blocks(hash_, blocks, here, words - own_words, said, quoted=quoted)
    return list(dict.fromkeys(found))


def _in_blocks(
    hash_: str,
    blocks: Sequence[LineBlock],
    removed: Removed,
    words: set[str],
    said: set[str],
    *,
    quoted: bool,
) -> Iterator[Mention]:
    theirs = False
    for block in blocks:
        if block.kind in {LineKind.OWN, LineKind.SIGNATURE}:
            kind = "mention" if block.kind is LineKind.OWN else "signature"
            yield from _in_text(hash_, kind, removed.clean(block.text), words)
            theirs = False
        elif quoted:
            continue
        elif block.kind is LineKind.ATTRIBUTION:
            theirs = removed.clean(block.text) != block.text
        else:
            lines = squeezed(block.text).split("\n")
            text = removed.clean_quote(block.text)
            if (theirs or any(line in said for line in lines)) and _says(text):
                yield Mention(hash_, "quote", "", _short(text))
            else:
                yield from _in_text(hash_, "mention", text, words)
            theirs = False


def _in_text(hash_: str, kind: str, text: str, words: set[str]) -> Iterator[Mention]:
    """Yield each word of a name once, with what stands around it the first time."""
    seen: set[str] = set()
    for at, spelled, word in spelled_words(text):
        if word in words and word not in seen:
            seen.add(word)
            around = text[max(0, at - CONTEXT) : at + len(spelled) + CONTEXT]
            yield Mention(hash_, kind, spelled, _short(around))


def _after(session: Session, lst: MailList, plan: RedactionPlan) -> Removed:
    """Return what will be in no view when ``plan`` has been carried out."""
    now = removed_of(session, lst)
    return replace(
        now,
        key=removal_key(session, lst),
        messages=now.messages | {hash_ for hash_, _ in plan.messages},
        phrases=now.phrases | {(n, made) for kind, n, made in plan.rows if kind == "phrase"},
    )


def _parts(names: Sequence[str], keys: set[str]) -> set[str]:
    """Return the words by which somebody is called in short."""
    found = {word for name in names for word in words_of(name)}
    for key in keys:
        local = words_of(key.rpartition("@")[0].partition("+")[0])
        found |= set(local) - _ROLES
    return {word for word in found if len(word) >= SHORTEST and not word.isdigit()}


def _says(text: str) -> bool:
    """Tell whether anything is left of a quote."""
    return bool(squeezed(text.replace(MARK, "")).strip())


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= 2 * CONTEXT else f"{shown[: 2 * CONTEXT].rstrip()}\u2026"
