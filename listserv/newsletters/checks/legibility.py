"""Legibility: words that can hardly be told from what they stand on, by day and in the dark. Pure.

    find(html)    # -> the pairs of colours whose contrast is too small, and words set in them

Reads the HTML as it leaves: colours in tags, and what a sheet of styles in its head adds, for
``prefers-color-scheme: dark`` too. Where nobody names a ground, it is white by day and black in
the dark: that is what programs do to a mail with colours of its own. Knows tags, classes and
what stands within what; a rule or a colour that it cannot read is believed to be right. The
numbers are those of WCAG 2.2, 1.4.3: 4.5 to 1, and 3 to 1 for large words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import templates
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.writing import html_tags
from listserv.newsletters.writing.html_tags import Element

RULES = 100  # read, of a sheet of styles
MOST = 3  # pairs told, by day and in the dark
ENOUGH, ENOUGH_LARGE = 4.5, 3.0
LARGE, LARGE_BOLD = 24.0, 18.66  # pixels: 18 and 14 points
TINY = 2.0  # pixels that nobody is meant to read
_DAY, _NIGHT = ("#000000", "#ffffff"), ("#ffffff", "#121212")  # words and ground of nobody
_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark")
_SCHEME = re.compile(r"color-scheme\s*:[^;}]{0,100}dark")
_COMPOUND = re.compile(r"(\*|[a-zA-Z][a-zA-Z0-9]*)?((?:\.[\w-]+)*)")
_HIDDEN = re.compile(r"display:none|visibility:hidden|max-height:0|opacity:0(?!\.)")
_RGB = re.compile(r"rgb\((\d{1,3}),(\d{1,3}),(\d{1,3})\)")
_PX = re.compile(r"([\d.]+)px")
_NAMED = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "grey": "#808080",
    "white": "#ffffff", "maroon": "#800000", "red": "#ff0000", "purple": "#800080",
    "fuchsia": "#ff00ff", "green": "#008000", "lime": "#00ff00", "olive": "#808000",
    "yellow": "#ffff00", "navy": "#000080", "blue": "#0000ff", "teal": "#008080",
    "aqua": "#00ffff", "orange": "#ffa500",
}  # fmt: skip
_UNREAD = "?"  # a colour that cannot be known
_SILENT = {"", "style", "title", "script", "head"}


@dataclass(frozen=True, slots=True)
class Poor:
    """Hold one pair of colours that is hard to read."""

    words: str
    colour: str
    ground: str
    ratio: float
    dark: bool


def find(html: str) -> list[Poor]:
    """Return what is hard to read, the worst first: each pair of colours once, by day and night."""
    pieces = list(html_tags.walk(html))
    css = "".join(words for one, words in pieces if words and one.tag == "style")
    rules = list(islice(_rules(html_tags.without(css, "/*", "*/")), RULES))
    declared = _SCHEME.search(css) is not None or any(
        one.tag == "meta"
        and one.attributes.get("name") == "color-scheme"
        and "dark" in one.attributes.get("content", "")
        for one, _ in pieces
    )
    found: dict[tuple[str, str, bool], Poor] = {}
    for dark in (False, True):
        reading = _Reading([rule for rule in rules if dark or not rule.dark], dark, declared)
        for one, words in pieces:
            if words and one.tag not in _SILENT and any(c.isalnum() for c in words):
                poor = reading.judge(one, " ".join(words.split())[:60])
                if poor is not None:
                    found.setdefault((poor.colour, poor.ground, dark), poor)
    return sorted(found.values(), key=lambda poor: (poor.dark, poor.ratio))


def findings(html: str) -> Iterator[Finding]:
    """Say what is hard to read, ``MOST`` by day, and ``MOST`` in the dark that were not by day."""
    found = find(html)
    day = [one for one in found if not one.dark][:MOST]
    said = {one.words for one in day}
    night = [one for one in found if one.dark and one.words not in said][:MOST]
    for one in (*day, *night):
        ratio = f"{one.ratio:.2f}"
        when = " in the dark" if one.dark else ""
        yield Finding(
            "contrast-dark" if one.dark else "contrast",
            f'"{one.words}" is hard to read{when}: {one.colour} on {one.ground} is {ratio} to 1,'
            f" {ENOUGH} are needed",
            values={
                "words": one.words, "colour": one.colour, "ground": one.ground, "ratio": ratio,
            },
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rule:
    """Hold one selector: compounds from the innermost outwards, each with what joins it inwards."""

    dark: bool
    weight: tuple[bool, int, int, int]  # important, classes, tags, order
    compounds: tuple[tuple[str, frozenset[str], str], ...]  # tag or "", classes, ">" or " "
    name: str
    value: str


def _rules(css: str) -> Iterator[_Rule]:
    """Yield what a sheet says about colours, outside media and for the dark."""
    for order, (media, selectors, body) in enumerate(_blocks(css)):
        if media and not _DARK.search(media):
            continue
        declared = list(_declared(body))
        for selector in selectors.split(",") if declared else ():
            compounds = _compounds(selector.strip())
            classes = sum(len(one[1]) for one in compounds)
            named = sum(bool(one[0]) for one in compounds)
            for name, value, important in declared if compounds else ():
                weight = (important, classes, named, order)
                yield _Rule(bool(media), weight, compounds, name, value)


def _blocks(css: str) -> Iterator[tuple[str, str, str]]:
    """Yield (what it stands in, selectors, declarations) of each rule, in one pass."""
    outer: list[str] = []
    text = ""
    for piece in re.split(r"([{}])", css):
        if piece == "{":
            outer.append(text.rpartition(";")[2].strip())
        elif piece == "}" and outer:
            head = outer.pop()
            if not head.startswith("@"):
                yield " ".join(outer[-2:]), head, text
        text = "" if piece in {"{", "}"} else piece


def _compounds(selector: str) -> tuple[tuple[str, frozenset[str], str], ...]:
    """Read a selector; () for one with anything but tags, classes, blanks and ">"."""
    found: list[tuple[str, frozenset[str], str]] = []
    join = ""
    for word in reversed(selector.replace(">", " > ").split()):
        if word == ">":
            join = ">"
            continue
        match = _COMPOUND.fullmatch(word)
        if match is None:
            return ()
        tag = "" if match[1] in {None, "*"} else match[1].lower()
        found.append((tag, frozenset(filter(None, match[2].split("."))), join or " "))
        join = ""
    return tuple(found)


def _declared(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (property, colour, whether it is important) of a list of declarations."""
    for one in text.split(";"):
        name, _, value = one.partition(":")
        name, value = name.strip().lower(), value.strip().lower()
        important = value.endswith("!important")
        value = value.removesuffix("!important").strip()
        if name == "color":
            yield "color", _colour(value), important
        elif name in {"background-color", "background"}:
            yield "ground", _ground(value), important


