"""Read a line of an owner's mail that names somebody by address.

    about("Bo is no member any more, please take bo@example.org off", ["bo@example.org"])

What is denied, wondered about ("should we remove ...?") or says two things of one address is
``unclear``; a sentence that only tells what somebody wants denies nothing. Pure. SECURITY: the
text is a stranger's; a line's length is bounded by owner_orders.py.
"""

import re
from dataclasses import dataclass, replace
from datetime import date

from listserv.answers import answer_commands, known_words, mailed_commands, owner_lexicon
from listserv.answers.own_words import OwnWords
from listserv.answers.owner_lexicon import OrderHit, bare, says, without_politeness
from listserv.answers.owner_order import UNCLEAR, Order
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from templates import lexicon
from templates.lexicon import fold

PERSONAL = (
    "unban", "allow", "moderate", "ban", "invite", "appoint", "resume", "pause", "add", "remove",
    "find",
)  # fmt: skip
ROLES = ("owner", "moderator", "editor", "member")
_WISHES = frozenset(("leave", "remove", "stop", "cancel", "pause", "resume", "forget"))
_SPELLED = re.compile(r"[^\s<>()\[\],;:\"'«»„“”]+@[^\s<>()\[\],;:\"'«»„“”]+")
_SHORT = 4  # letters
_NAMED = re.compile(r"(?<=\s)((?:[^\W\d_][\w.'\u2019-]*[ \t]+){1,4})@")
_SENTENCE = re.compile(r"(?<=[\w)@>\"])[.!?;\u2026]+(?=\s|$)")
_CLAUSE = re.compile(r"[.!?;:,\u2026]+(?=\s|$)|\s[\u2013\u2014-]+\s|[()]")
_COLON = re.compile(r"@[^@:]{0,40}:\s*(.+)$")
_REASON = 3  # words of what tells how somebody said yes, without a colon


@dataclass(frozen=True, slots=True)
class MarkedLine:
    """Hold a line with "@" for each address, and the addresses in their order."""

    line: str
    marked: str
    addresses: tuple[str, ...]


def addresses(line: str) -> list[str]:
    """Return the addresses of a line, each once, as they are written."""
    return list(dict.fromkeys(_spelled(line)[1]))


def about(line: str) -> tuple[Order, ...]:
    """Return the orders of a line that names somebody; () where it says nothing about them."""
    said = MarkedLine(line, *_spelled(line))
    found = _read(said)
    if found and found[0].verb != UNCLEAR:
        return found
    return _each(said) or found


def _spelled(line: str) -> tuple[str, tuple[str, ...]]:
    """Return the line with "@" for its addresses, and the addresses."""
    bare_line = re.sub(r"<mailto:[^>]*>", "", line)
    found: list[str] = []
    keys: dict[str, str] = {}

    def mark(match: re.Match[str]) -> str:
        spelled = match[0]
        core = re.sub(r"^mailto:", "", spelled.strip(".*_'!?"), flags=re.IGNORECASE)
        behind = spelled[spelled.rfind(core) + len(core) :] if core else ""
        try:
            who = parse(core)
        except BadInput:
            return spelled.replace("@", " ")
        found.append(keys.setdefault(who.key, who.given))
        return f" @ {behind}" if behind.strip("*_'") else " @ "

    marked = _SPELLED.sub(mark, bare_line)
    marked = re.sub(r"[<(\[]\s*@\s*[>)\]]", " @ ", marked)
    return re.sub(r"@\s+([.!?])", r"@\1", marked), tuple(found)


def _read(said: MarkedLine) -> tuple[Order, ...]:
    """Read a line whose addresses all have the same order."""
    meant, hit = _verb(said.marked)
    names = dict.fromkeys(said.addresses)
    if meant == "add" and _is_own(said.marked):
        return ()
    if not meant:
        if _is_question(said.marked):
            return tuple(Order("find", one, line=said.line) for one in names)
        if not _might_be_own(said.marked):
            return ()
        meant = UNCLEAR
    elif hit is None or _is_denied(said.marked, hit):
        meant = UNCLEAR
    if meant == UNCLEAR or hit is None:
        return (Order(UNCLEAR, said.addresses[0], line=said.line),)
    rest = _rest(meant, said.marked, hit.language)
    if meant == "appoint":
        roles = _roles(hit.around)
        if len(roles) != 1 or len(names) != 1:
            return (Order(UNCLEAR, said.addresses[0], line=said.line),)
        rest = roles[0]
    name = _name(said.marked) if len(names) == 1 else ""
    verb = "role" if meant == "appoint" else meant
    return tuple(Order(verb, one, rest, name, said.line, hit.language) for one in names)


