"""Every address of ours means one thing, and nothing else is ours."""

import pytest

from listserv.wiring.routes import Kind, Route, find

LISTS = {"friends@example.org", "team-news@example.org", "friends@other.example"}
TOKEN = "abcdefghijklmnopqrstuvwx27"


def route(recipient: str) -> Route | None:
    return find(recipient, LISTS.__contains__, {"example.org", "other.example"}.__contains__)


@pytest.mark.parametrize(
    ("recipient", "kind", "token"),
    [
        ("friends@example.org", Kind.POST, ""),
        ("FRIENDS@EXAMPLE.ORG", Kind.POST, ""),
        ("friends-join@example.org", Kind.JOIN, ""),
        ("friends-subscribe@example.org", Kind.JOIN, ""),
        ("friends-leave@example.org", Kind.LEAVE, ""),
        ("friends-unsubscribe@example.org", Kind.LEAVE, ""),
        (f"friends-leave+{TOKEN}@example.org", Kind.LEAVE, TOKEN),
        (f"Friends-Leave+{TOKEN.upper()}@example.org", Kind.LEAVE, TOKEN),
        (f"friends-leave-{TOKEN}@example.org", Kind.LEAVE, TOKEN),
        (f"friends-confirm+{TOKEN}@example.org", Kind.CONFIRM, TOKEN),
        (f"friends-bounces+{TOKEN}@example.org", Kind.BOUNCES, TOKEN),
        ("friends-bounces@example.org", Kind.BOUNCES, ""),
        (f"friends-reply+{TOKEN}@example.org", Kind.REPLY, TOKEN),
        (f"friends-from+{TOKEN}@example.org", Kind.FROM, TOKEN),
        ("friends-request@example.org", Kind.REQUEST, ""),
        ("friends-help@example.org", Kind.HELP, ""),
        ("friends-owner@example.org", Kind.OWNER, ""),
        ("friends-issue@example.org", Kind.ISSUE, ""),
    ],
)
def test_the_address_grammar(recipient: str, kind: Kind, token: str) -> None:
    assert route(recipient) == Route(kind, "friends@example.org", token)


def test_a_hyphen_in_a_list_name_is_no_suffix() -> None:
    assert route("team-news@example.org") == Route(Kind.POST, "team-news@example.org")
    assert route("team-news-join@example.org") == Route(Kind.JOIN, "team-news@example.org")


def test_each_domain_has_its_own_lists_and_postmaster() -> None:
    assert route("friends@other.example") == Route(Kind.POST, "friends@other.example")
    assert route("postmaster@example.org") == Route(Kind.POSTMASTER, "")
    assert route("Abuse@other.example") == Route(Kind.ABUSE, "")
    assert route("postmaster@elsewhere.example") is None


@pytest.mark.parametrize(
    "recipient",
    [
        "nobody@example.org",
        "friends@elsewhere.example",
        "friends-confirm@example.org",  # a confirmation without its token says nothing
        "friends-reply@example.org",
        f"friends-owner+{TOKEN}@example.org",
        "friends%elsewhere.example@example.org",
        "@example.org:friends@elsewhere.example",
        '"friends"@example.org',
        "friends@[127.0.0.1]",
        "friends@example.org@example.org",
        "elsewhere.example!friends@example.org",
        "fri ends@example.org",
        "friends\0@example.org",
        "friends",
        "",
    ],
)
def test_everything_else_is_not_ours(recipient: str) -> None:
    assert route(recipient) is None
