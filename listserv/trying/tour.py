"""The tour of ``krets try`` in the visitor's language: its five steps, and what its terminal says.

Knows which page each step begins at. The words stand in templates/page/try-*.txt; nothing here
is shown unless a template says it.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import templates
from listserv.trying.community import LIST, OWNER, STRANGER

STEPS = ("join", "confirm", "post", "decide", "leave")
WIDTH = 100  # columns at most


@dataclass(frozen=True, slots=True)
class TourStep:
    """Hold one thing to try: what to do, and where it begins ("" where a mail has the link)."""

    words: str
    link: str
    label: str  # of the link, on a page


@dataclass(frozen=True, slots=True)
class Tour:
    """Say where everything is; ``deciders`` are the moderators by the language they read."""

    pages: str  # of the lists
    box: str  # the page of every mail
    door: str  # for mail
    folder: str
    deciders: Mapping[str, str]

    def decider(self, language: str) -> str:
        """Return who decides in the tour: a moderator of this language, else the owner."""
        return self.deciders.get(language, OWNER)

    def steps(self, language: str, *, chosen: bool = False) -> list[TourStep]:
        """Return the five steps; links say the language where it was ``chosen`` by hand."""
        asked = {"language": language} if chosen else {}
        query = f"?{urlencode(asked)}" if asked else ""
        decider = self.decider(language)
        links = {
            "join": f"{self.pages}/{LIST}/join{query}",
            "post": f"{self.pages}/{LIST}/",
            "decide": f"{self.box}/?{urlencode({'reader': decider, **asked})}",
        }
        return [
            TourStep(
                templates.page(
                    "try-tour.txt", language, step=name,
                    list=LIST, decider=decider, stranger=STRANGER,
                ).strip(),
                links.get(name, ""),
                templates.page("try-tour.txt", language, step=f"{name}-link").strip(),
            )
            for name in STEPS
        ]  # fmt: skip


def said(what: str, language: str, columns: int = WIDTH, **values: object) -> str:
    """Return what the terminal says, set to its width; addresses are never broken."""
    text = templates.page("try-said.txt", language, said=what, **values)
    return "\n".join(_set(line, min(columns, WIDTH)) for line in text.strip("\n").split("\n"))


def _set(line: str, columns: int) -> str:
    if len(line) <= columns or "://" in line:
        return line
    bare = line.lstrip(" 0123456789.")
    return textwrap.fill(
        line,
        columns,
        subsequent_indent=" " * (len(line) - len(bare)),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        replace_whitespace=False,
    )
