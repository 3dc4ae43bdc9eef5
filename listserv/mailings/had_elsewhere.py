"""Say which posts of a digest its readers have had by another list, so that none comes twice.

A window (digest_windows.py) with a cross-post is parted: who has had none of these posts reads all,
and whoever has had the same ones is in a window of their own without them. The condition is asked
again in the transaction that enters a reader; who has moved from one part to another meanwhile is
in neither, and in a window of the next round. Refuses to know what a digest looks like.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, not_, select
from sqlalchemy.orm import Session, aliased

from listserv.wiring.listserv_tables import Digest, Post
from mailer.ledger.mailings import Mailing, MailingState, Recipient, RecipientState
from mailer.storage.bulk_rows import among
from subscriptions.lists.roster import Membership

MOST = 20  # parts of one window at a time; the others follow


@dataclass(frozen=True, slots=True)
class Apart:
    """Hold which posts of a window came by other lists' mailings, and which of them are left out.

    Whoever has had exactly the posts ``without`` is in this part.
    """

    had: tuple[tuple[int, tuple[int, ...]], ...] = ()  # post: mailings that may have brought it
    without: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.had)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions under which a member is in this part."""
        asked = ((post, _has_had(mailings)) for post, mailings in self.had)
        return [one if post in self.without else not_(one) for post, one in asked]

    def among(self, posts: Sequence[int]) -> "Apart":
        """Return the same of these posts alone."""
        held = set(posts) if self.had else set()
        return Apart(tuple(one for one in self.had if one[0] in held))

    def spelled(self) -> str:
        """Return it as a digest's row keeps it."""
        return json.dumps([self.had, sorted(self.without)]) if self.had else ""


NOWHERE_ELSE = Apart()


def read(spelled: str) -> Apart:
    """Return what ``Apart.spelled`` has written."""
    if not spelled:
        return Apart()
    had, without = json.loads(spelled)
    return Apart(tuple((post, tuple(some)) for post, some in had), frozenset(without))


def crossed(session: Session, posts: Sequence[int]) -> Apart:
    """Return which of these posts other lists have mailed as well, in copies or digests."""
    if not posts:
        return Apart()
    twin = aliased(Post)
    rows = session.execute(
        select(Post.id, twin.mailing_id, twin.list_id, twin.decided_at)
        .join(twin, twin.message_id == Post.message_id)
        .where(
            among(session, Post.id, posts),
            twin.digest == Post.digest,
            twin.list_id != Post.list_id,
            twin.mailing_id.is_not(None),
        )
        .order_by(Post.id, twin.id)
    ).all()
    found: dict[int, list[int]] = {}
    for post, mailing, list_id, at in rows:
        digests = select(Digest.mailing_id).where(
            Digest.list_id == list_id, Digest.high <= at, Digest.upto >= at
        )
        copies = [] if mailing is None else [mailing]
        found.setdefault(post, []).extend([*copies, *session.scalars(digests)])
    return Apart(tuple((post, tuple(some)) for post, some in found.items()))


def under_way(session: Session, apart: Apart) -> bool:
    """Tell whether one of the mailings that may have brought a post is still being entered."""
    mailings = [one for _, some in apart.had for one in some]
    freezing = select(Mailing.id).where(
        Mailing.id.in_(mailings), Mailing.state == MailingState.FREEZING
    )
    return bool(mailings) and session.scalar(freezing.limit(1)) is not None


def parts(
    session: Session,
    apart: Apart,
    readers: Iterable[ColumnElement[bool]],
    bounds: dict[str, object],
) -> list[Apart]:
    """Return the parts of a window: who has had none, and each set of posts that some have had."""
    if not apart:
        return [apart]
    theirs: dict[int, set[int]] = {}
    conditions = list(readers)
    for post, mailings in apart.had:
        members = select(Membership.id).where(*conditions, _has_had(mailings))
        for member in session.scalars(members, bounds):
            theirs.setdefault(member, set()).add(post)
    sets = Counter(frozenset(some) for some in theirs.values())
    return [apart, *(Apart(apart.had, some) for some, _ in sets.most_common(MOST))]


def left(session: Session, membership_id: int, posts: Sequence[int]) -> list[int]:
    """Return those of the posts that one member has not had by another list."""
    found = set()
    for post, mailings in crossed(session, posts).had:
        asked = select(Membership.id).where(Membership.id == membership_id, _has_had(mailings))
        if session.scalar(asked) is not None:
            found.add(post)
    return [post for post in posts if post not in found]


def _has_had(mailings: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that a member's person has a copy by one of these mailings."""
    other = aliased(Membership)
    return exists().where(
        other.person_id == Membership.person_id,
        Recipient.ref == other.id,
        Recipient.mailing_id.in_(mailings),
        Recipient.state != RecipientState.SKIPPED,
    )
