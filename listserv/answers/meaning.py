"""Say what an answer means to the question that was asked, how sure that is, and why.

    confirm(OwnWords("Nej tack!"))          # Meaning("no", 0.98, ("Nej tack",))

THE RULE: what adds consent, removes a person, publishes or sends needs a clear yes to the question
that was asked; a clear no does the no; anything else is "unclear" and changes nothing. So a yes
must stand alone or be said in so many words, and any doubt, question, "but", negation or word
about somebody else takes it away; a no only needs to be said. Knows nothing of mail, of people and
of what a meaning does. Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from listserv.answers import clauses, known_words
from listserv.answers.clauses import Clause
from listserv.answers.own_words import OwnWords
from listserv.answers.weighing import (
    ADMITTING,
    AGREEING,
    JOINING,
    LEAVING,
    STRONG,
    UNDOING,
    Weighed,
    weigh,
)
from templates.lexicon import fold

_LOSS = 0.02  # of certainty, for each of them


class Means(StrEnum):
    """Say what an answer means to the question; which of them a question has says its reader."""

    YES = "yes"
    NO = "no"
    NEVER = "never"  # never mail me again
    STAY = "stay"  # to "do you want to leave?"
    UNDO = "undo"  # to a receipt
    EMPTY = "empty"  # no words of their own
    AUTOMATIC = "automatic"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Meaning:
    """Hold what was understood; ``why`` are the words that decided."""

    means: Means
    sure: float
    why: tuple[str, ...] = ()


Reader = Callable[[OwnWords, str], Meaning]
_Read = Callable[[tuple[Clause, ...]], Meaning]
_NO = frozenset((Means.NO, Means.NEVER, Means.STAY, Means.AUTOMATIC))


def confirm(own: OwnWords, hint: str = "") -> Meaning:
    """Read an answer to "do you want to join?": yes, no, never, automatic, empty, unclear."""
    if own.automatic:
        return Meaning(Means.AUTOMATIC, 1.0)
    return _read(own, hint, _confirm)


def leave(own: OwnWords, hint: str = "") -> Meaning:
    """Read an answer to "do you want to leave?": yes, stay, unclear; our mail lets it be empty."""
    if own.automatic:
        return Meaning(Means.UNCLEAR, 1.0)
    found = _read(own, hint, _leave)
    return Meaning(Means.YES, 0.9) if found.means is Means.EMPTY else found


def undo(own: OwnWords, hint: str = "") -> Meaning:
    """Read an answer to a receipt: undo, no, unclear."""
    if own.automatic:
        return Meaning(Means.UNCLEAR, 1.0)
    found = _read(own, hint, _undo)
    return Meaning(Means.UNCLEAR, 1.0) if found.means is Means.EMPTY else found


def admit(own: OwnWords, hint: str = "") -> Meaning:
    """Read an owner's answer to "shall they come in?", in the words of ``confirm``."""
    if own.automatic:
        return Meaning(Means.AUTOMATIC, 1.0)
    return _read(own, hint, _admit)


def agree(own: OwnWords, hint: str = "") -> Meaning:
    """Read an answer to "shall this be done?", in the words of ``confirm``."""
    if own.automatic:
        return Meaning(Means.AUTOMATIC, 1.0)
    return _read(own, hint, _agree)


def by_number(own: OwnWords, reader: Reader) -> Means | None:
    """Return what a number means where the question offered numbers; None for no number."""
    first = own.text.strip().split("\n")[0].strip(" .):;!")
    return _NUMBERED[reader].get(first)


READERS: dict[str, Callable[..., Meaning]] = {
    "confirm": confirm,
    "leave": leave,
    "undo": undo,
    "join": admit,
}


_NUMBERED: dict[Reader, dict[str, Means]] = {
    confirm: {"1": Means.YES, "2": Means.NO, "3": Means.NEVER},
    agree: {"1": Means.YES, "2": Means.NO, "3": Means.NEVER},
    admit: {"1": Means.YES, "2": Means.NO},
    leave: {"1": Means.YES, "2": Means.STAY},
    undo: {"1": Means.UNDO, "2": Means.NO},
}


def _read(own: OwnWords, hint: str, reader: _Read) -> Meaning:
    """Read the text; a signature and a changed subject can only take a yes away, or be a no."""
    if _is_disclaimer(own.text):
        return Meaning(Means.UNCLEAR, 0.5)
    found = _of(_without_disclaimer(own.text), hint, reader)
    if own.unseen and found.means not in _NO:
        whole = _of(_without_disclaimer(own.unseen), hint, reader)
        if whole.means != found.means or _is_of_halves(own):
            return Meaning(Means.UNCLEAR, 0.5, whole.why)  # "<del>yes</del>" is no yes, nor empty
    found = _beside(found, _of(own.signature, hint, reader))
    subject = _of(own.subject, hint, reader)
    if own.replied and subject.means is Means.UNCLEAR and not _is_doubtful(own.subject, hint):
        return found  # "Re: your mail" is a program's, or a hurried person's
    return _beside(found, subject)


def _is_of_halves(own: OwnWords) -> bool:
    """Tell whether a stroke goes through a word: what is left of "yes" is no "y"."""
    return not set(fold(own.text).split()) <= set(fold(own.unseen).split())


def _of(text: str, hint: str, reader: _Read) -> Meaning:
    if not text.strip():
        return Meaning(Means.EMPTY, 1.0)
    return reader(clauses.cut(known_words.read(text, hint)))


