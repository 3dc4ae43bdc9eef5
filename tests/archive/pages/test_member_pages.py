"""Pages of people: only of who asks, with what is theirs for sure, and gone with the wish."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.erasure import redaction
from archive.filing.mail_threading import place
from archive.pages import member_pages
from archive.site import build, whole_archive
from archive.threads.disk import list_files
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage import tokens
from mailer.storage.store import Store, put_raw
from subscriptions.lists import roster
from subscriptions.lists.roster import (
    Address,
    ArchivePolicy,
    MailList,
    Membership,
    MembershipState,
    Person,
    Role,
)
from subscriptions.membership import changes
from subscriptions.permission.consent import Consent, ConsentNote, Source
from tests.archive.conftest import make_list

BASE = "https://lists.example.org"
ARRIVAL = 1_700_000_000.0
LIST = "circle@example.org"
Write = Callable[..., bytes]


@dataclass
class Circle:
    """Hold an archive with one member, Anna, who owns two proven addresses and one that is not."""

    store: Store
    root: Path
    lst: MailList
    member: int

    def keep(self, *raws: bytes) -> None:
        with self.store.write() as session:
            for raw, sha in zip(raws, put_raw(session, raws), strict=True):
                place(session, self.lst, raw, sha, ARRIVAL)
        self.draw()

    def draw(self) -> None:
        while build.render_dirty(self.store, self.root, BASE):
            pass

    def change(self, change: Callable[[changes.ChangeContext, Membership], object]) -> None:
        with self.store.write() as session:
            keyring = tokens.load_keyring(session)
            assert keyring
            note = ConsentNote("", Source.WEB)
            desk = changes.ChangeContext(session, self.lst, keyring, note, ARRIVAL)
            change(desk, session.get_one(Membership, self.member))
        self.draw()

    def wish(self, *, wanted: bool) -> None:
        self.change(lambda desk, member: changes.change_page(desk, member, wanted=wanted))

    @property
    def pages(self) -> list[str]:
        found = [n for tree in ("public", "members") for n in list_files(self.root / tree, LIST)]
        return [name for name in found if "/p/" in name]

    def read(self, name: str, tree: str = "public") -> str:
        with self.store.read() as session:
            keyring = tokens.load_keyring(session)
        assert keyring
        hash_ = member_pages.page_hash(keyring, LIST, self.member)
        return (self.root / tree / LIST / "p" / hash_ / name).read_text()

    def thread(self, name: str, tree: str = "public") -> str:
        folder = self.root / tree / LIST / "t" / permalink_hash(f"{name}@x")
        return (folder / "index.html").read_text()


def _circle(store: Store, root: Path, policy: ArchivePolicy) -> Circle:
    lst = make_list(store, policy)
    with store.write() as session:
        if tokens.load_keyring(session) is None:
            tokens.new_key(session)
        person = Person(name="Anna <anna@example.org> Berg", created=ARRIVAL)
        session.add(person)
        session.flush()
        for where, proven in (("anna", ARRIVAL), ("work", ARRIVAL), ("odd", None)):
            key = f"{where}@example.org"
            row = Address(given=key, key=key, domain="example.org", created=ARRIVAL)
            row.person_id, row.proven_at = person.id, proven
            session.add(row)
        session.flush()
        first = session.scalars(select(Address.id).order_by(Address.id)).first()
        member = Membership(
            list_id=lst.id,
            person_id=person.id,
            address_id=first,
            role=Role.MEMBER,
            state=MembershipState.ACTIVE,
            joined_at=ARRIVAL,
        )
        session.add(member)
        session.flush()
        return Circle(store, root, lst, member.id)


@pytest.fixture
def circle_of(store: Store, tmp_path: Path) -> Callable[[ArchivePolicy], Circle]:
    """Make a circle whose archive is for whom one says."""
    return lambda policy: _circle(store, tmp_path, policy)


@pytest.fixture
def anna(circle_of: Callable[[ArchivePolicy], Circle], mail: Write) -> Circle:
    """Fill a public archive with mails of Anna's, of others, and one of doubtful ones."""
    circle = circle_of(ArchivePolicy.PUBLIC)
    both = mail("two").replace(b"From: ", b"From: Anna <anna@example.org>, ", 1)
    private = mail("anna2").replace(b"anna2@example.org", b"anna@example.org")
    private = private.replace(b"Subject: ", b"X-No-Archive: yes\nSubject: ", 1)
    circle.keep(
        mail("root"),
        mail("anna", "root", at=1, body="Write to me at anna@example.org.\n"),
        mail("work", at=2),
        mail("odd", at=3),
        both,
        private,
    )
    return circle


