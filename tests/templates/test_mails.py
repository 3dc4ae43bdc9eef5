"""Every notice in six languages, to the letter; delete a golden file to write it anew."""

import re
from pathlib import Path

import pytest

import templates
from listserv.answers import meaning
from listserv.answers.own_words import OwnWords
from listserv.letters import commands
from mailer.ledger.mailings import MailingState, Status, UnsurePolicy
from tests.templates.mail_samples import CONTEXT, TOKEN

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "mail"
ORDERS = [
    {"verb": verb, "who": "anna@example.net", "how": "Said yes at the meeting.",
     "line": "no anna@example.net", "why": "", "opens": "", "members": 2}
    for verb in ("add", "invite", "remove", "ban", "unban", "allow", "moderate", "unclear")
]  # fmt: skip
PLACES = [
    {**ORDERS[0], "verb": "pause", "until": 1796083200.0},
    {**ORDERS[0], "verb": "pause", "until": None},
    {**ORDERS[0], "verb": "resume"},
    {**ORDERS[0], "verb": "role", "how": "moderator"},
    {**ORDERS[0], "verb": "rename", "who": "garden@example.org", "before": "friends@example.org"},
    {**ORDERS[0], "verb": "delete", "hidden": True, "opens": "deleted", "until": 1798675200.0},
    {**ORDERS[0], "verb": "delete", "hidden": False, "opens": "deleted", "until": 1798675200.0},
    {**ORDERS[0], "verb": "restore", "opens": "restored"},
]
OPENINGS = (
    "", "join open", "join approve", "post anyone", "post members", "archive public",
    "archive members", "archive-less", "closed", "open-again", "renamed",
)  # fmt: skip
SETTINGS = [
    {**ORDERS[0], "verb": "set", "who": "title", "value": "Roses", "before": "", "opens": opens}
    for opens in OPENINGS
]
WHYS = (
    "owners-only", "no-member", "already", "barred", "own-address", "a-list", "same", "last-owner",
    "not-now", "value", "closed", "deleted", "gone", "taken", "name", "domain", "date", "changed",
    "unclear",
)  # fmt: skip
CONTEXT |= {
    "before": "circle@example.org",
    "back": False,
    "readable": True,
    "hidden": False,
    "needs_word": False,
    "wanted": [*ORDERS[:-1], *PLACES, *SETTINGS],
    "done": [*ORDERS[:-1], SETTINGS[0]],
    "failed": [{**ORDERS[2], "why": why} for why in WHYS],
    "how": "Said yes at the meeting.",
    "answers": [
        {
            "verb": "members", "who": "", "active": 2, "paused": 1, "pending": 1, "more": True,
            "people": [
                {"name": "Anna", "address": "anna@example.net", "role": "owner", "state": "active"},
                {"name": "", "address": "bo@example.com", "role": "", "state": "paused"},
                {"name": "", "address": "eve@example.com", "role": "", "state": "pending"},
            ],
        },
        {
            "verb": "count", "who": "", "active": 2, "paused": 1, "pending": 1,
            "people": [], "more": False,
        },
        {"verb": "find", "who": "eva", "people": [], "more": False},
        {
            "verb": "queue", "who": "", "people": [], "more": False, "joins": ["eve@example.com"],
            "days": 30, "silent": {"automatic": 7, "budget": 2, "not-theirs": 1, "other": 3},
            "posts": [{"author": "bo@example.com", "subject": "Seeds", "at": 1796083200.0}],
        },
    ],
}  # fmt: skip
BARE_EVENT = {
    **CONTEXT["event"], "ends": 1797699600.0, "place": "", "seats": 0, "until": None, "text": "",
}  # type: ignore[dict-item]  # fmt: skip
POLLS = [
    CONTEXT["poll"],
    *(
        {**CONTEXT["poll"], **more}  # type: ignore[dict-item]
        for more in (
            {"kind": "proposal", "choices": ["agree", "abstain", "disagree", "block"]},
            {"kind": "date", "choices": ["fredag", "lördag"]},
            {"kind": "volunteers", "choices": ["Baka"]},
            {"secret": True},
        )
    ),
]
STOOD = {
    "rows": [("agree", 3), ("abstain", 0), ("disagree", 1), ("block", 1)],
    "voted": 5, "electorate": 9,
    "reasons": [{"answer": "block", "reason": "Det blir för dyrt."}],
}  # fmt: skip
HELPERS = [
    {"name": "Bo Ek", "email": "bo@example.com", "does": "Baka"},
    {"name": "", "email": "eva@example.se", "does": "Baka"},
]
ANSWERED = [
    {"answer": "yes", "name": "Bo Ek", "email": "bo@example.com", "guests": 2, "note": ""},
    {"answer": "yes", "name": "", "email": "", "guests": 0, "note": ""},
    {"answer": "waiting", "name": "", "email": "eva@example.se", "guests": 0, "note": ""},
    {"answer": "maybe", "name": "Ugo", "email": "ugo@example.it", "guests": 0, "note": "Alle 19?"},
    {"answer": "no", "name": "Ana", "email": "ana@example.ro", "guests": 0, "note": ""},
]
NAMES = templates.mail_names()
LETTERS = [name for name in NAMES if not name.startswith("list-")]  # lines for posts
STRANGERS, MEMBERS = {"leave_address", "leave_url"}, {"confirm_url", "not_me_url"}  # lack these
ENDS = {"member-left", "member-removed", "stranger-stopped"}  # mails after which nothing more comes
OPERATORS = {
    "operator-examined",
    "operator-flood",
    "operator-health",
    "operator-no-owner",
    "operator-sample",
}  # to whoever set them up, not to members
RULES = [
    "auto-reply", "same-id", "broken", "size", "files", "author", "from-is-ours", "from-not-theirs",
    "newsletter-address", "membership", "editors-only", "moderated-list", "moderated-member",
    "first-post", "emergency", "closed", "thread-closed", "deleted",
]  # fmt: skip
CLEAN = Status(MailingState.DONE, UnsurePolicy.NEVER_TWICE, *(9, 0, 0, 9, 0, 0, 0, 0))
NOTES = ("", "unclear", "changed", "late", "unscheduled", "zone", "old", "proof", "readers")
VARIANTS: list[tuple[str, dict[str, object]]] = [
    ("stranger-help", {"leaving": True}),
    ("operator-health", {"worse": []}),
    ("operator-examined", {"must_mend": []}),
    ("operator-examined", {"must_mend": [], "should_mend": []}),
    ("stranger-help", {"list": {**CONTEXT["list"], "closed": True}}),  # type: ignore[dict-item]
    ("member-welcome", {"welcome": "Nice to have you with us."}),
    ("stranger-late", {"trouble": "expired"}),
    ("stranger-late", {"trouble": "superseded"}),
    ("stranger-refused", {"reason": ""}),
    ("member-leaving", {"alone": True}),
    ("member-paused", {"until": None}),
    ("member-paused-by", {"until": None}),
    ("member-command", {"command": "resume"}),
    ("member-command", {"command": "language", "looks_after": False}),
    ("member-command", {"command": "address", "looks_after": False}),
    ("member-command", {"command": "role"}),
    ("member-command", {"command": "name", "looks_after": False, "who": "Anna Berg"}),
    ("member-command", {"command": "forget"}),
    ("member-help", {"owner": True}),
    *(("member-role", {"role": role}) for role in ("owner", "editor", "advisor", "member")),
    ("owner-role", {"by": "", "undo": True, "role": "owner", "was": "editor"}),
    *(
        ("owner-no-role", {"why": why})
        for why in ("owners-only", "same", "last-owner", "changed", "unclear")
    ),
    ("owner-decided", {"yes": False}),
    ("owner-renamed", {"by": ""}),
    ("moderator-held", {"reminder": True, "since": 0, "cut": True, "files": [], "rules": RULES}),
    ("moderator-held", {"accepted": 1}),
    *(
        ("moderator-decided", {"word": word, "reason": ""})
        for word in ("ok", "always", "edit", "ban", "discard", "expired")
    ),
    ("moderator-decided", {"word": "always", "trusted": False, "by": "", "reason": ""}),
    ("moderator-decided", {"word": "ban", "you": True, "reason": ""}),
    ("moderator-decided", {"word": "ban", "author_address": "", "reason": ""}),
    ("member-unreached", {"unreached": 1}),
    ("member-uncarried", {"unreached": 1, "owner": True}),
    ("editor-sent", {"counts": CLEAN, "reasons": (), "people": (), "more": 0}),
    *(("editor-proof", {"note": note, "fresh": False, "findings": []}) for note in NOTES),
    ("editor-proof", {"note": "blocked"}),
    ("editor-proof", {"note": "wish", "fresh": False, "findings": [], "four_eyes": True}),
    ("editor-proof", {"note": "wish", "fresh": False, "findings": [], "at": None}),
    *(
        ("editor-trouble", {"key": key, "words": "", "again": True})
        for key in (
            *("theme-accent", "theme-word", "theme-element", "theme-tags"),
            *("theme-greedy", "theme-broken", "theme-doctype"),
            "vote",
            "segment-grammar",
            "segment-unknown-word",
            "segment-unknown-name",
            "segment-value",
            "segment-long",
            "no-text",
            "language",
            "front",
            "key",
            "key-twice",
            "no-subject",
            "subject-long",
            "slot-open",
            "large",
            "theme",
            "sheet-tags",
            "sheet-unknown",
            "sheet-refused",
            "other",
        )
    ),
    ("member-left", {"weekly": True}),
    *(("member-rhythm", {"rhythm": one}) for one in ("weekly", "first", "followed", "each")),
    *(("member-thread", {"deed": one}) for one in ("follow", "unmute")),
    ("member-thread", {"subject": "", "named": True}),
    *(("member-command", {"command": one}) for one in ("mute", "follow", "unfollow")),
    *(("moderator-thread", {"deed": one}) for one in ("split", "merge", "close", "reopen")),
    *(("moderator-no-thread", {"why": one}) for one in ("thread-begins", "thread-one")),
    ("member-not-asker", {"deed": "split"}),
    ("member-no-thread", {"deed": "merge"}),
    *(("member-command", {"command": one}) for one in ("split", "merge", "close", "reopen")),
    ("poster-closed", {"of_member": True}),
    ("member-solved", {"deed": "unsolved"}),
    ("member-solved", {"deed": "solved"}),
    ("member-solved", {"deed": "solved", "answer_url": ""}),
    ("member-command", {"command": "solved"}),
    ("member-which", {"own": False, "choices": [{"author": "Bo Ek", "subject": "Potatis"}]}),
    ("member-voted", {"word": "counted"}),
    ("member-voted", {"word": "closed"}),
    ("member-voted", {"word": "unclear"}),
    *(("member-event", {"why": why}) for why in ("asked", "changed", "cancelled", "reminder")),
    ("member-event", {"why": "asked", "event": BARE_EVENT}),
    ("member-event", {"why": "told"}),
    ("member-welcome", {"coming": [{**CONTEXT["event"], "url": "https://lists.example.org/x"}]}),  # type: ignore[dict-item]
    *(
        ("host-event", {"note": note, "stands": "draft", "answered": []})
        for note in ("fresh", "old")
    ),
    ("host-event", {"note": "fresh", "stands": "draft", "answered": [], "guessed": True}),
    ("host-event", {"note": "fresh", "stands": "draft", "answered": [], "twice": True}),
    *(
        ("host-event", {"note": note, "answered": []})
        for note in (
            *("again", "change", "opened", "sent", "changed", "set", "closed", "reopened", "moved"),
            *("nobody", "who", "told", "call-off", "past", "list", "unclear"),
        )
    ),
    ("host-event", {"note": "called-off", "answered": [], "stands": "cancelled"}),
    ("host-event", {"note": "told", "told": 1, "answered": ANSWERED}),
    *(("member-poll", {"why": "asked", "poll": poll}) for poll in POLLS),
    ("member-poll", {"why": "result"}),
    ("member-poll", {"why": "result", "poll": POLLS[1], "count": STOOD}),
    ("member-poll", {"why": "result", "poll": POLLS[4]}),
    *(
        ("member-polled", {"word": word})
        for word in ("counted", "by-page", "reason", "not-elector", "closed", "unclear")
    ),
    ("member-polled", {"word": "unclear", "poll": POLLS[1]}),
    ("member-polled", {"word": "counted", "poll": POLLS[1], "chosen": "agree"}),
    ("member-polled", {"word": "counted", "poll": POLLS[2], "chosen": ""}),
    *(
        ("host-poll", {"note": note, "stands": "draft", "poll": poll, "helpers": []})
        for note, poll in zip(("fresh", "again", "old", "past", "fresh"), POLLS, strict=True)
    ),
    ("host-poll", {"note": "fresh", "stands": "draft", "helpers": [], "guessed": True}),
    *(
        ("host-poll", {"note": note, "helpers": []})
        for note in ("opened", "sent", "close", "fixed", "list", "unclear")
    ),
    (
        "host-poll",
        {"note": "closed", "stands": "closed", "helpers": [], "poll": POLLS[1], "count": STOOD},
    ),
    ("host-poll", {"note": "list", "helpers": [], "poll": POLLS[4]}),
    ("host-poll", {"note": "called-off", "stands": "cancelled", "helpers": []}),
    ("host-poll", {"note": "list", "helpers": HELPERS, "poll": POLLS[3]}),
    *(
        ("host-trouble", {"key": key, "line": "" if key == "no-when" else "fredag kl 25"})
        for key in (
            *("no-title", "no-when", "when", "gap", "past", "order", "seats", "until"),
            *("options", "weights", "kind"),
        )
    ),
    *(
        ("member-answered", {"word": word, "guests": 0})
        for word in (
            *("yes", "maybe", "waiting", "promoted", "full", "closed", "cancelled", "over"),
            *("asked", "counter", "stale", "delegated", "unclear"),
        )
    ),
    ("member-answered", {"word": "yes", "guests": 1, "handed_on": True}),
    ("editor-sent", {"vote": None}),
    ("editor-sent", {"stopped": True, "vote": None, "reasons": (), "people": ()}),
    ("editor-trouble", {"key": "no-text", "packed": True, "words": ""}),
    ("editor-trouble", {"key": "segment-unknown-name", "only": True}),
    ("editor-answer", {"word": "many", "subject": "", "counts": None}),
    ("editor-scheduled", {"hour": "2026-11-27 09:30"}),
    ("editor-halted", {"why": "complaints", "by_mail": False, "complaints": 0, "reasons": ()}),
    ("editor-sending", {"minutes": None, "permalink": ""}),
    *(
        ("editor-answer", {"word": word, "counts": None})
        for word in (
            "over",
            "resume",
            "cancel",
            "idle",
            "nobody",
            "past",
            "expired",
            "ask",
            "alone",
            "own",
            "approved",
        )
    ),
    ("editor-answer", {"word": "sent"}),
    ("editor-answer", {"word": "sent", "by": "", "running": False}),
    ("editor-answer", {"word": "stop"}),
    ("moderator-wave", {"held_posts": 1, "more": 0}),
    ("moderator-wave", {"discarded": 1000}),
    ("moderator-wave", {"discarded": 1, "by": ""}),
    ("moderator-late", {"state": "waiting"}),
    ("moderator-late", {"state": "expired"}),
    ("moderator-late", {"state": "refused", "you": True}),
    ("moderator-late", {"state": "dropped", "by": ""}),
    ("poster-expired", {"of_member": True}),
    ("poster-refused", {"of_member": True, "reason": ""}),
    ("poster-held", {"of_member": True}),
    ("reader-issue", {"proof": True, "permalink": "", "leave_url": "", "preheader": ""}),
    ("stranger-late", {"of_member": True}),
    ("stranger-unsure", {"asked": "address"}),
    ("member-unsure", {"asked": "undo"}),
    ("member-unsure", {"asked": "command"}),
    ("member-added", {"how": ""}),
    ("owner-asked", {"failed": []}),
    ("owner-asked", {"failed": [], "needs_word": True}),
    ("member-ended", {"readable": False, "hidden": True}),
    ("member-ended", {"back": True}),
    ("stranger-ended", {"readable": False, "until": None}),
    ("stranger-ended", {"of_member": True}),
    ("owner-deleted", {"by": "", "hidden": True}),
    ("owner-deleted", {"back": True}),
    ("owner-deleted", {"back": True, "by": ""}),
    ("owner-done", {"done": []}),
    ("owner-done", {"failed": [], "undo": True}),
    ("owner-undone", {"done": []}),
    ("owner-answer", {"answers": [], "looks_after": False}),
    (
        "owner-answer",
        {
            "failed": [],
            "answers": [{"verb": "queue", "posts": [], "joins": [], "people": [], "silent": {}}],
        },
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_notice_reads_as_it_did(name: str) -> None:
    variants = [{}, *(more for other, more in VARIANTS if other == name)]
    text = "".join(
        _shown(name, language, more) for language in templates.LANGUAGES for more in variants
    )
    golden = GOLDEN / f"{name}.txt"
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden.name} was written: look at it and run again")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", templates.LANGUAGES)
@pytest.mark.parametrize("name", LETTERS)
def test_a_notice_is_a_narrow_letter_that_says_who_writes(name: str, language: str) -> None:
    words = templates.mail(name, language, **context_of(name))
    assert words.subject
    assert "\n\n\n" not in words.text
    assert "friends-owner@example.org" in words.text
    prose = [line for line in words.text.splitlines() if not line.startswith((" ", "-"))]
    assert max(map(len, prose)) <= 100  # a title and an address may stand on one line


