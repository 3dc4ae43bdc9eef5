"""Read what a member asks for by mail: one wish, said in their own words.

    read(OwnWords("Hej! Pausa till den 7 januari tack"), date(2026, 11, 29))
    # Wish("pause", 0.95, ("Pausa",), until="2027-01-07", resumes=date(2027, 1, 7))

A wish is asked about or can be undone, so that more is understood here than in an answer: "How do
I unsubscribe?" is one. What is negated, or is about somebody else, is none. Pure; today is an
argument.
"""

import re
from dataclasses import dataclass
from datetime import date

from listserv.answers import clauses, dates, known_words, own_names, rhythm_wishes, thread_words
from listserv.answers.clauses import Clause
from listserv.answers.own_words import OwnWords
from listserv.answers.weighing import JOIN_WISH, LEAVE_WISH, weigh
from templates.catalogue import LANGUAGES

_LANGUAGE = 8  # words of a line that wishes for a language
_SURE = {"thanks": 0.9, "unclear": 0.3}
_EMAIL = re.compile(r"[^\s@<>()\",;:]{1,64}@[^\s@<>()\",;:]{1,200}\.[^\W\d_]{2,}")
_MARKS = re.compile(r"[,.;:!?\u2026\u2013\u2014]+\s")
_NOTHING = frozenset(("thanks", "bye", "greeting", "spoken", "plain", "please", "me", "weak"))
_KIND = ("thanks", "bye", "greeting", "spoken", "weak", "friendly")
# In this order, where nothing else decides.
_KINDS = ("forget", "resume", "pause", "data")


@dataclass(frozen=True, slots=True)
class MemberWish:
    """Hold a wish: ``rest`` is the language, address or name that it names."""

    means: str
    sure: float
    why: tuple[str, ...] = ()
    until: str | None = None
    resumes: date | None = None
    rest: str = ""
    said: str = ""  # the words that name a day, without a signature


def read(own: OwnWords, today: date) -> MemberWish:
    """Return the one wish of a text, else of its subject."""
    thread = thread_words.read(own)
    if thread is not None:
        said = (own.text or own.subject).strip()[:80]
        return MemberWish(thread.verb, 0.9, (said,), rest=thread.rest)
    rhythm = rhythm_wishes.read(own.text or own.subject)
    if rhythm:
        return MemberWish("rhythm", 0.9, ((own.text or own.subject).strip()[:80],), rest=rhythm)
    name = own_names.read(own.text or own.subject)
    if name:
        return MemberWish("name", 0.9, ((own.text or own.subject).strip()[:80],), rest=name)
    for text in (own.text, own.subject, own.signature):
        found = _read(text, today)
        if found is not None and found.means != "unclear":
            return found
    return MemberWish("unclear", _SURE["unclear"])


def _read(text: str, today: date) -> MemberWish | None:
    if text.strip() in {"", "?", "??", "???"}:
        return MemberWish("help", 1.0, ("?",)) if text.strip() else None
    said = known_words.read(text)
    parts = clauses.cut(said)
    plain = [part for part in parts if not part.negated]
    email = _EMAIL.search(text)
    if email and _why(plain, "address"):
        return MemberWish("address", 0.95, _why(plain, "address"), rest=email.group().strip(".<>"))
    until = _until(text, today)
    for kind in _KINDS:
        why = _of_kind(kind, parts, plain, today)
        if kind == "resume" and until and not _why(plain, kind):
            continue  # "don't send me anything until 7 January" ends no pause
        if why:
            return _pause(text, today, why) if kind == "pause" else MemberWish(kind, 0.95, why)
    spoken = _language([part for part in plain if not part.has("lost")], len(said.words))
    if spoken:
        return MemberWish("language", 0.95, _why(plain, f"in-{spoken}"), rest=spoken)
    leaving = _leaving(parts)
    if leaving and until:
        return _pause(until, today, leaving)  # "stop my mail until Tuesday"
    return MemberWish("leave", 0.95, leaving) if leaving else _about_place(parts, plain)