def _colour(value: str) -> str:
    """Return ``#rrggbb``, "" for what changes nothing, "?" for what cannot be read."""
    value = value.replace(" ", "")
    if value in {"inherit", "transparent", "none", "unset", "initial", ""}:
        return ""
    if re.fullmatch(r"#[0-9a-f]{3}", value):
        return "#" + "".join(c * 2 for c in value[1:])
    if re.fullmatch(r"#[0-9a-f]{6}", value):
        return value
    rgb = _RGB.fullmatch(value)
    if rgb is not None and all(int(part) < 256 for part in rgb.groups()):  # noqa: PLR2004 - a byte
        return "#" + "".join(f"{int(part):02x}" for part in rgb.groups())
    return _NAMED.get(value, _UNREAD)


def _ground(value: str) -> str:
    """Return the colour that a background has."""
    if "url(" in value or "gradient" in value:
        return _UNREAD
    found = [_colour(word) for word in re.sub(r"\s*,\s*", ",", value).split()]
    return next((one for one in found if one not in {"", _UNREAD}), found[0] if found else "")


@dataclass(slots=True)
class _Style:
    """Hold what an element shows: words, ground, size and weight, its ancestors' in it."""

    colour: str = ""
    ground: str = ""
    size: float = -1.0  # in pixels; MJML sets columns in 0, and their words in more
    bold: bool = False
    hidden: bool = False
    lead: bool = False  # a link whose colour the program chooses


