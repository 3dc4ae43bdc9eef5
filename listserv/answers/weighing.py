"""Weigh each clause of an answer: for a yes to the question, against it, or neither.

    found = weigh(parts, LEAVING)           # found.is_clear: the yes may be acted on

One table of rules for each question: the first rule whose words a clause has decides about that
clause, in one table as the clause stands and in another where a negation turns it round. Words of
doubt, a question and a "but" behind a yes endanger every yes. Pure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from listserv.answers.clauses import Clause

STRONG = 15  # words nobody knows that may stand beside a wish said in so many words
SAID = 0  # beside a yes: "Yes, it is raining here too" is none
NOD = 0  # beside "ok"
_NUMBER = re.compile(r"\d{3}")
_SMALL = frozenset(("not", "no", "plain", "please", "thanks", "greeting", "bye", "spoken"))

_ALONE = {
    "bare": frozenset[str](),
    "self": frozenset(("me",)),
    "wish": frozenset(("me", "want")),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """Say on which side a clause stands that has one of ``tags``.

    One of ``beside`` must be there too, and none of ``without``. Besides the headings of
    words/answers.toml there are "other" (it is about somebody else), "known" (no word of it is
    unknown), "strange" (one is, and no word is about the list's mail), "number" (an order's),
    "bare" (nothing else is said), "self" ("not me") and "wish" ("I want to").
    """

    tags: frozenset[str]
    side: str  # strong, said, nod, against, danger, or "" for neither
    beside: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def fits(self, tags: frozenset[str]) -> bool:
        """Tell whether the rule is about a clause with these ``tags``."""
        if self.tags.isdisjoint(tags) or not self.without.isdisjoint(tags):
            return False
        return not self.beside or not self.beside.isdisjoint(tags)


@dataclass(frozen=True, slots=True)
class Table:
    """Hold the rules of one question: for plain clauses, and for negated ones."""

    plain: tuple[Rule, ...]
    negated: tuple[Rule, ...]


@dataclass(slots=True)
class Weighed:
    """Collect what speaks for a yes to the question and against it, in the writer's words."""

    strong: list[str] = field(default_factory=list)  # a wish in so many words
    said: list[str] = field(default_factory=list)  # "yes"
    nod: list[str] = field(default_factory=list)  # "ok"
    against: list[str] = field(default_factory=list)
    danger: list[str] = field(default_factory=list)  # takes a yes away, and is no no
    unknown: int = 0
    thanks: bool = False

    @property
    def yes(self) -> list[str]:
        """Return what speaks for a yes."""
        return self.strong or self.said or self.nod

    @property
    def is_clear(self) -> bool:
        """Tell whether the yes may be acted on."""
        most = STRONG if self.strong else SAID if self.said else NOD
        return bool(self.yes) and not self.danger and not self.against and self.unknown <= most


def weigh(parts: Iterable[Clause], table: Table) -> Weighed:
    """Put every clause on its side."""
    found = Weighed()
    for part in parts:
        found.unknown += len(part.unknown)
        found.thanks = found.thanks or part.has("thanks", "bye")
        parting = part.sent_off and table is LEAVING  # "yes, goodbye" leaves
        excuse = table is UNDOING and _excuses(part)  # "wrong list, take it back"
        if (_endangers(part) and not (parting or excuse)) or (part.turned and found.yes):
            found.danger.append(part.text)
        asks = part.asks and not part.polite  # "Can I come back?" says neither
        side = "" if asks else _side(part, table)
        if side:
            getattr(found, side).append(part.text)
    return found


def _side(part: Clause, table: Table) -> str:
    tags = set(part.tags)
    if part.email or part.named or "third" in tags:
        tags.add("other")
    if _NUMBER.search(part.text):
        tags.add("number")
    if not part.unknown:
        for name, more in _ALONE.items():
            if tags <= _SMALL | more:
                tags.add(name)
        tags.add("known")
    elif "list" not in tags:
        tags.add("strange")
    seen = frozenset(tags)
    rules = table.negated if part.negated else table.plain
    found = next((rule.side for rule in rules if rule.fits(seen)), None)
    if found is not None:
        return found
    return "danger" if part.negated else ""


def _excuses(part: Clause) -> bool:
    """Tell whether a clause says that something was wrong, and nothing that is a doubt."""
    return part.has("wrong") and not part.has("ask", "doubt", "spam", "auto") and not part.asks


def _endangers(part: Clause) -> bool:
    """Tell whether a clause takes a yes away in any answer."""
    wonders = part.has("ask") and not part.has("join", "confirm", "leave", "admit", "undo")
    asks = wonders or (part.has("ask") and (part.asks or "ask" in part.hits[0].tags))
    unsure = part.has("doubt", "spam", "wrong", "auto") or part.double or part.hollow
    return unsure or asks or (part.asks and not part.polite)