def test_a_page_is_there_for_who_wants_one_with_what_is_theirs_and_without_an_address(
    anna: Circle, mail: Write
) -> None:
    """Off by default; then two mails, newest first; a new one follows; check and build agree."""
    assert anna.pages == []
    assert "/p/" not in anna.thread("root")
    anna.wish(wanted=True)
    told = json.loads(anna.read("person.json"))
    assert [one["subject"] for one in told["messages"]] == ["About work", "About anna"]
    assert told["messages"][0]["path"] == f"../../m/{permalink_hash('work@x')}/"
    page, feed = anna.read("index.html"), anna.read("feed.atom")
    assert page.index("About work") < page.index("About anna")
    assert feed.count("<entry") == 2
    for text in (page, feed, told["name"]):
        assert "anna@example" not in text
        assert "work@example" not in text
    assert anna.thread("root").count("../../p/") == 1
    assert "../../p/" not in anna.thread("odd") + anna.thread("two")
    other = anna.root / "public" / LIST / "t" / permalink_hash("odd@x") / "index.html"
    before = other.stat().st_mtime_ns
    anna.keep(mail("late", at=5).replace(b"late@example.org", b"Anna@example.org"))
    assert json.loads(anna.read("person.json"))["messages"][0]["subject"] == "About late"
    assert other.stat().st_mtime_ns == before
    assert not whole_archive.check(anna.store, anna.root, BASE, anna.lst)
    stood = {name: (anna.root / "public" / name).read_bytes() for name in anna.pages}
    whole_archive.build(anna.store, anna.root, BASE, anna.lst)
    assert {name: (anna.root / "public" / name).read_bytes() for name in anna.pages} == stood
    (anna.root / "public" / min(stood)).write_text("forged")
    assert whole_archive.check(anna.store, anna.root, BASE, anna.lst).differing
    whole_archive.export(anna.store, anna.root / "out", BASE, anna.lst)
    assert sum("/p/" in name for name in list_files(anna.root / "out", LIST)) == 3
    with anna.store.read() as session:
        details = session.scalars(select(Consent.detail)).all()
    assert details == ["wants a page in the archive"]


@pytest.mark.parametrize("why", ["switched off", "left", "erased", "no address proven"])
def test_a_page_goes_with_its_links_when_its_owner_does(anna: Circle, why: str) -> None:
    """Whatever takes the wish or the member away, nothing of the page stays on disk."""
    anna.wish(wanted=True)
    assert len(anna.pages) == 3
    if why == "switched off":
        anna.wish(wanted=False)
    elif why == "left":
        anna.change(changes.leave)
    else:
        with anna.store.write() as session:
            if why == "erased":
                session.delete(session.get_one(Membership, anna.member))
            for row in session.scalars(select(Address)):
                row.proven_at = None
        with anna.store.read() as session:
            assert build.something_dirty(session)
        anna.draw()
    assert anna.pages == []
    assert "/p/" not in anna.thread("root")
    with anna.store.read() as session:
        assert not build.something_dirty(session)
    assert not whole_archive.check(anna.store, anna.root, BASE, anna.lst)


def test_who_comes_back_has_no_page_until_they_ask(anna: Circle) -> None:
    """A wish ends with the membership."""
    anna.wish(wanted=True)
    anna.change(changes.leave)
    with anna.store.write() as session:
        roster_row = session.get_one(roster.Membership, anna.member)
        roster_row.state = MembershipState.ACTIVE
    anna.draw()
    assert anna.pages == []


def test_what_is_redacted_leaves_the_page_and_the_last_mail_takes_it_along(anna: Circle) -> None:
    """One message first, then the person."""
    anna.wish(wanted=True)
    for wanted, left in (
        (redaction.Request(messages=("work@x",)), ["About anna"]),
        (redaction.Request(people=("anna@example.org",)), []),
    ):
        with anna.store.write() as session:
            redaction.apply(
                session, anna.lst, redaction.prepare(session, anna.lst, wanted), ARRIVAL
            )
        whole_archive.build(anna.store, anna.root, BASE, anna.lst)
        if left:
            told = json.loads(anna.read("person.json"))
            assert [one["subject"] for one in told["messages"]] == left
    assert anna.pages == []
    assert "/p/" not in anna.thread("root")


def test_a_members_archive_keeps_the_page_among_members_and_without_addresses(
    circle_of: Callable[[ArchivePolicy], Circle], mail: Write
) -> None:
    """Nothing of it stands where strangers read, and it names no address to members either."""
    circle = circle_of(ArchivePolicy.MEMBERS)
    circle.keep(mail("anna", body="I am anna@example.org.\n"))
    circle.wish(wanted=True)
    assert len(circle.pages) == 3
    assert not (circle.root / "public").exists() or not list(
        list_files(circle.root / "public", LIST)
    )
    for name in member_pages.PERSON_FILES:
        assert "anna@example" not in circle.read(name, "members")
    assert "../../p/" in circle.thread("anna", "members")


def test_a_long_archive_is_tied_a_look_at_a_time(
    anna: Circle, mail: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look ends with its last mail; the next one begins after it, and none is told twice."""
    monkeypatch.setattr(member_pages, "READ", 2)
    anna.wish(wanted=True)
    anna.keep(mail("again", at=6).replace(b"again@example.org", b"work@example.org"))
    assert json.loads(anna.read("person.json"))["count"] == 3