@dataclass(slots=True)
class _Reading:
    """Read a sheet as it is by day, or in the dark."""

    rules: list[_Rule]
    dark: bool
    declared: bool  # that it knows of the dark, so that a program turns its own colours
    _known: dict[int, _Style] = field(default_factory=dict)

    def judge(self, element: Element, words: str) -> Poor | None:
        """Return what is wrong with these words, None where they can be read."""
        style = self._style(element)
        if (
            style.hidden
            or style.lead
            or 0 <= style.size < TINY
            or _UNREAD in {style.colour, style.ground}
        ):
            return None
        if self.dark and not self.declared and not style.colour:
            return None  # whoever darkens such a mail chooses both
        day_words, night_words = _DAY[0], _NIGHT[0]
        colour = style.colour or (night_words if self.dark else day_words)
        ground = style.ground or (_NIGHT[1] if self.dark else _DAY[1])
        ratio = templates.contrast(colour, ground)
        large = style.size >= (LARGE_BOLD if style.bold else LARGE)
        if ratio >= (ENOUGH_LARGE if large else ENOUGH):
            return None
        return Poor(words, colour, ground, ratio, self.dark)

    def _style(self, element: Element) -> _Style:
        known = self._known.get(id(element))
        if known is None:
            above = _Style() if element.above is None else self._style(element.above)
            known = self._known[id(element)] = self._made(element, above)
        return known

    def _made(self, element: Element, above: _Style) -> _Style:
        inline = element.attributes.get("style", "").lower()
        said = {name: value for name, value, _ in _declared(inline)}
        won: dict[str, tuple[tuple[bool, int, int, int], str]] = {}
        given = {
            "color": element.attributes.get("color"),
            "ground": element.attributes.get("bgcolor"),
        }
        for name, value in given.items():
            if value:
                won[name] = ((False, -1, 0, 0), _colour(value.lower()))
        for rule in self.rules:
            tag, wanted, _ = rule.compounds[0]
            if (tag and tag != element.tag) or not wanted <= element.classes:
                continue
            if rule.weight >= won.get(rule.name, ((False, -1, 0, 0), ""))[0] and _fits(
                element, rule.compounds
            ):
                won[rule.name] = (rule.weight, rule.value)
        for name, value in said.items():
            if not won.get(name, ((False, 0, 0, 0), ""))[0][0]:
                won[name] = ((False, 99, 0, 0), value)
        own = won.get("color", (None, ""))[1]
        flat = inline.replace(" ", "")
        size = _PX.search(flat.partition("font-size:")[2].partition(";")[0])
        bold = element.tag in {"b", "strong", "h1", "h2", "h3", "th"} or "font-weight:bold" in flat
        lead = element.tag == "a" and not own and "href" in element.attributes
        return _Style(
            colour=own or above.colour,
            ground=won.get("ground", (None, ""))[1] or above.ground,
            size=float(size[1]) if size else above.size,
            bold=bold or above.bold,
            hidden=above.hidden or _HIDDEN.search(flat) is not None,
            lead=lead or (above.lead and not own),
        )


def _fits(element: Element, compounds: tuple[tuple[str, frozenset[str], str], ...]) -> bool:
    """Tell whether the outer parts of a selector fit what an element stands in."""
    above = element.above
    for tag, wanted, join in compounds[1:]:
        fits = False
        while above is not None:
            fits = (not tag or tag == above.tag) and wanted <= above.classes
            if fits or join == ">":
                break
            above = above.above
        if above is None or not fits:
            return False
        above = above.above
    return True
