"""Tell a writer's own words from what they quote, their signature and a list's footer.

Knows ``>`` lines, attribution lines in many languages, the header blocks that Outlook and its
kin put above a whole quoted mail, signatures and footers. When in doubt, words are the
writer's own: losing them is worse than showing a quote. SECURITY: text is hostile; every
pattern looks at one line of at most ``MAX_LINE`` characters and the whole is linear.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailer.reading.mail_program_phrases import (
    ATTRIBUTION_END,
    ATTRIBUTION_START,
    DATED,
    DATING,
    FOOTER,
    HEADER,
    MARKER,
    is_addressed,
    is_attribution,
    is_sent_from,
    joins,
)

MAX_LINE = 1_000  # characters of a line that are looked at
MAX_LINES = 40_000  # of a mail that are judged; what is below is taken for own words
MAX_BLOCKS = 2_000  # of a mail; below, what is left is put together by kind
MAX_SET = 200  # lines of one mail in which set phrases are looked for
MAX_ATTRIBUTION = 600  # characters of one attribution, unwrapped
MAX_ATTRIBUTIONS = 300  # in one mail; more are a hostile mail, and shown as text
INDENT = 3  # white space that may stand before a quote's mark
ATTRIBUTION_LINES = 6  # an attribution wrapped by a mail program spans at most these
HEADERS = 3  # header lines in a row that make a quoted mail
DASHES_LINES = 25  # lines below a sloppy ``--`` that may still be a signature
_QUOTE = re.compile(r"\s{0,3}(?:>|\|(?:\s(?!.*\|\s*$)|$)|[A-Za-z]{1,12}>(?:\s|$))")
_RULE = re.compile(r"(?!\s*\+[-=][-=+]*\+\s*$)\s*(?:[-_=+~#*\u2014\u2013\u1427]\s*)+$")
_BY_PROGRAM = re.compile(r"@|&lt;|<|\d[:.h]\d\d|\d{4}|\bat\b.{1,80}\bat\b", re.IGNORECASE)
_CUT = re.compile(r"<[^<>\s]{1,200}@[^<>\s]{1,200}\s*\Z")  # an address without its end
_TAIL = re.compile(r"\s*>[^<>@]{0,60}[:\uff1a]\s*\Z")  # and the end, with a verb perhaps
_SENTENCE_END = re.compile(r"\w{5}[.!?:]\Z|[!?:]\Z")
_SIGN = re.compile(r"--\s*$")
_LINE = re.compile(r"_{5,}\s*$")
UNDERSCORE_LINES = 4
_ENDS = (":", "\uff1a", "---")  # how every attribution ends
_LAST = {":", "\uff1a", "-"}
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_RULES = set("-_=+~#*\u2014\u2013\u1427")  # what a rule, or a mark above a quoted mail, begins with
# What stands in each FOOTER and SENT_FROM: plain searches tell which lines to look at.
_SET = (
    *("mailing list", "unsubscribe", "you received this message", "from my ", "from mobile"),
    *(
        f"{verb} {way} "
        for verb in ("sent", "mail", "mailed", "written", "posted")
        for way in ("from", "via", "with", "by", "using")
    ),
    *("get outlook", "get [outlook", "skickat fr", "sendt fra", "inviato da", "trimis de"),
    *("verzonden ", "\u043e\u0442\u043f\u0440\u0430\u0432\u043b\u0435\u043d\u043e ", "envoy"),
    *("verstuurd v", "verstuurd met ", " outlook ", " [outlook", "outlook voor "),
    *("von meinem", "gesendet ", "diese nachricht", "enviado ", "wys", "hetetty", "\u6211\u7684"),
)


class LineKind(StrEnum):
    """Say what a stretch of lines is."""

    OWN = "own"
    ATTRIBUTION = "attribution"
    QUOTE = "quote"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Hold neighbouring lines of one kind."""

    kind: LineKind
    text: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """Hold a text taken apart; ``blocks`` in their order are the whole of it."""

    blocks: tuple[LineBlock, ...]

    @property
    def text(self) -> str:
        """Return the writer's own words."""
        return self._join(LineKind.OWN)

    @property
    def quoted(self) -> str:
        """Return what is quoted, with the lines that say from whom."""
        return self._join(LineKind.ATTRIBUTION, LineKind.QUOTE)

    @property
    def signature(self) -> str:
        """Return signatures and footers."""
        return self._join(LineKind.SIGNATURE)

    @property
    def trimmed(self) -> str:
        """Return the text as a reply: own words, and the quotes that they stand between.

        A quote at the end goes, and one at the top that an attribution introduces; a text that
        is nothing but a quote stays what it is.
        """
        blocks = [b for b in self.blocks if b.kind is not LineKind.SIGNATURE]
        own = [n for n, b in enumerate(blocks) if b.kind is LineKind.OWN]
        if not own:
            introduced = any(b.kind is LineKind.ATTRIBUTION for b in blocks)
            return "" if introduced else "\n".join(b.text for b in blocks).strip("\n")
        first = own[0] if blocks[0].kind is LineKind.ATTRIBUTION else 0
        kept = [b for b in blocks[first : own[-1] + 1] if b.kind is not LineKind.ATTRIBUTION]
        return "\n".join(b.text for b in kept).strip("\n")

    def _join(self, *kinds: LineKind) -> str:
        parts = (b.text.strip("\n") for b in self.blocks if b.kind in kinds)
        return "\n\n".join(part for part in parts if part.strip())


