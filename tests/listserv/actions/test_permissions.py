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

LOOK = {
    "event ls",
    "list show",
    "newsletter status",
    "newsletter votes",
    "poll ls",
    "poll show",
    "thread ls",
    "thread show",
}
# A member's own wish for one thread, with a receipt that takes it back; and what ends it.
WISHES = {"thread follow", "thread mute"}
THREADS = WISHES | {"thread answer", "thread solve"}
# What a moderator does with a thread for everybody, with a receipt too.
ARRANGE = {"thread close", "thread merge", "thread reopen", "thread split"}
# These mail something to the address that they are about.
MAILED = {"own join", "own link"}
READS = LOOK | MAILED | THREADS
SEGMENTS = {"newsletter segment ls", "newsletter segment set"}
READS |= {
    "newsletter segment ls",
    "list history",
    "newsletter drafts",
    "member ls",
    "member show",
    "queue ls",
}
DECIDES = {"queue release", "queue refuse", "queue drop"}  # an editor, what waits for editors
MODERATE = (
    LOOK
    | DECIDES
    | ARRANGE
    | {"queue ls", "queue show"}
    | {"list set", "member admit", "member allow", "member ban", "member moderate"}
)
STEER = {"newsletter pause", "newsletter resume", "newsletter stop", "newsletter resend"}
WRITE = {"newsletter proof", "newsletter send", "newsletter schedule", "newsletter cancel"}
EDIT = LOOK | STEER | WRITE | SEGMENTS | DECIDES | {"list set", "newsletter drafts"}
EVENTS = {"event cancel", "event create", "event set", "event show", "event tell"}
EVENTS |= {"poll close", "poll create"}
MODERATE |= EVENTS
EDIT |= EVENTS
PEOPLE = {"member add", "member invite", "member remove", "member set"}
DIGESTS = {"digest preview", "digest send"}
OWN = (
    MODERATE
    | EDIT
    | (READS - MAILED - THREADS)
    | PEOPLE
    | DIGESTS
    | {
        "archive redact",
        "list delete",
        "list rename",
        "list restore",
        "newsletter history",
        "newsletter segment show",
        "queue mailing",
    }
)
# What is their own is everybody's, whatever else they are to the list; the operator has commands.
SELF = {action.value for action in Action if action.value.startswith("own ")}
# What each role may do on its own list; strangers and plain members nothing but what is their own.
TABLE = {
    ActorRole.STRANGER: SELF,
    ActorRole.MEMBER: SELF | THREADS,
    ActorRole.MODERATOR: MODERATE | SELF | THREADS,
    ActorRole.ADVISOR: LOOK | {"newsletter drafts"} | SELF | THREADS,
    ActorRole.EDITOR: EDIT | SELF | THREADS,
    ActorRole.OWNER: OWN | SELF | THREADS,
    ActorRole.OPERATOR: {action.value for action in Action} - SELF,
}
# For what a mail is enough that its writer's own domain vouches for: no word of ours was answered.
ANSWER = {"own answer", "own forget", "own confirm", "own never", "own read", "own undo"}
ANSWER |= {"own vote"}
BY_DOMAIN = SELF - ANSWER


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


@pytest.mark.parametrize("role", list(ActorRole))
@pytest.mark.parametrize("action", list(Action))
def test_an_aligned_mail_is_enough_for_what_is_the_writers_own_unless_they_look_after_the_list(
    action: Action, role: ActorRole
) -> None:
    plain = role in {ActorRole.STRANGER, ActorRole.MEMBER}
    changes = plain and action.value in BY_DOMAIN
    changes |= action.value in TABLE[role] & ARRANGE  # a receipt takes it back
    assert may(action, role, Proven.ALIGNED) is (changes or action.value in TABLE[role] & READS)


def test_the_history_that_owners_read_tells_nothing_of_what_people_do_for_themselves() -> None:
    assert {action.value for action in Action if not PERMISSIONS[action].noted} == SELF | WISHES
