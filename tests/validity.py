"""What is wrong with a mail's HTML: by the rules of the WHATWG, and by those of Outlook.

html5lib finds what a browser would have to repair (tags that cross or stay open, what stands in a
table and is no cell, attributes twice, entities nobody knows); names of attributes are held against
HTML's own and the old ones that mail programs still ask for. Outlook reads what the others take for
comments, knows no max-width, and widens a column around whatever is too wide.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib  # type: ignore[import-untyped]  # it ships none

_EVERYWHERE = {"class", "style", "lang", "dir", "id", "title", "role", "tabindex"}
_KNOWN = {
    "a": {"href", "target"},
    "html": {"xmlns", "xmlns:v", "xmlns:o"},
    "img": {"alt", "src", "width", "height"},
    "meta": {"charset", "content", "http-equiv", "name"},
    "ol": {"start"},
    "style": {"type", "media"},
    "table": {"align", "bgcolor", "border", "cellpadding", "cellspacing", "width"},
    "td": {"align", "bgcolor", "valign", "width", "colspan", "rowspan"},
    "th": {"align", "scope"},
}
_FOR_OUTLOOK = re.compile(r"<!--\[if (?:gte )?mso[^\]]*\]>(.*?)<!\[endif\]-->", re.DOTALL)
_PIXELS = re.compile(r"\d+(?:px)?")


def wrong_in(html: str) -> list[str]:
    """Return what no validator would let pass."""
    root, errors = _parse(html)
    wrong = [f"{at}: {error}" for at, error, _ in errors]
    for node in root.iter():
        tag = str(node.tag)
        known = _EVERYWHERE | _KNOWN.get(tag, set())
        strange = {name for name in node.attrib if name not in known and "aria-" not in name}
        wrong += [f"<{tag}> has no {name}" for name in sorted(strange)]
        if tag == "img":
            sized = [node.get(name, "0").isdigit() for name in ("width", "height")]
            wrong += [] if all(sized) and node.get("alt") is not None else [f"{node.attrib}"]
    return wrong


def wrong_for_outlook(html: str) -> list[str]:
    """Return what Outlook would show otherwise than it is meant: too wide, or without a colour."""
    head, _, rest = html.partition("<body")  # its head is XML then, as Outlook wants it
    root, errors = _parse(head + "<body" + _FOR_OUTLOOK.sub(r"\1", rest))
    wrong = [f"{at}: {error}" for at, error, _ in errors]
    body = root.find("body")
    assert body is not None
    return wrong + list(_too_wide(body, 10_000)) + list(_bare(body))


def _parse(html: str) -> tuple[Element, list[tuple[object, str, object]]]:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    return parser.parse(html), parser.errors


def _style(node: Element) -> dict[str, str]:
    """Return a tag's style, each side of its padding by itself."""
    found: dict[str, str] = {}
    for part in node.get("style", "").split(";"):
        name, _, value = (one.strip() for one in part.partition(":"))
        if name == "padding":
            said = value.split()
            found["padding-right"] = said[1 if len(said) > 1 else 0]
            found["padding-left"] = said[{1: 0, 2: 1, 3: 1, 4: 3}[len(said)]]
        elif name:
            found[name] = value
    return found


def _pixels(said: str) -> int:
    return int(said.removesuffix("px")) if _PIXELS.fullmatch(said) else 0


def _too_wide(node: Element, room: int) -> Iterator[str]:
    style = _style(node)
    wide = _pixels(node.get("width", "")) or _pixels(style.get("width", ""))
    if node.tag in {"table", "td", "img"} and wide > room:
        yield f"<{node.tag}> of {wide} px in {room}: {node.attrib}"
    if node.tag in {"table", "td"}:
        room = min(wide or room, room)
    if node.tag == "td":
        room -= sum(_pixels(style.get(f"padding-{side}", "")) for side in ("left", "right"))
    if node.tag == "tr":
        cells = sum(_pixels(_style(cell).get("width", "")) for cell in node)
        if cells > room:
            yield f"cells of {cells} px in a row of {room}"
    for child in node:
        yield from _too_wide(child, room)


def _bare(body: Element) -> Iterator[str]:
    """Yield the buttons that would be words alone: Outlook pads no link, and paints cells only."""
    for cell in body.iter("td"):
        link = cell.find("a")
        if link is not None and "inline-block" in link.get("style", ""):
            padded = "mso-padding-alt" in cell.get("style", "")
            if not cell.get("bgcolor") or not padded:
                yield f"a button without ground or room: {cell.attrib}"
