"""Know a post that only says "unsubscribe me": its writer meant us, and not everybody.

    is_leave_wish(subject, text)

Every sentence must be such a wish or mere politeness, so that a post about leaving goes out; a
negation before the wish is none ("please don't remove me"). What is done about it is for the door.
Pure.
"""

from listserv.answers.set_phrases import FoldedText, FoundPhrase, take_apart
from templates import lexicon

WORDS = "leaving"
_WORDS = 60  # of the whole post
_SENTENCE = 24  # words of one wish
_NAME = 3  # words of a sentence that may be a name


def is_leave_wish(subject: str, text: str) -> bool:
    """Tell whether nothing but the wish to leave stands in the writer's own words."""
    said, title = take_apart(text), take_apart(subject)
    titled = any(_is_alone(one) for one in title.sentences) or bool(_wishes(title))
    if said.words > _WORDS or not (said.sentences or titled):
        return False
    wishes = _wishes(said) | {n for n, one in enumerate(said.sentences) if _is_alone(one)}
    others = [one for n, one in enumerate(said.sentences) if n not in wishes]
    if not wishes and not (titled and len(title.sentences) == 1):
        return False
    return all(_is_polite(one) or _is_signed(one, said) for one in others)


def _wishes(said: FoldedText) -> set[int]:
    """Return the sentences that say so in a phrase which nothing before it denies."""
    return {
        one.sentence
        for one in said.find(WORDS, "phrase")
        if len(said.sentences[one.sentence]) <= _SENTENCE and not _is_denied(said, one)
    }


def _is_denied(said: FoldedText, found: FoundPhrase) -> bool:
    before = said.sentences[found.sentence][: found.word]
    return not lexicon.phrases(WORDS, "denied").isdisjoint(before)


def _is_alone(sentence: tuple[str, ...]) -> bool:
    """Tell whether a sentence is the word for it, with politeness on both sides."""
    bare = sentence
    polite = lexicon.phrases(WORDS, "polite")
    while bare and bare[0] in polite and " ".join(bare) not in lexicon.phrases(WORDS, "alone"):
        bare = bare[1:]
    while bare and bare[-1] in polite and " ".join(bare) not in lexicon.phrases(WORDS, "alone"):
        bare = bare[:-1]
    return " ".join(bare) in lexicon.phrases(WORDS, "alone")


def _is_polite(sentence: tuple[str, ...]) -> bool:
    polite = lexicon.phrases(WORDS, "polite")
    return " ".join(sentence) in polite or all(word in polite for word in sentence)


def _is_signed(sentence: tuple[str, ...], said: FoldedText) -> bool:
    """Tell whether a sentence is but a name, at the end or in a greeting."""
    edge = sentence in (said.sentences[0], *said.sentences[-2:])
    return edge and len(sentence) <= _NAME
