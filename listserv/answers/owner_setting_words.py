"""Read a line of an owner's mail that changes a setting, as people name settings and values.

    read("Please change the title to Garden Friends")     # Order("set", "title", "Garden Friends")
    read("Make the archive visible to members only")      # Order("set", "archive", "members")

Knows words/settings.toml and the table of settings; refuses to know whether a value may stand.
Pure.
"""

import re
from dataclasses import replace

from listserv.answers import owner_lexicon
from listserv.answers.owner_lexicon import bare, folded, says, without, without_politeness
from listserv.answers.owner_order import Order
from subscriptions.lists.list_settings import BY_NAME
from templates import lexicon
from templates.catalogue import LANGUAGES
from templates.lexicon import fold

BY_LANGUAGE = frozenset(("footer", "welcome"))  # settings with a text for each language
_SETTING = re.compile(r"^([^:=]{2,60}?)\s*(?:[:=]|\s=>?\s)\s*(.*)$")
_QUOTES = "\"'\u00ab\u00bb\u201e\u201c\u201d "
_FIRST = "first_posts_moderated"
_TEXTS = frozenset(("title", "description"))
_BEFORE = 8  # words before the setting's name
_CHOICES = {
    "archive": ("public", "members", "none"),
    "post": ("members", "anyone", "moderated", "editors"),
    "join": ("open", "approve", "invite"),
}


def read(line: str) -> Order | None:
    """Return the change that a line asks for, None for none."""
    match = _SETTING.match(line)
    if match:
        found = _called(fold(match[1]))
        if found:
            name, language, spoken = found
            return Order("set", name, match[2].strip(), spoken, line, language)
    return _switch(line) or _changed(line) or _wished(line) or _chosen(line) or _first_posts(line)


def _wished(line: str) -> Order | None:
    """Read "I'd like the title to be Riverside Gardeners": a text that a setting is to have."""
    words = line.split()
    if "?" in line or says("wonder", bare(line)):
        return None
    for start in range(min(len(words), _BEFORE)):
        for end in range(start + 1, min(len(words), start + 4)):
            found = named(bare(" ".join(words[start:end])))
            if found is None or found[0] not in _TEXTS:
                continue
            value = _behind_be(words[end:])
            before = bare(" ".join(words[:start]))
            if value and (start or end > 1) and not says("not", before):
                return Order("set", found[0], value, line=line, language=found[1])
    return None


def _behind_be(words: list[str]) -> str:
    """Return what stands behind a "to be", or before a Dutch one at the end; "" for neither."""
    for length in range(min(len(words) - 1, 4), 0, -1):
        if bare(" ".join(words[:length])) in folded_all("owners", "to-be"):
            return _unthanked(" ".join(words[length:])).rstrip(".! ").strip(_QUOTES)
    for length in (2, 1):
        if len(words) > length and bare(" ".join(words[-length:])) in folded_all(
            "owners", "becomes"
        ):
            return _unthanked(" ".join(words[:-length])).strip(_QUOTES)
    return ""


def value_of(words: str, offered: tuple[str, ...]) -> str:
    """Return which of the ``offered`` values is named, "" for none."""
    said = fold(words)
    if said in offered:
        return said
    for one in offered:
        if said in lexicon.phrases("settings", f"value-{one}"):
            return one
    return ""


def _called(words: str) -> tuple[str, str, str] | None:
    """Return the setting that words before a colon name, their language, and for whose readers."""
    words = without_politeness(bare(words))
    for tried in (words, _bare_name(words)):
        found = named(tried)
        if found:
            return *found, ""
    bare_name, spoken = _spoken(_bare_name(words))
    found = named(bare_name) if spoken else None
    return (*found, spoken) if found and found[0] in BY_LANGUAGE else None


def _bare_name(words: str) -> str:
    """Return "the title" of "please change the title to" or "the title should be"."""
    for meaning in ("change", "to", "be", "article"):
        edge = "start" if meaning in {"change", "article"} else "end"
        for one in sorted(lexicon.phrases("owners", meaning), key=len, reverse=True):
            if edge == "start" and words.startswith(f"{one} "):
                words = words[len(one) + 1 :]
                break
            if edge == "end" and words.endswith(f" {one}"):
                words = words[: -len(one) - 1]
                break
    return words


def _spoken(words: str) -> tuple[str, str]:
    """Return a name without the language that it names, and which that is."""
    for language in LANGUAGES:
        for one in sorted(lexicon.phrases("commands", language), key=len, reverse=True):
            found = re.search(rf"(?:^|\s)((?:in|pa|op|het|la|на|limba|in het)\s)?{one}$", words)
            if found:
                return words[: found.start()].strip(), language
    return words, ""