def split(text: str) -> Quoted:
    """Take ``text`` apart."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    return Quoted(_blocks(lines, _kinds(text, lines)))


def _blocks(lines: Sequence[str], kinds: Sequence[LineKind]) -> tuple[LineBlock, ...]:
    blocks: list[LineBlock] = []
    start = 0
    for place in range(1, len(lines) + 1):
        if place == len(lines) or kinds[place] is not kinds[start]:
            piece = "\n".join(line.rstrip() for line in lines[start:place])
            if piece.strip() or not blocks:
                blocks.append(LineBlock(kinds[start], piece))
            else:  # blank lines between two others belong to what stands above
                blocks[-1] = LineBlock(blocks[-1].kind, f"{blocks[-1].text}\n{piece}")
            start = place
    return _few([b for b in blocks if b.text.strip()])


def _few(blocks: list[LineBlock]) -> tuple[LineBlock, ...]:
    """Put what is beyond MAX_BLOCKS together by kind: no letter has so many turns."""
    rest = blocks[MAX_BLOCKS:]
    gathered = (
        LineBlock(kind, "\n".join(block.text for block in rest if block.kind is kind))
        for kind in LineKind
    )
    return (*blocks[:MAX_BLOCKS], *(block for block in gathered if block.text))


@dataclass(slots=True)
class _Scan:
    """Hold where the reading stands."""

    lines: Sequence[str]
    heads: Sequence[str]  # the lines, cut at MAX_LINE
    kinds: list[LineKind]
    attributions: dict[int, int]  # first line -> the line after the last
    fences: dict[int, int]
    last: int  # the line after the last one with a letter or digit
    own: bool = False  # own words were seen
    below: bool = False  # a signature mark was seen, and no quote since


def _kinds(text: str, lines: Sequence[str]) -> list[LineKind]:
    heads = [line[:MAX_LINE] for line in lines[:MAX_LINES]]
    fences = _fences(heads) if "```" in text or "~~~" in text else {}
    scan = _Scan(
        lines, heads, [LineKind.OWN] * len(lines), _attributions(heads), fences, _last(heads)
    )
    set_phrases = _set_phrases(text)
    here = 0
    while here < len(heads):
        head = heads[here]
        begin = head.lstrip()
        if begin[:1] == ">" and len(head) - len(begin) <= INDENT:  # the most of most replies
            scan.kinds[here], scan.below = LineKind.QUOTE, False
            here += 1
            continue
        if not (
            here in set_phrases
            or begin[:1] in _RULES
            or ">" in head  # this and the next are in each line that quotes or names a field
            or ":" in head
            or "|" in head
            or "\uff1a" in head
            or begin.startswith("Begin ")
            or here in scan.attributions
            or here in fences
        ):  # nothing that any pattern looks for: most lines of most mails
            if scan.below:
                scan.kinds[here] = LineKind.SIGNATURE
            elif begin:
                scan.own = True
            here += 1
            continue
        end, kind = _step(scan, here)
        for place in range(here, end):
            scan.kinds[place] = kind
        if kind is LineKind.OWN and any(h.strip() for h in heads[here:end]):
            scan.own = True
        here = end
    return scan.kinds


def _set_phrases(text: str) -> set[int]:
    """Return the lines of ``text`` that may say who sent it, or that a list did."""
    lower = text.lower().replace("\xa0", " ").replace("\t", " ")
    found: set[int] = set()
    for phrase in _SET:
        place = lower.find(phrase)
        while place >= 0 and len(found) < MAX_SET:
            found.add(lower.count("\n", 0, place))
            place = lower.find(phrase, place + len(phrase))
    return found


def _last(heads: Sequence[str]) -> int:
    """Return the line after the last one that says anything."""
    for place in range(len(heads), 0, -1):
        head = heads[place - 1]
        if head.strip() and not _RULE.match(head):
            return place
    return 0


def _step(scan: _Scan, here: int) -> tuple[int, LineKind]:  # noqa: PLR0911 - a kind each
    """Return (the line after, the kind) of what begins at ``here``."""
    head = scan.heads[here]
    if here in scan.fences and not scan.below:
        return scan.fences[here], LineKind.OWN
    if _QUOTE.match(head):
        scan.below = False
        return here + 1, LineKind.QUOTE
    quoted = _quoted_mail(scan, here)
    if quoted is not None:
        return quoted
    end = scan.attributions.get(here)
    if end is not None:
        return _introduced(scan, here, end)
    if FOOTER.match(head) or _is_footer(scan, here):
        return len(scan.lines), LineKind.SIGNATURE
    if here >= scan.last and head.strip():
        return len(scan.lines), LineKind.SIGNATURE  # nothing but rules from here on
    if (_SIGN.match(head) and _signs(scan, here)) or _underscores(scan, here):
        scan.below = True
    below = scan.heads[here + 1] if here + 1 < len(scan.heads) else ""
    if scan.below or is_sent_from(head, below):
        return here + 1, LineKind.SIGNATURE
    return here + 1, LineKind.OWN


def _introduced(scan: _Scan, here: int, end: int) -> tuple[int, LineKind]:
    """Judge an attribution by what follows: a quote, or a whole unmarked mail.

    Without an address, a time or a quote, somebody tells who wrote: "On Monday she wrote:".
    """
    after = end
    while after < len(scan.heads) and not scan.heads[after].strip():
        after += 1
    quoted = after < len(scan.heads) and _QUOTE.match(scan.heads[after]) is not None
    if (
        not quoted
        and after < len(scan.heads)
        and not _BY_PROGRAM.search(" ".join(scan.heads[here:end]))
    ):
        return end, LineKind.OWN
    scan.below = False
    if after < len(scan.heads) and not _QUOTE.match(scan.heads[after]) and scan.own:
        return len(scan.lines), LineKind.QUOTE
    return end, LineKind.ATTRIBUTION


def _quoted_mail(scan: _Scan, here: int) -> tuple[int, LineKind] | None:
    """Judge an 'Original Message' line or a block of header lines: a whole mail follows."""
    head = scan.heads[here]
    start = here
    if MARKER.match(head) or (_RULE.match(head) and head.strip()):
        start += 1
    elif not HEADER.match(head):
        return None
    end, found = _headers(scan, start)
    dated = any(DATING.match(line) for line in scan.heads[start:end])
    if not (MARKER.match(head) or found >= HEADERS):
        return None
    if not (MARKER.match(head) or dated):
        return end, LineKind.OWN  # "From: the car park", "To: the lake"
    scan.below = False
    if scan.own:
        return len(scan.lines), LineKind.QUOTE
    return max(end, here + 1), LineKind.ATTRIBUTION  # nothing but a forwarded mail: show it


def _headers(scan: _Scan, start: int) -> tuple[int, int]:
    """Return (the line after a block of header lines, how many there are)."""
    place, found, other = start, 0, 0
    while place < len(scan.heads) and not scan.heads[place].strip() and place - start < 3:  # noqa: PLR2004 - blank lines
        place += 1
    end = start
    while place < len(scan.heads) and other <= 1 and scan.heads[place].strip():
        if HEADER.match(scan.heads[place]):
            found, other, end = found + 1, 0, place + 1
        else:
            other += 1
        place += 1
    return end, found


def _signs(scan: _Scan, here: int) -> bool:
    """Tell whether the rule at ``here`` begins a signature."""
    if scan.heads[here].rstrip("\r") == "-- ":
        return True
    below = scan.heads[here + 1 : here + 2 + DASHES_LINES]
    return len(below) <= DASHES_LINES or any(
        _QUOTE.match(line) or ATTRIBUTION_START.match(line) for line in below
    )


def _underscores(scan: _Scan, here: int) -> bool:
    """Tell whether a rule of underscores begins a signature: the last lines, below a quote."""
    if not _LINE.match(scan.heads[here]) or scan.last - here - 1 > UNDERSCORE_LINES:
        return False
    above = next((n for n in range(here - 1, -1, -1) if scan.heads[n].strip()), None)
    return above is not None and scan.kinds[above] is LineKind.QUOTE


def _is_footer(scan: _Scan, here: int) -> bool:
    """Tell whether a rule begins a mailing list's footer: it names the list right below."""
    if not (_RULE.match(scan.heads[here]) and scan.heads[here].strip()):
        return False
    return any(FOOTER.match(line) for line in scan.heads[here + 1 : here + 3])


