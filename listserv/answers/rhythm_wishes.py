"""Read how often somebody wants mail: "daily", "a weekly summary please", "stop the digest".

    read("Hi! One mail a week, please")    # "weekly"

Every word of the wish must be known: a rhythm's, or one that stands around a wish and adds nothing.
So a complaint ("I get mail every day"), a question about the word ("What is a digest?") and a
letter that begins with "first" are no wishes, and need no list. Pure.
"""

from functools import cache

from listserv.answers import answer_commands
from templates.lexicon import fold, phrases

RHYTHMS = ("daily", "weekly", "first", "each")
_LONGEST = 6  # words of a phrase
_ASKED = 3  # words from which on a question mark only asks politely


def read(text: str) -> str:
    """Return the rhythm that a text wishes for, "" where it wishes for none, or for several."""
    if "?" in text and len(fold(text.replace("?", " ")).split()) < _ASKED:
        return ""
    return answer_commands.find(text.replace("?", "."), _rhythm) or ""


def _rhythm(words: list[str]) -> str | None:
    left = fold(" ".join(words)).split()
    named: set[str] = set()
    while left:
        for length in range(min(len(left), _LONGEST), 0, -1):
            found = _known().get(" ".join(left[:length]))
            if found is not None:
                named.add(found)
                left = left[length:]
                break
        else:
            return None
    named.discard("")
    return named.pop() if len(named) == 1 else None


@cache
def _known() -> dict[str, str]:
    """Return each folded phrase with its rhythm; "" for the words around one."""
    found = dict.fromkeys(phrases("rhythms", "around"), "")
    for rhythm in RHYTHMS:
        found |= dict.fromkeys(phrases("rhythms", rhythm), rhythm)
    return found
