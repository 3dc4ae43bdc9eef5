"""Layout in facts: measured in a page, drawn as lines of text, compared with a drawing.

Knows what neither a font, an anti-aliasing nor a new browser changes: which texts, pictures,
fields and rules a page shows and in which order, their edges, what stands below or beside what,
the space between, sizes, paddings and colours, by width and by day and night. Refuses to know
pixels, line breaks and heights of text, which every machine has its own of. What must not be on any
page (``faults``) needs no drawing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

_MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "layout"
EDGE, SPACE, LOOSE = 3, 6, 0.2  # px; px; of the window, where the width follows the words
TOUCH = 4  # px by which two texts may lie in each other: what hangs below a line
PLACE = re.compile(
    r"(?P<left>~?-?\d+)\.\.(?P<right>~?-?\d+) (?P<stands>[a-z]+)(?P<space>[+-]\d+)?(?P<rest>.*)"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one page shows in one window, by one light."""

    rows: list[dict[str, Any]]
    ground: str
    width: int
    wide: int


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of a page: its place at each width, its colours by day and by night."""

    name: str
    places: tuple[str, ...]
    day: str
    night: str

    def __str__(self) -> str:
        """Write the line as it stands in a drawing."""
        return " | ".join((self.name, *self.places, self.day, self.night))


def measure(page: Page) -> Measured:
    """Measure what ``page`` shows now."""
    return Measured(**page.evaluate(_MEASURE))


def draw(days: list[Measured], night: Measured) -> list[Line]:
    """Return the lines of a page that was measured at some widths by day and at one by night."""
    places = [_named(one, _places(one)) for one in days]
    day, dark = (_named(one, map(_colours, one.rows)) for one in (days[0], night))
    blank = tuple("" for _ in days)
    lines = [Line("page", blank, days[0].ground, night.ground)]
    for name in dict.fromkeys(name for one in [*places, dark] for name in one):
        where = tuple(one.get(name, "absent") for one in places)
        lines.append(Line(name, where, day.get(name, "absent"), dark.get(name, "absent")))
    return lines


def hold(name: str, widths: Iterable[int], lines: list[Line]) -> list[str]:
    """Return how a page differs from its drawing; a drawing that is not there is made."""
    file = GOLDEN / f"{name}.txt"
    sizes = tuple(widths)
    if not file.exists():
        head = " | ".join(("# name", *(f"{size} px" for size in sizes), "day", "night"))
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join([head, *map(str, lines)]) + "\n", encoding="utf-8")
        pytest.fail(f"{file.name} was written: look at the page (KRETS_PICTURES) and run again")
    return differences(read(name), lines, sizes)


def read(name: str) -> list[Line]:
    """Return the lines of a drawing."""
    found = []
    for text in (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()[1:]:
        what, *places, day, night = text.split(" | ")
        found.append(Line(what, tuple(places), day, night))
    return found


def differences(known: list[Line], seen: list[Line], widths: tuple[int, ...]) -> list[str]:
    """Say each difference that a person would see."""
    said = _reworded([line.name for line in known], [line.name for line in seen])
    seen = [replace(line, name=said.get(line.name, line.name)) for line in seen]
    before, now = ([line.name for line in lines] for lines in (known, seen))
    lost, come = Counter(before) - Counter(now), Counter(now) - Counter(before)
    wrong = [f"{name}: is gone" for name in lost] + [f"{name}: is new" for name in come]
    was, stands = ([n for n in names if n in set(before) & set(now)] for names in (before, now))
    for kind, start, end, _, _ in SequenceMatcher(None, was, stands, autojunk=False).get_opcodes():
        if kind in {"delete", "replace"}:
            wrong += [f"{name}: stands elsewhere in the order" for name in was[start:end]]
    there = {line.name: line for line in seen}
    for line in known:
        other = there.get(line.name, line)
        for width, one, two in zip(widths, line.places, other.places, strict=True):
            if (why := _apart(one, two, width)) != "":
                wrong.append(f"{line.name}: {why} at {width} px ({two}, not {one})")
        for light, one, two in (("day", line.day, other.day), ("night", line.night, other.night)):
            if one != two:
                wrong.append(f"{line.name}: colour by {light} is {two}, not {one}")
    return wrong


def _reworded(before: list[str], now: list[str]) -> dict[str, str]:
    """Pair what says something else at the same place in the same element: no other layout."""
    old, new = set(before), set(now)
    pairs: dict[str, str] = {}
    steps = SequenceMatcher(None, before, now, autojunk=False).get_opcodes()
    for _, i, j, k, m in (step for step in steps if step[0] == "replace"):
        lost, come = [n for n in before[i:j] if n not in new], [n for n in now[k:m] if n not in old]
        if [name.split()[0] for name in lost] == [name.split()[0] for name in come]:
            pairs |= zip(come, lost, strict=True)
    return pairs


def faults(seen: Measured) -> list[str]:
    """Say what is wrong in any page: too wide, cut off, overlapping, faint, without its picture."""
    wrong = [f"{seen.wide} px wide in a window of {seen.width}"] if seen.wide > seen.width else []
    rows = [row for row in seen.rows if "left" in row]
    for name, row in zip(_names(seen.rows), seen.rows, strict=True):
        # A blank at the end of a line may hang out of its box; a letter may not.
        if row.get("faint"):
            wrong.append(f"{name}: contrast of {row['faint']}")
        if row.get("broken"):
            wrong.append(f"{name}: no picture")
        if row.get("bent"):
            wrong.append(f"{name}: picture out of proportion")
        if row.get("spills", 0) > row.get("size", 0) and not row["scrolled"]:
            wrong.append(f"{name}: text goes {row['spills']} px beyond its box")
        inside = row.get("glyphs") or row
        outside = "left" in inside and (inside["left"] < -1 or inside["right"] > seen.width + 1)
        if outside and not row["scrolled"]:
            wrong.append(f"{name}: outside of the window")
    solid = [row for row in rows if row["kind"] != "rule" and not row["scrolled"]]
    wrong += [f"{one['words']} and {two['words']}: overlap"
              for one, two in combinations(solid, 2) if _overlap(one, two)]  # fmt: skip
    return wrong


def _overlap(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Tell whether what is painted of two things lies in each other."""
    a, b = one.get("glyphs") or one, two.get("glyphs") or two
    # A text that flows around another's lines (a paragraph with blocks in it) is one text.
    if one.get("mixed") or two.get("mixed"):
        return False
    across = min(a["right"], b["right"]) - max(a["left"], b["left"])
    down = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    return across > TOUCH and down > TOUCH


