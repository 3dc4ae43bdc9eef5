"""Read what a member answers to a poll, in the words of six languages, or by numbers.

    read(OwnWords("2"), poll, "en").choices          # (2,)
    read(OwnWords("Agree, it is time"), proposal)    # (1,), reason "Agree, it is time"

What can be chosen is named by its number, by its words, or by the only part of it that is said. A
vote that may mean two things is none. Knows nothing of who votes. Pure.
"""

import re
from dataclasses import dataclass

from listserv.answers import answer_commands, clauses, known_words
from listserv.answers.clauses import Clause
from listserv.answers.own_words import OwnWords
from subscriptions.lists.questions import Question, QuestionKind
from templates.lexicon import fold, phrases

TABLES = ("answers", "polls")
MAX_REASON = 1000  # characters
_LOOKED = 2000
_FEW = 3  # words of a vote that give no reason
_SHORTEST = 3  # letters of a part that names an option
_NUMBER = re.compile(r"(?<![\d.:/])#?(\d{1,2})(?![\d:/]|\.\d)")
_BESIDE = re.compile(r"[\s,;.&+#()]|\b(?:and|och|e|ed|si|и|en|nr|no|number|nummer)\b")
AGREE, ABSTAIN, DISAGREE, BLOCK = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class PollReply:
    """Hold what was understood: what is chosen (None where it is unclear), and why."""

    choices: tuple[int, ...] | None
    reason: str = ""
    lacks_reason: bool = False  # a block says why


def read(own: OwnWords, poll: Question, hint: str = "") -> PollReply:
    """Read an answer to a poll."""
    text = own.text[:_LOOKED].strip()
    if own.unseen or not text:
        return PollReply(None)
    if poll.kind is QuestionKind.PROPOSAL:
        return _proposed(text, hint)
    return PollReply(_chosen(text, poll, hint))


def _proposed(text: str, hint: str) -> PollReply:
    first = next((line for line in text.split("\n") if line.strip()), "")
    number = _only_numbers(first, BLOCK)
    said = number[0] if number and len(number) == 1 else _stand(text, hint)
    if said is None:
        return PollReply(None)
    reason = text[:MAX_REASON] if len(text.split()) > _FEW else ""
    return PollReply((said,), reason, lacks_reason=said == BLOCK and not reason)


def _stand(text: str, hint: str) -> int | None:
    """Return where somebody stands: what the first clause says that says anything."""
    parts = clauses.cut(known_words.read(text, hint, TABLES))
    stands = [one for part in parts if (one := _of_clause(part)) is not None]
    if not stands:
        return None
    if BLOCK in stands:
        return BLOCK
    against = {AGREE, DISAGREE} <= set(stands[:2])
    return None if against else stands[0]


def _of_clause(part: Clause) -> int | None:
    """Return where one clause stands, None for nowhere: the first that holds."""
    nods = part.has("weak") and not part.unknown and not part.negated
    agrees = part.has("agree") or (part.has("yes") and not part.has("itsme"))
    stands = (
        (BLOCK, part.has("block") and not part.negated),
        (ABSTAIN, part.has("abstain")),
        (DISAGREE, part.has("disagree") or (agrees and part.negated) or part.plain_no),
        (AGREE, agrees or nods),
    )
    return None if part.asks else next((one for one, holds in stands if holds), None)


def _chosen(text: str, poll: Question, hint: str) -> tuple[int, ...] | None:
    """Return what is chosen; one thing where only one may be."""
    choices = poll.choices
    first = next((line for line in text.split("\n") if line.strip()), "")
    found = _only_numbers(first, len(choices))
    if found is None:
        found = _by_words(first, choices)
    if not found:
        found = _in_general(text, poll, hint)
    if found is None:
        return None
    one = poll.kind is QuestionKind.CHOICE
    return None if one and len(found) != 1 else tuple(sorted(set(found)))


def _only_numbers(line: str, many: int) -> list[int] | None:
    """Return the numbers of a line that holds nothing else but politeness, None where it does."""
    return answer_commands.of_line(line, lambda words: _numbers(" ".join(words), many))


def _numbers(line: str, many: int) -> list[int] | None:
    numbers = [int(one) for one in _NUMBER.findall(line)]
    rest = _BESIDE.sub("", _NUMBER.sub("", fold(line)))
    if not numbers or rest or not all(0 < one <= many for one in numbers):
        return None
    return numbers


def _by_words(line: str, choices: list[str]) -> list[int]:
    """Return the options that a line names: whole, or by the only part that is said."""
    said = f" {_even(line)} "
    whole = [at for at, one in enumerate(choices, 1) if f" {_even(one)} " in said]
    if whole:  # "Red wine", not "Red" as well
        return [
            at
            for at in whole
            if not any(
                other != at and f" {_even(choices[at - 1])} " in f" {_even(choices[other - 1])} "
                for other in whole
            )
        ]
    if len(said.strip()) < _SHORTEST:
        return []
    part = [at for at, one in enumerate(choices, 1) if said in f" {_even(one)} "]
    return part if len(part) == 1 else []


def _even(text: str) -> str:
    return " ".join(re.sub(r"[,;.!?:()]", " ", fold(text)).split())


def _in_general(text: str, poll: Question, hint: str) -> list[int] | None:
    """Return what yes, no, all and none choose."""
    line = _even(text.split("\n", maxsplit=1)[0])
    many = len(poll.choices)
    if poll.kind is not QuestionKind.CHOICE:
        if line in phrases("polls", "all"):
            return list(range(1, many + 1))
        if line in phrases("polls", "none") or line in phrases("answers", "no"):
            return []
        if many == 1 and line in phrases("answers", "yes"):
            return [1]
        return None
    parts = clauses.cut(known_words.read(text, hint))
    for meaning in ("yes", "no"):
        said = parts and (parts[0].plain_no if meaning == "no" else parts[0].has("yes"))
        named = [
            at
            for at, one in enumerate(poll.choices, 1)
            if _even(one) in phrases("answers", meaning)
        ]
        if said and len(named) == 1:
            return named
    return None
