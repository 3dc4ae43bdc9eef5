"""Take out of markup what its writer struck, and what no reader can see.

    without("<del>yes</del> no")            # " no"

Knows struck elements (del, s, strike), ``hidden``, and the declarations that strike or hide, in a
``style`` or in a rule for one element, class or id. Refuses to know cascades, combined selectors,
media and scripts: what is hidden by those counts as seen. SECURITY: HTML is hostile. One pass,
bounded patterns, no parser with a stack; an element that never ends takes the rest with it.
"""

import html
import re
from dataclasses import dataclass

from mailer.reading.html_text import MAX_HTML, tag_end

_TAG = re.compile(r"<(?:!--|(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30}))")
_STYLE = re.compile(r"<style\b[^>]{0,300}>([^<]{0,50000})", re.IGNORECASE)
_MEDIA = re.compile(r"@[^{};]{0,300}\{(?:[^{}]{0,5000}\{[^{}]{0,5000}\}){0,200}[^{}]{0,5000}\}")
_RULE = re.compile(r"([^{}]{1,500})\{([^{}]{1,5000})\}")
_SELECTOR = re.compile(r"([a-z][a-z0-9-]*)?((?:[.#][a-z_][\w-]*)*)\Z")
_ATTRIBUTE = re.compile(
    r"""([a-zA-Z-]{1,30})\s*(?:=\s*(?:"([^"]{0,5000})"|'([^']{0,5000})'|([^\s"'>]{1,5000})))?"""
)
_CSS_COMMENT = re.compile(r"/\*.{0,500}?\*/", re.DOTALL)
_SIZE = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|%)?\b")
_BACKGROUND = re.compile(
    r"(?:background(?:-color)?\s*:|bgcolor\s*=)\s*[\"']?([^;\"'>]{1,60})", re.IGNORECASE
)
_STRUCK = {"del", "s", "strike"}
_WHITE = {"white", "#fff", "#ffffff", "rgb(255,255,255)", "rgba(255,255,255,1)", "window"}
_CLEAR = {"transparent", "rgba(0,0,0,0)", "rgba(255,255,255,0)", "#0000", "#00000000"}
_NO_COLOUR = _WHITE | _CLEAR | {"none", "initial", "inherit", "unset", "0"}
_VOID = {"br", "img", "hr", "input", "meta", "link", "col", "area", "base", "wbr", "source"}
# What ends a paragraph that nobody ended.
_BLOCKS = {"p", "div", "table", "ul", "ol", "blockquote", "pre", "h1", "h2", "h3", "hr", "section"}
_NO_TEXT = {"script", "style", "head", "title", "template"}
_TINY = {"px": 1.0, "pt": 1.0, "": 1.0, "em": 0.1, "rem": 0.1, "%": 10.0}
_FAINT = 0.1  # of an opacity
_FAR = -500.0  # px; text that far outside is seen by nobody


@dataclass(frozen=True, slots=True)
class _Selector:
    name: str
    parts: frozenset[str]  # ".class", "#id"


@dataclass(frozen=True, slots=True)
class _Page:
    """Hold what the whole markup says about each of its elements."""

    hiding: tuple[_Selector, ...]
    coloured: int  # where something gets a background that is not white

    def hides(self, start: int, name: str, attributes: str) -> bool:
        """Tell whether the element at ``start`` is struck or cannot be seen."""
        if name in _STRUCK:
            return True
        if not attributes.strip(" /"):
            return any(one.name == name and not one.parts for one in self.hiding)
        given = _attributes(attributes)
        if "hidden" in given:
            return True
        said = _declarations(given.get("style", ""))
        for attribute, declared in (("color", "color"), ("bgcolor", "background")):
            if attribute in given:
                said.setdefault(declared, _plain(given[attribute]))
        if _hides(said) or (_is_white(said) and start < self.coloured):
            return True
        parts = {f".{one}" for one in given.get("class", "").lower().split()}
        parts.add(f"#{given.get('id', '').lower()}")
        return any(one.name in {"", name} and one.parts <= parts for one in self.hiding)


