"""Tell which quotes only repeat what stands above them on the page of their thread.

Such a quote need not stand twice: a line takes its place that says whose words and how many lines,
and leads there. Knows lines without their marks and white space, and runs of lines that a mail
program has wrapped anew; refuses to know pages. SECURITY: mail is hostile; lines are looked up
in a table, and searches of whole texts are counted and bounded, so the cost is linear.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from mailer.reading.mail_program_phrases import ATTRIBUTION_END, HEADER, MARKER, is_attribution
from mailer.reading.quotes import MAX_LINE, LineBlock

LINES = 5_000  # of one quote that are looked up; a longer one stays what it is
NEAR = 4  # ancestors whose whole text is searched for what was wrapped anew
SEARCHED = 200_000  # characters of each of them
TRIES = 12  # such searches for one quote
RUN = 20  # characters without white space that must agree; fewer stand anywhere
HEAD = 14  # lines in a row that may be the head of a mail quoted whole
BEGIN = 60  # characters of the first words that a line shows
_MARKS = (" ", ">", "\t", "|", "\xa0", "\r")
_LEADING = " \t\xa0>|"
_ENDS = (":", "\uff1a", "---")  # how every line ends that says who wrote what follows
_RULE = set("-_=*~+ ")


@dataclass(frozen=True, slots=True)
class RepeatedQuote:
    """Say where a quote stands already; ``rest`` are the lines that stand nowhere above."""

    source: str  # the hash of the message that says most of it
    lines: int
    begin: str  # its first words
    rest: str


@dataclass(slots=True)
class Above:
    """Remember what the messages of a thread say, in the order of its page."""

    # A bare line -> the first message that has it; a blank one is nobody's.
    _lines: dict[str, str] = field(default_factory=lambda: {"": ""})
    _bare: dict[str, str] = field(default_factory=dict)
    _whole: dict[str, str] = field(default_factory=dict)
    _signed: set[str] = field(default_factory=set)

    def hear(self, hash_: str, blocks: Sequence[LineBlock]) -> None:
        """Take a message: what stands below it may repeat it."""
        known = self._lines
        bare = squeezed("\n".join([block.text for block in blocks]))
        for line in bare.split("\n"):
            if line not in known:
                known[line] = hash_
        self._bare[hash_] = bare

    def signed(self, text: str) -> bool:
        """Tell whether a signature or footer stood under a message above; remember it."""
        bare = squeezed(text)
        known = bare in self._signed
        self._signed.add(bare)
        return known

    def echo(self, text: str, ancestors: Iterable[str]) -> RepeatedQuote | None:
        """Return where the quote ``text`` stands, None where most of it stands nowhere above."""
        lines = text.split("\n")
        if len(lines) > LINES:
            return None
        near = list(islice(ancestors, NEAR))
        joined = squeezed(text)
        bare = joined.split("\n")
        joined = joined.replace("\n", "")
        if near and len(joined) >= RUN and joined in self._text(near[0]):
            return RepeatedQuote(near[0], sum(map(bool, bare)), _beginning(lines), "")
        said = [self._lines.get(line) for line in bare]  # None: nobody; "": a blank line
        unknown = self._unknown(lines, bare, near, said) if None in said else []
        missing = sum(len(bare[place]) for run in unknown for place in run)
        counts = Counter(filter(None, said))
        if not counts or missing > len(joined) / 2:
            return None
        # Who is answered has said it, though most of it may be what they quote themselves.
        answered = (one for one in near if one in counts and _weight(bare, said, one) >= RUN)
        source = next(answered, None) or max(counts, key=lambda one: (counts[one], one))
        rest = "\n".join("\n".join(lines[place] for place in run) for run in unknown).rstrip("\n")
        gone = sum(1 for run in unknown for place in run if bare[place])
        begin = _beginning(lines[said.index(source) :])
        return RepeatedQuote(source, sum(map(bool, bare)) - gone, begin, rest)

    def _unknown(
        self,
        lines: Sequence[str],
        bare: Sequence[str],
        ancestors: Sequence[str],
        said: list[str | None],
    ) -> list[list[int]]:
        """Return the runs of lines that stand nowhere; note who said what was wrapped anew."""
        tries = TRIES
        left = []
        for run in _runs(said):
            if _is_head([lines[place] for place in run]):
                continue
            joined = "".join(bare[place] for place in run)
            if len(joined) >= RUN and tries > 0:
                tries -= 1
                source = next((one for one in ancestors if joined in self._text(one)), None)
                if source is not None:
                    for place in run:
                        said[place] = source
                    continue
            left.append(run)
        return left

    def _text(self, hash_: str) -> str:
        """Return all that a message says, run together."""
        if hash_ not in self._whole:
            self._whole[hash_] = self._bare.get(hash_, "")[:SEARCHED].replace("\n", "")
        return self._whole[hash_]


def squeezed(text: str) -> str:
    """Return ``text`` without quote marks and white space; its lines stay lines."""
    for mark in _MARKS:  # one after the other: a tenth of what a pattern costs
        text = text.replace(mark, "")
    return text


def _weight(bare: Sequence[str], said: Sequence[str | None], source: str) -> int:
    """Return how many characters of a quote ``source`` has said."""
    return sum(len(line) for line, one in zip(bare, said, strict=True) if one == source)


def _runs(said: Sequence[str | None]) -> list[list[int]]:
    """Return the places of lines that nobody said, neighbours together, blank ones between."""
    runs: list[list[int]] = []
    together = False
    for place, source in enumerate(said):
        if source is None and not together:
            runs.append([place])
            together = True
        elif source is None or (source == "" and together):
            runs[-1].append(place)
        else:
            together = False
    return runs


def _is_head(run: Sequence[str]) -> bool:
    """Tell whether lines only say who wrote what follows: nobody's words."""
    lines = [bare for line in run if (bare := line[:MAX_LINE].lstrip(_LEADING).rstrip())]
    if len(lines) > HEAD:
        return False
    if lines and lines[-1].endswith(_ENDS) and is_attribution(" ".join(lines)[:MAX_LINE]):
        return True
    inside = False
    for line in lines:
        if _says_who(line):
            inside = True
        elif not inside:
            return False
    return True


def _says_who(line: str) -> bool:
    """Tell whether a line is of the head of a quoted mail."""
    return bool(
        _RULE.issuperset(line)
        or MARKER.match(line)
        or HEADER.match(f"{line} ")
        or (line.endswith(_ENDS) and ATTRIBUTION_END.search(line))
    )


def _beginning(lines: Sequence[str]) -> str:
    """Return the first words of a quote, without its marks."""
    text = ""
    for line in lines[:HEAD]:
        words = " ".join(line[:MAX_LINE].lstrip(_LEADING).split())
        if not words or (not text and _says_who(words)):
            continue
        if _says_who(words):
            break
        text = f"{text} {words}".strip()
        if len(text) > BEGIN:
            cut = text[: BEGIN + 1].rpartition(" ")[0] or text[:BEGIN]
            return f"{cut.rstrip(' ,;:.')}\u2026"
    return text
