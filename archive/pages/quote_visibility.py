"""Show of quotes only what stands in a post that the same reader may see.

An archive that was opened later shows strangers the newer posts of a talk, and these may quote the
older ones whole. A quoted line is shown to them where it stands, in its writer's own words, in a
post of the thread that they see; otherwise a mark takes its place, and the line that says who
wrote it goes with it. Knows blocks and lines; white space, quote marks and how a program wraps make
no difference. SECURITY: markup that quotes gives way to text; searches are counted, so what is
not found in time is not shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from archive.pages.mail_text import draw
from archive.pages.page_frame import ListView, PageMail
from archive.pages.repeated_quotes import squeezed
from archive.visibility.removal import MARK
from archive.visibility.visibility import Seen
from mailer.reading.quotes import LineBlock, LineKind

TRIES = 200  # searches of a whole text for the lines of one mail
SEARCHED = 200_000  # characters of each
_QUOTING = ("<blockquote", "gmail_quote", "divRplyFwdMsg", "yahoo_quoted", "moz-cite")


@dataclass(slots=True)
class VisibleWords:
    """Hold what the posts of a thread that may be seen say in their own words."""

    lines: set[str] = field(default_factory=lambda: {""})
    texts: list[str] = field(default_factory=list)

    def hear(self, seen: Seen) -> None:
        """Take a post."""
        own = squeezed("\n".join(b.text for b in seen.blocks if b.kind is LineKind.OWN))
        self.lines.update(own.split("\n"))
        self.texts.append(own.replace("\n", "")[:SEARCHED])


def requoted(lst: ListView, mails: Sequence[PageMail]) -> list[PageMail]:
    """Return ``mails`` of a thread with nothing quoted that is not seen in it."""
    said = VisibleWords()
    for mail in mails:
        said.hear(mail.seen)
    found = []
    for mail in mails:
        seen = without_unseen(mail.seen, said)
        changed = seen is not mail.seen
        found.append(replace(mail, seen=draw(lst.language, seen)) if changed else mail)
    return found


def without_unseen(seen: Seen, said: VisibleWords) -> Seen:
    """Return ``seen`` without quoted lines that nobody ``said``; itself where there are none."""
    left = TRIES
    blocks: list[LineBlock] = []
    pending: list[LineBlock] = []
    for block in seen.blocks:
        if block.kind is LineKind.ATTRIBUTION:
            pending.append(block)
            continue
        if block.kind is LineKind.QUOTE:
            text, left = _kept(block.text, said, left)
            if not any(squeezed(line) for line in text.split("\n") if line.strip("> ") != MARK):
                pending = []
            block = block if text == block.text else LineBlock(block.kind, text)  # noqa: PLW2901
        blocks += [*pending, block]
        pending = []
    quotes = any(word in seen.markup for word in _QUOTING)
    if tuple(blocks) == seen.blocks and not quotes:
        return seen
    files = tuple(replace(one, shown=False) for one in seen.attachments)
    return replace(
        seen, blocks=tuple(blocks), markup="", rest="", attachments=files, changed=True, words=""
    )


def _kept(text: str, said: VisibleWords, left: int) -> tuple[str, int]:
    """Return (a quote without what nobody said, the searches that are left)."""
    lines: list[str] = []
    for line in text.split("\n"):
        plain = squeezed(line)
        known = plain in said.lines
        if not known and left > 0:
            left -= 1
            known = any(plain in one for one in said.texts)
        if known:
            lines.append(line)
        elif not lines or lines[-1] != f"> {MARK}":
            lines.append(f"> {MARK}")
    return "\n".join(lines), left