# The one automatic mail that a stranger may get in a day is one of these.
UNASKED = [
    "stranger-confirm", "stranger-help", "stranger-invited", "stranger-address", "stranger-late",
    "stranger-rest", "poster-expired", "poster-refused", "poster-closed",
]  # fmt: skip


@pytest.mark.parametrize("language", templates.LANGUAGES)
@pytest.mark.parametrize("name", UNASKED)
def test_the_one_mail_to_a_stranger_offers_to_join_and_never_again(
    name: str, language: str
) -> None:
    text = templates.mail(name, language, **context_of(name)).text
    assert f"/not-me/{TOKEN}" in text
    assert f"/confirm/{TOKEN}" in text
    never = [word for word in quoted(text) if meaning.confirm(OwnWords(word)).means == "never"]
    assert never
    confirms = name in {"stranger-confirm", "stranger-invited", "stranger-rest"}
    assert confirms or any(map(commands.is_join, quoted(text)))


@pytest.mark.parametrize("language", templates.LANGUAGES)
def test_a_mail_to_the_operator_names_the_setting_that_stops_it(language: str) -> None:
    for name in sorted(OPERATORS - {"operator-sample"}):
        text = templates.mail(name, language, **context_of(name)).text
        assert "listserv.operator" in text


@pytest.mark.parametrize("name", sorted(set(LETTERS) - ENDS - OPERATORS))
def test_every_mail_says_how_to_stop_it(name: str) -> None:
    text = templates.mail(name, "en", **context_of(name)).text
    assert f"/not-me/{TOKEN}" in text or f"/leave/{TOKEN}" in text


def quoted(text: str) -> list[str]:
    return re.findall(r"[\"\u00ab]([^\"\u00ab\u00bb]+)[\"\u00bb]", text)


def context_of(name: str, more: dict[str, object] | None = None) -> dict[str, object]:
    """Return what this mail is given: ways out of a list, or the ways of a stranger, never both."""
    values = {**CONTEXT, **(more or {})}
    stranger = name.startswith(("stranger-", "poster-")) and not values.pop("of_member", False)
    lacks = STRANGERS if stranger else MEMBERS
    return {key: value for key, value in values.items() if key not in lacks}


def _shown(name: str, language: str, more: dict[str, object]) -> str:
    words = templates.mail(name, language, **context_of(name, more))
    return (
        f"=== {language} {more or ''}\nSubject: {words.subject}\n\n{words.text}\n{words.html or ''}"
    )
