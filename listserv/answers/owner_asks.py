"""Read a line of an owner's mail that asks or orders something of the whole list.

    asked("Who gets our newsletter at the moment?")     # Order("members", ...)

A line means something where one of its words says what is wanted and every other word is one that
carries nothing: so "who are we kidding?" is no question about members. Pure.
"""

from listserv.answers import owner_lexicon
from listserv.answers.owner_lexicon import bare, language_of, says, without, without_politeness
from listserv.answers.owner_order import UNCLEAR, Order
from templates.catalogue import LANGUAGES

PLAIN = ("members", "count", "queue")
WHOLE = ("export", "close", "reopen", "delete", "restore")  # of a list, not of somebody
WHOLE_LIST = "list"  # what an unclear order is about that is never about its writer
_CLOSED = {"close": "yes", "reopen": "no"}
_MANY = 14  # words of a question
_NAME = 4  # words of a name
# What a question is about, and which words may stand beside it; the first that fits.
_SHAPES = (
    ("export", ("file",), ("people", "seeing", "list", "archive-too")),
    ("count", ("how-many",), ("people", "seeing", "list", "getting")),
    ("queue", ("waiting",), ("people", "seeing", "who", "what", "posts", "for-me", "list")),
    ("members", ("who",), ("people", "list", "getting", "on-list")),
    ("members", ("people",), ("seeing", "list", "on-list")),
    ("members", ("everybody", "seeing"), ("people", "list", "on-list", "who")),
)


def asked(line: str) -> Order | None:
    """Return what a line without any address asks or orders, None for nothing."""
    words = without_politeness(bare(line))
    for meaning in PLAIN:
        for language in LANGUAGES:
            if words in owner_lexicon.folded("owners", meaning, language):
                return Order(meaning, line=line, language=language)
    for said in dict.fromkeys((words, owner_lexicon.bare_verbs(words))):
        found = _whole(line, said) or _shaped(line, said) or _in_many_words(line, said)
        if found:
            return found
    return _found(line, words)


def _whole(line: str, words: str) -> Order | None:
    """Read what would end, rename or hand out the list."""
    found = [meaning for meaning in WHOLE if says(meaning, words)]
    if not found:
        return None
    if "restore" in found:  # "undo the deletion" speaks of both
        found = ["restore"]
    stays = found == ["delete"] and says("archive-stays", words)
    around = without("archive-stays", words) if stays else words
    for meaning in found:
        around = without(meaning, around)
    language = language_of(found[0], words)
    if says("not", around, language) or says("wonder", words, language) or len(found) > 1:
        return Order(UNCLEAR, rest=WHOLE_LIST, line=line)
    if found[0] == "delete":
        goes = not stays and says("archive-goes", words)
        return Order("delete", rest="hide" if goes else "keep", line=line, language=language)
    if found[0] in _CLOSED:
        return Order("set", "closed", _CLOSED[found[0]], line=line, language=language)
    return Order(found[0], line=line, language=language)


def _shaped(line: str, words: str) -> Order | None:
    for meaning, needed, beside in _SHAPES:
        if all(says(one, words) for one in needed) and not _left(words, (*needed, *beside)):
            if meaning == "members" and needed == ("people",) and not _asks(line, words):
                continue
            return Order(meaning, line=line, language=language_of(needed[0], words))
    return None


def _in_many_words(line: str, words: str) -> Order | None:
    """Read a question whose words leave no doubt, whatever else a short line says."""
    if len(words.split()) > _MANY or says("not", words):
        return None
    several = says("people", words) or says("getting", words)
    gets = says("getting", words) and (says("everybody", words) or says("who", words))
    meant = ""
    if says("file", words) and says("people", words) and says("seeing", words):
        meant = "export"
    elif says("how-many", words) and several:
        meant = "count"
    elif says("waiting", words) and says("posts", words) and _asks(line, words):
        meant = "queue"
    elif gets and says("seeing", words):
        meant = "members"
    key = {"export": "file", "count": "how-many", "queue": "waiting", "members": "getting"}
    return Order(meant, line=line, language=language_of(key[meant], words)) if meant else None


def _asks(line: str, words: str) -> bool:
    return "?" in line or says("seeing", words)


def _left(words: str, meanings: tuple[str, ...]) -> str:
    """Return the words that carry something else."""
    for meaning in (*meanings, "filler"):
        words = without(meaning, words)
    return without("filler", words)


def _found(line: str, words: str) -> Order | None:
    """Read whom somebody looks for by name: "find berg", "is there anybody called Berg?"."""
    for language in LANGUAGES:
        for hit in owner_lexicon.hits("find", words):
            said = words[hit.span[1] :].strip()
            if hit.language == language and not hit.span[0] and 0 < len(said.split()) <= _NAME:
                return Order("find", rest=said, line=line, language=language)
    if not says("called", words) and not ("?" in line and says("anybody", words)):
        return None
    said = _left(words, ("called", "anybody", "people", "list", "on-list", "who"))
    if 0 < len(said.split()) <= _NAME - 1 and not says("not", words):
        return Order("find", rest=said, line=line, language=language_of("called", words))
    return None
