"""The page of a proof: what an editor sees there, and what nobody else does."""

import re
import time

import pytest

from listserv.newsletters.editors import preview
from listserv.web.door import build
from mailer.reading import addresses
from subscriptions.lists import roster
from subscriptions.lists.roster import Role
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source
from tests.listserv.newsletters.test_pictures import ISSUE, NEWS, OLGA, Place, kept, place
from tests.listserv.web.conftest import Got, Web
from tests.place import text

__all__ = ["place"]  # a fixture
DRAFT = """# Hej {{ name }}

Kom. ![Dammen](https://a.example/p.png) {{ email }}

language: ru

# Привет, {{ name }}
"""
LONG = "Wilhelmina van der Zonneschijn-Hottentottententententoonstelling"


@pytest.fixture
def web(place: Place) -> Web:
    """Give a newsletter with readers who differ, and a draft that was proved."""
    note = ConsentNote("asked", Source.CLI)
    with place.app.store.write() as session:
        lst = roster.get_list(session, NEWS)
        for who, name, language in (
            ("bo@example.com", "", ""), ("vera@example.com", "Жанна", "ru"),
            ("wil@example.com", LONG, "nl"),
        ):  # fmt: skip
            made = Candidate(addresses.parse(who), name=name, language=language, consent=note)
            add_member(session, lst, made, keyring=place.app.keyring, now=1e9)
    place.write(OLGA, ISSUE, DRAFT, subject="November")
    return Web(place.app, build(place.app, dict))


def path_in(place: Place) -> str:
    found = re.search(rf"https://lists\.example(/{NEWS}/proof/\S+)", text(place.mails(OLGA)[-1]))
    assert found is not None
    return found[1]


def frame(web: Web, page: Got, who: str, view: str) -> Got:
    found = re.search(rf'src="(/\S+/{view})"', page.text)
    assert found is not None
    return web.get(re.sub(rf"/\d+/{view}$", f"/{who}/{view}", found[1]))


def test_an_editor_sees_the_copies_of_readers_who_differ(place: Place, web: Web) -> None:
    path = path_in(place)
    page = web.get(path)
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-security-policy"].endswith("frame-src 'self'")
    assert "script" not in page.text.lower().replace("descript", "")
    assert "wil@example.com" not in page.text
    assert all(said in page.text for said in ("Olga", LONG, "Жанна", "A reader without a name"))
    assert "w...@example.com" in page.text
    assert "Hej Olga\n====" in page.text
    names = re.findall(rf'href="{path}/(\d)">([^<]+)<', page.text)
    numbers = {name: number for number, name in names}
    vera = frame(web, page, numbers["Жанна"], "light")
    assert "Привет, Жанна" in vera.text
    assert "vera@example.com" not in vera.text  # the Russian text has no slot for it
    nobody = frame(web, page, numbers["A reader without a name"], "light")
    assert "<h1" in nobody.text
    assert "Hej</h1>" in nobody.text
    raw = web.get(f"{path}/{numbers[LONG]}/raw")
    assert raw.headers["content-type"].startswith("text/plain")
    assert b"Message-ID: <preview." in raw.body
    assert not kept(place)


def test_frames_run_nothing_and_show_day_night_and_no_pictures(place: Place, web: Web) -> None:
    page = web.get(path_in(place))
    assert page.text.count("<iframe sandbox ") == 5
    day, night, bare = (frame(web, page, "0", view) for view in ("light", "dark", "bare"))
    for one in (day, night, bare):
        policy = one.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; ")
        assert policy.endswith("frame-ancestors 'self'")
        assert one.headers["x-frame-options"] == "SAMEORIGIN"
        assert "prefers-color-scheme" not in one.text
    assert "img-src 'none'" in bare.headers["content-security-policy"]
    assert "https:" in day.headers["content-security-policy"]
    assert "(min-width: 0px)" in night.text
    assert "(min-width: 0px)" not in day.text
    leave = re.search(rf'href="https://lists\.example(/{NEWS}/leave/[a-z2-7]+)"', day.text)
    assert leave is not None
    web.post(leave[1], {})
    assert place.state(OLGA, NEWS) == "active"


def test_the_link_opens_for_an_editor_for_a_month_and_for_nothing_else(
    place: Place, web: Web
) -> None:
    path = path_in(place)
    token = path.rpartition("/")[2]
    number, day, seal = token.split("-")
    forged = [
        f"{number}-{int(day) - 1}-{seal}", f"{int(number) + 1}-{day}-{seal}",
        f"{number}-{day}-{'a' * 26}", "x", f"{number}-99999999999-{seal}",
    ]  # fmt: skip
    for one in forged:
        assert web.get(path.replace(token, one)).status == 404
    for more in ("/99", "/x", "/0/x", "/0/light/x", "/-1"):
        assert web.get(path + more).status == 404
    assert web.post(path, {}).status == 405
    app = place.app
    with app.store.read() as session:
        lst = roster.get_list(session, NEWS)
        now = time.time()
        assert preview.open_link(session, app, lst, token, now) is not None
        late = now + (preview.LASTS + 1) * preview.DAY
        assert preview.open_link(session, app, lst, token, late) is None
        assert preview.open_link(session, app, lst, token, now - 2 * preview.DAY) is None
    with app.store.write() as session:
        member = roster.membership_of(session, lst.id, OLGA)
        assert member is not None
        member.role = Role.MEMBER
    assert web.get(path).status == 404
