"""Make a list's colour readable: on paper, in the dark, under words.

Pure. An owner chooses one accent; what a theme writes with it has a contrast of at least 4.5 to 1
against what it stands on (WCAG 2.2, 1.4.3), whatever was chosen; in the dark of 7 to 1, because
a dull colour beside light text looks switched off.
"""

import colorsys
import re
from dataclasses import dataclass

PAPER, NIGHT = "#ffffff", "#17181b"  # what themes print on
LIGHT, DARK = "#ffffff", "#000000"  # words on the accent
ENOUGH, BRIGHT = 4.5, 7.0  # to 1
_HEX = re.compile(r"#[0-9a-f]{6}")
_STEP = 0.02  # of a colour's lightness


@dataclass(frozen=True, slots=True)
class Brand:
    """Hold what makes a list's mail its own; colours are ``#rrggbb``."""

    accent: str  # as it was chosen: areas and lines
    link: str  # the accent as words on paper
    night: str  # the accent in the dark: words, lines, and areas under dark words
    on_accent: str  # words on the accent
    logo: str = ""  # https address of a picture


def brand(accent: str, logo: str = "") -> Brand:
    """Return a brand whose words can be read; ``accent`` is ``#rrggbb`` (``is_colour``)."""
    light = contrast(accent, LIGHT) >= ENOUGH
    return Brand(
        accent=accent,
        link=_towards(accent, PAPER, ENOUGH),
        night=_towards(accent, NIGHT, BRIGHT),
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


def _towards(colour: str, ground: str, enough: float) -> str:
    """Move the lightness of ``colour`` away from ``ground`` until it stands out; its hue stays."""
    step = -_STEP if ground == PAPER else _STEP
    hue, light, full = colorsys.rgb_to_hls(*_read(colour))
    mixed = colour
    while contrast(mixed, ground) < enough and 0 < light + step < 1:
        light += step
        mixed = _write(colorsys.hls_to_rgb(hue, light, full))
    return mixed


def _read(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _write(parts: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _luminance(colour: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
        for part in _read(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