def _each(said: MarkedLine) -> tuple[Order, ...]:
    """Read a line that orders different things of different people ("add @ and remove @")."""
    and_ = sorted(lexicon.phrases("owners", "and"), key=len, reverse=True)
    joint = re.compile(rf"[.!?;,]+\s+|\s+(?:{'|'.join(map(re.escape, and_))})\s+", re.IGNORECASE)
    pieces = [piece for piece in joint.split(said.marked) if fold(piece)]
    begun = 0
    orders: list[Order] = []
    for piece in pieces:
        count = piece.count("@")
        named = said.addresses[begun : begun + count]
        begun += count
        if not count:
            if _verb(piece)[0] or says("not", bare(piece)) or says("wonder", bare(piece)):
                return ()
            if orders and orders[-1].verb == "add" and says("said-yes", bare(piece)):
                orders[-1] = replace(orders[-1], rest=orders[-1].rest or piece.strip())
            continue
        found = _read(MarkedLine(said.line, f" {piece} ", named))
        if not found or found[0].verb == UNCLEAR:
            return ()
        orders += found
    return tuple(orders) if len(orders) > 1 else ()


def _verb(marked: str) -> tuple[str, OrderHit | None]:
    """Return what is ordered and the words of it; ``unclear`` for two orders, "" for none."""
    said = bare(marked)
    found = (
        _meant(said) or _meant(owner_lexicon.bare_verbs(said)) or _meant(owner_lexicon.mended(said))
    )
    if len(found) > 1:
        return UNCLEAR, None
    if not found:
        return "", None
    ((meaning, hit),) = found.items()
    return meaning, hit


def _meant(said: str) -> dict[str, OrderHit]:
    """Return the orders of folded words with the longest phrase of each; none in another's."""
    every = [hit for meaning in PERSONAL for hit in owner_lexicon.hits(meaning, said)]
    every.sort(key=lambda hit: (-hit.weight, PERSONAL.index(hit.meaning)))
    if not _roles(said):
        every = [hit for hit in every if hit.meaning != "appoint"]
    taken: list[tuple[int, int]] = []
    found: dict[str, OrderHit] = {}
    for hit in every:
        begin, end = hit.span
        same = hit.span in taken and hit.meaning in found
        if not same and any(begin < last and first < end for first, last in taken):
            continue
        taken.append(hit.span)
        before = found.get(hit.meaning)
        if before is None:
            found[hit.meaning] = hit
        elif before.language != hit.language and before.span == hit.span:
            found[hit.meaning] = OrderHit(hit.meaning, "", hit.span, hit.weight, hit.around)
    if "add" in found and _roles(said) == ["member"]:
        found.pop("appoint", None)  # "we have a new member: ..."
    if "add" in found and "invite" in found:
        found.pop("add")  # "ask @ whether she wants to join"
    return found


def _is_denied(marked: str, hit: OrderHit) -> bool:
    """Tell whether the words beside an order turn it round, or only wonder about it."""
    beside = owner_lexicon.without("gone", hit.around)
    if _is_about_others(marked, hit, beside) or _is_for_later(marked, hit):
        return True
    if says("wonder", owner_lexicon.without("gone", bare(marked)), hit.language):
        return True
    if not says("not", beside, hit.language):
        return False
    if hit.meaning != "add":
        return not _only_told_of(marked, hit)
    # "She is not on the list yet. Please add @": what is told in another sentence.
    sentences = [bare(one) for one in _SENTENCE.split(marked) if fold(one)]
    ordered = [one for one in sentences if owner_lexicon.hits("add", one)]
    first = sentences.index(ordered[0]) if ordered else 0
    denied = [one for one in sentences[: first + 1] if says("not", one, hit.language)]
    return bool(denied) or not ordered


def _is_own(marked: str) -> bool:
    """Tell whether somebody adds an address of their own."""
    ordered = [one for one in _CLAUSE.split(marked) if owner_lexicon.hits("add", bare(one))]
    beside = [hit.around for one in ordered for hit in owner_lexicon.hits("add", bare(one))]
    return any(says("own", one) for one in beside)


