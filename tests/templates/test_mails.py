"""Every notice in six languages, to the letter; delete a golden file to write it anew."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import templates
from listserv.answers import meaning
from listserv.answers.own_words import OwnWords
from listserv.letters import commands
from mailer.ledger.mailings import MailingState, Status, UnsurePolicy

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "mail"
TOKEN = "abcdefghijklmnopqrstuvwxyz"
PAGE = "https://lists.example.org/friends@example.org/"
CONTEXT: dict[str, object] = {
    "list": {
        "title": "Vänner av trädgården",
        "address": "friends@example.org",
        "description": "Rosor, kål och väder.",
        "page": PAGE,
        "request": "friends-request@example.org",
        "owner": "friends-owner@example.org",
        "help": "friends-help@example.org",
        "zone": "Europe/Stockholm",
        "discussion": True,
        "archived": True,
        "closed": False,
    },
    "leave_address": f"friends-leave+{TOKEN}@example.org",
    "leave_url": f"{PAGE}leave/{TOKEN}",
    "confirm_url": f"{PAGE}confirm/{TOKEN}",
    "not_me_url": f"{PAGE}not-me/{TOKEN}",
    "me_url": f"{PAGE}me/{TOKEN}",
    "read_url": f"{PAGE}read/{TOKEN}",
    "sheet_url": f"{PAGE}members/{TOKEN}",
    "code": "012345",
    "added": "anna@work.example",
    "addresses": ["anna@example.net", "anna@work.example"],
    "preview": f"{PAGE}proof/7-20000-{TOKEN}",
    "accepted": 3,
    "again": False,
    "asked": "leave",
    "audience": 12_400,
    "domains": (("gmail.example", 8_000), ("example.org", 400)),
    "elsewhere": 31,
    "troubled": [
        {
            "name": "Anna Ek",
            "address": "anna@example.net",
            "why": why,
            "said": "550 5.1.1 no such user" if why == "dead" else "",
            "since": 1796083200.0,
        }
        for why in ("dead", "full", "temporary", "")
    ],
    "unnamed": 3,
    "how_many": 2,
    "rhythm": "daily",
    "at_hour": "7:00",
    "in_zone": "Europe/Stockholm",
    "own": True,
    "their_words": ["So do I.", "Anna"],
    "choices": [
        {"author": "Bo Ek", "subject": "Potatis"},
        {"author": "Chiara", "subject": "Stege"},
    ],
    "reply_prefix": "friends-reply+",
    "reply_domain": "example.org",
    "threads": [
        {
            "subject": "Potatis",
            "page": f"{PAGE}t/{TOKEN}/",
            "mails": [
                {
                    "author": "Bo Ek",
                    "at": 1796083200.0,
                    "subject": "Potatis",
                    "mark": "En hand djupt.",
                    "paragraphs": (),
                    "cut": True,
                    "permalink": f"{PAGE}m/{TOKEN}/",
                    "place": "m1",
                    "token": TOKEN,
                    "writer": TOKEN,
                }
            ],
        }
    ],
    "refusals": 12,
    "copies": 11,
    "offered": True,
    "said": [("mail.example", 10, "550 5.7.26 DMARC policy"), ("post.example", 2, "554 spam")],
    "given_up": {
        "since": 1796083200.0,
        "why": "dead",
        "said": "550 5.1.1 <anna@example.net>: no such user",
        "to": "anna@example.net",
    },
    "findings": [
        SimpleNamespace(key=key, red=red, values=values, what="")
        for key, red, values in (
            ("placeholder", True, {"words": "Tea at TK"}),
            ("nowhere", True, {"words": "here", "address": "#"}),
            ("disguised", True, {"words": "bank.example", "address": "evil.example"}),
            ("heavy", True, {"size": 140}),
            ("no-way-out", True, {}),
            ("same", True, {"at": 1796083200.0}),
            ("pictures-unseen", True, {"address": "http://localhost:8080"}),
            ("link-dead", True, {"address": "https://old.example/page"}),
            ("link-inside", True, {"address": "http://192.168.0.1/"}),
            ("link-doubtful", False, {"address": "https://round.example/"}),
            ("capped", False, {"count": 12}),
            ("segment-archived", False, {}),
            ("warm-up", False, {"days": 4}),
            ("left-behind", False, {"picture": "pond.jpg"}),
            ("alt", False, {"picture": "pond.jpg"}),
            ("long-subject", False, {"size": 71}),
            ("long-preheader", False, {"size": 130}),
            ("no-preheader", False, {}),
            ("dkim-unpublished", False, {"name": "k-r._domainkey.example.net"}),
            ("dkim-other", False, {"name": "k-e._domainkey.example.net"}),
            ("dkim-relay", False, {"domain": "example.net"}),
            ("spf-none", False, {"domain": "example.net"}),
            ("spf-several", False, {"domain": "example.net"}),
            ("spf-nobody", False, {"domain": "example.net"}),
            ("dmarc-none", False, {"domain": "example.net"}),
            ("unaligned", False, {"domain": "example.net", "wish": "reject"}),
            ("unaligned", False, {"domain": "example.net", "wish": "quarantine"}),
            ("dns-unasked", False, {"domain": "example.net"}),
            ("contrast", False, {"words": "Tea", "colour": "#777777", "ground": "#ffffff"}),
            ("contrast-dark", False, {"words": "Tea", "colour": "#333333", "ground": "#121212"}),
            ("heading-jump", False, {"words": "Tea", "above": 1, "level": 3}),
            ("no-heading", False, {}),
            ("table-read", False, {"words": "Bring gloves"}),
            ("turned", False, {}),
            ("no-lang", False, {}),
            ("text-empty", False, {}),
            ("text-thin", False, {"text": 3, "html": 90}),
            ("text-wide", False, {"size": 140, "words": "a | b"}),
            ("text-markup", False, {"words": "<b>Tea"}),
            ("postal-unseen", False, {}),
            ("zone-unknown", True, {"zone": "Europe/Atlantis"}),
            ("language", False, {"languages": [("ru", 40), ("it", 2)], "count": 42, "only": "sv"}),
            ("attached", False, {"file": "programme.pdf"}),
            ("packed", False, {}),
            ("no-postal-address", False, {}),
            ("unsigned", False, {}),
        )
    ],
    "better": [SimpleNamespace(what="lists.example.org has no DMARC record", why="", cure="")],
    "most": 100,
    "times": 1900,
    "worse": [
        SimpleNamespace(
            what="lists.example.org has no SPF record",
            why="It is the return path of every copy.",
            cure='lists.example.org. IN TXT "v=spf1 mx -all"',
        )
    ],
    "domain": "lists.example.org",
    "differing": "Subject, Date, Message-ID, Archived-At, List-Unsubscribe",
    "stopped": False,
    "only": False,
    "packed": False,
    "four_eyes": False,
    "fresh": True,
    "kept": True,
    "key": "slot",
    "minutes": 14,
    "tall": 2_000,
    "note": "",
    "red": True,
    "revision": 1,
    "running": True,
    "answer": "Tuesday",
    "question": "Which day do we walk?",
    "vote": SimpleNamespace(
        question="Which day do we walk?", voices=41, answers=(("Monday", 1), ("Tuesday", 40))
    ),
    "by_mail": True,
    "complaints": 4,
    "hour": "",
    "refused": 41,
    "waiting": 12_000,
    "segment": "tag = choir",
    "segments": ("choir", "board"),
    "sample": (("Anna Berg", "anna@example.net"), ("", "bo@example.com")),
    "values": {
        "said": "nam",
        "known": "name, email, list",
        "size": "200",
        "at": "9",
        "near": "name",
        "where": "mine/issue.mjml:9",
    },
    "what": "There is no theme 'x'.",
    "wish": "mats@example.net",
    "words": "Hello {{ nam }}",
    "zone": "Europe/Stockholm",
    "address": "eve@example.com",
    "at": 1796083200.0,
    "author": "Eve Adams",
    "author_address": "eve@example.com",
    "body": "November\n========\n\nLeaves are *warm*.",
    "body_language": "en",
    "by": "mats@example.net",
    "command": "pause",
    "looks_after": True,
    "counts": Status(
        MailingState.DONE,
        UnsurePolicy.NEVER_TWICE,
        *(12_400, 0, 0, 12_370, 22, 0, 3, 5),  # audience, ready ... skipped
    ),
    "cut": False,
    "files": ["leaflet.pdf (application/pdf, 20480 B)"],
    "guest": "anna@example.net",
    "guest_name": "Anna Berg",
    "imprint": {"controller": "Ingrid Lund", "postal_address": "Hamngatan 12, Malmö"},
    "leaving": False,
    "lines": ["Hello all,", "", "has anyone seeds of *Lunaria*?"],
    "owner": False,
    "others": [{"title": "Nytt", "address": "news@example.org"}],
    "more": 2,
    "number": 12,
    "people": (("anna@example.net", "550 5.1.1"), ("bo@example.com", "452 4.2.2")),
    "out": ["Bring rude words."],
    "permalink": f"{PAGE}m/abc/",
    "person": {"name": "Anna Berg", "language": "sv"},
    "places": [
        {"title": "Friends", "address": "f@example.org", "state": "active", "until": None},
        {"title": "News", "address": "n@example.org", "state": "paused", "until": 1796083200.0},
    ],
    "preheader": "What to cover",
    "proof": False,
    "put": ["Bring kind words."],
    "reasons": (("550 5.1.1", 20), ("452 4.2.2", 2)),
    "reason": "We know each other by name here.",
    "reminder": False,
    "role": "moderator",
    "rules": ["first-post"],
    "since": 1764547200.0,
    "state": "released",
    "subject": "Seeds",
    "token": TOKEN,
    "trouble": "used",
    "trusted": True,
    "unreached": 22,
    "undo": False,
    "until": 1796083200.0,
    "alone": False,
    "was": "member",
    "welcome": "",
    "who": "anna@example.net",
    "why": "no-member",
    "word": "no",
    "yes": True,
    "you": False,
}
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
]
OPENINGS = (
    "", "join open", "join approve", "post anyone", "post members", "archive public",
    "archive members", "archive-less", "closed", "open-again",
)  # fmt: skip
SETTINGS = [
    {**ORDERS[0], "verb": "set", "who": "title", "value": "Roses", "before": "", "opens": opens}
    for opens in OPENINGS
]
WHYS = (
    "owners-only", "no-member", "already", "barred", "own-address", "same", "last-owner",
    "not-now", "value", "closed", "delete", "rename", "date", "changed", "unclear",
)  # fmt: skip
CONTEXT |= {
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
NAMES = templates.mail_names()
LETTERS = [name for name in NAMES if not name.startswith("list-")]  # lines for posts
STRANGERS, MEMBERS = {"leave_address", "leave_url"}, {"confirm_url", "not_me_url"}  # lack these
ENDS = {"member-left", "member-removed", "stranger-stopped"}  # mails after which nothing more comes
OPERATORS = {
    "operator-flood",
    "operator-health",
    "operator-no-owner",
    "operator-sample",
}  # to whoever set them up, not to members
RULES = [
    "auto-reply", "same-id", "broken", "size", "author", "from-is-ours", "from-not-theirs",
    "newsletter-address", "membership", "editors-only", "moderated-list", "moderated-member",
    "first-post", "emergency", "closed",
]  # fmt: skip
CLEAN = Status(MailingState.DONE, UnsurePolicy.NEVER_TWICE, *(9, 0, 0, 9, 0, 0, 0, 0))
NOTES = ("", "unclear", "changed", "late", "unscheduled", "zone", "old", "proof", "readers")
VARIANTS: list[tuple[str, dict[str, object]]] = [
    ("stranger-help", {"leaving": True}),
    ("operator-health", {"worse": []}),
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
    ("member-command", {"command": "forget"}),
    ("member-help", {"owner": True}),
    *(("member-role", {"role": role}) for role in ("owner", "editor", "advisor", "member")),
    ("owner-role", {"by": "", "undo": True, "role": "owner", "was": "editor"}),
    *(
        ("owner-no-role", {"why": why})
        for why in ("owners-only", "same", "last-owner", "changed", "unclear")
    ),
    ("owner-decided", {"yes": False}),
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
    *(("member-rhythm", {"rhythm": one}) for one in ("weekly", "first", "each")),
    ("member-which", {"own": False, "choices": [{"author": "Bo Ek", "subject": "Potatis"}]}),
    ("member-voted", {"word": "counted"}),
    ("member-voted", {"word": "closed"}),
    ("member-voted", {"word": "unclear"}),
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
    "stranger-rest", "poster-expired", "poster-refused",
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
    for name in ("operator-health", "operator-flood", "operator-no-owner"):
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