def _switch(line: str) -> Order | None:
    words = without_politeness(bare(line))
    for way, value in (("", "yes"), ("off", "no"), ("on", "yes")):
        begins = sorted(lexicon.phrases("settings", way), key=len, reverse=True) if way else ("",)
        for begin in begins:
            if begin and not words.startswith(f"{begin} "):
                continue
            left = words[len(begin) :].strip()
            found = named(left) or (named(_gerund(left)) if begin else None)
            if found and BY_NAME[found[0]].is_switch and (begin or len(left.split()) > 1):
                return Order("set", found[0], value, line=line, language=found[1])
    return None


def _gerund(words: str) -> str:
    """Return English "moderating ..." as "moderate ..."."""
    return re.sub(r"^(\w{4,})ing\b", r"\1e", words)


def _changed(line: str) -> Order | None:
    """Read "change the title to Garden Friends"."""
    words = line.split()
    for begin in range(min(len(words), 6)):
        if fold(words[begin]) not in lexicon.phrases("owners", "change"):
            continue
        for end in range(begin + 2, min(len(words), begin + 8)):
            if fold(words[end]) not in lexicon.phrases("owners", "to"):
                continue
            said = fold(" ".join(words[begin + 1 : end])).split()
            for start in range(min(len(said), 3)):
                found = named(" ".join(said[start:]))
                if found and end + 1 < len(words):
                    value = _unthanked(" ".join(words[end + 1 :]))
                    return Order("set", found[0], value, line=line, language=found[1])
    return None


def _unthanked(value: str) -> str:
    """Return a value without quotation marks, and without thanks behind them."""
    quoted = re.match(
        r"[\"\u00ab\u201e\u201c\u201d]([^\"\u00bb\u201c\u201d]+)[\"\u00bb\u201c\u201d]", value
    )
    return quoted[1].strip() if quoted else value.strip(_QUOTES)


def _chosen(line: str) -> Order | None:
    """Read "only members may read the archive": one setting, one value, nothing else."""
    words = without_politeness(bare(line))
    if "?" in line or says("not", words):
        return None
    for name, offered in _CHOICES.items():
        if not _stands(words, folded_all("owners", f"{name}-words")):
            continue
        left = _less(words, folded_all("owners", f"{name}-words"))
        for value in offered:
            said = folded_all("settings", f"value-{value}") | folded_all("owners", f"to-{value}")
            if not _stands(left, said):
                continue
            rest = _less(left, said)
            for meaning in ("be", "change", "article", "filler"):
                rest = without(meaning, rest)
            if not rest:
                language = owner_lexicon.language_of(f"{name}-words", words)
                return Order("set", name, value, line=line, language=language)
    return None


def _first_posts(line: str) -> Order | None:
    """Read "I want new members' first post to be checked before it goes out"."""
    words = without_politeness(bare(line))
    if "?" in line or not (says("first-posts", words) and says("checking", words)):
        return None
    rest = words
    for meaning in ("first-posts", "checking", "newcomers", "people", "be", "filler"):
        rest = without(meaning, rest)
    language = owner_lexicon.language_of("first-posts", words)
    return None if rest else Order("set", _FIRST, "yes", line=line, language=language)


def folded_all(name: str, meaning: str) -> frozenset[str]:
    """Return the folded phrases of one meaning in all languages."""
    return frozenset().union(*(folded(name, meaning, language) for language in LANGUAGES))


def _stands(words: str, phrases: frozenset[str]) -> list[str]:
    return [one for one in phrases if f" {one} " in f" {words} "]


def _less(words: str, phrases: frozenset[str]) -> str:
    padded = f" {words} "
    for one in sorted(_stands(words, phrases), key=len, reverse=True):
        padded = padded.replace(f" {one} ", " ")
    return " ".join(padded.split())


def named(words: str) -> tuple[str, str] | None:
    """Return which setting is named, and in which language ("" for its own name)."""
    plain = words.replace("-", "_").replace(" ", "_")
    for language in ("en", *LANGUAGES):
        for name in BY_NAME:
            if name in lexicon.tables("settings") and words in folded("settings", name, language):
                return name, language
    return (plain, "") if plain in BY_NAME else None


def in_language(order: Order, language: str) -> Order:
    """Return the same change for the readers of one language."""
    return replace(order, name=language)