def _is_about_others(marked: str, hit: OrderHit, beside: str) -> bool:
    """Tell whether "@" is who is spared ("all but @"), or loses a role and not their place."""
    if hit.meaning == "remove" and set(_roles(beside)) - {"member"}:
        return True
    return hit.meaning != "appoint" and says("except", bare(marked), hit.language)


def _is_for_later(marked: str, hit: OrderHit) -> bool:
    """Tell whether an order that is done at once was meant for a day, or a case, to come."""
    if hit.meaning in {"add", "invite", "pause", "resume", "appoint"}:
        return False
    ordered = [bare(one) for one in _SENTENCE.split(marked) if _is_ordered(bare(one), hit)]
    days = {day for day in lexicon.weekdays() if len(day) > _SHORT}  # Dutch "di" is Italian "of"
    return any(
        says("later", one, hit.language) or any(word in days for word in one.split())
        for one in ordered
    )


def _only_told_of(marked: str, hit: OrderHit) -> bool:
    """Tell whether what is denied stands in a sentence before the order, about whom it names."""
    sentences = [bare(one) for one in _SENTENCE.split(marked) if fold(one)]
    ordered = [one for one in sentences if _is_ordered(one, hit)]
    if len(ordered) != 1:
        return False
    place = sentences.index(ordered[0])
    around = [owner_lexicon.without("gone", one) for one in sentences]
    denied = [at for at, one in enumerate(around) if says("not", one, hit.language)]
    return bool(denied) and all(at < place and "@" in sentences[at] for at in denied)


def _is_ordered(sentence: str, hit: OrderHit) -> bool:
    said = (sentence, owner_lexicon.bare_verbs(sentence), owner_lexicon.mended(sentence))
    return any(owner_lexicon.hits(hit.meaning, one) for one in said)


def _is_question(marked: str) -> bool:
    """Tell whether a line only asks if somebody is there ("is @ a member?")."""
    said = bare(marked)
    if "?" not in marked and not says("asking", said):
        return False
    left = without_politeness(said).replace("@", " ").split()
    known = ("on-list", "asking", "people", "filler")
    for meaning in known:
        left = owner_lexicon.without(meaning, " ".join(left)).split()
    return not left and (says("on-list", said) or says("people", said))


def _might_be_own(marked: str) -> bool:
    """Tell whether words beside another's address could be taken for the writer's own wish."""
    told = known_words.read(marked)
    own = mailed_commands.read(OwnWords(marked.replace("@", " ")), date(2000, 1, 1)).means
    return own in _WISHES or any(hit.tags & _WISHES for hit in told.hits)


def _rest(meant: str, marked: str, language: str) -> str:
    """Return what is said beside the order: how somebody said yes, or until when they pause."""
    if meant in {"pause", "resume"}:
        return " ".join(marked.replace("@", " ").split())
    if meant != "add":
        return ""
    behind = _COLON.search(marked)
    if behind and not owner_lexicon.hits("add", bare(behind[1])):
        how = bare(behind[1])
        denied = says("not", how, language)
        return behind[1].strip() if without_politeness(how) and not denied else ""
    clauses = [one.strip(" \u2013\u2014-") for one in _CLAUSE.split(marked)]
    told = [one for one in clauses if fold(one) and not _is_order(one)]
    kept = [one for one in told if says("said-yes", bare(one)) and len(one.split()) > 1]
    return ", ".join(kept)


def _is_order(clause: str) -> bool:
    said = bare(clause)
    return bool(owner_lexicon.hits("add", said)) or "@" in said or answer_commands.is_polite(clause)


def _name(marked: str) -> str:
    """Return the name before the one address: its last words with a capital."""
    match = _NAMED.search(f" {marked}")
    words_before = match[1].split() if match else []
    kept: list[str] = []
    for word in reversed(words_before):
        if not word[0].isupper() or _known(fold(word)):
            break
        kept.insert(0, word)
    return " ".join(kept)[:200]


def _known(word: str) -> bool:
    return any(says(meaning, word) for meaning in (*PERSONAL, "polite", "filler", "people"))


def _roles(said: str) -> list[str]:
    words_said = set(said.split())
    return [role for role in ROLES if words_said & lexicon.phrases("roles", role)]
