"""Ten thousand readers with names that attack: each copy is its own reader's, and was proved.

From the members' rows to the bytes behind DATA, as the sender makes them: the audience is frozen,
rows are taken in batches, names are read with them, and each copy is joined as on the wire.
"""

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from listserv.letters.post_headers import LEAVE
from listserv.mailings import delivery, slots
from listserv.newsletters.composing import issues, looks
from listserv.newsletters.sending import issue_sending
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.ledger import mailings
from mailer.ledger.ledger import ClaimedRow
from mailer.ledger.mailings import Recipient, UnsurePolicy
from mailer.ledger.splice import Segments, Wire
from mailer.reading import addresses
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.lists.roster import LANGUAGES, ListKind, Membership, Person
from subscriptions.membership import members
from subscriptions.membership.members import Candidate
from tests.bench.mailing import THEMED
from tests.listserv.newsletters.test_issues import HOSTILE
from tests.place import NOTE

NEWS = "news@example.org"
BATCH = 500
MANY = (2_000, pytest.param(10_000, marks=pytest.mark.journey))
DRAFT = THEMED.replace(
    "Hello {{ name }},\n",
    "Hello {{ name }}, [you](https://a.example/?e={{ email }}&n={{ name }})\n\nvote: Who? | A | B"
    "\n",
)
WAYS = (TokenPurpose.LEAVE, TokenPurpose.VOTE)
MARK = re.compile(rb"\bzq\d+qz\b")
TOKEN = re.compile(rb"\+([a-z2-7]{26})")  # of an address


def names(chance: random.Random, many: int) -> Iterator[str]:
    """Yield names: hostile ones, any characters at all, and none."""
    for number in range(many):
        letters = "".join(chr(chance.randrange(1, 0xD800)) for _ in range(chance.randrange(30)))
        odd = chance.choice([*HOSTILE, letters, letters, "{{ name }}", "{% raw %}", "\u2029\x85"])
        yield f"zq{number}qz{odd}" if number % 10 else ""


@pytest.fixture
def app(tmp_path: Path, many: int) -> Iterator[App]:
    """Make a newsletter of so many."""
    made = App(load({"KRETS_MAILER__DATA": str(tmp_path / "data")}))
    made.__dict__["ring"] = lambda _bell: None
    chance = random.Random()  # noqa: S311 - a test's; pytest-randomly says its seed
    with made.store.write() as session:
        lst = roster.create_list(session, NEWS, kind=ListKind.NEWSLETTER, title="News", now=1.0)
        for first in range(0, many, BATCH):
            people = [
                Candidate(
                    addresses.parse(f"zq{first + at}qz@example.net"), f"x{first + at}",
                    language=chance.choice(LANGUAGES), consent=NOTE,
                )
                for at in range(BATCH)
            ]  # fmt: skip
            members.enrol(session, lst, people, keyring=made.keyring, now=1e9)
        known = {row.id: row.name for row in session.execute(select(Person.id, Person.name))}
        called = list(names(chance, many))
        session.execute(
            update(Person),
            [{"id": key, "name": called[int(name[1:])]} for key, name in known.items()],
        )
    yield made
    made.close()


@pytest.mark.parametrize("many", MANY)
@pytest.mark.no_cover
def test_each_of_ten_thousand_copies_is_its_own_readers_and_the_one_that_was_proved(
    app: App, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[object] = []
    real = looks.set_issue
    monkeypatch.setattr(issues, "set_issue", lambda *said: rendered.append(said) or real(*said))
    survey = issue_sending.survey(app, NEWS, DRAFT.encode(), time.time())
    mailing = issue_sending.begin(
        app, survey.lst, survey.ready, policy=UnsurePolicy.NEVER_TWICE, now=time.time()
    )
    for _ in issue_sending.freeze(app, mailing):
        pass
    copies = compared = 0
    proofs: dict[int, Segments] = {}
    readers = delivery.Readers(app.keyring, room=BATCH)  # it forgets, as a small machine's does
    with app.store.read() as session:
        view = mailings.view(session, mailing)
        behind = select(Membership.id, Person.name).join(Person, Person.id == Membership.person_id)
        called = {row.id: row.name for row in session.execute(behind)}
        rows = list(session.scalars(select(Recipient).where(Recipient.mailing_id == mailing)))
        wires = {
            variant: Wire(made)
            for variant in {row.variant for row in rows}
            if (made := mailings.composition(session, mailing, variant)) is not None
        }
        assert len(wires) == 2 * len(LANGUAGES)  # with a name, and without
        chance = random.Random()  # noqa: S311 - a test's
        chance.shuffle(rows)
        sample = {row.ref for row in chance.sample(rows, many // 10)}
        sample |= {row.ref for row in {row.variant: row for row in rows}.values()}  # one of each
        for first in range(0, many, BATCH):
            claimed = [
                ClaimedRow(one.id, mailing, one.ref, one.address, one.bucket, one.variant, 0)
                for one in rows[first : first + BATCH]
            ]
            assert not readers.wanted(session, claimed)
            for row in claimed:
                copy = wires[row.variant].join(readers.copy(view, row).values)
                mine = row.address.partition("@")[0].encode()
                leave, vote = (app.keyring.standing(one, NEWS, row.ref) for one in WAYS)
                assert set(MARK.findall(copy)) == {mine}
                assert {one.decode() for one in TOKEN.findall(copy)} == {leave, vote}
                copies += 1
                if row.ref not in sample:
                    continue
                if row.variant not in proofs:
                    proofs[row.variant] = issues.proved(
                        survey.ready.issue, LANGUAGES[row.variant >> 2],
                        named=bool(called[row.ref]), message_id="p@b.example",
                    )  # fmt: skip
                own = slots.values(called[row.ref], row.address)
                own |= {LEAVE: leave.encode(), slots.VOTE: vote.encode()}
                assert sent(copy) == proofs[row.variant].join(own).partition(b"\r\n\r\n")[2]
                compared += 1
    assert (copies, compared) == (many, len(sample))
    # Once for each language, with a name and without; and so for what they were compared with.
    assert len(rendered) == len(wires) + len(proofs) == 4 * len(LANGUAGES)


def sent(wire: bytes) -> bytes:
    """Return the body that a relay reads: one dot where the wire has two, without its end."""
    whole = wire.partition(b"\r\n\r\n")[2].replace(b"\r\n..", b"\r\n.")
    return whole.removesuffix(b".\r\n")
