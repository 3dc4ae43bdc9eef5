"""Put posts of one list together, to be judged and written in one go.

    plain = post_groups.read(app, list_address, some)    # by arrival: those that may go so
    for group in post_groups.cut(plain, some): ...       # in order: groups, and single ones

Only what is a plain post is put together: mail to a list's own address, not large, whose writer's
address was not given up, and which answers no proof. All else is decided alone, after what came
before it. A group is small, for mail that comes in waits for its transaction, and never holds two
posts of which one may decide about the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select

from listserv.reception import post_judging, whose_mail
from listserv.reception.post_judging import ArrivedPost
from listserv.wiring import routes
from listserv.wiring.app import App
from mailer.errors import KretsError
from mailer.storage.arrivals import Arrival
from mailer.storage.store import RawMessage, decompress
from subscriptions.lists.roster import find_list
from subscriptions.membership import given_up

TOGETHER = 8  # posts
LARGE = 200_000  # octets: a mail of more goes alone
PROOF = b"<proof."  # how the id begins that an editor's answer to a proof names
HEADS = 65_536  # bytes in which a mail names what it answers
_log = structlog.get_logger("krets.posts")


@dataclass(slots=True)
class PlainPosts:
    """Hold the plain posts among what came for one list, by arrival."""

    posts: dict[int, ArrivedPost] = field(default_factory=dict)
    writers: bool = False  # whether a moderator wants to read a writer's first post


def read(app: App, list_address: str, some: Sequence[Arrival]) -> PlainPosts:
    """Read which of ``some`` are plain posts; what cannot be read is none, and met again alone."""
    found = PlainPosts()
    small = [one for one in some if one.size <= LARGE]
    if len(small) < 2:  # noqa: PLR2004 - one is alone
        return found
    with app.store.read() as session:
        lst = find_list(session, list_address)
        if lst is None or lst.deleted_at is not None:  # then each writer is told
            return found
        small = [one for one in small if routes.key_of(one.recipient) in lst.addresses]
        kept = select(RawMessage.sha, RawMessage.data).where(
            RawMessage.sha.in_({one.raw_sha for one in small})
        )
        raws = {sha: decompress(data) for sha, data in session.execute(kept)}
    for arrival in small:
        raw = raws.get(arrival.raw_sha)
        if raw is None or PROOF in raw[:HEADS]:
            continue
        try:
            whose_mail.judge(app, arrival, raw)
            found.posts[arrival.id] = post_judging.read(arrival, list_address, raw)
        except KretsError:
            raise
        except Exception:  # noqa: BLE001 - a door: whoever decides it alone says what is wrong
            _log.info("a post is read again alone", arrival=arrival.id)
    found.writers = lst.first_posts_moderated
    _leave_out_given_up(app, found)
    return found


def _leave_out_given_up(app: App, found: PlainPosts) -> None:
    """Leave out those by which an address that was given up shows that it is there."""
    writers = {key for post in found.posts.values() for key in post.reading.authors}
    with app.store.read() as session:
        gone = given_up.of(session, writers).keys()
    for number, post in list(found.posts.items()):
        if not gone.isdisjoint(post.reading.authors):
            del found.posts[number]


def cut(found: PlainPosts, some: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """Yield ``some`` in order, in groups; what is no plain post stands alone."""
    group: list[Arrival] = []
    for arrival in some:
        post = found.posts.get(arrival.id)
        before = [found.posts[one.id] for one in group if one.id in found.posts]
        fits = (
            post is not None
            and len(before) == len(group) < TOGETHER
            and not post_judging.depends(post, before, writers=found.writers)
        )
        if group and not fits:
            yield group
            group = []
        group.append(arrival)
    if group:
        yield group


def posts_of(found: PlainPosts, group: Sequence[Arrival]) -> list[ArrivedPost]:
    """Return a group's posts; none where it is a single arrival that is to be decided alone."""
    known: Mapping[int, ArrivedPost] = found.posts
    return [known[one.id] for one in group] if len(group) > 1 else []
