"""Set a mail's text for reading: join hard-wrapped prose, keep verse and code as they are.

Mail programs break lines at 72 characters; on a telephone such lines break again in the middle.
A paragraph whose lines all run to the margin is prose and flows; short lines are meant; what is
indented, aligned or full of signs is code. When in doubt, lines stay lines.
"""

import re
import textwrap
from dataclasses import dataclass
from enum import StrEnum

MARGIN = 50  # characters; a line that was broken by a mail program is at least this long
_BLANK = re.compile(r"\n[ \t]*\n+")
_ITEM = re.compile(r"\s{0,8}(?:[-*+\u2022\u2013]|\d{1,3}[.)]|\[\d{1,3}\])\s")
_CODE = re.compile(
    r" {4,}\S|\t|.*\S {3,}\S.*\s{3,}\S|[$#>] ?\S+ |diff --git|@@ |(?:[+-]{3}) [ab]/|```"
    r"|.*[{};]\s*$"
    r"|\s*[|+][-=+|]{3}"
)
_CODED = re.compile(r" {3}|[\t$#>@`{};|]|diff |\+\+\+|---")  # in each line that is _CODE
_SIGNS = re.compile(r"[^\w\s.,:;!?'\"()@/%&\u2010-\u2027-]")
_QUOTE_MARK = re.compile(r"^(?:[ \t]{0,3}>)[ \t]?", re.MULTILINE)


class ParagraphSetting(StrEnum):
    """Say how a paragraph is set."""

    PROSE = "prose"
    LINES = "lines"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Hold one paragraph; ``text`` of prose is one line."""

    kind: ParagraphSetting
    text: str


def paragraphs(text: str) -> list[Paragraph]:
    """Return ``text`` as paragraphs."""
    found: list[Paragraph] = []
    for part in _BLANK.split(text.expandtabs(8)):
        lines = [line.rstrip() for line in part.split("\n") if line.strip()]
        if not lines:
            continue
        if _is_code(lines):
            _code(found, lines)
        else:
            found.extend(_prose(lines))
    return _dedented(found)


def unquote(text: str) -> str:
    """Return a quote without its first level of marks."""
    return _QUOTE_MARK.sub("", text)


def _is_code(lines: list[str]) -> bool:
    if _ITEM.match(lines[0]) and not lines[0].startswith(("+", "-", "    ")):
        return False
    text = "\n".join(line[:200] for line in lines)
    coded = sum(1 for line in lines if _CODE.match(line[:200])) if _CODED.search(text) else 0
    signs = len(_SIGNS.findall(text))
    return coded * 2 > len(lines) or (len(lines) > 1 and signs * 4 > len(text) - len(lines) + 1)


def _code(found: list[Paragraph], lines: list[str]) -> None:
    """Add code; neighbouring pieces that a blank line parted are one."""
    text = "\n".join(lines)
    if found and found[-1].kind is ParagraphSetting.CODE:
        found[-1] = Paragraph(ParagraphSetting.CODE, f"{found[-1].text}\n\n{text}")
    else:
        found.append(Paragraph(ParagraphSetting.CODE, text))


def _dedented(found: list[Paragraph]) -> list[Paragraph]:
    """Return ``found`` with the indentation off that only said: this is code."""
    return [
        Paragraph(p.kind, textwrap.dedent(p.text)) if p.kind is ParagraphSetting.CODE else p
        for p in found
    ]


def _prose(lines: list[str]) -> list[Paragraph]:
    """Join the lines that were broken at a margin; items of a list begin anew."""
    widest = max(len(line) for line in lines)
    groups: list[list[str]] = []
    for line in lines:
        if groups and not _ITEM.match(line) and _runs_on(groups[-1][-1], line, widest):
            groups[-1].append(line)
        else:
            groups.append([line])
    joined = [" ".join(part.strip() for part in group) for group in groups]
    if len(joined) == 1:
        return [Paragraph(ParagraphSetting.PROSE, joined[0])]
    return [Paragraph(ParagraphSetting.LINES, "\n".join(joined))]


def _runs_on(above: str, line: str, widest: int) -> bool:
    """Tell whether ``line`` continues ``above``: its first word would not have fitted there."""
    if len(above) < MARGIN or widest > 100:  # noqa: PLR2004 - wider is not wrapped at all
        return False
    return len(above) + 1 + len(line.split(" ", 1)[0]) > min(widest, 80) - 8