def _names(rows: list[dict[str, Any]]) -> list[str]:
    """Name each row by its element and its first words; of namesakes, by their number too."""
    seen: Counter[str] = Counter()
    names = []
    for row in rows:
        name = f"{row['tag']} {row['words'].replace('|', '/')}".strip()
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _named(seen: Measured, facts: Iterable[str]) -> Mapping[str, str]:
    """Return the facts by the rows' names, a table's further lines left out."""
    rows = zip(_names(seen.rows), seen.rows, facts, strict=True)
    return {name: fact for name, row, fact in rows if not row.get("again")}


def _colours(row: Mapping[str, Any]) -> str:
    if row["kind"] == "hidden":
        return "hidden"
    sides = row.get("edges", ())
    around = {side.partition(" ")[2] for side in sides}
    edges = " ".join(sides if len(sides) < 4 or len(around) > 1 else ("edged", *around))
    if row["kind"] in {"rule", "picture"}:
        return edges
    text = f"{row['colour']} on {row['ground']}{' underlined' if row.get('line') else ''}"
    return f"{text} {edges}".strip()


def _places(seen: Measured) -> list[str]:
    """Say where each row of a page stands."""
    found = []
    before: list[dict[str, Any]] = []
    for row in seen.rows:
        if "left" not in row:
            found.append("hidden" if row["kind"] == "hidden" else "within")
            continue
        loose = row["scrolled"]
        left = f"{'~' if loose or row.get('looseLeft') else ''}{row['left']:.0f}"
        right = f"{'~' if loose or row.get('looseRight') else ''}{row['right']:.0f}"
        parts = [f"{left}..{right}", _stands(row, before)]
        if row["kind"] == "text":
            parts.append(f"{row['size']:.4g}px{' bold' if row['bold'] else ''} {row['align']}")
            if row["boxed"]:
                parts.append("padded " + " ".join(map(str, row["pad"])))
        found.append(" ".join(parts))
        before.append(row)
    return found


def _stands(row: Mapping[str, Any], before: list[dict[str, Any]]) -> str:
    """Say where a row stands from the one before it, and how far below what is above it."""
    if not before:
        return f"first+{row['top']:.0f}"
    last = before[-1]
    if row["top"] < last["bottom"] - 1 and row["left"] >= last["right"] - 1:
        return "right"
    if row["top"] < last["bottom"] - 1 and row["right"] <= last["left"] + 1:
        return "left"
    if row["bottom"] <= last["top"] + 1:
        return "above"
    if row["top"] < last["bottom"] - SPACE:
        return "inside"
    above = [one["bottom"] for one in before
             if one["left"] < row["right"] and one["right"] > row["left"]]  # fmt: skip
    return f"below{row['top'] - max(above, default=last['bottom']):+.0f}"


def _apart(known: str, seen: str, width: int) -> str:
    """Say in what two places differ by more than another font would explain; "" if they do not."""
    one, two = PLACE.fullmatch(known), PLACE.fullmatch(seen)
    if one is None or two is None:
        return "" if known == seen else "shown otherwise"
    for side in ("left", "right"):
        limit = width * LOOSE if one[side].startswith("~") else EDGE
        if abs(int(one[side].lstrip("~")) - int(two[side].lstrip("~"))) > limit:
            return f"another {side} edge"
    if one["stands"] != two["stands"]:
        return "stands elsewhere"
    if abs(int(one["space"] or 0) - int(two["space"] or 0)) > SPACE:
        return "another space above"
    return "" if _alike(one["rest"], two["rest"]) else "another form"


def _alike(known: str, seen: str) -> bool:
    """Tell whether two forms have the same words, and numbers at most 1 apart."""
    one, two = (re.findall(r"[\d.]+|[a-z]+", form) for form in (known, seen))
    return len(one) == len(two) and all(
        a == b or (a[0].isdigit() and b[0].isdigit() and abs(float(a) - float(b)) <= 1)
        for a, b in zip(one, two, strict=True)
    )
