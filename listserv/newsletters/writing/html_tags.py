"""Tags: walk HTML from the first to the last, in one pass. Pure.

SECURITY: hostile; what it takes is linear in the markup (the standard library's parser takes a
minute for 60 KB of ``<a <a <a``). Whoever calls bounds the size; ``walk`` keeps at most ``DEEP``
open elements.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape

DEEP = 100
TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]{0,30})([^<>]{0,5000})>|<[!?][^<>]{0,5000}>")
VOID = {"br", "img", "hr", "meta", "link", "input", "col", "wbr", "area", "base"}
_ATTRIBUTE = re.compile(r"""(?<![\w-])([a-zA-Z-]{1,40})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))""")


@dataclass(frozen=True, slots=True)
class Element:
    """Hold an element as it was opened, and the one it stands in."""

    tag: str
    attributes: Mapping[str, str]
    above: "Element | None" = None
    classes: frozenset[str] = frozenset()


def walk(markup: str) -> Iterator[tuple[Element, str | None]]:
    """Yield (an element, None) where it opens, and (an element, words) for what stands in it."""
    markup = uncommented(markup)
    stack = [Element("", {})]
    at = 0
    for tag in TAG.finditer(markup):
        if tag.start() > at:
            yield stack[-1], unescape(markup[at : tag.start()])
        at = tag.end()
        name = (tag[2] or "").lower()
        if tag[1]:
            _close(stack, name)
        elif name:
            given = attributes(tag[3])
            classes = frozenset(given.get("class", "").split())
            opened = Element(name, given, stack[-1], classes)
            yield opened, None
            if name not in VOID and not tag[3].endswith("/") and len(stack) < DEEP:
                stack.append(opened)
    if at < len(markup):
        yield stack[-1], unescape(markup[at:])


def _close(stack: list[Element], name: str) -> None:
    for depth in range(len(stack) - 1, 0, -1):
        if stack[depth].tag == name:
            del stack[depth:]
            return


def uncommented(markup: str) -> str:
    """Return ``markup`` without comments, and so without what Outlook alone reads."""
    return without(markup, "<!--", "-->")


def without(text: str, opens: str, ends: str) -> str:
    """Return ``text`` without what stands between two marks, and them; in one pass."""
    parts, at = [], 0
    while (start := text.find(opens, at)) >= 0:
        end = text.find(ends, start + 2)  # "<!-->" is a whole comment
        if end < 0:
            break
        parts.append(text[at:start])
        at = end + len(ends)
    return "".join([*parts, text[at:]])


def attributes(text: str) -> dict[str, str]:
    """Return the attributes that stand in a tag."""
    found = _ATTRIBUTE.finditer(text)
    return {one[1].lower(): unescape(one[2] or one[3] or one[4] or "") for one in found}
