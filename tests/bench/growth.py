"""Draw what one recipient costs, from a thousand to a million, out of the table of measurements."""

import math
from collections.abc import Iterable

from measured import ROOT, Row

PICTURE = ROOT / "docs" / "pictures" / "delivery-growth.svg"
# Each line of the picture: the row it is drawn from, its name, its colour.
_LINES = (
    ("copies, SQLite, into krets sink", "sent, CPU ms each", "#1a5fb4"),
    ("members from CSV, SQLite", "imported, CPU ms each", "#26762b"),
    ("an issue frozen, SQLite", "frozen, CPU ms each", "#a51d2d"),
)
_LEFT, _RIGHT, _TOP, _FLOOR = 60, 600, 20, 250


def points(rows: Iterable[Row], what: str) -> dict[int, float]:
    """Return the CPU milliseconds of one recipient by the number of them: the latest of each."""
    found = {row.many: row.numbers["cpu"] for row in rows if row.what == what}
    return dict(sorted(found.items()))


def picture(rows: Iterable[Row]) -> str:
    """Return the plot (SVG); each step to the right is ten times as many."""
    kept = list(rows)
    series = [(points(kept, what), label, colour) for what, label, colour in _LINES]
    counts = sorted({many for found, _, _ in series for many in found})
    if not counts:
        return ""
    top = max(cost for found, _, _ in series for cost in found.values()) * 1.2
    low, high = math.log10(counts[0]), math.log10(counts[-1])
    span = max(high - low, 1e-9)

    def across(many: int) -> float:
        return _LEFT + 30 + (_RIGHT - _LEFT - 30) * (math.log10(many) - low) / span

    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 300" font-size="13" role="img">',
        "<style>text { font-family: sans-serif }</style>",
        "<title>CPU milliseconds of one recipient, by the size of the audience</title>",
        '<rect width="640" height="300" fill="#fff"/>',
        f'<path d="M{_LEFT} {_TOP}V{_FLOOR}H620" fill="none" stroke="#888"/>',
    ]
    for place, (found, label, colour) in enumerate(series):
        spots = [
            (across(many), _FLOOR - (_FLOOR - _TOP) * cost / top, cost)
            for many, cost in found.items()
        ]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y, _ in spots)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, cost in spots:
            lines += [
                f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>',
                f'<text x="{x:.0f}" y="{y - 8:.0f}" fill="{colour}">{cost:.3f}</text>',
            ]
        lines.append(f'<text x="{_LEFT + place * 190}" y="290" fill="{colour}">{label}</text>')
    lines += [
        f'<text x="{across(many):.0f}" y="267" text-anchor="middle">{many:,}</text>'
        for many in counts
    ]
    return "\n".join([*lines, "</svg>", ""])
