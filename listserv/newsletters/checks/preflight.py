"""Preflight: what an editor should look at before an issue leaves. Pure.

What is said of words, links and pictures stands here; of colours in legibility.py, of headings
and tables in outline.py, of the plain text in plaintext.py, of DNS in sender_domain.py.
"""

import binascii
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from ipaddress import ip_address
from urllib.parse import urlsplit

from listserv.letters.post_headers import LEAVE
from listserv.mailings.slots import variant_of
from listserv.newsletters.checks import legibility, outline, plaintext
from listserv.newsletters.checks.findings import Finding
from listserv.newsletters.checks.links import LinkAnswer
from listserv.newsletters.writing import drafts, sources
from listserv.newsletters.writing.drafts import Draft
from listserv.newsletters.writing.manuscript_blocks import BlockKind, DraftBlock
from mailer.ledger.splice import Segments

CLIP = 102 * 1024  # bytes of HTML from which Gmail shows "message clipped", and hides the way out
LONG_SUBJECT = 60  # characters; telephones show fewer
LONG_PREHEADER = 110
PACKED = "winmail.dat"  # Outlook's own format, in which files and layout may be hidden
_TEXT, _HTML = b"Content-Type: text/plain", b"Content-Type: text/html"
_PLACEHOLDER = re.compile(
    r"(?<!\w)(?:(?:TK)+|TODO|FIXME|XXXX+|TBD|TBC)(?!\w)"
    r"|\blorem ipsum\b|\\?\[\s*\.\.\.\s*\\?\]|\?\?\?"
    r"|\{%.{0,200}?%\}|\*\|\w{1,40}\|\*",  # other programs' templates: nothing fills them here
    re.ASCII,
)
_NOWHERE = re.compile(
    r"#?\Z|https?://(?:www\.)?example\.(?:com|org|net)(?:[/?#]|\Z)|https?://localhost\b"
)
_LINK = re.compile(r'<a\s[^>]*?href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_SHOWN_HOST = re.compile(
    r"\s*(?:https?://)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})(?:[/?#]\S*)?\s*\Z"
)
_HOST = re.compile(r"https?://(?:www\.)?([^/?#:]+)")


def look(
    draft: Draft,
    made: Mapping[int, Segments],
    languages: Mapping[str, int],
    language: str,
    postal: str = "",
    names: Mapping[str, str] | None = None,
) -> Iterator[Finding]:
    """Yield what is to be said of a draft as it was composed, the red first.

    ``languages`` counts the readers whose language it lacks, ``language`` is what they get;
    ``postal`` is the address that every copy should show, ``names`` are the first names of
    pictures, by their addresses.
    """
    found = [*_weight(made), *_ways_out(made), *_languages(languages, language)]
    for one in draft.versions:
        read = sources.read(drafts.fill(one.text, str), str, {}, {})
        copy = _copy(made, one.language or language)
        found += [
            *_words(one),
            *_links(one, read.blocks),
            *_pictures(one, read.blocks, names or {}),
        ]
        found += [*_envelope(one), *outline.findings(read.blocks, copy.html, one.text)]
        found += [*plaintext.findings(read.text, copy.text, copy.html)]
        found += [*legibility.findings(copy.html), *_imprint(copy, postal)]
    once = {(one.key, one.what): one for one in found}
    yield from sorted(once.values(), key=lambda one: not one.red)


def addresses(draft: Draft) -> list[str]:
    """Return where the links of a draft lead, in every language."""
    found: list[str] = []
    for one in draft.versions:
        for block in sources.read(drafts.fill(one.text, str), str, {}, {}).blocks:
            found += [block.address] if block.kind is BlockKind.BUTTON else []
            found += [unescape(match[1]) for match in _LINK.finditer(block.html)]
        found += [address for address, _ in sources.drawn_links(drafts.fill(one.text, str))]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Copy:
    """Hold both parts of one reader's copy, with a letter for each slot."""

    text: str
    html: str


