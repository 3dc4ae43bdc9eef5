"""Every address of ours means one thing, and nothing else is ours."""

from dataclasses import dataclass

import pytest

from listserv.wiring.routes import Route, RouteKind, find

LISTS = {"friends@example.org", "team-news@example.org", "friends@other.example"}
TOKEN = "abcdefghijklmnopqrstuvwx27"


@dataclass(frozen=True)
class Named:
    """A list by its address, and the one it had before."""

    address: str
    addresses: tuple[str, ...]


def list_at(address: str) -> Named | None:
    if address == "old@example.org":
        return Named("friends@example.org", ("friends@example.org", address))
    return Named(address, (address,)) if address in LISTS else None


def route(recipient: str) -> Route | None:
    return find(recipient, list_at, {"example.org", "other.example"}.__contains__)


@pytest.mark.parametrize(
    ("recipient", "kind", "token"),
    [
        ("friends@example.org", RouteKind.POST, ""),
        ("FRIENDS@EXAMPLE.ORG", RouteKind.POST, ""),
        ("friends-join@example.org", RouteKind.JOIN, ""),
        ("friends-subscribe@example.org", RouteKind.JOIN, ""),
        ("friends-leave@example.org", RouteKind.LEAVE, ""),
        ("friends-unsubscribe@example.org", RouteKind.LEAVE, ""),
        (f"friends-leave+{TOKEN}@example.org", RouteKind.LEAVE, TOKEN),
        (f"Friends-Leave+{TOKEN.upper()}@example.org", RouteKind.LEAVE, TOKEN),
        (f"friends-leave-{TOKEN}@example.org", RouteKind.LEAVE, TOKEN),
        (f"friends-confirm+{TOKEN}@example.org", RouteKind.CONFIRM, TOKEN),
        (f"friends-bounces+{TOKEN}@example.org", RouteKind.BOUNCES, TOKEN),
        ("friends-bounces@example.org", RouteKind.BOUNCES, ""),
        (f"friends-reply+{TOKEN}@example.org", RouteKind.REPLY, TOKEN),
        (f"friends-from+{TOKEN}@example.org", RouteKind.FROM, TOKEN),
        ("friends-request@example.org", RouteKind.REQUEST, ""),
        ("friends-help@example.org", RouteKind.HELP, ""),
        ("friends-owner@example.org", RouteKind.OWNER, ""),
        ("friends-issue@example.org", RouteKind.ISSUE, ""),
    ],
)
def test_the_address_grammar(recipient: str, kind: RouteKind, token: str) -> None:
    assert route(recipient) == Route(kind, "friends@example.org", token)


def test_a_former_address_means_the_list_that_had_it() -> None:
    found = route(f"old-leave+{TOKEN}@example.org")
    assert found == Route(RouteKind.LEAVE, "friends@example.org", TOKEN)
    assert found is not None
    assert found.scopes == ("friends@example.org", "old@example.org")


def test_a_hyphen_in_a_list_name_is_no_suffix() -> None:
    assert route("team-news@example.org") == Route(RouteKind.POST, "team-news@example.org")
    assert route("team-news-join@example.org") == Route(RouteKind.JOIN, "team-news@example.org")


def test_each_domain_has_its_own_lists_and_postmaster() -> None:
    assert route("friends@other.example") == Route(RouteKind.POST, "friends@other.example")
    assert route("postmaster@example.org") == Route(RouteKind.POSTMASTER, "")
    assert route("Abuse@other.example") == Route(RouteKind.ABUSE, "")
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