def _beside(found: Meaning, other: Meaning) -> Meaning:
    """Return what two places of one mail mean together."""
    if other.means in {Means.EMPTY, found.means}:
        return found
    if found.means is Means.EMPTY:
        return other
    if other.means in _NO and found.means not in _NO:
        return Meaning(Means.UNCLEAR, 0.5, other.why)
    return found


def _is_doubtful(text: str, hint: str) -> bool:
    parts = clauses.cut(known_words.read(text, hint))
    return any(part.negated or part.asks or part.has("ask", "doubt") for part in parts)


def _without_disclaimer(text: str) -> str:
    """Return ``text`` without what firms put below every mail; never without its first words."""
    pieces = [piece for piece in text.split("\n\n") if piece.strip()]
    kept = [piece for at, piece in enumerate(pieces) if not at or not _is_disclaimer(piece)]
    return "\n\n".join(kept)


def _is_disclaimer(piece: str) -> bool:
    begin = piece.strip().split("\n\n")[0]
    return any("disclaimer" in hit.tags for hit in known_words.read(begin).hits)


def _confirm(parts: tuple[Clause, ...]) -> Meaning:
    found = weigh(parts, JOINING)
    if _is_automatic(parts):
        return Meaning(Means.AUTOMATIC, 0.9, _texts(parts, "auto"))
    if _is_never(parts):
        return Meaning(Means.NEVER, 0.98, _texts(parts, "never"))
    if found.against and not found.strong and not found.said:
        return Meaning(Means.NO, _sure(found), _why(found.against))
    if found.against and not found.strong and (_ends_it(parts) or _refuses(parts)):
        return Meaning(Means.NO, 0.7, _why(found.against))
    return _yes(found)


def _agree(parts: tuple[Clause, ...]) -> Meaning:
    found = weigh(parts, AGREEING)
    if _is_automatic(parts):
        return Meaning(Means.AUTOMATIC, 0.9, _texts(parts, "auto"))
    if _is_never(parts):
        return Meaning(Means.NEVER, 0.98, _texts(parts, "never"))
    if found.against and not found.yes:
        return Meaning(Means.NO, _sure(found), _why(found.against))
    return _yes(found)


def _leave(parts: tuple[Clause, ...]) -> Meaning:
    found = weigh(parts, LEAVING)
    if found.against and not (found.strong or found.said):
        return Meaning(Means.STAY, _sure(found), _why(found.against))
    if _is_automatic(parts):
        return Meaning(Means.UNCLEAR, 0.9, _texts(parts, "auto"))
    return _yes(found)


def _undo(parts: tuple[Clause, ...]) -> Meaning:
    found = weigh(parts, UNDOING)
    if _is_automatic(parts):
        return Meaning(Means.UNCLEAR, 0.9, _texts(parts, "auto"))
    if found.strong and not found.against and not found.danger and found.unknown <= STRONG:
        return Meaning(Means.UNDO, _sure(found), _why(found.strong))
    if (found.against or found.nod) and not found.strong:
        return Meaning(Means.NO, _sure(found), _why([*found.against, *found.nod]))
    if found.thanks and not found.strong and not found.danger:
        return Meaning(Means.NO, 0.8, _texts(parts, "thanks", "bye"))
    return Meaning(Means.UNCLEAR, 0.5, _why(found.danger or found.strong))


def _admit(parts: tuple[Clause, ...]) -> Meaning:
    found = weigh(parts, ADMITTING)
    if _is_automatic(parts) and not found.yes:
        return Meaning(Means.AUTOMATIC, 0.9, _texts(parts, "auto"))
    if _is_never(parts):
        return Meaning(Means.NEVER, 0.98, _texts(parts, "never"))
    if found.against and not found.yes:
        return Meaning(Means.NO, _sure(found), _why(found.against))
    return _yes(found)


def _yes(found: Weighed) -> Meaning:
    if found.is_clear:
        return Meaning(Means.YES, _sure(found), _why(found.yes))
    return Meaning(Means.UNCLEAR, 0.5, _why([*found.danger, *found.against] or found.yes))


def _sure(found: Weighed) -> float:
    base = 0.98 if found.strong or found.against else 0.96 if found.said else 0.9
    return round(max(0.5, base - _LOSS * min(found.unknown, 10)), 2)


def _why(said: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(said))[:5]


def _texts(parts: tuple[Clause, ...], *tags: str) -> tuple[str, ...]:
    return _why(hit.text for part in parts for hit in part.hits if hit.tags & set(tags))


def _is_automatic(parts: tuple[Clause, ...]) -> bool:
    auto = any(part.has("auto") for part in parts)
    said = ("yes", "no", "join", "leave", "never")
    person = any(part.has(*said) and not part.has("auto") for part in parts[:2])
    return auto and not person


def _is_never(parts: tuple[Clause, ...]) -> bool:
    """Tell whether "never" is said by itself."""
    said = [part for part in parts if not part.is_empty]
    return any(part.has("never") and not part.negated for part in said) and not any(
        part.has("yes", "join", "confirm", "stay") for part in said
    )


def _refuses(parts: tuple[Clause, ...]) -> bool:
    """Tell whether the last word is a refusal: "Yes, I got it, but I do not want to join"."""
    said = [part for part in parts if not part.is_empty]
    return bool(said) and said[-1].negated and said[-1].has("join") and not said[-1].unknown


def _ends_it(parts: tuple[Clause, ...]) -> bool:
    """Tell whether somebody who said yes asks to be taken off all the same."""
    return any(part.has("leave", "stop") and not part.negated for part in parts)
