"""What a question keeps: rows of earlier versions are read, and what says something else is not."""

import json

import pytest
from pydantic import ValidationError

from listserv.answers.owner_order import Order
from listserv.letters import ask_payloads
from listserv.letters.ask_payloads import (
    JoinPayload,
    MemberBefore,
    ModeratePayload,
    OrdersPayload,
    OrdersUndo,
    OrderUndo,
    RoleUndo,
    UnbanPayload,
    WishPayload,
    WishUndo,
)
from subscriptions.lists.roster import MembershipState, Rhythm
from subscriptions.permission.asks import Ask


def row(stored: object) -> Ask:
    return Ask(payload=json.dumps(stored))


BEFORE = {"state": "active", "rhythm": "each", "paused_until": None, "language": "sv"}
# As they stood in the database before each kind had a class.
OLD_ROWS = [
    (ask_payloads.join, {}, JoinPayload()),
    (
        ask_payloads.join,
        {"name": "Anna", "language": "sv", "asked": True, "question": "Join Friends?"},
        JoinPayload("Anna", "sv"),
    ),
    (ask_payloads.join, {"language": "", "asked": False}, JoinPayload(asked=False)),
    (
        ask_payloads.join,
        {"name": "", "language": "", "approved": True, "more": {"7": False, "9": True}},
        JoinPayload(approved=True, more={7: False, 9: True}),
    ),
    (
        ask_payloads.command,
        {"verb": "pause", "rest": "until 1 May", "again": True},
        WishPayload("pause", "until 1 May"),
    ),
    (
        ask_payloads.command,
        {"orders": [{"verb": "ban", "who": "eve@example.com"}], "sha": "ab", "language": "it"},
        OrdersPayload((Order("ban", "eve@example.com"),), "ab", "it"),
    ),
    (
        ask_payloads.undo,
        {"was": BEFORE},
        WishUndo(MemberBefore(MembershipState.ACTIVE, Rhythm.EACH, None, "sv")),
    ),
    (
        ask_payloads.undo,
        {"was": {**BEFORE, "paused_until": 5.5}, "now": "paused", "question": "You are paused"},
        WishUndo(
            MemberBefore(MembershipState.ACTIVE, Rhythm.EACH, 5.5, "sv"), MembershipState.PAUSED
        ),
    ),
    (
        ask_payloads.undo,
        {"who": "bo@example.com", "role": "owner", "was": "member"},
        RoleUndo("bo@example.com", "owner", "member"),
    ),
    (
        ask_payloads.undo,
        {
            "orders": [{"order": {"verb": "allow", "who": "b@c.d"}, "was": {"moderated": None}}],
            "language": "sv",
        },
        OrdersUndo((OrderUndo(Order("allow", "b@c.d"), {"moderated": None}),), "sv"),
    ),
    (ask_payloads.moderate, {"mailing": 12}, ModeratePayload(12)),
    (ask_payloads.moderate, {}, ModeratePayload()),
    (ask_payloads.moderate, {"unban": "eve@example.com"}, UnbanPayload("eve@example.com")),
]


@pytest.mark.parametrize(("read", "stored", "meant"), OLD_ROWS)
def test_a_row_of_an_earlier_version_is_read(read, stored, meant) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    assert read(row(stored)) == meant


@pytest.mark.parametrize(
    ("read", "stored"),
    [
        (ask_payloads.join, {"approved": "perhaps"}),
        (ask_payloads.join, {"more": ["7"]}),
        (ask_payloads.command, {"verb": "pause"}),
        (ask_payloads.command, {"orders": "all", "sha": "ab", "language": "it"}),
        (ask_payloads.undo, {"was": {"state": "gone"}}),
        (ask_payloads.join, []),
    ],
)
def test_what_says_something_else_is_not_read(read, stored) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    with pytest.raises(ValidationError):
        read(row(stored))
