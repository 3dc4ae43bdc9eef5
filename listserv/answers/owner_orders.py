"""Read what an owner's mail orders about others and about the list, one order a line.

    read("Hej!\\nLägg till anna@example.org: sa ja på mötet\\ntitel: Trädgården")
    # (Order("add", who="anna@example.org", rest="sa ja på mötet"), Order("set", "title", ...))

What names another's address is never about the writer. An order that is denied ("don't remove
anna@example.org"), or that says two things, comes back as ``unclear`` with its line, so that
nothing is passed over in silence. Knows no list and no member. Pure. SECURITY: the text may be a
stranger's; lines, their length and the orders of one mail are bounded, and so is every gap.
"""

import re
from dataclasses import replace

from listserv.answers import owner_asks, owner_people, owner_renaming, owner_setting_words
from listserv.answers.owner_lexicon import bare, says, without_politeness
from listserv.answers.owner_order import UNCLEAR, Order
from templates.lexicon import fold

__all__ = ["Order", "read"]
MOST = 40  # orders of one mail
MAX_LINES = 120
MAX_LINE = 600  # characters
_REASON = 3  # words of a line of its own that says how somebody said yes
_WRAPPED = 60  # characters of a line that a mail program may have wrapped
_BULLET = re.compile(r"^\s*(?:[-*\u2022>]+|\d{1,2}[.)])\s+")
_SENTENCE = re.compile(r"(?<=[.!?;\u2026])\s+")
_COMMA = re.compile(r"[,.!;\u2026]+\s+|\s[\u2013\u2014-]+\s")
_NO = 3  # words of a clause that may be a no by itself
_LONG = {"description", "footer", "welcome"}  # settings whose text may go on below


def read(text: str, subject: str = "") -> tuple[Order, ...]:
    """Return the orders of a text, in order; else those of its subject; () for none."""
    found = _orders(text)
    if any(map(_is_meant, found)):
        return found
    above = _orders(subject)
    if not any(map(_is_meant, above)):
        return ()
    first = next((line.strip() for line in text.splitlines() if fold(line)), "")
    return tuple(
        replace(one, rest=first[:MAX_LINE]) if one.verb == "add" and not one.rest else one
        for one in above
    )


def _is_meant(order: Order) -> bool:
    """Tell whether an order is one, or is unclear about somebody else or the whole list."""
    return order.verb != UNCLEAR or bool(order.who or order.rest)


def _orders(text: str) -> tuple[Order, ...]:
    found: list[Order] = []
    waiting: list[Order] = []  # lines between two orders that nobody understands
    lines = _unwrapped([line[:MAX_LINE] for line in text.splitlines()[:MAX_LINES]])
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
            elif len(bare(line).split()) > 1:
                waiting.append(Order(UNCLEAR, line=line))
            continue
        if several[0].verb == "set" and several[0].who in _LONG:
            below, place = _goes_on(lines, place)
            several = (replace(several[0], rest=" ".join([several[0].rest, *below]).strip()),)
        found += [*(waiting if found else []), *several]
        waiting = []
    return tuple(found[:MOST])


def _unwrapped(lines: list[str]) -> list[str]:
    """Return lines with those joined that a mail program has wrapped within a sentence."""
    joined: list[str] = []
    for line in lines:
        before = joined[-1] if joined else ""
        goes_on = (
            len(before.rpartition("\n")[2]) >= _WRAPPED
            and before.rstrip()[-1:] not in set(".!?:;")
            and line.strip()[:1].islower()
            and len(before) + len(line) < MAX_LINE
        )
        if goes_on and not _of_line(line.strip()):
            joined[-1] = f"{before.rstrip()} {line.strip()}"
        else:
            joined.append(line)
    return joined


def _is_reason(line: str, before: Order, above: str) -> bool:
    """Tell whether a line says how somebody said yes whom the line above it adds."""
    says_more = len(without_politeness(bare(line)).split()) >= _REASON
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
    renamed = owner_renaming.read(line)
    if renamed:
        return (renamed,)
    if owner_people.addresses(line):
        setting = owner_setting_words.read(line)
        return (setting,) if setting else owner_people.about(line)
    whole = owner_setting_words.read(line) or owner_asks.asked(line)
    if whole is None or whole.verb == UNCLEAR:
        return _of_sentences(line) or ((whole,) if whole else ())
    return (whole,)


def _of_sentences(line: str) -> tuple[Order, ...]:
    """Read a line of several sentences: what one of them denies says nothing of the others."""
    said = [one for one in _SENTENCE.split(line) if fold(one)]
    found = [one for one in map(owner_asks.asked, said) if one is not None] if said[1:] else []
    if all(one.verb == UNCLEAR for one in found) and "?" not in line:
        parts = [one for one in _COMMA.split(line) if fold(one)]
        # "We don't need it, delete the list", and not "Don't, please, delete the list".
        if parts[1:] and not any(_only_denies(one) for one in parts):
            found = [one for one in map(owner_asks.asked, parts) if one is not None]
    return tuple(dict.fromkeys(found))


def _only_denies(part: str) -> bool:
    """Tell whether a clause is nothing but a no, or a "don't"."""
    words = without_politeness(bare(part))
    return says("not", words) and len(words.split()) <= _NO
