"""A digest whose maker dies, before or behind any of its commits: every post once all the same."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.digests import digest_making
from listserv.mailings import audience_freezing, digest_windows
from listserv.wiring.listserv_tables import Post
from mailer.ledger.mailings import Mailing, MailingState, Recipient
from mailer.storage.store import Store
from subscriptions.lists.roster import Membership, Rhythm, get_list
from tests.place import ANNA, LIST, Place, make_place

PEOPLE = [f"p{number}@example.net" for number in range(5)]
ROUNDS = 12  # more than a digest has commits


class PlugError(BaseException):
    """What a killed process does not see either."""


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make five members who have a daily digest."""
    made = make_place(tmp_path, database_url)
    for person in PEOPLE:
        made.add(person)
    with made.app.store.write() as session:
        for member in session.scalars(select(Membership).order_by(Membership.id)).all()[-5:]:
            member.rhythm = Rhythm.DAILY
    yield made
    made.end()


def due(place: Place) -> bool:
    """Make and enter what is due, as a worker does; tell whether there was anything."""
    with place.app.store.read() as session:
        list_id = get_list(session, LIST).id
        waiting = audience_freezing.freezing(session)
    made = digest_making.make(place.app, list_id, 4e9)
    for mailing in [*waiting, *made]:
        while audience_freezing.freeze_some(place.app.store, mailing):
            pass
    return bool(waiting or made)


def pull(monkeypatch: pytest.MonkeyPatch, place: Place, commit: int, *, behind: bool) -> bool:
    """Die at a commit of the digest that is due; tell whether there were so many."""
    write, count = Store.write, 0

    @contextmanager
    def cut(store: Store, **given: bool) -> Iterator[Session]:
        nonlocal count
        count += 1
        with write(store, **given) as session:
            yield session
            if count == commit and not behind:
                raise PlugError
        if count == commit:
            raise PlugError

    with monkeypatch.context() as patched:
        patched.setattr(Store, "write", cut)
        try:
            due(place)
        except PlugError:
            return True
    return False


@pytest.mark.parametrize("pieces", [2, 4000])
@pytest.mark.parametrize("behind", [False, True])
def test_a_maker_that_dies_at_any_commit_loses_no_post_and_doubles_none(
    place: Place, monkeypatch: pytest.MonkeyPatch, pieces: int, *, behind: bool
) -> None:
    monkeypatch.setattr(audience_freezing, "POUR", pieces)
    cuts = 0
    for commit in range(1, ROUNDS):
        place.post(ANNA, f"Post number {commit}: how deep do you plant potatoes?")
        cuts += pull(monkeypatch, place, commit, behind=behind)
        while due(place):
            pass
    assert 2 <= cuts < ROUNDS - 1  # each of its commits
    got: dict[str, Counter[int]] = {person: Counter() for person in PEOPLE}
    with place.app.store.read() as session:
        posts = set(session.scalars(select(Post.id)))
        for mailing in session.scalars(select(Mailing).where(Mailing.kind == digest_windows.KIND)):
            assert mailing.state is not MailingState.FREEZING
            held = digest_windows.posts_of(session, mailing.id)
            theirs = select(Recipient.address).where(Recipient.mailing_id == mailing.id)
            for address in session.scalars(theirs):
                got[address].update(held)
    assert len(posts) == ROUNDS - 1
    assert got == {person: Counter(posts) for person in PEOPLE}
