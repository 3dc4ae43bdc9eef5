"""Who may do what: one table of actions, roles and proof.

    permit(Action.LIST_SET, ActorRole.OWNER, Proven.TOKEN)   # raises NotPermitted, or says nothing

A role is somebody's on one list; on every other list they are a stranger. The operator is whoever
may run commands on this machine. Knows no rows; refuses to know doors. SECURITY: a From line proves
nothing, so nobody changes anything by it; what only reads may be asked without proof where its
answer goes to the address that we know. A mail for which its writer's own domain vouches lets them
change what is their own, unless they look after the list; it lets moderators arrange a thread,
which a receipt takes back.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailer.errors import Refused


class ActorRole(StrEnum):
    """Name what somebody is to a list, or to this machine."""

    STRANGER = "stranger"
    MEMBER = "member"
    MODERATOR = "moderator"
    ADVISOR = "advisor"
    EDITOR = "editor"
    OWNER = "owner"
    OPERATOR = "operator"


class Proven(StrEnum):
    """Say what shows that it is they who ask."""

    NONE = "none"  # a From line
    ALIGNED = "aligned"  # a From line whose domain vouches for the mail
    TOKEN = "token"  # noqa: S105 - an answer to a mail of ours
    MACHINE = "machine"  # a command on this machine


class Action(StrEnum):
    """Name each action by its command; what people do with what is theirs begins with ``own``."""

    ARCHIVE_BUILD = "archive build"
    ARCHIVE_CHECK = "archive check"
    ARCHIVE_EXPORT = "archive export"
    ARCHIVE_REDACT = "archive redact"
    ARCHIVE_REDIRECT = "archive redirect"
    BACKUP = "backup"
    CONFIG_CHECK = "config check"
    CONFIG_SHOW = "config show"
    DIGEST_PREVIEW = "digest preview"
    DIGEST_SEND = "digest send"
    DKIM_DNS = "dkim dns"
    DKIM_LS = "dkim ls"
    DKIM_NEW = "dkim new"
    DOCTOR = "doctor"
    EXPLAIN_BOUNCE = "explain bounce"
    EXPLAIN_POST = "explain post"
    EXPLAIN_REPLY = "explain reply"
    EVENT_CANCEL = "event cancel"
    EVENT_CREATE = "event create"
    EVENT_LS = "event ls"
    EVENT_SET = "event set"
    EVENT_SHOW = "event show"
    EVENT_TELL = "event tell"
    IMPORT_MBOX = "import mbox"
    KEYS_APART = "keys apart"
    KEYS_CHECK = "keys check"
    KEYS_TOGETHER = "keys together"
    LIST_CREATE = "list create"
    LIST_DELETE = "list delete"
    LIST_HISTORY = "list history"
    LIST_LS = "list ls"
    LIST_RENAME = "list rename"
    LIST_RESTORE = "list restore"
    LIST_SET = "list set"
    LIST_SHOW = "list show"
    MEMBER_ADD = "member add"
    MEMBER_ADMIT = "member admit"
    MEMBER_ALLOW = "member allow"
    MEMBER_BAN = "member ban"
    MEMBER_BARRED = "member barred"
    MEMBER_EXPORT = "member export"
    MEMBER_FORGET = "member forget"
    MEMBER_IMPORT = "member import"
    MEMBER_INVITE = "member invite"
    MEMBER_LS = "member ls"
    MEMBER_MODERATE = "member moderate"
    MEMBER_REMOVE = "member remove"
    MEMBER_SET = "member set"
    MEMBER_SHOW = "member show"
    NEWSLETTER_CANCEL = "newsletter cancel"
    NEWSLETTER_DRAFTS = "newsletter drafts"
    NEWSLETTER_HISTORY = "newsletter history"
    NEWSLETTER_PAUSE = "newsletter pause"
    NEWSLETTER_PROOF = "newsletter proof"
    NEWSLETTER_RESEND = "newsletter resend"
    NEWSLETTER_RESUME = "newsletter resume"
    NEWSLETTER_SCHEDULE = "newsletter schedule"
    NEWSLETTER_SEGMENT_LS = "newsletter segment ls"
    NEWSLETTER_SEGMENT_SET = "newsletter segment set"
    NEWSLETTER_SEGMENT_SHOW = "newsletter segment show"
    NEWSLETTER_SEND = "newsletter send"
    NEWSLETTER_STATUS = "newsletter status"
    NEWSLETTER_STOP = "newsletter stop"
    NEWSLETTER_THEMES = "newsletter themes"
    NEWSLETTER_VOTES = "newsletter votes"
    OWN_ADDRESS = "own address"
    OWN_ANSWER = "own answer"
    OWN_CONFIRM = "own confirm"
    OWN_EXPORT = "own export"
    OWN_FORGET = "own forget"
    OWN_JOIN = "own join"
    OWN_LEAVE = "own leave"
    OWN_LINK = "own link"
    OWN_NEVER = "own never"
    OWN_PAUSE = "own pause"
    OWN_READ = "own read"
    OWN_RESUME = "own resume"
    OWN_SET = "own set"
    OWN_SHOW = "own show"
    OWN_UNDO = "own undo"
    OWN_VOTE = "own vote"
    QUEUE_DECIDE = "queue decide"
    POLL_CLOSE = "poll close"
    POLL_CREATE = "poll create"
    POLL_LS = "poll ls"
    POLL_SHOW = "poll show"
    QUEUE_DROP = "queue drop"
    QUEUE_FIND = "queue find"
    QUEUE_LS = "queue ls"
    QUEUE_MAILING = "queue mailing"
    QUEUE_REFUSE = "queue refuse"
    QUEUE_RELEASE = "queue release"
    QUEUE_SHOW = "queue show"
    QUICKSTART = "quickstart"
    RESTORE = "restore"
    THREAD_ANSWER = "thread answer"
    THREAD_CLOSE = "thread close"
    THREAD_FOLLOW = "thread follow"
    THREAD_LS = "thread ls"
    THREAD_MERGE = "thread merge"
    THREAD_MUTE = "thread mute"
    THREAD_REOPEN = "thread reopen"
    THREAD_SHOW = "thread show"
    THREAD_SOLVE = "thread solve"
    THREAD_SPLIT = "thread split"


class NotPermitted(Refused):
    """Say that this role may not do it, or that it has not been shown who asks."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Say who may do something, by which proof, and whether the list's history tells it.

    What people do for themselves stands in the ledger of permissions, which is theirs, and not in
    the history that owners read.
    """

    roles: frozenset[ActorRole]
    by_from_line: bool = False
    by_domain: frozenset[ActorRole] = frozenset()  # to whom an aligned mail is proof enough
    noted: bool = True


_OPERATOR = frozenset({ActorRole.OPERATOR})
_OWNERS = _OPERATOR | {ActorRole.OWNER}
_MODERATORS = _OWNERS | {ActorRole.MODERATOR}
_EDITORS = _OWNERS | {ActorRole.EDITOR}
_DECIDERS = _OWNERS | {ActorRole.MODERATOR, ActorRole.EDITOR}
_STAFF = _DECIDERS | {ActorRole.ADVISOR}
_MEMBERS = _STAFF | {ActorRole.MEMBER}
# Whoever has left, or waits for an owner, is a stranger to the list and still has what is theirs.
_ANYBODY = frozenset(ActorRole) - _OPERATOR
_PLAIN = frozenset({ActorRole.STRANGER, ActorRole.MEMBER})
# A moderator's word about one thread, with a receipt that takes it back.
_ARRANGE = Permission(_MODERATORS, by_domain=_MODERATORS)
_OWN = Permission(_ANYBODY, by_domain=_PLAIN, noted=False)
_OWN_ANSWER = Permission(_ANYBODY, noted=False)  # there is no way back, or others could say it
_OWN_MAIL = Permission(_ANYBODY, by_from_line=True, noted=False)  # mailed to the address it is of

PERMISSIONS = {
    Action.ARCHIVE_BUILD: Permission(_OPERATOR),
    Action.ARCHIVE_CHECK: Permission(_OPERATOR),
    Action.ARCHIVE_EXPORT: Permission(_OPERATOR),  # it writes where the machine is told to
    Action.ARCHIVE_REDACT: Permission(_OWNERS),
    Action.ARCHIVE_REDIRECT: Permission(_OPERATOR),
    Action.BACKUP: Permission(_OPERATOR),
    Action.CONFIG_CHECK: Permission(_OPERATOR),
    Action.CONFIG_SHOW: Permission(_OPERATOR),
    Action.DIGEST_PREVIEW: Permission(_OWNERS),
    Action.DIGEST_SEND: Permission(_OWNERS),
    Action.DKIM_DNS: Permission(_OPERATOR),
    Action.DKIM_LS: Permission(_OPERATOR),
    Action.DKIM_NEW: Permission(_OPERATOR),
    Action.DOCTOR: Permission(_OPERATOR),
    Action.EXPLAIN_BOUNCE: Permission(_OPERATOR),
    Action.EXPLAIN_POST: Permission(_OPERATOR),
    Action.EXPLAIN_REPLY: Permission(_OPERATOR),
    Action.EVENT_CANCEL: Permission(_DECIDERS),
    Action.EVENT_CREATE: Permission(_DECIDERS),
    Action.EVENT_LS: Permission(_STAFF, by_from_line=True),
    Action.EVENT_SET: Permission(_DECIDERS),
    Action.EVENT_TELL: Permission(_DECIDERS),
    Action.EVENT_SHOW: Permission(_DECIDERS),  # it names people
    Action.IMPORT_MBOX: Permission(_OPERATOR),
    Action.KEYS_APART: Permission(_OPERATOR),
    Action.KEYS_CHECK: Permission(_OPERATOR),
    Action.KEYS_TOGETHER: Permission(_OPERATOR),
    Action.LIST_CREATE: Permission(_OPERATOR),
    Action.LIST_DELETE: Permission(_OWNERS),
    Action.LIST_HISTORY: Permission(_OWNERS, by_from_line=True),
    Action.LIST_LS: Permission(_OPERATOR),
    Action.LIST_RENAME: Permission(_OWNERS),
    Action.LIST_RESTORE: Permission(_OWNERS),
    Action.LIST_SET: Permission(_DECIDERS),  # and each setting says who: list_settings.py
    Action.LIST_SHOW: Permission(_STAFF, by_from_line=True),
    Action.MEMBER_ADD: Permission(_OWNERS),
    Action.MEMBER_ADMIT: Permission(_MODERATORS),
    Action.MEMBER_ALLOW: Permission(_MODERATORS),  # on one list; everywhere it is the operator's
    Action.MEMBER_BAN: Permission(_MODERATORS),
    Action.MEMBER_BARRED: Permission(_OPERATOR),
    Action.MEMBER_EXPORT: Permission(_OPERATOR),
    Action.MEMBER_FORGET: Permission(_OPERATOR),
    Action.MEMBER_IMPORT: Permission(_OPERATOR),
    Action.MEMBER_INVITE: Permission(_OWNERS),
    Action.MEMBER_LS: Permission(_OWNERS, by_from_line=True),
    Action.MEMBER_MODERATE: Permission(_MODERATORS),
    Action.MEMBER_REMOVE: Permission(_OWNERS),
    Action.MEMBER_SET: Permission(_OWNERS),
    Action.MEMBER_SHOW: Permission(_OWNERS, by_from_line=True),
    Action.NEWSLETTER_CANCEL: Permission(_EDITORS),
    Action.NEWSLETTER_DRAFTS: Permission(_EDITORS | {ActorRole.ADVISOR}, by_from_line=True),
    Action.NEWSLETTER_HISTORY: Permission(_OWNERS),  # it names people
    Action.NEWSLETTER_PAUSE: Permission(_EDITORS),
    Action.NEWSLETTER_PROOF: Permission(_EDITORS),
    Action.NEWSLETTER_RESEND: Permission(_EDITORS),
    Action.NEWSLETTER_RESUME: Permission(_EDITORS),
    Action.NEWSLETTER_SCHEDULE: Permission(_EDITORS),
    Action.NEWSLETTER_SEGMENT_LS: Permission(_EDITORS, by_from_line=True),
    Action.NEWSLETTER_SEGMENT_SET: Permission(_EDITORS),
    Action.NEWSLETTER_SEGMENT_SHOW: Permission(_OWNERS),  # it names people
    Action.NEWSLETTER_SEND: Permission(_EDITORS),
    Action.NEWSLETTER_STATUS: Permission(_STAFF, by_from_line=True),
    Action.NEWSLETTER_STOP: Permission(_EDITORS),
    Action.NEWSLETTER_THEMES: Permission(_OPERATOR),  # it names folders of this machine
    Action.NEWSLETTER_VOTES: Permission(_STAFF, by_from_line=True),
    Action.OWN_ADDRESS: _OWN,
    Action.OWN_ANSWER: _OWN_ANSWER,
    Action.OWN_CONFIRM: _OWN_ANSWER,
    Action.OWN_EXPORT: _OWN,
    Action.OWN_FORGET: _OWN_ANSWER,
    Action.OWN_JOIN: _OWN_MAIL,
    Action.OWN_LEAVE: _OWN,
    Action.OWN_LINK: _OWN_MAIL,
    Action.OWN_NEVER: _OWN_ANSWER,
    Action.OWN_PAUSE: _OWN,
    Action.OWN_READ: _OWN_ANSWER,
    Action.OWN_RESUME: _OWN,
    Action.OWN_SET: _OWN,
    Action.OWN_SHOW: _OWN,
    Action.OWN_UNDO: _OWN_ANSWER,
    Action.OWN_VOTE: _OWN_ANSWER,
    Action.QUEUE_DECIDE: Permission(_OPERATOR),
    Action.POLL_CLOSE: Permission(_DECIDERS),
    Action.POLL_CREATE: Permission(_DECIDERS),
    Action.POLL_LS: Permission(_STAFF, by_from_line=True),
    Action.POLL_SHOW: Permission(_STAFF, by_from_line=True),  # it names nobody
    Action.QUEUE_DROP: Permission(_DECIDERS),  # an editor, what waits for editors: queue.py
    Action.QUEUE_FIND: Permission(_OPERATOR),  # of every list
    Action.QUEUE_LS: Permission(_MODERATORS, by_from_line=True),
    Action.QUEUE_MAILING: Permission(_OWNERS),  # it names people
    Action.QUEUE_REFUSE: Permission(_DECIDERS),
    Action.QUEUE_RELEASE: Permission(_DECIDERS),
    Action.QUEUE_SHOW: Permission(_MODERATORS),
    Action.QUICKSTART: Permission(_OPERATOR),
    Action.RESTORE: Permission(_OPERATOR),
    Action.THREAD_ANSWER: Permission(_MEMBERS, by_from_line=True),
    Action.THREAD_CLOSE: _ARRANGE,
    # One thread, for oneself, and the receipt to one's own address takes it back.
    Action.THREAD_FOLLOW: Permission(_MEMBERS, by_from_line=True, noted=False),
    Action.THREAD_LS: Permission(_STAFF, by_from_line=True),
    Action.THREAD_MERGE: _ARRANGE,
    Action.THREAD_MUTE: Permission(_MEMBERS, by_from_line=True, noted=False),
    Action.THREAD_REOPEN: _ARRANGE,
    Action.THREAD_SHOW: Permission(_STAFF, by_from_line=True),
    Action.THREAD_SOLVE: Permission(_MEMBERS, by_from_line=True),  # of their own, unless staff
    Action.THREAD_SPLIT: _ARRANGE,
}

# What a list that was deleted does not take from anybody: it would bring people or mail to it.
NOT_OF_DELETED = frozenset({
    Action.DIGEST_SEND, Action.EVENT_CREATE, Action.IMPORT_MBOX, Action.LIST_RENAME,
    Action.LIST_SET, Action.MEMBER_ADD, Action.MEMBER_IMPORT, Action.MEMBER_INVITE,
    Action.NEWSLETTER_PROOF, Action.NEWSLETTER_SCHEDULE, Action.NEWSLETTER_SEND,
    Action.QUEUE_RELEASE,
})  # fmt: skip


def allows(action: Action, role: ActorRole) -> bool:
    """Tell whether the table lets this role do it at all, by whatever proof it needs."""
    return role in PERMISSIONS[action].roles


def permit(action: Action, role: ActorRole, proven: Proven) -> None:
    """Raise NotPermitted where the table does not let this role do it by this proof."""
    permission = PERMISSIONS[action]
    if role not in permission.roles:
        raise NotPermitted(f"A {role} may not do this.", key="not-permitted", action=action)
    if permission.by_from_line or proven in {Proven.TOKEN, Proven.MACHINE}:
        return
    if proven is Proven.ALIGNED and role in permission.by_domain:
        return
    raise NotPermitted("A From line does not show who asks.", key="not-proven", action=action)
