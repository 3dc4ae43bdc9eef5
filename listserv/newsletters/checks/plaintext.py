"""Check the plain text of an issue, which terminals, old programs and previews show. Pure.

    findings(body, text, html)    # the draft's own text; both parts as they leave

Each is told once, with the first words that show it.
"""

import re
from collections.abc import Iterator

from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.writing import html_tags

WIDE = 78  # characters of a line (RFC 5322 section 2.1.1)
LONG_LINK = 250  # characters of an address, which nothing can wrap
MANY = 40  # words from which two parts can be compared
SHARE = 0.5  # of the words of the HTML that the text should have
_LINK = re.compile(r"(?:https?://|mailto:)\S+|\[\d+\]")
_WORD = re.compile(r"\w+")
_MARKUP = re.compile(
    r"</?(?:a|b|i|u|p|br|div|span|font|table|tr|td|th|ul|ol|li|img|h[1-6]|strong|em|center|style"
    r"|script|html|body|mj-[a-z]+)(?:\s[^<>]*)?/?>"
    r"|&(?:nbsp|amp|lt|gt|quot|[a-z]{2,6}uml|[aeiou](?:grave|acute|circ)|#\d{2,5});"
    r"|\*\*\w|\w\*\*|\]\(\s*(?:https?:|mailto:)|^#{2,6}\s|\{%",
    re.IGNORECASE | re.MULTILINE,
)
_CODE = "    "  # what code is indented by


def findings(body: str, text: str, html: str) -> Iterator[Finding]:
    """Say what makes the plain text a worse letter than the HTML."""
    if not _WORD.search(_LINK.sub(" ", body)):
        yield Finding("text-empty", "the plain text says nothing: it has no words but addresses")
        return
    mine, theirs = _count(text), _count(_shown(html))
    if theirs >= MANY and mine < SHARE * theirs:
        yield Finding(
            "text-thin",
            f"the plain text has {mine} words, the HTML {theirs}: something is missing from it",
            values={"text": mine, "html": theirs},
        )
    lines = body.split("\n")
    wide = next((line for line in lines if _is_wide(line)), "")
    if wide:
        said = " ".join(wide.split())[:60]
        yield Finding(
            "text-wide",
            f'the plain text has a line of {len(wide)} characters that cannot be wrapped: "{said}"',
            values={"words": said, "size": len(wide)},
        )
    prose = "\n".join(line for line in lines if not line.startswith(_CODE))
    markup = _MARKUP.search(prose)
    if markup is not None:
        near = " ".join(prose[max(0, markup.start() - 10) : markup.end() + 20].split())[:60]
        yield Finding(
            "text-markup",
            f'readers see markup as it was written: "{near}"',
            values={"words": near},
        )


def _is_wide(line: str) -> bool:
    """Tell whether a line is too wide for what it is: a table, code, a word without an end."""
    most = LONG_LINK if _LINK.search(line) else WIDE
    return len(line) > most


def _count(text: str) -> int:
    return len(_WORD.findall(_LINK.sub(" ", text)))


def _shown(html: str) -> str:
    """Return the words that HTML shows."""
    return " ".join(
        words
        for one, words in html_tags.walk(html)
        if words and one.tag not in {"style", "title", "script", "head"} and not _is_hidden(one)
    )


def _is_hidden(element: html_tags.Element | None) -> bool:
    while element is not None:
        if "display:none" in element.attributes.get("style", "").replace(" ", ""):
            return True
        element = element.above
    return False
