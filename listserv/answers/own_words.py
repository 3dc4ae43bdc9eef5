"""Find a person's own words in a mail: what is theirs and no quote, wherever it stands.

    words = read(quoted)                    # archive's view of a body, or of bare text
    words.text, words.signature             # what they wrote; sentences below a signature mark
    of_subject(subject, question)           # what a changed subject says, "" for the old one

The archive shows a mail; here it is taken for an answer, so that doubt goes the other way: words
before an attribution on the same line, sentences in a signature and a subject that somebody
changed are the writer's. Knows nothing of what words mean. Pure. SECURITY: the text is a
stranger's; every pattern looks at one line of bounded length, in a bounded number of lines.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from mailer.reading import bodies
from mailer.reading.mail_program_phrases import (
    ATTRIBUTION_START,
    HEADER,
    MARKER,
    SENT_FROM,
    is_attribution,
)
from mailer.reading.quotes import MAX_LINE, LineBlock, LineKind, Quoted, split
from templates.lexicon import fold, phrases

_HEADERS = 2  # header lines that make a quoted mail
_LINES = 200  # of a mail in which an attribution may stand behind own words
_WRAPPED = 4  # lines that an attribution spans at most
_STARTS = 40  # places of one line at which an attribution may begin
_SENTENCE = 3  # words of a signature's line that may be a sentence
_SHORTEST = 8  # letters of a subject that programs have cut short
_PREFIXES = (
    r"re|aw|sv|vs|r|rif|antw?|odp|fw|fwd|vb|i|tr|rv|wg|ha|\u043e\u0442\u0432|\u043d\u0430"
    r"|\u043f\u0435\u0440|r\u0103sp|automatic reply|autosvar"
)
_PREFIX = re.compile(
    rf"\s*(?:(?:{_PREFIXES})(?:\[\d{{1,3}}\]|\(\d{{1,3}}\))?\s?[:\uff1a]|\[[^\[\]]{{1,40}}\])\s*",
    re.IGNORECASE,
)
_EMPTY = {"", "no subject", "kein betreff", "(no subject)"}
_BEFORE_DATES = {
    *("la", "pe", "in", "il", "den", "op", "on", "at", "am", "le", "el", "em", "de", "da", "van"),
    *("il giorno", "in data", "in data di", "ziua", "pe data de", "la data de", "op datum", "fra"),
}
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")  # at its start: not wrapped from above
# Struck in plain text: "~~yes~~", "<s>yes</s>", a stroke through each letter.
_STRUCK = re.compile(
    r"~~[^~\n]{1,200}~~|<(del|s|strike)>[^<>]{1,500}</\1>|\w{0,40}[\u0335-\u0338][\w\u0335-\u0338]{0,80}",
    re.IGNORECASE,
)
# What a form has: a mail of nothing else is not empty.
_FIELD = re.compile(r"<(?:input|textarea|select|button|form|option)\b", re.IGNORECASE)
_CAPITAL = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class OwnWords:
    """Hold what a person wrote; ``signature`` has only what a signature does not say by itself.

    ``subject`` is what a subject says that they have changed; a ``replied`` one may have been
    changed by a program.
    """

    text: str
    signature: str = ""
    subject: str = ""
    replied: bool = False
    automatic: bool = False  # a machine's
    unseen: str = ""  # all of the text, where some of it is struck or hidden and not in ``text``

    @property
    def whole(self) -> str:
        """Return everything that is theirs in the body."""
        return "\n".join(part for part in (self.text, self.signature) if part)

    def under(self, subject: str, question: str = "") -> "OwnWords":
        """Return the same words under a subject, which answers a mail called ``question``."""
        said, replied = of_subject(subject, question)
        return replace(self, subject=said, replied=replied)


@lru_cache(4)  # of one mail each judge asks for the same
def read(quoted: Quoted) -> OwnWords:
    """Return a writer's own words; an empty answer over a whole mail is empty.

    For a page, nothing but a mail below Outlook's header lines is shown as what was sent; as an
    answer it says nothing, whatever the mail below it says.
    """
    whole = "\n".join(block.text for block in quoted.blocks)
    broken = _broken(whole)
    blocks = quoted.blocks if broken == whole else split(broken).blocks
    kept: list[str] = []
    signed: list[str] = []
    for before, block in pairwise((None, *blocks)):
        if block is None:
            continue
        if block.kind is LineKind.OWN:
            if (
                before is not None
                and before.kind is LineKind.ATTRIBUTION
                and _is_whole_mail(before)
            ):
                break
            kept.append(block.text.strip("\n"))
        elif block.kind is LineKind.SIGNATURE:
            signed += [line.strip() for line in block.text.splitlines() if _is_sentence(line)]
    said = "\n\n".join(text for text in kept if text.strip())
    left = _STRUCK.sub(" ", said).strip() if _STRUCK.search(said) else said
    return OwnWords(left, "\n".join(signed), unseen="" if left == said else said)


def read_mail(quoted: Quoted, raw: bytes) -> OwnWords:
    """Return a mail's own words; what its markup strikes or hides is in ``unseen`` alone."""
    found = bodies.read_seen(raw)
    if found is None:
        said = read(quoted)
        filled = not said.text and _FIELD.search(_markup(raw))
        return replace(said, unseen=filled[0]) if filled else said  # no person answers so
    whole, seen = map(read, found)
    return replace(seen, unseen=whole.unseen or whole.text)


