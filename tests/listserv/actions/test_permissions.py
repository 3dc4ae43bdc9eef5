"""Who may do what: the whole table, said a second time, and asked of the real actions."""

import pytest

from listserv.actions.permissions import (
    PERMISSIONS,
    Action,
    ActorRole,
    NotPermitted,
    Proven,
    permit,
)

# What each role may do; the operator may do everything, strangers and plain members nothing here.
EDITORS = {"list set", "list show"}
TABLE = {
    ActorRole.STRANGER: set[str](),
    ActorRole.MEMBER: set[str](),
    ActorRole.MODERATOR: {"list set", "list show"},
    ActorRole.ADVISOR: {"list show"},
    ActorRole.EDITOR: EDITORS,
    ActorRole.OWNER: {"list set", "list show"},
    ActorRole.OPERATOR: {action.value for action in Action},
}
# What a From line may ask for, because the answer goes to the address that we know.
READS = {"list show"}


def may(action: Action, role: ActorRole, proven: Proven) -> bool:
    try:
        permit(action, role, proven)
    except NotPermitted:
        return False
    return True


def test_every_action_has_its_line_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Action)


@pytest.mark.parametrize("role", list(ActorRole))
@pytest.mark.parametrize("action", list(Action))
def test_a_role_may_do_what_the_table_says_and_a_from_line_only_reads(
    action: Action, role: ActorRole
) -> None:
    proven = Proven.MACHINE if role is ActorRole.OPERATOR else Proven.TOKEN
    assert may(action, role, proven) is (action.value in TABLE[role])
    assert may(action, role, Proven.NONE) is (action.value in TABLE[role] & READS)