def _attributions(heads: Sequence[str]) -> dict[int, int]:
    """Find attribution lines, also those that a mail program has wrapped."""
    found: dict[int, int] = {}
    tried = 0
    for end, line in enumerate(heads):
        if line[:1].isdigit() and DATED.match(line):
            found.setdefault(end, _dated_end(heads, end))
        if line.rstrip()[-1:] not in _LAST or not line.rstrip().endswith(_ENDS):
            continue
        above = heads[end - 1] if end else ""
        cut = _CUT.search(above) is not None and _TAIL.match(line) is not None
        if _QUOTE.match(line) and not (cut or re.match(r">\s*wrote", line)):
            continue
        quoted = _quote_follows(heads, end)
        if not (
            ATTRIBUTION_END.search(line[-400:])
            or (above and ATTRIBUTION_END.search(joins(f"{above[-300:]} {line[-100:]}")))
            or (quoted and not _QUOTE.match(above))
            or cut
        ):
            continue
        tried += 1
        if tried > MAX_ATTRIBUTIONS:
            break
        start = _first_line(heads, end, quoted=quoted)
        if start is None and quoted and ATTRIBUTION_END.search(line[-400:]):
            start = end if any(c.isdigit() for c in line) else None
        if start is not None:
            found[start] = end + 1
    return found