def without(markup: str) -> str:
    """Return ``markup`` without the elements that are struck or cannot be seen."""
    markup = markup[:MAX_HTML]
    page = _page(markup)
    kept: list[str] = []
    here = start = 0  # what is kept next begins ``here``
    endless: set[str] = set()
    inside, depth = "", 0  # the unseen element, and how many of its name are open
    while found := _TAG.search(markup, start):
        start = found.end()
        if found[2] is None:
            start = _behind(markup, "-->", start, endless)
            continue
        name, closing = found[2].lower(), bool(found[1])
        start = tag_end(markup, found.end())
        if name in _NO_TEXT and not closing:
            start = _behind(markup, f"</{name}", start, endless)
            continue
        if inside == "p" and name in _BLOCKS and not (closing and name != "p"):
            here, inside = (start if closing else found.start()), ""
        if inside:
            depth += (name == inside) * (-1 if closing else 1)
            if not depth:
                here, inside = start, ""
        elif (
            not closing
            and name not in _VOID
            and page.hides(found.start(), name, markup[found.end() : start - 1])
        ):
            kept.append(markup[here : found.start()])
            inside, depth, here = name, 1, len(markup)
    kept.append(markup[here:])
    return "".join(kept)


def _behind(markup: str, end: str, start: int, endless: set[str]) -> int:
    """Return where ``end`` stands, or ``start``; what never comes is searched for once."""
    if end in endless:
        return start
    found = re.compile(re.escape(end), re.IGNORECASE).search(markup, start)
    if found is None:
        endless.add(end)
    return start if found is None else found.end()


def _page(markup: str) -> _Page:
    css = "".join(_STYLE.findall(markup)[:50])
    hiding: list[_Selector] = []
    for selectors, declared in _RULE.findall(_MEDIA.sub("", _CSS_COMMENT.sub("", css))):
        if not _hides(_declarations(declared)):
            continue
        for selector in selectors.split(","):
            simple = _SELECTOR.match(selector.strip().lower())
            if simple and simple[0]:
                parts = re.findall(r"[.#][\w-]+", simple[2])
                hiding.append(_Selector(simple[1] or "", frozenset(parts)))
    painted = (
        found.start()
        for found in _BACKGROUND.finditer(markup)
        if _plain(found[1]) not in _NO_COLOUR
    )
    return _Page(tuple(hiding[:200]), next(painted, len(markup)))


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), html.unescape(double or single or bare))
    return found


def _declarations(style: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _CSS_COMMENT.sub("", style).split(";"):
        name, colon, value = one.partition(":")
        if colon:
            found[name.strip().lower()] = _plain(value.lower().replace("!important", ""))
    return found


def _plain(value: str) -> str:
    return re.sub(r"\s*([,()])\s*", r"\1", value.strip().lower())


def _hides(said: dict[str, str]) -> bool:
    """Tell whether declarations strike a text or hide it, whatever stands around it."""
    decorated = f"{said.get('text-decoration', '')} {said.get('text-decoration-line', '')}"
    colour = said.get("color", "")
    return (
        "line-through" in decorated
        or said.get("mso-hide") == "all"
        or said.get("display") == "none"
        or said.get("visibility") in {"hidden", "collapse"}
        or _number(said.get("opacity", ""), 1.0) <= _FAINT
        or _is_tiny(said.get("font-size", ""))
        or _is_tiny(said.get("font", ""))
        or colour in _CLEAR
        or (colour == _ground(said) and colour not in {"", *_NO_COLOUR} - _WHITE)
        or _is_outside(said)
    )


def _is_outside(said: dict[str, str]) -> bool:
    """Tell whether a text is moved out of sight, or into a box without room."""
    moved = ("text-indent", "left", "top", "margin-left", "margin-top")
    boxes = ("height", "max-height", "width", "max-width")
    return any(_number(said.get(one, ""), 0.0) <= _FAR for one in moved) or (
        said.get("overflow") == "hidden"
        and any(_number(said.get(one, ""), 9.0) <= 1 for one in boxes)
    )


def _is_white(said: dict[str, str]) -> bool:
    """Tell whether a text is white, on no colour of its own."""
    return said.get("color") in _WHITE and _ground(said) in {"", *_NO_COLOUR}


def _ground(said: dict[str, str]) -> str:
    return said.get("background-color") or said.get("background", "")


def _is_tiny(value: str) -> bool:
    found = _SIZE.match(value)
    return found is not None and 0 <= float(found[1]) <= _TINY[found[2] or ""]


def _number(value: str, default: float) -> float:
    found = _SIZE.match(value)
    return default if found is None else float(found[1])
