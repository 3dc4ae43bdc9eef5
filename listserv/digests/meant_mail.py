"""Tell which mails of a digest an answer to the whole of it may mean: one where that is clear.

    meant(read(raw).quoted, "Re: Potatoes", mails)     # the candidates; one alone is meant

A mail is quoted where words of its own stand in the quote, in their order and however a mail
program has broken the lines, or where the address does that stands below it alone. Who quotes the
whole digest and writes on top of it has named nothing; whoever writes below the words of one mail,
between those of others, means that one. What is left unclear is asked about. Pure.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailer.reading.quotes import LineBlock, LineKind, Quoted
from mailer.reading.subjects import bare_subject

RUN = 4  # words in a row that show what is quoted
MOST_RUNS = 4_000  # of one mail that are looked for
_MARKS = re.compile(r"^[\s>|]+", re.MULTILINE)
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"-reply\+([a-z2-7]{26})@")


@dataclass(frozen=True, slots=True)
class CandidateMail:
    """Hold a mail of a digest: its own words, and what its reader may quote of it."""

    post: int
    subject: str
    text: str


def meant(
    quoted: Quoted,
    subject: str,
    mails: Sequence[CandidateMail],
    of_token: Callable[[str], int | None],
) -> list[int]:
    """Return the posts that may be meant: the quoted ones, else all; one alone is meant.

    ``of_token`` says which post the token of a reply address stands for.
    """
    runs = _own_runs(mails)
    blocks = [
        (block, _hits(block.text, runs, of_token))
        for block in quoted.blocks
        if block.kind is not LineKind.SIGNATURE or _TOKEN.search(block.text)
    ]
    hit = {post for block, found in blocks if block.kind is not LineKind.OWN for post in found}
    if len(hit) > 1:
        between = _between(blocks)
        hit = between or hit
    if len(hit) == 1:
        return list(hit)
    said = _fold(bare_subject(subject))
    named = [one for one in mails if said and _fold(bare_subject(one.subject)) == said]
    if named and not hit:
        return [named[-1].post]
    kept = [one.post for one in mails if one.post in hit]
    return kept or [one.post for one in mails]


def tokens(text: str) -> list[str]:
    """Return the tokens of the reply addresses in a text."""
    return [one[1] for one in _TOKEN.finditer(text)]


def _between(blocks: Sequence[tuple[LineBlock, list[int]]]) -> set[int]:
    """Return the mails below whose words something is written, where more is quoted behind it."""
    found: set[int] = set()
    above: list[int] = []
    for place, (block, hits) in enumerate(blocks):
        if block.kind is not LineKind.OWN:
            above = hits or above
        elif above and block.text.strip() and any(more for _, more in blocks[place + 1 :]):
            found.add(above[-1])
    return found


def _own_runs(mails: Sequence[CandidateMail]) -> dict[tuple[str, ...], int]:
    """Return the runs of words that stand in one mail alone, with the post that has them."""
    theirs = {one.post: _runs(_words(one.text)) for one in mails}
    many = Counter(run for some in theirs.values() for run in set(some))
    return {run: post for post, some in theirs.items() for run in some if many[run] == 1}


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the runs of a mail; the whole of a short one."""
    if len(words) < RUN:
        return [tuple(words)] if words else []
    return [tuple(words[at : at + RUN]) for at in range(min(len(words) - RUN + 1, MOST_RUNS))]


def _hits(
    text: str, runs: dict[tuple[str, ...], int], of_token: Callable[[str], int | None]
) -> list[int]:
    """Return the posts that a stretch of lines quotes, in the order in which they stand last."""
    words = _words(_MARKS.sub("", text))
    places: dict[int, int] = {}
    lengths = {len(run) for run in runs}
    for at in range(len(words)):
        for length in lengths:
            post = runs.get(tuple(words[at : at + length]))
            if post is not None:
                places[post] = at
    found = sorted(places, key=places.__getitem__)
    for one in _TOKEN.finditer(text):
        post = of_token(one[1])
        if post is not None and post not in found:
            found.append(post)
    return found


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
