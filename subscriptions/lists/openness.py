"""Open a list further: what that lets happen, and from when on.

    wider = openings(lst, join=..., post=..., archive=...)   # empty: nothing to ask about
    set_archive(lst, ArchivePolicy.PUBLIC, now)              # from now on
    set_archive(lst, ArchivePolicy.PUBLIC, now, past=True)   # all that is there, said in words

People wrote for those who could read it then. An archive that is opened is open for what comes
later; what is older stays with those who could read it, until somebody says otherwise. Joining and
posting concern the future by themselves: who waits for an owner's word, or a moderator's, waits on.
Knows rows; refuses to know mail and to ask anybody.
"""

from dataclasses import dataclass

from subscriptions.lists.roster import ArchivePolicy, Join, MailList, PostPolicy, opens


@dataclass(frozen=True, slots=True)
class Opening:
    """Say that one setting would let more people in, through or in to read."""

    what: str  # join, post, archive
    before: str
    after: str
    past: bool = False  # what is there already too


def openings(
    lst: MailList,
    *,
    join: Join | None = None,
    post: PostPolicy | None = None,
    archive: ArchivePolicy | None = None,
    past: bool = False,
) -> list[Opening]:
    """Return what these changes of ``lst`` would open; ``past`` asks for what is older too."""
    found = []
    for what, before, after in (
        ("join", lst.join, join),
        ("post", lst.post, post),
        ("archive", lst.archive, archive),
    ):
        if after is not None and opens(before, after):
            found.append(Opening(what, before.value, after.value, past and what == "archive"))
    if past and archive is None and hides_past(lst):
        archive = lst.archive
    if past and archive is lst.archive and hides_past(lst):
        found.append(Opening("archive", lst.archive.value, lst.archive.value, past=True))
    return found


def hides_past(lst: MailList) -> bool:
    """Tell whether the archive of ``lst`` holds back what is older than its opening."""
    if lst.archive is ArchivePolicy.NONE:
        return False
    public = lst.archive is ArchivePolicy.PUBLIC and lst.public_since is not None
    return public or lst.members_since is not None


def set_archive(lst: MailList, archive: ArchivePolicy, now: float, *, past: bool = False) -> None:
    """Set who may read the archive of ``lst``, from ``now`` (seconds since 1970 UTC) on.

    With ``past`` also what is there already. Closing it forgets when it was open: who opens it
    again opens it for what comes after that.
    """
    before = lst.archive
    lst.archive = archive
    if archive is ArchivePolicy.NONE or past:
        lst.members_since = lst.public_since = None
    elif before is ArchivePolicy.NONE:
        lst.members_since = now
    if archive is not ArchivePolicy.PUBLIC or past:
        lst.public_since = None
    elif before is not ArchivePolicy.PUBLIC:
        lst.public_since = now
