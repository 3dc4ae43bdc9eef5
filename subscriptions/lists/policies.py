"""The words of a list's policies: what it is for, who joins, posts and reads; and what opens it.

Knows words alone. What each does is for whoever reads the setting that holds it.
"""

from enum import StrEnum

LANGUAGES = ("sv", "it", "ro", "ru", "nl", "en")


class ListKind(StrEnum):
    """Say what a list is for."""

    DISCUSSION = "discussion"
    NEWSLETTER = "newsletter"


class Role(StrEnum):
    """Say what a member may do on one list."""

    MEMBER = "member"
    MODERATOR = "moderator"
    EDITOR = "editor"
    ADVISOR = "advisor"
    OWNER = "owner"


class Join(StrEnum):
    """Say how people come in."""

    OPEN = "open"
    APPROVE = "approve"
    INVITE = "invite"


class PostPolicy(StrEnum):
    """Say who may post."""

    MEMBERS = "members"
    ANYONE = "anyone"
    MODERATED = "moderated"
    EDITORS = "editors"


class SpamPolicy(StrEnum):
    """Say what becomes of a post that the filter in front of us calls spam."""

    HOLD = "hold"
    DROP = "drop"
    TAG = "tag"  # goes out with the filter's marks; the rule is named


class HtmlPolicy(StrEnum):
    """Say what becomes of HTML in the copies of a post."""

    KEEP = "keep"
    REDUCE = "reduce"  # without looks of its own, remote pictures, scripts and forms
    TEXT = "text"


class Copies(StrEnum):
    """Say whether each member's copy of a post is their own."""

    PERSONAL = "personal"  # own return path and own way out
    SHARED = "shared"  # one copy for many: faster, but a bounce must name its recipient


class ArchivePolicy(StrEnum):
    """Say who may read the archive."""

    PUBLIC = "public"
    MEMBERS = "members"
    NONE = "none"


_REACH: tuple[tuple[Join | PostPolicy | ArchivePolicy, ...], ...] = (
    (Join.INVITE, Join.APPROVE, Join.OPEN),
    (PostPolicy.EDITORS, PostPolicy.MODERATED, PostPolicy.MEMBERS, PostPolicy.ANYONE),
    (ArchivePolicy.NONE, ArchivePolicy.MEMBERS, ArchivePolicy.PUBLIC),
)


def opens(
    before: Join | PostPolicy | ArchivePolicy, after: Join | PostPolicy | ArchivePolicy
) -> bool:
    """Tell whether ``after`` lets more people in, through or in to read than ``before``."""
    return any(
        before in some and after in some and some.index(before) < some.index(after)
        for some in _REACH
    )