def _copy(made: Mapping[int, Segments], language: str) -> _Copy:
    """Return the copy of a reader of ``language`` whose name is known."""
    ways = [(named, filled) for named in (True, False) for filled in (True, False)]
    variants = [variant_of(language, named=named, filled=filled) for named, filled in ways]
    one = next((made[at] for at in variants if at in made), None) or next(iter(made.values()))
    before, _, html = b"x".join(one.parts).partition(_HTML)
    text = before.partition(_TEXT)[2]
    return _Copy(_unquoted(text), _unquoted(html))


def _unquoted(part: bytes) -> str:
    """Return the words of a part, from its header's end to the mark behind it."""
    body = part.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--=_")[0]
    return binascii.a2b_qp(body).decode("utf-8", "replace").replace("\r\n", "\n")


def _imprint(copy: _Copy, postal: str) -> Iterator[Finding]:
    """Look for the postal address in both parts."""
    shown = (" ".join(part.split()) for part in (copy.text, unescape(copy.html)))
    if postal and not all(" ".join(postal.split()) in part for part in shown):
        yield Finding(
            "postal-unseen", "the theme does not show the postal address (imprint.postal_address)"
        )


def followed(answers: Mapping[str, LinkAnswer]) -> Iterator[Finding]:
    """Say what became of links that were asked for."""
    for address, answer in answers.items():
        if answer in _FOLLOWED:
            key, what, red = _FOLLOWED[answer]
            said = address[:120]
            yield Finding(key, f"the link {said} {what}", red=red, values={"address": said})


def warming(seconds: float, bound: str) -> Iterator[Finding]:
    """Say that a warm-up calendar spreads an issue over days."""
    days = math.ceil(seconds / 86400)
    if bound == "days" and days > 1:
        yield Finding(
            "warm-up",
            f"by the warm-up calendar it takes about {days} days until all have it",
            values={"days": days},
        )


_FOLLOWED = {
    LinkAnswer.DEAD: ("link-dead", "leads to nothing: no page, or no server", True),
    LinkAnswer.INSIDE: ("link-inside", "leads into a private network, where no reader comes", True),
    LinkAnswer.DOUBTFUL: ("link-doubtful", "gave an error or went in a circle", False),
}


def left_behind(picture: str) -> Finding:
    """Say that a picture came with the draft and stands nowhere in its text."""
    return Finding(
        "left-behind",
        f"the picture {picture} is not in the text; write ![its words]({picture}) where it belongs",
        values={"picture": picture},
    )


def attached(name: str) -> Finding:
    """Say that a file came with the draft, which cannot go with the issue."""
    if name.lower() == PACKED:
        what = "winmail.dat cannot be read; send the draft as HTML or plain text"
        return Finding("packed", what)
    return Finding(
        "attached",
        f"the file {name} does not go with the issue; put it on a page and link it",
        values={"file": name},
    )


def unseen(base_url: str, count: int) -> Iterator[Finding]:
    """Say that no reader's mail program can fetch pictures from where they would stand."""
    host = urlsplit(base_url).hostname or ""
    if count and not _is_public(host):
        yield Finding(
            "pictures-unseen",
            f"the pictures would stand at {base_url}, which no reader can reach;"
            " set listserv.base_url",
            red=True,
            values={"address": base_url},
        )


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal", ".test"))


def weight(made: Mapping[int, Segments]) -> int:
    """Return the bytes of the heaviest HTML, as a mail program reads it."""
    sheets = (b"".join(one.parts).partition(_HTML)[2] for one in made.values())
    return max((len(binascii.a2b_qp(sheet)) for sheet in sheets), default=0)


def _words(draft: Draft) -> Iterator[Finding]:
    lines = [draft.subject, draft.preheader, *draft.text.split("\n")]
    for line in lines:
        match = _PLACEHOLDER.search(line)
        if match is not None:
            said = " ".join(line.split())[:80]
            yield Finding(
                "placeholder",
                f'something is left to fill in: "{said}"',
                red=True,
                values={"words": said},
            )


