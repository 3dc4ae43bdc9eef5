"""Read an owner's own rules about posts, one a line, and say which of them a post meets.

    drop from *@spam.example          hold subject *lottery*
    hold header X-Mailer: *Bulk*      hold file *.exe
    refuse from bob@example.net       hold larger 200000
    hold score 5                      hold language ru

Pure. A pattern is plain text in which ``*`` stands for anything, in any case; it is matched in one
pass from left to right, so no pattern and no post can make it slow. SECURITY: an owner's lines are
bounded in number and length; a post is a stranger's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailer.errors import BadInput

MAX_RULES = 50
MAX_PATTERN = 200  # characters
MAX_VALUE = 2000  # characters of a header or a name that are looked at
VERBS = ("hold", "refuse", "drop")
_PLAIN = ("from", "subject", "file", "language")
_NUMBERS = ("larger", "score")


@dataclass(frozen=True, slots=True)
class PostRule:
    """Hold one line of an owner's rules: what to do, where to look, and what must stand there."""

    verb: str
    part: str  # from, subject, header, file, language, larger or score
    pattern: str
    header: str = ""

    @property
    def text(self) -> str:
        """Return the line as it is shown with whatever it held."""
        where = f"header {self.header}:" if self.part == "header" else self.part
        return f"{self.verb} {where} {self.pattern}"


@dataclass(frozen=True, slots=True)
class PostTraits:
    """Hold what an owner's rules may know of a post."""

    authors: Sequence[str] = ()
    subject: str = ""
    headers: Callable[[str], Sequence[str]] = field(default=lambda _name: ())
    files: Sequence[str] = ()
    language: str = ""
    size: int = 0
    score: float | None = None  # of the filter in front


def read(text: str) -> tuple[PostRule, ...]:
    """Return the rules in ``text``; raise BadInput that names the line which is none."""
    lines = [line.strip() for part in text.splitlines() for line in part.split(";")]
    wanted = [line for line in lines if line and not line.startswith("#")]
    if len(wanted) > MAX_RULES:
        raise BadInput(f"A list can have {MAX_RULES} rules, and no more.")
    return tuple(map(_rule, wanted))


def check(text: str) -> str:
    """Return the rules as they are kept, one a line."""
    return "\n".join(rule.text for rule in read(text))


def met(rules: Sequence[PostRule], post: PostTraits) -> list[PostRule]:
    """Return the rules that a post meets, in their order."""
    return [rule for rule in rules if _meets(rule, post)]


def matches(pattern: str, value: str) -> bool:
    """Tell whether ``value`` is what ``pattern`` says, ``*`` standing for anything."""
    said = value[:MAX_VALUE].casefold()
    first, *rest = pattern.casefold().split("*")
    if not rest:
        return said == first
    *middle, last = rest
    if not said.startswith(first) or len(said) < len(first) + len(last):
        return False
    at, end = len(first), len(said) - len(last)
    for piece in middle:
        found = said.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return said.endswith(last)


def _rule(line: str) -> PostRule:
    verb, _, rest = line.partition(" ")
    part, _, pattern = rest.strip().partition(" ")
    verb, part, pattern = verb.casefold(), part.casefold(), pattern.strip()
    header = ""
    if part == "header":
        header, colon, pattern = pattern.partition(":")
        header, pattern = header.strip(), pattern.strip()
        if not colon or not header.isascii() or not header:
            raise _unread(line)
    if verb not in VERBS or part not in (*_PLAIN, *_NUMBERS, "header"):
        raise _unread(line)
    if not pattern or len(pattern) > MAX_PATTERN:
        raise _unread(line)
    if part in _NUMBERS and not _is_number(pattern):
        raise _unread(line)
    return PostRule(verb, part, pattern, header)


def _unread(line: str) -> BadInput:
    return BadInput(
        f"{line[:80]!r} is no rule about posts.",
        "Write one as: hold subject *lottery*, drop from *@spam.example, hold header X-Mailer: *x*,"
        " hold file *.exe, hold larger 200000, hold score 5, hold language ru.",
    )


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)  # no NaN
    except ValueError:
        return False


def _meets(rule: PostRule, post: PostTraits) -> bool:
    if rule.part == "larger":
        return post.size > float(rule.pattern)
    if rule.part == "score":
        return post.score is not None and post.score >= float(rule.pattern)
    return any(matches(rule.pattern, value) for value in _values(rule, post))


def _values(rule: PostRule, post: PostTraits) -> Sequence[str]:
    if rule.part == "header":
        return post.headers(rule.header)
    if rule.part == "from":
        return post.authors
    if rule.part == "file":
        return post.files
    return [post.subject if rule.part == "subject" else post.language]
