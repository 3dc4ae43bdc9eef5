"""Read what somebody wishes for one thread: "mute", "follow this thread please", "unmute".

    read(OwnWords("Hi! Mute this thread unless I'm named, please"))    # ThreadWord("mute", True)
    code("mute #k7f3q2abcd")                                           # "k7f3q2abcd"

Every word must be known: a wish's, or one that stands around a wish and adds nothing. Which thread
is meant says the mail that it answers, or a code or a link to the archive beside it. What looks
after a list says "split: New subject", "merge #k7f3q2abcd", "close" and "reopen". Pure.
"""

import re
from dataclasses import dataclass
from functools import cache

from listserv.answers import answer_commands, solved_words
from listserv.answers.own_words import OwnWords
from templates.lexicon import fold, phrases

VERBS = ("unmute", "unfollow", "mute", "follow")
SOLVING = ("solved", "unsolved", "answer")
ARRANGING = ("split", "merge", "close", "reopen")
NAMED = "named"
CODE = 10  # letters and digits of a mail's hash that name its thread in a subject
_LONGEST = 9  # words of a phrase
_GREETED = 3  # lines of which the first may greet
_SUBJECT = 150  # characters of a new one
_CODE = re.compile(rf"(?<!\w)#([a-z2-7]{{{CODE},52}})(?!\w)", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s<>]{1,300}?/[tm]/([a-z2-7]{52})(?:/[^\s<>]{0,100})?")


@dataclass(frozen=True, slots=True)
class ThreadWord:
    """Hold a wish; a ``named`` mute ends when the member is named."""

    verb: str
    named: bool = False
    subject: str = ""  # of a thread that is split off

    @property
    def rest(self) -> str:
        """Return what a command keeps beside the verb."""
        return NAMED if self.named else self.subject


def read(own: OwnWords) -> ThreadWord | None:
    """Return the wish of a text, else of a subject that answers none; None where there is none."""
    text = _bare(own.text)
    if not text.strip():
        return None if own.replied else _read(_bare(own.subject))
    return _read(text)


def code(text: str) -> str:
    """Return the beginning of the hash that a text names a thread by, "" for none."""
    return next(iter(codes(text)), "")


def codes(text: str) -> list[str]:
    """Return the beginnings of all hashes that a text names threads by, links first."""
    found = [one[1].lower() for form in (_LINK, _CODE) for one in form.finditer(text)]
    return list(dict.fromkeys(found))


def _bare(text: str) -> str:
    return _CODE.sub(" ", _LINK.sub(" ", text))


def _read(text: str) -> ThreadWord | None:
    if not text.strip():
        return None
    found = _split_off(text) or answer_commands.find(text, _word)
    said = solved_words.command(text) if found is None else ""
    return ThreadWord(said) if said else found


def _split_off(text: str) -> ThreadWord | None:
    """Return a split that says what the new thread is called: "split: Tools for the garden"."""
    lines = [line for line in text.splitlines() if fold(line)]
    for place, line in enumerate(lines[:_GREETED]):
        said, colon, subject = line.partition(":")
        if colon and fold(subject) and fold(said) in phrases("threads", "split"):
            rest = lines[place + 1 :]
            if not all(answer_commands.is_polite(o) or answer_commands.is_name(o) for o in rest):
                return None
            return ThreadWord("split", subject=" ".join(subject.split())[:_SUBJECT])
        if not answer_commands.is_polite(line):
            return None
    return None


def _word(words: list[str]) -> ThreadWord | None:
    left = fold(" ".join(words)).split()
    found: set[str] = set()
    while left:
        for length in range(min(len(left), _LONGEST), 0, -1):
            meaning = _known().get(" ".join(left[:length]))
            if meaning is not None:
                found.add(meaning)
                left = left[length:]
                break
        else:
            return None
    found.discard("")
    verbs = found - {NAMED}
    if len(verbs) != 1 or (NAMED in found and verbs != {"mute"}):
        return None
    return ThreadWord(verbs.pop(), NAMED in found)


@cache
def _known() -> dict[str, str]:
    """Return each folded phrase with its wish; "" for the words around one."""
    found = dict.fromkeys(phrases("threads", "around"), "")
    found |= dict.fromkeys(phrases("threads", NAMED), NAMED)
    for verb in (*ARRANGING, *reversed(VERBS)):
        found |= dict.fromkeys(phrases("threads", verb), verb)
    return found