def _links(draft: Draft, blocks: tuple[DraftBlock, ...]) -> Iterator[Finding]:
    links = sources.drawn_links(drafts.fill(draft.text, str))
    links += [(block.address, block.words) for block in blocks if block.kind is BlockKind.BUTTON]
    for block in blocks:
        links += [(m[1], re.sub(r"<[^>]*>", "", m[2])) for m in _LINK.finditer(block.html)]
    for address, words in links:
        if _NOWHERE.match(address):
            yield Finding(
                "nowhere",
                f'the link "{words[:60]}" leads nowhere: {address[:80] or "it has no address"}',
                red=True,
                values={"words": words[:60], "address": address[:80]},
            )
            continue
        shown, real = _SHOWN_HOST.match(words.casefold()), _HOST.match(address.casefold())
        if shown and real and not _same_host(shown[1], real[1]):
            yield Finding(
                "disguised",
                f'the link "{words[:60]}" shows one address and leads to {real[1]}',
                red=True,
                values={"words": words[:60], "address": real[1]},
            )


def _same_host(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _weight(made: Mapping[int, Segments]) -> Iterator[Finding]:
    heaviest = weight(made)
    if heaviest > CLIP:
        yield Finding(
            "heavy",
            f"the HTML weighs {heaviest // 1024} KB; Gmail cuts mail off at 102 KB,"
            " the way out with it",
            red=True,
            values={"size": heaviest // 1024},
        )


def _ways_out(made: Mapping[int, Segments]) -> Iterator[Finding]:
    """Look for the reader's own way out in the header and in both parts."""
    for one in made.values():
        head, text, html = _parts(one)
        if not (head and text and html):
            yield Finding(
                "no-way-out", "the theme shows no way out of the list (leave_url)", red=True
            )
            return


def _parts(one: Segments) -> tuple[bool, bool, bool]:
    """Tell whether the slot of the way out stands in the header, in the text, in the HTML."""
    where, seen = 0, [False, False, False]
    for part, slot in zip(one.parts, (*one.slots, ""), strict=True):
        if not where and b"\r\n\r\n" in part:
            where = 1
        if _HTML in part:
            where = 2
        if slot == LEAVE and (where or b"\nList-Unsubscribe:" in part):
            seen[where] = True
    return seen[0], seen[1], seen[2]


def _pictures(
    draft: Draft, blocks: tuple[DraftBlock, ...], names: Mapping[str, str]
) -> Iterator[Finding]:
    missing = sources.drawn_pictures(draft.text)
    missing += [b.address for b in blocks if b.kind is BlockKind.PICTURE and not b.words.strip()]
    for block in blocks:
        missing += re.findall(r'<img\s[^>]*?src="([^"]*)"[^>]*?alt=""', block.html)
    for address in missing:
        name = (names.get(address) or address.rpartition("/")[2])[:60]
        yield Finding(
            "alt",
            f"the picture {name} says nothing to those who cannot see it: ![its words]({name})",
            values={"picture": name},
        )


def _envelope(draft: Draft) -> Iterator[Finding]:
    if len(draft.subject) > LONG_SUBJECT:
        size = len(draft.subject)
        yield Finding(
            "long-subject",
            f"the subject has {size} characters; telephones show about {LONG_SUBJECT}",
            values={"size": size},
        )
    if not draft.preheader:
        yield Finding("no-preheader", "there is no preheader; mail programs show the first words")
    elif len(draft.preheader) > LONG_PREHEADER:
        size = len(draft.preheader)
        yield Finding(
            "long-preheader",
            f"the preheader has {size} characters; about {LONG_PREHEADER} are shown",
            values={"size": size},
        )


def _languages(languages: Mapping[str, int], language: str) -> Iterator[Finding]:
    if languages:
        others = sorted(languages.items(), key=lambda one: (-one[1], one[0]))
        said = ", ".join(f"{other} {count:,}" for other, count in others)
        count = sum(languages.values())
        yield Finding(
            "language",
            f"{count:,} readers have chosen another language ({said});"
            f" they get the text in {language}",
            values={"languages": others, "count": count, "only": language},
        )
