"""Make an HTML mail safe to stand among others: an allow-list, our own looks, no remote thing.

Knows which markup carries meaning (tables, lists, headings, emphasis, pictures that came along)
and drops the rest; styles become one of a few classes of our sheet. SECURITY: HTML is hostile. nh3
is quadratic in nesting, so size, depth and the number of tags are bounded before it sees anything;
``make_safe`` says None where that fails, and the mail is then shown as text. Nothing that
comes out can ask another host for anything or reach beyond the box that it stands in.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import nh3

MAX_HTML = 400_000  # characters; more is shown as text
MAX_DEPTH = 128
MAX_OPEN = 40  # emphasis that is open at once: each block inside repeats it
MAX_TAGS = 20_000
MAX_OUT = 600_000  # characters that come out
FOLD, UNFOLD = "\x01", "\x02"  # stand where a quote may be folded; no mail can write them
FOLDED_WORDS = 60  # a quote with fewer words is context

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
_VOID = {"br", "hr", "img", "meta", "link", "input", "col", "wbr", "area", "base", "embed"}
_SELF_CLOSING = {"p", "li", "td", "th", "tr", "dt", "dd", "option", "thead", "tbody", "tfoot"}
_EMPHASIS = {"a", "b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "u"}
_EMPHASIS |= {"tt", "nobr"}
_TAGS = {
    *("p", "br", "div", "span", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr"),
    *("b", "strong", "i", "em", "u", "s", "strike", "del", "ins", "sub", "sup", "small", "mark"),
    *("code", "kbd", "samp", "tt", "q", "cite", "abbr", "address", "center", "font", "bdo", "bdi"),
    *("ul", "ol", "li", "dl", "dt", "dd", "figure", "figcaption", "a", "img", "ruby", "rt", "rp"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "colgroup", "col"),
}
_GONE = {"script", "style", "title", "head", "template"}  # what no browser shows as words
# Elements whose words a parser would swallow stand as plain ones: so nothing said after a
# forgotten end, or after "vector<int>" (which MathML knows), is lost.
_BLOCKS = (
    *("noscript", "noembed", "noframes", "iframe", "frameset", "object", "applet", "select"),
    *("optgroup", "button", "fieldset", "legend", "form", "dialog", "details", "summary"),
    *("section", "article", "header", "footer", "main", "nav", "aside", "title", "template"),
)
_STAND_INS = dict.fromkeys(_BLOCKS, "div")
_STAND_INS |= dict.fromkeys(("xmp", "textarea", "plaintext", "listing"), "pre")
_STAND_INS["option"] = "li"  # which ends where the next one begins
_VERBATIM = {"xmp", "textarea", "plaintext", "listing"}  # markup inside is words
_KEPT = {"html", "body", "script", "style", "head", "meta", "link", "base", "input", "wbr"}
_KEPT |= _TAGS
_OPENING = re.compile(r"<(?:!--|[!?]|(/?)([a-zA-Z][^\s/>]{0,80}))")
_COMMENT_END = re.compile(r"--!?>")
_ATTRIBUTES = {
    "*": {"dir", "lang", "style", "align"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
    "col": {"span"},
}
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8}){0,2}\Z")
_STYLES = (
    (re.compile(r"text-align\s*:\s*(?:center|right)", re.IGNORECASE), "tc"),
    (re.compile(r"font-weight\s*:\s*(?:bold|[6-9]00)", re.IGNORECASE), "fb"),
    (re.compile(r"font-style\s*:\s*italic", re.IGNORECASE), "fi"),
    (re.compile(r"text-decoration[^;]{0,20}:\s*[^;]{0,20}underline", re.IGNORECASE), "fu"),
    (re.compile(r"text-decoration[^;]{0,20}:\s*[^;]{0,20}line-through", re.IGNORECASE), "fs"),
    (re.compile(r"white-space\s*:\s*pre", re.IGNORECASE), "wp"),
    (re.compile(r"font-family\s*:[^;]{0,60}(?:mono|courier|consolas|menlo)", re.IGNORECASE), "fm"),
)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|max-height\s*:\s*0(?:px)?\s*[;\"']"
    r"|font-size\s*:\s*0(?:px)?\s*[;\"']",
    re.IGNORECASE,
)
_PREHEADER = re.compile(
    r"<(div|span|p)\b([^<>]{0,1000})>([^<]{0,2000})</\1\s*>", re.IGNORECASE
)  # the hidden line that mail programs show in their list of mails
_IMG = re.compile(r"<img([^<>]*)>")
_ATTRIBUTE = re.compile(r' (src|alt|width|height|class)="([^"<>]*)"')
_EMPTY_LINK = re.compile(r"<a\b[^<>]*>(?:\s|&nbsp;|<br>)*</a>")
_HEADING = re.compile(r"<(/?)h([1-6])\b")
_STYLE = re.compile(r"(<[a-z0-9]+(?: [a-z]+=\"[^\"<>]*\")*?) style=\"([a-z ]+)\"")
_QUOTE = re.compile(r"<(/?)blockquote\b[^<>]*>")
_WORD = re.compile(r"\w+")
_ANY = re.compile(r"<[^<>]*>")
_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Safe:
    """Hold safe markup; ``remote`` counts the pictures left out that another host would send."""

    markup: str
    remote: int
    used: frozenset[str]  # the pictures (by Content-ID) that stand in it
    pictures: tuple[bytes, ...]  # that were written into the markup itself


def make_safe(
    source: str, picture: Callable[[str], str], keep: Callable[[bytes], str]
) -> Safe | None:
    """Return ``source`` as safe markup, or None where it is too large or too deep to be touched.

    ``picture`` returns the path of the picture with a Content-ID, or ""; ``keep`` that of one
    whose bytes stood in the markup.
    """
    if len(source) > MAX_HTML:
        return None
    source = stand_in(source).replace(FOLD, "").replace(UNFOLD, "")
    if not is_bounded(source):
        return None
    source = _PREHEADER.sub(lambda m: "" if _HIDDEN.search(f"{m[2]}'") else m[0], source)
    visit = _Visit(picture, keep)
    clean = nh3.clean(
        source,
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=visit.judge,
        url_schemes={"http", "https", "mailto", "cid", "data"},
        link_rel="nofollow ugc noopener",
    )
    if len(clean) > MAX_OUT:
        return None
    clean = clean.replace("\x01", "").replace("\x02", "")
    clean = _IMG.sub(visit.show, clean)
    clean = _STYLE.sub(r'\1 class="\2"', clean)
    clean = _EMPTY_LINK.sub("", clean)
    clean = _HEADING.sub(lambda m: f"<{m[1]}h{min(6, int(m[2]) + 2)}", clean)
    return Safe(_fold(clean.strip()), visit.remote, frozenset(visit.used), tuple(visit.kept))


def reduced(source: str) -> str | None:
    """Return ``source`` with words and structure alone, for a mail; None as ``make_safe`` has it.

    Pictures stay where they came along with the mail; of others the words that stand for them.
    """
    if len(source) > MAX_HTML:
        return None
    source = stand_in(source)
    if not is_bounded(source):
        return None
    source = _PREHEADER.sub(lambda m: "" if _HIDDEN.search(f"{m[2]}'") else m[0], source)
    clean = nh3.clean(
        source,
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes={tag: names - {"style"} for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_Visit(lambda cid: f"cid:{cid}", lambda _data: "").judge,
        url_schemes={"http", "https", "mailto", "cid"},
        link_rel=None,
    )
    return None if len(clean) > MAX_OUT else _IMG.sub(_brought, clean).strip()


def _brought(match: re.Match[str]) -> str:
    """Return a picture that came with the mail, or the words that stand for another."""
    said = dict(_ATTRIBUTE.findall(match[1]))
    return match[0] if said.get("src", "").startswith("cid:") else said.get("alt", "").strip()


def stand_in(source: str) -> str:
    """Return ``source`` without comments, and with plain elements for those that swallow words.

    One pass. What comes out is as hostile as what went in: it is cleaned afterwards.
    """
    out: list[str] = []
    absent: set[str] = set()  # ends that do not come from here on
    here = 0
    for match in _OPENING.finditer(source):
        start, end = match.span()
        if start < here:
            continue  # inside of what was taken already
        out.append(source[here:start])
        here = end
        name = (match[2] or "").lower()
        if not name:
            here = _beyond(source, match, absent)
        elif name in _VERBATIM and not match[1]:
            opened = -1 if name in absent else source.find(">", end)
            close = -1 if opened < 0 else _close(source, name, opened)
            if opened < 0 or close < 0:
                absent.add(name)
                close = len(source) if name == "plaintext" and opened >= 0 else -1
            out.append("<pre")
            if close >= 0:
                out.append(source[end : opened + 1])
                out.append(source[opened + 1 : close].replace("<", "&lt;"))
                here = close
        elif name in {"template", "title"} and not match[1]:
            close = -1 if name in absent else _close(source, name, end)
            out.append("<div")
            if close < 0:
                absent.add(name)
            else:  # its words are nobody's to read
                out.append(source[end : source.find(">", end, close) + 1] or ">")
                here = close
        elif name in _KEPT:
            out.append(match[0])
        else:
            out.append(f"<{match[1] or ''}{_STAND_INS.get(name, 'span')}")
    out.append(source[here:])
    return "".join(out)


def _close(source: str, name: str, start: int) -> int:
    """Return where the end tag of ``name`` begins, or -1."""
    found = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(source, start)
    return found.start() if found else -1


def _beyond(source: str, match: re.Match[str], absent: set[str]) -> int:
    """Return the place after a comment or declaration; one without an end hides only its mark."""
    end = match.end()
    if match[0] == "<!--":
        if source.startswith((">", "->"), end):  # "<!-->" is a whole comment
            return source.index(">", end) + 1
        found = None if "--" in absent else _COMMENT_END.search(source, end)
        if found is None:
            absent.add("--")
        return found.end() if found else end
    close = -1 if ">" in absent else source.find(">", end)
    if close < 0:
        absent.add(">")
    return close + 1 if close >= 0 else end


def is_bounded(source: str) -> bool:
    """Tell whether ``source`` costs no more than its size to clean: few levels, few tags."""
    depth = deepest = opened = most = 0
    for count, match in enumerate(_TAG.finditer(source)):
        name = match[2].lower()
        if count >= MAX_TAGS:
            return False
        if name in _VOID or name in _SELF_CLOSING:
            continue
        step = -1 if match[1] else 1
        depth = max(0, depth + step)
        deepest = max(deepest, depth)
        if name in _EMPHASIS:
            opened = max(0, opened + step)
            most = max(most, opened)
    return deepest <= MAX_DEPTH and most <= MAX_OPEN


class _Visit:
    """Judge the attributes of one mail, and count what is left out."""

    def __init__(self, picture: Callable[[str], str], keep: Callable[[bytes], str]) -> None:
        self._picture = picture
        self._keep = keep
        self.remote = 0
        self.used: set[str] = set()
        self.kept: list[bytes] = []

    def judge(self, _tag: str, name: str, value: str) -> str | None:  # noqa: PLR0911 - one each
        """Return what an attribute may say, or None to leave it out."""
        if name == "href":
            return link(value)
        if name == "src":
            return self._source(value)
        if name == "style":
            return classes(value)
        if name == "align":
            return value.lower() if value.lower() in {"left", "right", "center"} else None
        if name in {"colspan", "rowspan", "width", "height", "start", "span"}:
            limit = 10_000 if name in {"width", "height"} else 1_000
            return value if value.isascii() and value.isdigit() and int(value) <= limit else None
        if name == "dir":
            return value.lower() if value.lower() in {"ltr", "rtl", "auto"} else None
        if name == "rel":
            return value  # nh3's own
        if name == "lang":
            return value if _LANGUAGE.match(value) else None
        return re.sub(r'[<>"]', "", value)[:300] if name == "alt" else None

    def _source(self, value: str) -> str | None:
        """Return the path of a picture that came with the mail; mark others for ``show``."""
        value = value.strip()
        if value[:4].lower() == "cid:":
            path = self._picture(value[4:].strip("<>"))
            if path:
                self.used.add(value[4:].strip("<>"))
            return path or None
        if _DATA.match(value):
            try:
                data = base64.b64decode(value.partition(",")[2], validate=False)
            except (ValueError, binascii.Error):
                return None
            path = self._keep(data)
            if path:
                self.kept.append(data)
            return path or None
        return "https:" if value[:4].lower() == "http" or value.startswith("//") else None

    def show(self, match: re.Match[str]) -> str:
        """Return a picture of ours, or the words that stand for one of another host."""
        said = dict(_ATTRIBUTE.findall(match[1]))
        source, alt = said.get("src", ""), said.get("alt", "").strip()
        if any(size in {"0", "1", "2"} for size in (said.get("width"), said.get("height"))):
            return ""  # a tracker, or a spacer
        if source.startswith("../../f/"):
            sizes = "".join(f' {n}="{said[n]}"' for n in ("width", "height") if n in said)
            return f'<img src="{source}" alt="{alt}"{sizes} loading="lazy">'
        self.remote += source == "https:"
        return f'<span class="alt">{alt}</span>' if alt else ""


def link(address: str) -> str | None:
    """Return where a link may lead: http, https or mailto, spelled so that nothing hides in it."""
    address = "".join(address.split())
    address = "".join(c for c in address if c.isprintable())
    if not address.lower().startswith(("http://", "https://", "mailto:")):
        return None
    return re.sub(r"[<>\"'`\\]", lambda m: f"%{ord(m[0]):02X}", address)[:2000]


def classes(style: str) -> str | None:
    """Return the classes that stand for a style; colours, sizes and places are our sheet's."""
    found = [name for pattern, name in _STYLES if pattern.search(style[:2000])]
    return " ".join(found) or None


def plain_words(markup: str) -> int:
    """Return about how many words ``markup`` shows."""
    return len(_WORD.findall(html.unescape(_ANY.sub(" ", markup))))


def shape(source: str) -> Mapping[str, int]:
    """Count the elements of ``source``: pure, and only as exact as a decision needs."""
    counts: dict[str, int] = {}
    for match in _TAG.finditer(source):
        if not match[1]:
            name = match[2].lower()
            counts[name] = counts.get(name, 0) + 1
    return counts


def _fold(markup: str) -> str:
    """Mark the outermost quotes that are long enough to be folded."""
    out: list[str] = []
    depth = here = begin = 0
    for match in _QUOTE.finditer(markup):
        if not match[1]:
            if depth == 0:
                out.append(markup[here : match.start()])
                here = begin = match.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                quote = markup[begin : match.end()]
                long = plain_words(quote) > FOLDED_WORDS
                out.append(f"{FOLD}{quote}{UNFOLD}" if long else quote)
                here = match.end()
    out.append(markup[here:])
    return "".join(out)
