"""Blocks beyond Markdown, spelled in plain words that no mail program changes.

    button: I will come                 a paragraph of its own begins with the block's word;
    https://garden.example/come         what else it says stands on the lines below

Knows the words, what each block needs, and how lines are broken by mail programs; refuses to know
Markdown and HTML. Pure. A paragraph that begins with a small-letter word and a colon is a block or
a mistake: prose begins with a capital letter.
"""

import difflib
import re
from dataclasses import dataclass, field
from typing import NamedTuple


class Shape(NamedTuple):
    """Say which fields a block may have, and which of them it must."""

    may: tuple[str, ...] = ()
    must: tuple[str, ...] = ()


LEFT, RIGHT, END = "left", "right", "end"
SHAPES = {
    "button": Shape(("link",), ("button", "link")),
    "picture": Shape(("alt", "caption", "link"), ("picture",)),
    "event": Shape(("when", "where", "text", "link"), ("event", "when")),
    "quote": Shape(("name",), ("quote",)),
    "sponsor": Shape(("text", "link", "picture", "alt"), ("sponsor",)),
    "divider": Shape(),
    LEFT: Shape(),
    RIGHT: Shape(),
    END: Shape(),
}
_BARE = {"divider", LEFT, RIGHT, END}  # words that stand alone on their line
_BEGINS = re.compile(r"([A-Za-z]{2,20}):(?!//)[ \t]*(.*)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z]{2,20}):(?!//)[ \t]*(.*)")
_ADDRESS = re.compile(r"(?:\[[^\[\]]*\]\()?<?((?:https?://|mailto:)[^\s<>]+?)>?\)?[\\]?\s*\Z")
_TAIL = 2_000  # characters at the end of a line, where an address is looked for
_PICTURE = re.compile(r"://|\.[a-z]{3,4}>?\Z", re.IGNORECASE)
_KNOWN = [word for word in SHAPES if word not in {LEFT, RIGHT, END}] + [LEFT, RIGHT, END, "vote"]


class BadBlockError(ValueError):
    """Say why a block cannot be read; ``line`` counts from its paragraph's first, which is 0."""

    def __init__(self, line: int, key: str, what: str, fix: str = "", **values: str) -> None:
        super().__init__(what)
        self.line = line
        self.key = key
        self.what = what
        self.fix = fix
        self.values = values


@dataclass(frozen=True, slots=True)
class WrittenBlock:
    """Hold a block as it was written: its word, and each field's text and address."""

    word: str
    fields: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return what a field says, "" where it is missing."""
        return self.fields.get(name, "")


def read(paragraph: str) -> WrittenBlock | None:
    """Return the block that a paragraph is, None for prose; raise BadBlockError."""
    lines = paragraph.split("\n")
    begins = _BEGINS.match(lines[0])
    if begins is None or begins[1].lower() in {"mailto", "vote"}:  # a vote is votes.py's
        return None
    word = begins[1].lower()
    if word not in SHAPES:
        if begins[1][0].isupper():
            return None
        near = difflib.get_close_matches(word, _KNOWN, n=1, cutoff=0.6)
        known = ", ".join(_KNOWN)
        raise BadBlockError(
            0,
            "block",
            f"{word!r} is no block.",
            f"{f'Did you mean {near[0]}?' if near else f'Known are {known}.'}"
            " Where it is prose, begin with a capital letter.",
            said=word,
            known=near[0] if near else known,
        )
    try:
        return _block(word, lines, begins[2])
    except BadBlockError:
        if begins[1][0].isupper():
            return None  # prose, which begins with a capital letter
        raise


def _block(word: str, lines: list[str], rest: str) -> WrittenBlock:
    if word in _BARE:
        if any(line.strip(" \t\\") for line in (rest, *lines[1:])):
            raise BadBlockError(
                0, "block-alone", f'"{word}:" stands alone in its paragraph.', said=word
            )
        return WrittenBlock(word)
    fields = _fields(word, lines)
    picture = fields.get("picture", "")
    if word == "picture" and lines[0][0] == "P" and not _PICTURE.search(picture):
        raise BadBlockError(0, "block-lacks", "no picture", said=word, lacks="picture")
    return WrittenBlock(word, fields)


def split_address(text: str) -> tuple[str, str]:
    """Return (words, the address at their end), as in "I will come https://..."."""
    found = _ADDRESS.search(text, max(0, len(text) - _TAIL))
    if found is None:
        return text, ""
    return text[: found.start()].rstrip(" :\t<\\"), found[1]


def _fields(word: str, lines: list[str]) -> dict[str, str]:
    shape = SHAPES[word]
    found: dict[str, list[str]] = {}
    current = word
    for number, line in enumerate(lines):
        bare = line.strip().removesuffix("\\").rstrip()
        match = _FIELD.match(bare)
        name = match[1].lower() if match else ""
        if match and (number == 0 or name in shape.may):
            if name in found:
                raise BadBlockError(number, "key-twice", f"{name} stands there twice.", said=name)
            current = name
            found[name] = [match[2].strip()]
        elif match and match[1].islower() and name not in {"https", "http", "mailto"}:
            raise BadBlockError(
                number,
                "block-field",
                f"{name!r} is not known in the block {word}.",
                f"Known are {', '.join(shape.may)}.",
                said=name,
                known=", ".join(shape.may),
            )
        else:  # a long line that a mail program has broken
            found.setdefault(current, []).append(bare)
    fields = {name: " ".join(" ".join(said).split()) for name, said in found.items()}
    if "link" in shape.may and "link" not in fields:  # below, or behind, the words
        last = list(fields)[-1]
        fields[last], fields["link"] = split_address(fields[last])
    for name in shape.must:
        if not fields.get(name):
            fix = f'Write a line "{name}: ..." below it.'
            if name == "link":
                fix = "Write an address, https://..., behind it or below it."
            raise BadBlockError(
                0,
                "block-lacks",
                f"the block {word} has no {'text' if name == word else name}.",
                f"Write it behind {word}:" if name == word else fix,
                said=word,
                lacks=name,
            )
    return fields
