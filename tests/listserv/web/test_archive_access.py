"""A members' archive: a mailed link opens it, leaving closes it, and no trick gets past."""

import time
from pathlib import Path

import pytest
from sqlalchemy import select, update

from archive.filing.mail_threading import place
from archive.pages import redirects
from archive.site import build, whole_archive
from listserv.web import archive_access
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.store import put_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.lists.openness import set_archive
from subscriptions.lists.roster import Address, ArchivePolicy, MailList, Membership
from subscriptions.permission.asks import Ask
from tests.listserv.web.conftest import FRIENDS, Got, Web

SECRET = "the gate opens with 4711"
MAIL = f"From: Anna <anna@example.org>\nMessage-ID: <a@x>\nSubject: Gate\n\n{SECRET}\n".encode()
HASH = permalink_hash("a@x")
THREAD = [f"t/{HASH}/{name}" for name in ("", "index.html", "thread.json", "thread.mbox.gz")]
FILES = ["", "index.html", *THREAD, f"m/{HASH}/", f"m/{HASH}/raw.eml", "1970-01/", "2023-11/"]


@pytest.fixture
def closed(web: Web, anna: str) -> Web:
    """Make the list's archive its members' own, with one mail in it."""
    app = web.app
    with app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        roster.change_list(lst, archive=ArchivePolicy.MEMBERS)
        (sha,) = put_raw(session, [MAIL])
        place(session, lst, MAIL, sha, 1_700_000_000.0)
    while build.render_dirty(app.store, app.settings.archive_path, "http://lists.example"):
        pass
    return web


def enter(web: Web, who: str) -> Got:
    web.post(f"/{FRIENDS}/read", {"email": who})
    path = web.link(who, "read")
    for method in ("GET", "HEAD", "GET"):
        shown = web.get(path, method)
        assert (shown.status, "set-cookie" in shown.headers) == (200, False)
    return web.post(path, {})


def cookie(got: Got) -> str:
    return got.headers["set-cookie"].partition(";")[0]


def test_a_member_reads_by_a_mailed_link_until_they_leave(closed: Web, anna: str) -> None:
    assert f"{FRIENDS}/read" in closed.get(f"/{FRIENDS}/").text
    got = enter(closed, anna)
    assert (got.status, got.headers["location"]) == (303, f"/{FRIENDS}/")
    rules = got.headers["set-cookie"].lower()
    assert all(word in rules for word in ("httponly", "samesite=lax", f"path=/{FRIENDS}/"))
    assert "secure" not in rules, "this installation is plain http"
    for path in FILES[:8]:
        page = closed.get(f"/{FRIENDS}/{path}", cookie=cookie(got))
        assert page.status == 200, path
        assert page.headers["cache-control"] == "private, no-store"
    assert SECRET in closed.get(f"/{FRIENDS}/t/{HASH}/", cookie=cookie(got)).text
    again = closed.get(
        f"/{FRIENDS}/t/{HASH}/", cookie=cookie(got), if_none_match=page.headers["etag"]
    )
    assert again.status == 200, "nothing is confirmed to a cache"
    with closed.app.store.write() as session:
        session.execute(update(Membership).values(state=roster.MembershipState.LEFT))
    assert closed.get(f"/{FRIENDS}/t/{HASH}/", cookie=cookie(got)).status == 403


def test_strangers_get_nothing_and_cannot_tell_what_is_there(closed: Web) -> None:
    strange = ["t/nothing/", "t/nothing/thread.json", f"m/{HASH}/raw.emlx", "x"]
    answers = {closed.get(f"/{FRIENDS}/{path}").body for path in FILES[2:] + strange}
    assert len(answers) == 1
    tricks = [
        f"/{FRIENDS}/../{FRIENDS}/t/{HASH}/index.html",
        f"/x/../{FRIENDS}/t/{HASH}/index.html",
        f"/../members/{FRIENDS}/t/{HASH}/index.html",
        f"/members/{FRIENDS}/t/{HASH}/index.html",
        f"//{FRIENDS}/t/{HASH}/index.html",
        f"/./{FRIENDS}/t/{HASH}/index.html",
        f"/{FRIENDS.upper()}/t/{HASH}/index.html",
        f"/{FRIENDS}/t/{HASH}/index.html\x00",
        f"/..\\members\\{FRIENDS}\\t\\{HASH}\\index.html",
        f"/static/../../members/{FRIENDS}/t/{HASH}/index.html",
        f"/healthz/../../members/{FRIENDS}/index.html",
    ]
    for path in tricks:
        got = closed.get(path)
        assert got.status in {403, 404, 307}, path
        assert SECRET.encode() not in got.body
        assert "Gate" not in got.text
    assert not [p for p in _public(closed).rglob("*") if p.is_file() and _tells(p)]


def _public(web: Web) -> Path:
    return web.app.settings.archive_path / "public"


def _tells(path: Path) -> bool:
    return SECRET.encode() in path.read_bytes() or HASH in str(path)


