"""Read what an owner's mail orders about others and about the list, one order a line.

    read("Hej!\\nLägg till anna@example.org: sa ja på mötet\\ntitel: Trädgården")
    # (Order("add", who="anna@example.org", rest="sa ja på mötet"), Order("set", "title", ...))

What names another's address is never about the writer. An order that is denied ("don't remove
anna@example.org"), or that says two things, comes back as ``unclear`` with its line, so that
nothing is passed over in silence. Knows no list and no member. Pure. SECURITY: the text may be a
stranger's; lines, their length and the orders of one mail are bounded, and so is every gap.
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from listserv.answers import wish, words
from listserv.answers.own_words import OwnWords
from mailer.errors import BadInput
from mailer.reading.addresses import parse
from subscriptions.lists.list_settings import BY_NAME
from templates import lexicon
from templates.catalogue import LANGUAGES
from templates.lexicon import fold

MOST = 40  # orders of one mail
MAX_LINES = 120
MAX_LINE = 600  # characters
_REASON = 3  # words of a line of its own that says how somebody said yes
_NAME = 4  # words of a name
GAP = 6  # words that "..." may stand for
_WISHES = frozenset(("leave", "remove", "stop", "cancel", "pause", "resume", "forget"))
PERSONAL = ("unban", "allow", "moderate", "ban", "invite", "add", "remove", "find")
PLAIN = ("members", "count", "queue")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'«»„“”]+@[^\s<>()\[\],;:\"'«»„“”]+")
_NAMED = re.compile(r"(?<=\s)((?:[^\W\d_][\w.'\u2019-]*[ \t]+){1,4})@")
_BULLET = re.compile(r"^\s*(?:[-*\u2022>]+|\d{1,2}[.)])\s+")
_SETTING = re.compile(r"^([^:=]{2,60}?)\s*(?:[:=]|\s=>?\s)\s*(.*)$")
_LONG = {"description", "footer"}  # settings whose text may go on below


@dataclass(frozen=True, slots=True)
class Order:
    """Hold one order: ``who`` is an address or a setting, ``rest`` a reason, a value or a name."""

    verb: str
    who: str = ""
    rest: str = ""
    name: str = ""
    line: str = ""
    language: str = ""  # of its words


def read(text: str, subject: str = "") -> tuple[Order, ...]:
    """Return the orders of a text, in order; else those of its subject; () for none."""
    found = _orders(text)
    if any(one.verb != "unclear" or one.who for one in found):
        return found
    above = _orders(subject)
    if not any(one.verb != "unclear" or one.who for one in above):
        return ()
    first = next((line.strip() for line in text.splitlines() if fold(line)), "")
    return tuple(
        replace(one, rest=first[:MAX_LINE]) if one.verb == "add" and not one.rest else one
        for one in above
    )


def _orders(text: str) -> tuple[Order, ...]:
    found: list[Order] = []
    waiting: list[Order] = []  # lines between two orders that nobody understands
    lines = [line[:MAX_LINE] for line in text.splitlines()[:MAX_LINES]]
    place = 0
    while place < len(lines) and len(found) < MOST:
        line = _BULLET.sub("", lines[place]).strip()
        place += 1
        if not fold(line):
            continue
        several = _of_line(line)
        if not several:
            if found and not waiting and _is_reason(line, found[-1], lines[place - 2]):
                found = [_with_reason(one, found[-1], line) for one in found]
            elif len(_bare(line).split()) > 1:
                waiting.append(Order("unclear", line=line))
            continue
        if several[0].verb == "set" and several[0].who in _LONG:
            below, place = _goes_on(lines, place)
            several = (replace(several[0], rest=" ".join([several[0].rest, *below])),)
        found += [*(waiting if found else []), *several]
        waiting = []
    return tuple(found[:MOST])


def _is_reason(line: str, before: Order, above: str) -> bool:
    """Tell whether a line says how somebody said yes whom the line above it adds."""
    says_more = len(_without_politeness(_bare(line)).split()) >= _REASON
    return before.verb == "add" and not before.rest and bool(fold(above)) and says_more


def _with_reason(one: Order, last: Order, line: str) -> Order:
    return replace(one, rest=line) if one.line == last.line and one.verb == "add" else one


def _goes_on(lines: list[str], place: int) -> tuple[list[str], int]:
    """Return the lines of a text that goes on below its name, and where it ends."""
    below: list[str] = []
    while place < len(lines) and fold(lines[place]) and not _of_line(lines[place].strip()):
        below.append(lines[place].strip())
        place += 1
    return below, place


def _of_line(line: str) -> tuple[Order, ...]:
    addresses = _addresses(line)
    if addresses:
        setting = _setting(line)
        return (setting,) if setting else _about(line, addresses)
    whole = _setting(line) or _plain(line)
    return (whole,) if whole else ()


def _addresses(line: str) -> list[str]:
    found: dict[str, str] = {}
    for spelled in _ADDRESS.findall(line):
        bare = re.sub(r"^mailto:", "", spelled.strip(".*_'!?"), flags=re.IGNORECASE)
        try:
            who = parse(bare)
        except BadInput:
            continue
        found.setdefault(who.key, who.given)
    return list(found.values())


def _about(line: str, addresses: list[str]) -> tuple[Order, ...]:
    """Read a line that names somebody by address."""
    marked = _ADDRESS.sub(" @ ", re.sub(r"<mailto:[^>]*>", "", line))
    marked = re.sub(r"[<(\[]\s*@\s*[>)\]]", " @ ", marked)
    asked, reason = _cut(marked)
    verb, language, left = _verb(asked)
    if not verb and reason:
        verb, language, left = _verb(reason)
        reason = "" if verb != "add" else reason
    if verb == "add" and _says("own", left):
        return ()
    said = left if verb == "allow" else _bare(asked)  # "ta inte bort": between the words of a verb
    if (verb and _says("not", said)) or (not verb and _might_be_own(marked)):
        verb = "unclear"
    if not verb:
        return ()
    if verb == "unclear":
        return (Order("unclear", addresses[0], line=line),)
    name = _name(marked) if len(addresses) == 1 else ""
    says_more = verb == "add" and _without_politeness(_bare(reason))
    rest = reason if says_more else ""
    return tuple(Order(verb, one, rest, name, line, language) for one in addresses)


def _might_be_own(marked: str) -> bool:
    """Tell whether words beside another's address could be taken for the writer's own wish."""
    told = words.read(marked)
    own = wish.read(OwnWords(marked.replace("@", " ")), date(2000, 1, 1)).means
    return own in _WISHES or any(hit.tags & _WISHES for hit in told.hits)


def _cut(marked: str) -> tuple[str, str]:
    """Return what is asked, and what is said about it behind the last address."""
    last = marked.rindex("@") + 1
    behind = re.match(
        r"[^:;.,?!(\u2013\u2014]*?(?=\s*[:;.,?!(\u2013\u2014]|\s-\s|$)", marked[last:]
    )
    end = last + (behind.end() if behind else 0)
    return marked[:end], marked[end:].strip(" :;.,?!()<>\u2013\u2014-")


def _verb(asked: str) -> tuple[str, str, str]:
    """Return the verb, its language and what else is said; ``unclear`` for two verbs."""
    said = _bare(asked)
    hits: list[tuple[int, str, str, tuple[int, int]]] = []
    for meaning in PERSONAL:
        for language, pattern in _patterns(meaning).items():
            for match in pattern.finditer(said):
                weight = len(match[0].replace("@", "").split())
                hits.append((weight, meaning, language, match.span()))
    hits.sort(key=lambda hit: (-hit[0], PERSONAL.index(hit[1])))
    taken: list[tuple[int, int]] = []
    found: dict[str, set[str]] = {}
    for _, meaning, language, span in hits:
        same = span in taken and meaning in found
        if not same and any(span[0] < end and begin < span[1] for begin, end in taken):
            continue
        taken.append(span)
        found.setdefault(meaning, set()).add(language)
    left = said
    for begin, end in taken:
        left = left[:begin] + re.sub(r"[^\s@]", " ", left[begin:end]) + left[end:]
    if len(found) > 1:
        return "unclear", "", left
    if not found:
        return "", "", left
    ((verb, languages),) = found.items()
    return verb, next(iter(languages)) if len(languages) == 1 else "", left


def _name(marked: str) -> str:
    """Return the name before the one address: its last words with a capital."""
    match = _NAMED.search(marked)
    words = match[1].split() if match else []
    kept: list[str] = []
    for word in reversed(words):
        if not word[0].isupper() or _known(fold(word)):
            break
        kept.insert(0, word)
    return " ".join(kept)[:200]


def _known(word: str) -> bool:
    return any(
        pattern.search(word)
        for meaning in (*PERSONAL, "polite")
        for pattern in _patterns(meaning).values()
    )


def _plain(line: str) -> Order | None:
    """Read a line that asks something of the whole list."""
    words = _without_politeness(_bare(line))
    for meaning in PLAIN:
        for language in LANGUAGES:
            if words in _folded("owners", meaning, language):
                return Order(meaning, line=line, language=language)
    for language, pattern in _patterns("find").items():
        match = pattern.match(words)
        said = words[match.end() :].strip() if match else ""
        if match and 0 < len(said.split()) <= _NAME:
            return Order("find", rest=said, line=line, language=language)
    return None


def _bare(line: str) -> str:
    """Return the folded words of a line without the marks that end it."""
    return fold(line.replace("?", " ").replace("!", " "))


def _without_politeness(words: str) -> str:
    """Return folded words without what is friendly before and behind them."""
    polite = sorted(lexicon.phrases("owners", "polite"), key=len, reverse=True)
    while True:
        for one in polite:
            if words.startswith(f"{one} "):
                words = words[len(one) + 1 :]
                break
            if words.endswith(f" {one}"):
                words = words[: -len(one) - 1]
                break
        else:
            thanks = next((t for t in _thanks() if f" {words}".endswith(f" {t}")), "")
            if not thanks:
                return words
            words = words[: -len(thanks)].rstrip()


@cache
def _thanks() -> tuple[str, ...]:
    return tuple(sorted(lexicon.phrases("answers", "thanks"), key=len, reverse=True))


def _setting(line: str) -> Order | None:
    """Read "title: Friends", "change the title to Friends" or "moderate first posts"."""
    match = _SETTING.match(line)
    named = _named_setting(_without_politeness(fold(match[1]))) if match else None
    if match and named:
        name, language = named
        return Order("set", name, match[2].strip(), line=line, language=language)
    return _switch(line) or _changed(line)


def _switch(line: str) -> Order | None:
    words = _without_politeness(_bare(line))
    for way, value in (("", "yes"), ("off", "no"), ("on", "yes")):
        for begin in (
            sorted(lexicon.phrases("settings", way), key=len, reverse=True) if way else ("",)
        ):
            if begin and not words.startswith(f"{begin} "):
                continue
            bare = words[len(begin) :].strip()
            named = _named_setting(bare) or (_named_setting(_gerund(bare)) if begin else None)
            if named and BY_NAME[named[0]].is_switch and (begin or len(bare.split()) > 1):
                return Order("set", named[0], value, line=line, language=named[1])
    return None


def _gerund(words: str) -> str:
    """Return English "moderating ..." as "moderate ..."."""
    return re.sub(r"^(\w{4,})ing\b", r"\1e", words)


def _changed(line: str) -> Order | None:
    """Read "change the title to Garden Friends"."""
    words = line.split()
    for begin in range(min(len(words), 6)):
        if fold(words[begin]) not in lexicon.phrases("owners", "change"):
            continue
        for end in range(begin + 2, min(len(words), begin + 8)):
            if fold(words[end]) not in lexicon.phrases("owners", "to"):
                continue
            said = fold(" ".join(words[begin + 1 : end])).split()
            for start in range(min(len(said), 3)):
                named = _named_setting(" ".join(said[start:]))
                if named and end + 1 < len(words):
                    value = " ".join(words[end + 1 :]).strip("\"'«»„“” ")
                    return Order("set", named[0], value, line=line, language=named[1])
    return None


def _named_setting(words: str) -> tuple[str, str] | None:
    """Return which setting is named, and in which language ("" for its own name)."""
    plain = words.replace("-", "_").replace(" ", "_")
    for language in ("en", *LANGUAGES):
        for name in BY_NAME:
            if name in lexicon.tables("settings") and words in _folded("settings", name, language):
                return name, language
    return (plain, "") if plain in BY_NAME else None


def value_of(words: str, offered: tuple[str, ...]) -> str:
    """Return which of the ``offered`` values is named, "" for none."""
    said = fold(words)
    if said in offered:
        return said
    for one in offered:
        if said in lexicon.phrases("settings", f"value-{one}"):
            return one
    return ""


def spoken(name: str, language: str) -> str:
    """Return the first words of a setting or of a value ("value-members") in a language."""
    table = lexicon.tables("settings").get(name, {})
    return table[language][0] if language in table else name.removeprefix("value-")


@cache
def _folded(name: str, meaning: str, language: str) -> frozenset[str]:
    return frozenset(fold(one) for one in lexicon.tables(name)[meaning].get(language, ()))


def _says(meaning: str, words: str) -> bool:
    return any(pattern.search(words) for pattern in _patterns(meaning).values())


@cache
def _patterns(meaning: str) -> dict[str, re.Pattern[str]]:
    """Return a pattern for each language that finds a phrase of ``meaning`` in folded words."""
    table = lexicon.tables("owners")[meaning]
    return {language: _pattern(tuple(phrases)) for language, phrases in table.items()}


def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for phrase in sorted(phrases, key=len, reverse=True):
        stem = phrase.endswith("*")
        pieces = [re.escape(fold(piece.rstrip("*"))) for piece in phrase.split("...")]
        parts.append(rf"(?: \S+){{0,{GAP}}}? ".join(pieces) + (r"\S*" if stem else ""))
    return re.compile(rf"(?<![^\s])(?:{'|'.join(parts)})(?![^\s])")