def _markup(raw: bytes) -> str:
    return "".join(part.markup for part in bodies.read_leaves(raw))


def of_subject(subject: str, question: str = "") -> tuple[str, bool]:
    """Return what ``subject`` says beside the ``question`` that it answers, and if it is a reply's.

    A subject that a program has cut short, or put a mark before, is the old one.
    """
    bare, prefixed = " ".join(subject.split()), False
    while found := _PREFIX.match(bare):
        bare, prefixed = bare[found.end() :], True
    said, asked = fold(bare), fold(question)
    if said in _EMPTY:
        return "", prefixed
    if asked and (said in asked if len(said) >= _SHORTEST else said == asked):
        return "", True
    if asked and asked in said:
        return said.replace(asked, " ", 1).strip(), True
    return bare, prefixed


def _broken(text: str) -> str:
    """Return ``text`` with an attribution that stands behind own words on a line of its own."""
    lines = text.split("\n")
    for at, line in enumerate(lines[:_LINES]):
        cut = _begins(line[:MAX_LINE], lines[at + 1 : at + _WRAPPED])
        if cut:
            lines[at] = f"{line[:cut].rstrip()}\n\n{line[cut:].lstrip()}"
    return "\n".join(lines)


def _begins(line: str, below: list[str]) -> int:
    """Return where in ``line`` an attribution or a splitter begins behind own words, 0 for none."""
    bare = line.lstrip("> \t")
    if not bare or line.lstrip()[:1] == ">" or ATTRIBUTION_START.match(line):
        return 0
    if HEADER.match(line):
        return 0
    for tried, found in enumerate(re.finditer(r"\s+(?=\S)", line)):
        if tried == _STARTS:
            break
        rest = line[found.end() :]
        ended = line[found.start() - 1] in ".!?;)"
        begins = (
            MARKER.match(rest)
            or (ATTRIBUTION_START.match(rest) and _says_who(rest, below))
            or (ended and _CAPITAL.match(rest) and is_attribution(rest))
        )
        # Folding costs most, and nearly nothing comes so far.
        if begins and found.start() and fold(line[: found.start()]) not in _BEFORE_DATES:
            return found.end()
    return 0


def _says_who(rest: str, below: list[str]) -> bool:
    """Tell whether ``rest``, wrapped or not, is a whole attribution, and not the one below it."""
    joined = rest
    for line in (None, *below):
        if line is not None:
            if ATTRIBUTION_START.match(line) or _DATE.match(line):
                return False
            joined = f"{joined} {line.strip()}"
        if is_attribution(joined[:MAX_LINE].rstrip()):
            return True
    return False


def _is_sentence(line: str) -> bool:
    """Tell whether a signature's line says more than who signs, and with which telephone."""
    bare = line.strip()
    if any(fold(bare) in phrases("commands", meaning) for meaning in ("no", "never", "leave")):
        return True
    if SENT_FROM.match(line):
        return not phrases("answers", "not").isdisjoint(fold(bare).split())
    words = re.findall(r"[^\W\d_]{2,}", bare)
    if len(words) < _SENTENCE or "@" in bare or "//" in bare or re.search(r"\d{4}", bare):
        return False
    small = sum(1 for word in words[1:] if word.islower())
    return small * 2 >= len(words) - 1 or bare[-1] in ".!?"


def _is_whole_mail(block: LineBlock) -> bool:
    lines = block.text.splitlines()
    marked = any(MARKER.match(line[:MAX_LINE]) for line in lines)
    return marked or sum(1 for line in lines if HEADER.match(line[:MAX_LINE])) >= _HEADERS