def _of_kind(
    kind: str, parts: tuple[Clause, ...], plain: list[Clause], today: date
) -> tuple[str, ...]:
    if kind == "forget":
        both = [part for part in plain if part.has("data") and part.has("remove", "leave")]
        return _why(plain, "forget") or tuple(part.text for part in both)
    if kind == "resume":
        ended = [part for part in plain if part.has("pause") and part.has("stop", "cancel", "undo")]
        turned = [part for part in parts if part.negated and part.has("pause")]
        return _why(plain, "resume") or tuple(part.text for part in (*ended, *turned))
    if kind == "pause" and not _why(plain, "pause"):
        away = [part for part in plain if part.has("auto") and _names_a_time(part.text, today)]
        return tuple(part.text for part in away)
    return _why(plain, kind)


def _names_a_time(text: str, today: date) -> bool:
    """Tell whether a clause names a day to come, or one that is asked about: no ticket's number."""
    return dates.read(text, today) is not None or dates.names_a_time(text)


def _until(text: str, today: date) -> str:
    """Return the words that say until when: "I'm away until 7 January, no mail please"."""
    said = _unsigned(text)
    return next(
        (one for one in (said, *_MARKS.split(said)) if dates.ends_something(one, today)), ""
    )


def _pause(text: str, today: date, why: tuple[str, ...]) -> MemberWish:
    said = _unsigned(text)
    when = dates.read(said, today)
    if when is not None:
        return MemberWish("pause", 0.95, why, when.day.isoformat(), when.resumes, said=said)
    return MemberWish("pause", 0.9, why, said=said)


def _unsigned(text: str) -> str:
    """Return a text up to the line that takes leave: numbers below are telephones."""
    kept: list[str] = []
    for line in text.splitlines():
        begin = known_words.read(line[:80]).hits[:1]
        if kept and begin and "bye" in begin[0].tags and begin[0].places[0] == 0:
            break
        if line.strip():
            kept.append(line.strip())
    return " ".join(kept)


def _language(plain: list[Clause], length: int) -> str:
    named = [one for one in LANGUAGES if any(part.has(f"in-{one}") for part in plain)]
    wished = any(part.has("language") for part in plain)
    return named[-1] if named and (wished or length <= _LANGUAGE) else ""


def _told(parts: tuple[Clause, ...]) -> list[Clause]:
    """Return the clauses that wish: "how do I leave?" does, "click here to be added" does not."""
    return [part.told() for part in parts if not part.has("auto")]


def _leaving(parts: tuple[Clause, ...]) -> tuple[str, ...]:
    """Return the words that wish to leave, () where something speaks against it."""
    found = weigh(_told(parts), LEAVE_WISH)
    return () if found.against else tuple(found.strong[:3])


def _about_place(parts: tuple[Clause, ...], plain: list[Clause]) -> MemberWish:
    """Read a wish to see something, to join, for help, or mere thanks."""
    for kind in ("settings", "archive", "count"):
        if _why(plain, kind):
            return MemberWish(kind, 0.95, _why(plain, kind))
    joining = weigh(_told(parts), JOIN_WISH)
    if joining.strong and not joining.against:
        return MemberWish("join", 0.95, tuple(joining.strong[:3]))
    helped = _why(list(parts), "help", "lost")
    if helped:
        return MemberWish("help", 0.95, helped)
    if _only_thanks(parts):
        return MemberWish("thanks", _SURE["thanks"], _why(list(parts), "thanks", "bye"))
    means = "language" if _why(plain, "language") else "unclear"
    return MemberWish(means, _SURE["unclear"], _why(plain, "language"))


def _only_thanks(parts: tuple[Clause, ...]) -> bool:
    """Tell whether nothing but thanks, greetings and praise is said: nothing else rests unheard."""
    return any(part.has("thanks", "bye") for part in parts) and all(
        part.tags <= _NOTHING
        and not part.asks
        and not part.unknown
        and (part.has(*_KIND) or not part.tags)
        for part in parts
    )


def _why(parts: list[Clause], *tags: str) -> tuple[str, ...]:
    found = (hit.text for part in parts for hit in part.hits if hit.tags & set(tags))
    return tuple(dict.fromkeys(found))[:3]
