"""Rules look at facts alone, name themselves, and the strongest word decides."""

import dataclasses
from typing import Any

import pytest

from listserv.posts.rules import RULES, Decision, PostFacts, judge

GOOD = PostFacts(
    list_address="friends@example.org",
    envelope_sender="anna@example.net",
    authors=("anna@example.net",),
    author_state="active",
    author_role="member",
    author_posts=3,
    size=2000,
    received=3,
)


def test_a_members_plain_post_is_accepted() -> None:
    assert judge(GOOD).decision is Decision.ACCEPT
    assert judge(GOOD).rules == []


def test_what_becomes_of_a_disowned_post_is_a_setting() -> None:
    means = {"hold": Decision.HOLD, "refuse": Decision.REFUSE, "tag": Decision.ACCEPT}
    for setting, decision in means.items():
        post = dataclasses.replace(GOOD, from_not_theirs=True, disowned=setting)
        assert judge(post).decision is decision


CASES: list[tuple[str, Decision, dict[str, Any]]] = [
    ("loop", Decision.DISCARD, {"list_ids": ("other.example", "friends.example.org")}),
    ("loop", Decision.DISCARD, {"own_received": True}),
    ("hop-count", Decision.DISCARD, {"received": 51}),
    ("null-sender", Decision.DISCARD, {"envelope_sender": ""}),
    ("auto-reply", Decision.DISCARD, {"automatic": "marked", "automatic_sure": True}),
    ("auto-reply", Decision.HOLD, {"automatic": "absence"}),
    ("leave-wish", Decision.HOLD, {"leave_wish": True}),
    ("duplicate", Decision.DISCARD, {"same_message": True}),
    ("banned", Decision.DISCARD, {"author_banned": True}),
    ("same-id", Decision.HOLD, {"same_id_other_content": True}),
    ("broken", Decision.HOLD, {"trouble": "nested too deep"}),
    ("size", Decision.HOLD, {"size": 25_000_001}),
    ("files", Decision.HOLD, {"sealed_file": True}),
    ("author", Decision.HOLD, {"authors": ()}),
    ("author", Decision.HOLD, {"authors": ("a@x.org", "b@x.org")}),
    ("from-is-ours", Decision.HOLD, {"from_is_ours": True}),
    ("from-not-theirs", Decision.HOLD, {"from_not_theirs": True}),
    ("newsletter-address", Decision.HOLD, {"list_kind": "newsletter"}),
    ("membership", Decision.HOLD, {"author_state": ""}),
    ("membership", Decision.HOLD, {"author_state": "pending"}),
    ("membership", Decision.HOLD, {"author_state": "left"}),
    ("editors-only", Decision.HOLD, {"post_policy": "editors", "author_role": "editor"}),
    ("moderated-list", Decision.HOLD, {"post_policy": "moderated"}),
    ("moderated-member", Decision.HOLD, {"author_moderated": True}),
    ("first-post", Decision.HOLD, {"first_posts_moderated": True, "author_posts": 0}),
    ("emergency", Decision.HOLD, {"emergency": True}),
    ("closed", Decision.HOLD, {"closed": True}),
    ("thread-closed", Decision.REFUSE, {"thread_closed": True}),
    ("deleted", Decision.REFUSE, {"deleted": True}),
    ("spam", Decision.DISCARD, {"spam": "drop"}),
]


@pytest.mark.parametrize(("rule", "decision", "change"), CASES)
def test_each_rule_names_itself_and_what_it_asks_for(
    rule: str, decision: Decision, change: dict[str, Any]
) -> None:
    verdict = judge(dataclasses.replace(GOOD, **change))
    assert verdict.rules == [rule]
    assert verdict.decision is decision


def test_every_rule_has_a_case() -> None:
    assert {rule for rule, _, _ in CASES} == set(RULES)


@pytest.mark.parametrize(
    "change",
    [
        {"received": 50},
        {"list_ids": ("speakup.linux-speakup.org",)},  # a member may post what a list once sent
        {"author_state": "paused"},
        {"post_policy": "anyone", "author_state": ""},
        {"first_posts_moderated": True, "author_posts": 1},
        {"first_posts_moderated": True, "author_posts": 0, "author_moderated": False},
        {"size": 25_000_000},
    ],
)
def test_what_comes_close_is_not_hit(change: dict[str, Any]) -> None:
    assert judge(dataclasses.replace(GOOD, **change)).decision is Decision.ACCEPT


def test_the_strongest_word_decides_and_all_hits_are_told() -> None:
    verdict = judge(
        dataclasses.replace(GOOD, emergency=True, envelope_sender="", author_state="left")
    )
    assert verdict.decision is Decision.DISCARD
    assert verdict.rules == ["null-sender", "membership", "emergency"]
