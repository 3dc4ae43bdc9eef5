"""A list's colour, made readable: on paper, in the dark, under words.

Pure. An owner chooses one accent; what a theme writes with it has a contrast of at least 4.5 to 1
against what it stands on (WCAG 2.2, 1.4.3), whatever was chosen.
"""

import re
from dataclasses import dataclass

PAPER, NIGHT = "#ffffff", "#17181b"  # what themes print on
LIGHT, DARK = "#ffffff", "#000000"  # words on the accent
ENOUGH = 4.5  # to 1
_HEX = re.compile(r"#[0-9a-f]{6}")
_STEP = 0.04  # of the way to black or white
Colour = tuple[float, float, float]  # red, green, blue, each 0 to 1


@dataclass(frozen=True, slots=True)
class Brand:
    """Hold what makes a list's mail its own; colours are ``#rrggbb``."""

    accent: str  # as it was chosen: areas and lines
    link: str  # the accent as words on paper
    night: str  # the accent as words in the dark
    on_accent: str  # words on the accent
    logo: str = ""  # https address of a picture


def brand(accent: str, logo: str = "") -> Brand:
    """Return a brand whose words can be read; ``accent`` is ``#rrggbb`` (``is_colour``)."""
    light = contrast(accent, LIGHT) >= ENOUGH
    return Brand(
        accent=accent,
        link=_towards(accent, PAPER, (0.0, 0.0, 0.0)),
        night=_towards(accent, NIGHT, (1.0, 1.0, 1.0)),
        on_accent=LIGHT if light else DARK,
        logo=logo,
    )


def is_colour(text: str) -> bool:
    """Tell whether ``text`` is a colour as it is written here."""
    return _HEX.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _towards(colour: str, ground: str, end: Colour) -> str:
    """Mix ``colour`` with ``end`` until it can be read on ``ground``."""
    mixed, share = colour, 0.0
    while contrast(mixed, ground) < ENOUGH and share < 1:
        share += _STEP
        pairs = zip(_read(colour), end, strict=True)
        mixed = _write([old + (new - old) * min(share, 1.0) for old, new in pairs])
    return mixed


def _read(colour: str) -> Colour:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _write(parts: list[float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _luminance(colour: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
        for part in _read(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