def test_a_cookie_opens_one_list_for_one_member_for_two_weeks(closed: Web, anna: str) -> None:
    app, now = closed.app, int(time.time())
    with app.store.write() as session:
        other = roster.create_list(
            session, "other@lists.example", now=1.0, archive=ArchivePolicy.MEMBERS
        )
        other_id = other.id
        member = session.scalars(select(Membership)).one()
        owner, member.joined_at = member.address_id, now - 40 * 86400.0
        ref = member.id

    def status(value: str, lst: str = FRIENDS) -> int:
        return closed.get(f"/{lst}/t/{HASH}/", cookie=f"{archive_access.COOKIE}={value}").status

    def made(
        at: int, scope: str = FRIENDS, whose: int = owner, purpose: TokenPurpose = TokenPurpose.READ
    ) -> str:
        token = app.keyring.standing(purpose, f"{scope} {at} {whose}", ref)
        return f"{at}-{whose}-{token}"

    good = made(now)
    assert status(good) == 200
    assert status(made(now - archive_access.LASTS + 60)) == 200
    assert status(made(now - archive_access.LASTS)) == 403
    assert status(made(now + 3600)) == 403
    assert status(made(now - 41 * 86400)) == 403
    assert status(made(now, "other@lists.example")) == 403
    assert status(made(now, purpose=TokenPurpose.LEAVE)) == 403
    assert status(made(now, whose=owner + 1)) == 403
    assert status(good, "other@lists.example") == 403
    for at in range(0, len(good), 3):
        flipped = good[:at] + ("a" if good[at] != "a" else "b") + good[at + 1 :]
        assert status(flipped) == 403
    for hostile in ("", "-", "1--", "9" * 200, "\xb2-1-x", f"{good}x", f"{now}-{owner}-"):
        assert status(hostile) == 403
    with app.store.write() as session:
        session.execute(update(Membership).values(list_id=other_id))
    assert status(good) == 403


def test_a_link_ends_with_its_day_its_membership_and_its_address(closed: Web, anna: str) -> None:
    closed.post(f"/{FRIENDS}/read", {"email": anna})
    path = closed.link(anna, "read")
    value = cookie(closed.post(path, {}))
    assert closed.get(f"/{FRIENDS}/t/{HASH}/", cookie=value).status == 200
    with closed.app.store.write() as session:
        member = session.scalars(select(Membership)).one()
        more = Address(
            person_id=member.person_id, given="a@b.example", key="a@b.example",
            domain="b.example", created=1.0, proven_at=1.0,
        )  # fmt: skip
        session.add(more)
        session.flush()
        old, member.address_id = member.address_id, more.id
        session.flush()
        session.delete(session.get_one(Address, old))
    assert closed.get(f"/{FRIENDS}/t/{HASH}/", cookie=value).status == 403
    assert closed.post(path, {}).status == 410
    with closed.app.store.write() as session:
        session.execute(update(Ask).values(expires_at=1.0))
    assert closed.get(path).status == 410
    assert closed.get(f"/{FRIENDS}/read/{'a' * 26}").status == 410


def test_asking_tells_nothing_and_mails_members_alone_within_the_budget(
    closed: Web, anna: str
) -> None:
    kai = "kai@example.net"
    said = {closed.post(f"/{FRIENDS}/read", {"email": who}).text for who in (anna, anna, kai)}
    assert len(said) == 1
    assert len(closed.mails(anna)) == 1
    assert closed.mails(kai) == []


def test_a_list_whose_archive_is_public_or_none_offers_no_link(web: Web, anna: str) -> None:
    for policy in (ArchivePolicy.PUBLIC, ArchivePolicy.NONE):
        with web.app.store.write() as session:
            session.execute(update(MailList).values(archive=policy))
        assert web.get(f"/{FRIENDS}/read").status == 404
        assert web.post(f"/{FRIENDS}/read", {"email": anna}).status == 404
        assert web.get(f"/{FRIENDS}/t/{HASH}/").status == 404
    assert web.mails(anna) == []


def test_an_old_address_leads_strangers_to_the_question_and_members_to_the_mail(
    closed: Web, anna: str
) -> None:
    with closed.app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        redirects.keep(session, lst, {"/old/friends": "", "/old/friends/1.html": f"m/{HASH}/"})
    for name in ("1.html", "2.html"):
        got = closed.get(f"/old/friends/{name}")
        assert (got.status, got.headers["location"]) == (
            301,
            f"/{FRIENDS}/old/old/friends/{name}",
        )
    assert closed.get(got.headers["location"]).status == 403
    got = closed.get(f"/{FRIENDS}/old/old/friends/1.html", cookie=cookie(enter(closed, anna)))
    assert (got.status, got.headers["location"]) == (307, f"/{FRIENDS}/m/{HASH}/")


def test_opened_later_strangers_see_what_is_new_and_members_all_of_it(
    closed: Web, anna: str
) -> None:
    """At the same addresses, by the same link; an old permalink tells a stranger nothing."""
    app = closed.app
    new = MAIL.replace(b"<a@x>", b"<b@x>\nIn-Reply-To: <a@x>").replace(SECRET.encode(), b"Plums.")
    with app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        set_archive(lst, ArchivePolicy.PUBLIC, 1_700_000_001.0)
        (sha,) = put_raw(session, [new])
        place(session, lst, new, sha, 1_700_000_002.0)
    whole_archive.build(app.store, app.settings.archive_path, "http://lists.example", lst)
    stranger = closed.get(f"/{FRIENDS}/t/{HASH}/")
    assert ("Plums." in stranger.text, SECRET in stranger.text) == (True, False)
    home = closed.get(f"/{FRIENDS}/").text
    assert f"{FRIENDS}/read" in home
    hidden = {closed.get(f"/{FRIENDS}/m/{name}/").body for name in (HASH, "a" * 52)}
    assert len(hidden) == 1
    assert closed.get(f"/{FRIENDS}/m/{HASH}/").status == 403
    seen = cookie(enter(closed, anna))
    member = closed.get(f"/{FRIENDS}/t/{HASH}/", cookie=seen)
    assert ("Plums." in member.text, SECRET in member.text) == (True, True)
    assert member.headers["cache-control"] == "private, no-store"
    assert closed.get(f"/{FRIENDS}/m/{HASH}/", cookie=seen).status == 200
    assert closed.get(f"/{FRIENDS}/m/{'a' * 52}/", cookie=seen).status == 404