def _rule(tags: str, side: str, *, beside: str = "", without: str = "") -> Rule:
    return Rule(
        frozenset(tags.split()), side, frozenset(beside.split()), frozenset(without.split())
    )


JOINING = Table(
    plain=(
        _rule("no never leave stop cancel mistake wrong spam regret", "against"),
        _rule("too-much", "against"),
        _rule("pause", "danger", without="join"),  # "I need a break from mail"
        _rule("remove", "danger", beside="other"),
        _rule("remove", "against"),
        _rule("gets", "danger", beside="strange", without="join"),  # "I'd like to get my money"
        _rule("join confirm admit yes weak", "danger", beside="other"),
        _rule("asked", "danger", beside="other"),
        _rule("undo", "danger", without="yes"),
        _rule("join", "strong"),
        _rule("gets", "strong", beside="want please yes interest"),
        _rule("confirm", "strong", beside="me list"),
        _rule("confirm", "danger", beside="number"),  # "Your order 7731 is confirmed"
        _rule("confirm", "said"),  # "Agreed - lunch on Friday" is about the lunch
        _rule("want", "said", beside="list interest"),
        _rule("yes interest stay", "said"),
        _rule("want", "said", beside="wish"),
        _rule("weak asked", "nod", without="list"),  # "a lovely newsletter" is praise
    ),
    negated=(
        _rule("leave remove stop cancel", "danger", without="join want asked"),
        _rule("want join confirm asked interest receive list more me stay", "against"),
        _rule("yes weak wrong undo mistake bare", "against"),
    ),
)
LEAVING = Table(
    plain=(
        _rule("too-much", "", without="leave remove stop no never cancel stay"),
        _rule("never", "strong", beside="stop"),  # "never write to me again"
        _rule("no never mistake regret stay", "against"),
        _rule("cancel", "against", beside="leave remove"),
        _rule("stop undo", "danger", beside="leave remove"),
        _rule("leave stop", "danger", beside="other"),
        _rule("leave", "strong"),
        _rule("stop", "strong", beside="list me known receive"),
        _rule("stop", "danger"),
        _rule("cancel", "strong", beside="list me", without="other"),
        _rule("remove", "danger", beside="other"),
        _rule("remove", "strong", beside="me list known"),
        _rule("remove", "danger"),
        _rule("cancel undo join", "against"),
        _rule("gets", "against", beside="want"),
        _rule("confirm", "strong", beside="me list"),
        _rule("confirm yes", "said"),
        _rule("weak", "nod", without="list"),
    ),
    negated=(
        _rule("leave remove cancel undo mistake", "against"),
        _rule("stop", "against", without="list"),
        _rule("stop", "strong"),
        _rule("stay join receive list more", "danger", beside="other", without="asked"),
        _rule("stay join receive", "strong", without="asked"),
        _rule("list more", "strong", beside="want known", without="asked auto"),
        _rule("asked want no yes self", "against"),
    ),
)
UNDOING = Table(
    plain=(
        _rule("never", "against"),
        _rule("undo regret mistake", "danger", beside="other"),
        _rule("undo regret mistake", "strong"),
        _rule("join stay", "danger", beside="other", without="leave"),
        _rule("join stay", "strong", without="leave"),
        _rule("gets", "strong", beside="want"),
        _rule("leave stop remove", "against"),
        _rule("no", "nod"),  # "no, take me back" is a cry
    ),
    negated=(
        _rule("undo join stay receive list more interest regret", "against"),
        _rule("leave remove asked mistake self itsme", "strong"),
    ),
)


def _wished(table: Table, *more: Rule) -> Table:
    """Return a table for a wish that nobody asked about: a yes alone wishes for nothing."""
    answers = ("said", "nod")
    plain = (r for r in table.plain if r.side not in answers and r.tags != {"confirm"})
    return Table((*plain, *more), table.negated)


JOIN_WISH = _wished(JOINING, _rule("want", "strong", beside="list", without="third other"))
LEAVE_WISH = _wished(LEAVING)
ADMITTING = Table(
    plain=(
        _rule("no never leave remove stop cancel spam", "against"),
        _rule("admit join", "strong"),
        _rule("confirm", "strong", beside="me list other"),
        _rule("confirm yes", "said"),
        _rule("weak", "nod", without="list"),
    ),
    negated=(
        _rule("acquainted", "danger"),
        _rule("admit join confirm want yes weak third receive list", "against"),
    ),
)
AGREEING = Table(
    plain=(
        _rule("no never leave remove stop cancel mistake wrong spam regret", "against"),
        _rule("confirm", "strong", beside="me list"),
        _rule("confirm yes", "said"),
        _rule("weak", "nod", without="list"),
    ),
    negated=(_rule("asked want confirm yes weak me bare list", "against"),),
)
