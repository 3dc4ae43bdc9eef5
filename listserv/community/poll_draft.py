"""Read a poll as a host writes it: a mail to LIST-poll@, or a file with front matter.

    read("Which colour?", "Until: friday\\n\\n- Red\\n- Blue", now, "Europe/Rome")

The subject is the question. Lines that begin with "-" are what can be chosen: days make it a poll
for a day; without any it is a proposal. "Secret" makes it a ballot by page alone. Weights are
refused, and say why: whoever has more to say than others need not ask them. Knows no list. Pure.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from listserv.answers import dates
from listserv.community import gathering_lines, moments
from listserv.community.event_draft import BadEvent, clock_of
from listserv.community.gathering_lines import MAX_TITLE, GatheringLine
from subscriptions.lists.questions import Question, QuestionKind
from templates.lexicon import fold, phrases

LABELS = ("title", "kind", "until", "secret", "weights", "options")
KINDS = (
    QuestionKind.CHOICE,
    QuestionKind.DATE,
    QuestionKind.PROPOSAL,
    QuestionKind.VOLUNTEERS,
)
PROPOSED = ("agree", "abstain", "disagree", "block")  # the answers to a proposal
MAX_OPTIONS = 20
MAX_OPTION = 120  # characters
DAYS = 7  # that a poll is open where nobody says it
_OPTION = re.compile(r"\s*(?:[-*\u2022\u2013]|\d{1,2}[.)])\s+(\S.*)\Z")
_NO = frozenset(("no", "nej", "nu", "нет", "nee", "false", "0", "off"))


@dataclass(frozen=True, slots=True)
class PollDraft:
    """Hold a poll as it was written; ``until`` is in seconds since 1970 UTC."""

    title: str
    kind: QuestionKind
    options: tuple[str, ...]
    until: float
    zone: str
    text: str = ""
    secret: bool = False
    guessed_end: bool = False


def read(title: str, text: str, now: float, zone: str) -> PollDraft:
    """Read a mail; raise BadEvent for what is missing or unclear."""
    options, rest = _options(text)
    head, below = gathering_lines.cut(rest, LABELS)
    fields: dict[str, str] = {}
    others = []
    for line in head:
        label, value = _labelled(line, fields)
        if label:
            fields.setdefault(label, value)
        else:
            others.append(value)
    fields.setdefault("title", title)
    fields["text"] = "\n".join([*others, below]).strip()
    return _made(fields, options, now, zone)


def read_file(source: str, now: float, zone: str) -> PollDraft:
    """Read a file with front matter: title, kind, until, secret, zone."""
    found = gathering_lines.front_matter(source)
    if found is None:
        raise BadEvent(
            "no-front", "The file does not begin with front matter.",
            "Begin it with ---, title: ..., until: 2026-12-10, ---, and a line with - for each"
            " answer.",
        )  # fmt: skip
    given, text = found
    known = {"title", "kind", "until", "closes", "secret", "weights", "zone"}
    unknown = sorted(given.keys() - known)
    if unknown:
        raise BadEvent(
            "unknown-key", f"A poll has no {unknown[0]!r}.", f"It has {', '.join(sorted(known))}."
        )
    options, rest = _options(text)
    fields = {name: value for name, value in given.items() if value and name != "zone"}
    if "closes" in fields:
        fields.setdefault("until", fields.pop("closes"))
    named = given.get("zone", "") or zone
    return _made({**fields, "text": rest.strip()}, options, now, named)


def _options(text: str) -> tuple[list[str], str]:
    """Return the lines of a text that can be chosen, and the rest."""
    options, rest = [], []
    for line in text.splitlines():
        found = _OPTION.match(line)
        if found is not None:
            options.append(" ".join(found[1].split())[:MAX_OPTION])
        else:
            rest.append(line)
    return options, "\n".join(rest)


def _labelled(line: GatheringLine, known: dict[str, str]) -> tuple[str, str]:
    """Return what a line says, by its label or by itself."""
    if line.label:
        return line.label, line.value
    said = fold(line.value)
    for kind in KINDS:
        if said in phrases("gatherings", kind.value) and "kind" not in known:
            return "kind", kind.value
    for label in ("secret", "weights"):
        if said in phrases("gatherings", label):
            return label, "yes"
    until = gathering_lines.behind(line.value, "until")
    return ("until", until) if until and dates.names_one(until) else ("", line.value)


def _made(fields: dict[str, str], options: list[str], now: float, zone: str) -> PollDraft:
    title = " ".join(fields.get("title", "").split())[:MAX_TITLE]
    if not title:
        raise BadEvent("no-title", "The poll has no title.", "Say it in the subject.")
    if "weights" in fields and fold(fields["weights"]) not in _NO:
        raise BadEvent(
            "weights",
            "Votes are not weighted: everybody on a list has one vote.",
            "Whoever decides something alone need not ask.",
        )
    clock = clock_of(zone)
    kind = _kind(fields.get("kind", ""), options, now, clock)
    secret = "secret" in fields and fold(fields["secret"]) not in _NO
    if kind is QuestionKind.PROPOSAL:
        options = list(PROPOSED)
    several = 1 < len(options) <= MAX_OPTIONS and len(set(map(fold, options))) == len(options)
    if not several and not (kind is QuestionKind.VOLUNTEERS and len(options) == 1):
        raise BadEvent(
            "options", "A poll has two answers or more to choose from, which differ.",
            f"Write each on a line that begins with -, at most {MAX_OPTIONS}.",
        )  # fmt: skip
    until, guessed = _until(fields.get("until", ""), now, clock)
    return PollDraft(
        title, kind, tuple(options), until, zone or "UTC", fields.get("text", ""), secret, guessed
    )


def _kind(said: str, options: list[str], now: float, clock: tzinfo) -> QuestionKind:
    if said:
        for kind in KINDS:
            if fold(said) in phrases("gatherings", kind.value) or fold(said) == kind.value:
                return kind
        raise BadEvent(
            "kind", f"There is no kind of poll {said[:60]!r}.",
            "There are choice, date, proposal and volunteers.", said,
        )  # fmt: skip
    if not options:
        return QuestionKind.PROPOSAL
    days = all(_is_day(one, now, clock) for one in options)
    return QuestionKind.DATE if days else QuestionKind.CHOICE


def _is_day(said: str, now: float, clock: tzinfo) -> bool:
    today = datetime.fromtimestamp(now, clock).date()
    return moments.read(said, now, clock) is not None or (
        dates.read(said, today) is not None and dates.names_one(said)
    )


def _until(said: str, now: float, clock: tzinfo) -> tuple[float, bool]:
    if said:
        found = gathering_lines.deadline(said, now, clock)
        if found is None or found <= now:
            raise BadEvent(
                "until", "Until when to vote cannot be read.", "Name a day that is to come.", said
            )
        return found, False
    today = datetime.fromtimestamp(now, clock).date()
    begins = datetime.combine(today + timedelta(days=DAYS + 1), time(), clock)
    return begins.astimezone(UTC).timestamp() - 1, True


def changed(poll: Question, lines: str, now: float) -> PollDraft:
    """Return a poll with what labelled lines and lines of options change."""
    options, rest = _options(lines)
    head, below = gathering_lines.cut(rest, LABELS)
    given = {one.label: one.value for one in head if one.label}
    zone = poll.zone or "UTC"
    until = datetime.fromtimestamp(poll.until or now, clock_of(zone))
    own = poll.choices if poll.kind is not QuestionKind.PROPOSAL else []
    fields = {
        "title": poll.title,
        "kind": "" if options else poll.kind.value,
        "until": f"{until:%Y-%m-%d %H:%M}",
        "text": below or poll.text,
    }
    ballot = {"secret": "yes"} if poll.secret else {}
    return _made({**fields, **ballot, **given}, options or own, now, zone)


def zone_named(name: str) -> ZoneInfo:
    """Return the zone in which a poll's hours are told."""
    return clock_of(name)