def _first_line(heads: Sequence[str], end: int, *, quoted: bool) -> int | None:
    """Return where the attribution that ends at ``end`` begins, or None where it is none.

    The nearest line that begins like one ("On Monday 3 ...") wins; a blank line may only stand
    below such a line. Right above a quote an address and a date are enough.
    """
    joined = ""
    nearest: int | None = None
    blank = False
    for start in range(end, max(-1, end - ATTRIBUTION_LINES), -1):
        line = heads[start].strip()
        blank = blank or not line
        joined = joins(f"{line} {joined}".strip())
        if len(joined) > MAX_ATTRIBUTION or (start < end and _QUOTE.match(line)):
            break
        if not line:
            continue
        if not (is_attribution(joined) or (quoted and not blank and is_addressed(joined))):
            continue
        if ATTRIBUTION_START.match(line) and not _goes_on(heads, start):
            return start
        if nearest is None and not blank:
            nearest = start
            if not _goes_on(heads, start) and is_addressed(joined):
                return start
        elif nearest == start + 1 and _goes_on(heads, nearest):
            nearest = start
    return nearest


def _goes_on(heads: Sequence[str], start: int) -> bool:
    """Tell whether the line at ``start`` goes on with an attribution that begins above it."""
    above = heads[start - 1].strip() if start else ""
    if not above or _SENTENCE_END.search(above) or _QUOTE.match(above):
        return False
    first = heads[start].lstrip()[:1]
    if first == "<" or above.endswith("<") or _CUT.search(above):
        return True
    dated = ATTRIBUTION_START.match(f"{above} 1")
    return (first.isdigit() or first.islower()) and dated is not None


def _quote_follows(heads: Sequence[str], end: int) -> bool:
    below = [line for line in heads[end + 1 : end + 3] if line.strip()]
    return bool(below) and bool(_QUOTE.match(below[0]))


def _dated_end(heads: Sequence[str], start: int) -> int:
    """Return the line after Gmail's old ``2013/7/20 Name <address>``, wrapped or not."""
    line = heads[start]
    if "<" in line and ">" not in line and start + 1 < len(heads) and ">" in heads[start + 1]:
        return start + 2
    return start + 1


def _fences(heads: Sequence[str]) -> dict[int, int]:
    """Find fenced code: opening line -> the line after the closing one."""
    found: dict[int, int] = {}
    start: int | None = None
    mark = ""
    for place, line in enumerate(heads):
        match = _FENCE.match(line)
        if match is None:
            continue
        if start is None:
            start, mark = place, match[1]
        elif match[1] == mark:
            found[start] = place + 1
            start = None
    return found
