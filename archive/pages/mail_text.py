"""Draw what one mail says: its own words at once, quotes and signatures as folds.

What a mail says itself does not depend on its thread and is drawn once; where a quote or a
signature stands there is a hole, because what goes there depends on what stands above it on
the page (repeated_quotes.py). SECURITY: text is hostile; it leaves here escaped. Only ``Seen``
mails come in (archive/visibility/visibility.py): nothing here decides what may be shown.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from archive.visibility.visibility import Seen
from mailer.reading.attachments import Attachment
from mailer.reading.markup import FOLD, UNFOLD
from mailer.reading.prose import paragraphs, unquote
from mailer.reading.quotes import LineBlock, LineKind
from templates import drawn, page, prose, stencil

CONTEXT_LINES = 6  # a quote as short as this, with an answer below it, is shown unfolded
MAX_SHOWN = 100_000  # characters of one mail on a page; JSON, mbox and raw have the rest
MAX_LINES = 8_000  # of one mail on a page
_SIGN = re.compile(r"\A\s*(?:--|_{5,})\s*\n")
_HOLE = re.compile("\x01(\\d+)\x02")  # no mail can write these


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """Hold what a page says about a file; ``path`` is in the list's folder."""

    name: str
    type: str
    size: str
    path: str
    picture: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """Hold a stretch of a mail as its page shows it: own, context, quote or signature.

    ``above`` is the line that says who is quoted; ``source`` the lines with their marks.
    """

    kind: str
    source: str
    above: str = ""

    @property
    def text(self) -> str:
        """Return what is to be set: without marks."""
        text = self.source
        if self.kind in {"context", "quote"}:
            text = unquote(text)
        elif self.kind == "signature":
            text = _SIGN.sub("", text)
        return f"{self.above}\n\n{text}" if self.above else text

    @property
    def lines(self) -> int:
        """Return how many lines a fold says it has."""
        return self.source.strip().count("\n") + 1


def draw(language: str, seen: Seen) -> Seen:
    """Return ``seen`` with the HTML of its words; ``filled`` completes it on its page."""
    if seen.markup or seen.gone:
        body, cut = prose(paragraphs(seen.rest)), False
    else:
        blocks, cut = shown(seen.blocks)
        body = drawn("\n".join(_part(n, one) for n, one in enumerate(folds(blocks))))
    files = [file_of(one) for one in seen.attachments if not one.shown]
    cut = cut or seen.cut
    if body and not (cut or files or seen.markup or seen.gone or seen.remote):
        return replace(seen, words=str(body))
    words = page(
        "words",
        language,
        body=body,
        nothing=not (body or files or seen.markup or seen.gone),
        markup=seen.markup,
        fold=FOLD,
        unfold=UNFOLD,
        remote=seen.remote,
        cut=cut,
        gone=seen.gone,
        files=files,
    )
    return replace(seen, words=words.strip())


def filled(seen: Seen, fill: Callable[[Fold], str]) -> str:
    """Return the HTML of a drawn mail; ``fill`` says what stands where it is folded."""
    if "\x01" not in seen.words:
        return seen.words
    parts = _HOLE.split(seen.words)
    found = folds(shown(seen.blocks)[0])
    for place in range(1, len(parts), 2):
        parts[place] = fill(found[int(parts[place])])
    return "".join(parts)


def _part(number: int, fold: Fold) -> str:
    if fold.kind == "own":
        return prose(paragraphs(fold.text))
    if fold.kind == "context":
        return f"<blockquote>\n{prose(paragraphs(fold.text))}\n</blockquote>"
    return f"\x01{number}\x02"


@lru_cache(maxsize=256)  # a thread is set anew at each mail, mostly with the same folds
def folded(language: str, fold: Fold) -> str:
    """Return a fold that the reader opens."""
    outline = stencil("fold", language, ("words",), kind=fold.kind, lines=fold.lines)
    return outline.fill({"words": prose(paragraphs(fold.text))}).strip("\n")


def shown(blocks: Sequence[LineBlock]) -> tuple[list[LineBlock], bool]:
    """Return (what to show, whether that is less than all): one mail must not cost a second."""
    taken: list[LineBlock] = []
    left, lines = MAX_SHOWN, MAX_LINES
    for block in blocks:
        if left <= 0 or lines <= 0:
            return taken, True
        text = block.text[:left]
        count = text.count("\n") + 1
        if count > lines:
            text = "\n".join(text.split("\n", lines)[:lines])
        taken.append(block if text == block.text else LineBlock(block.kind, text))
        left -= len(block.text)
        lines -= count
    return taken, left < 0 or lines < 0


def folds(blocks: Sequence[LineBlock]) -> list[Fold]:
    """Return how blocks are shown; a short quote that is answered stays open."""
    found: list[Fold] = []
    pending: list[str] = []
    last_own = max((n for n, block in enumerate(blocks) if block.kind is LineKind.OWN), default=-1)
    for number, block in enumerate(blocks):
        if block.kind is LineKind.ATTRIBUTION:
            pending.append(block.text)
            continue
        if block.kind is LineKind.SIGNATURE:
            found.append(Fold("signature", block.text))
            continue
        kind = block.kind.value
        if block.kind is LineKind.QUOTE:
            short = block.text.strip().count("\n") < CONTEXT_LINES
            kind = "context" if short and last_own > number else "quote"
        found.append(Fold(kind, block.text, "\n\n".join(pending)))
        pending = []
    if pending:
        found.append(Fold("quote", "\n\n".join(pending)))
    return found


def file_of(attachment: Attachment) -> AttachedFile:
    """Return what a page says about a file."""
    size = attachment.size
    text = f"{size} B" if size < 1_000 else f"{size / 1_000:.0f} KB"  # noqa: PLR2004 - SI
    if size >= 1_000_000:  # noqa: PLR2004
        text = f"{size / 1_000_000:.1f} MB"
    return AttachedFile(
        attachment.name, attachment.type, text, f"f/{attachment.path}", attachment.picture
    )
