"""Every notice in six languages, to the letter; delete a golden file to write it anew."""

from pathlib import Path

import pytest

import templates

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
        "discussion": True,
        "archived": True,
    },
    "leave_address": f"friends-leave+{TOKEN}@example.org",
    "leave_url": f"{PAGE}leave/{TOKEN}",
    "confirm_url": f"{PAGE}confirm/{TOKEN}",
    "not_me_url": f"{PAGE}not-me/{TOKEN}",
    "me_url": f"{PAGE}me/{TOKEN}",
    "added": "anna@work.example",
    "addresses": ["anna@example.net", "anna@work.example"],
    "command": "pause",
    "guest": "anna@example.net",
    "guest_name": "Anna Berg",
    "leaving": False,
    "others": [{"title": "Nytt", "address": "news@example.org"}],
    "person": {"name": "Anna Berg", "language": "sv"},
    "places": [
        {"title": "Friends", "address": "f@example.org", "state": "active", "until": None},
        {"title": "News", "address": "n@example.org", "state": "paused", "until": 1796083200.0},
    ],
    "reason": "We know each other by name here.",
    "trouble": "used",
    "until": 1796083200.0,
    "yes": True,
}
NAMES = [
    name for name in templates.mail_names() if name.startswith(("stranger-", "member-", "owner-"))
]
VARIANTS: list[tuple[str, dict[str, object]]] = [
    ("stranger-help", {"leaving": True}),
    ("stranger-late", {"trouble": "expired"}),
    ("stranger-late", {"trouble": "superseded"}),
    ("stranger-refused", {"reason": ""}),
    ("member-paused", {"until": None}),
    ("member-command", {"command": "resume"}),
    ("member-command", {"command": "language"}),
    ("owner-decided", {"yes": False}),
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
@pytest.mark.parametrize("name", NAMES)
def test_a_notice_is_a_narrow_letter_that_says_who_writes(name: str, language: str) -> None:
    words = templates.mail(name, language, **CONTEXT)
    assert words.subject
    assert "\n\n\n" not in words.text
    assert "friends-owner@example.org" in words.text
    prose = [line for line in words.text.splitlines() if not line.startswith((" ", "-"))]
    assert max(map(len, prose)) <= 100  # a title and an address may stand on one line


@pytest.mark.parametrize("language", templates.LANGUAGES)
def test_each_mail_to_a_stranger_who_did_not_ask_offers_never_again(language: str) -> None:
    for name in ("stranger-confirm", "stranger-help", "stranger-invited", "stranger-rest"):
        text = templates.mail(name, language, **CONTEXT).text
        assert f"/not-me/{TOKEN}" in text
        assert f"/confirm/{TOKEN}" in text


def _shown(name: str, language: str, more: dict[str, object]) -> str:
    words = templates.mail(name, language, **{**CONTEXT, **more})
    return f"=== {language} {more or ''}\nSubject: {words.subject}\n\n{words.text}\n"
