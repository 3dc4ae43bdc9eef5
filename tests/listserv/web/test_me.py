"""A member's own page: addresses come and go by proof, and nothing is offered that is not sent."""

import json
import re
import time

import pytest
from sqlalchemy import select
from starlette.types import Message, Receive, Scope, Send

from listserv.letters.request import AnswerProof, Visit
from listserv.membership import erasure_requests, wishes
from subscriptions.audience.audience import audience_select
from subscriptions.lists import attributes, roster
from subscriptions.lists.roster import Address, ArchivePolicy, Membership, Rhythm
from subscriptions.permission import suppression
from subscriptions.permission.asks import AskPurpose, look
from subscriptions.permission.consent import Consent, Source
from subscriptions.permission.suppression import Reason
from tests.listserv.web.conftest import FRIENDS, Web
from tests.listserv.web.test_door import me_path

NEW = "anna@work.example"


def prove(web: Web, address: str) -> None:
    """Answer the newest question at ``address`` as its owner would."""
    found = re.search(r"friends-reply\+([a-z2-7]{26})@", web.mails(address)[-1])
    assert found, web.mails(address)
    with web.app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        now = time.time()
        ask = look(session, found[1], AskPurpose.ADDRESS, list_id=lst.id, now=now).ask
        assert ask is not None
        visit = Visit(session, web.app, lst, now=now)
        assert wishes.add_address(visit, ask, AnswerProof(Source.MAIL, "reply")) == "address-added"


def number(web: Web, address: str) -> str:
    with web.app.store.read() as session:
        found = session.scalar(select(Address.id).where(Address.key == address))
    return str(found or 0)


def receivers(web: Web) -> list[str]:
    with web.app.store.read() as session:
        lst = roster.get_list(session, FRIENDS)
        return [row[1] for row in session.execute(audience_select(lst.id, now=time.time()))]


def test_another_address_is_asked_then_chosen_and_the_first_one_taken_away(
    web: Web, anna: str
) -> None:
    me = me_path(web, anna)
    assert "a mail is on its way" in web.post(me, {"act": "add", "address": NEW}).text
    assert NEW not in web.get(me).text
    prove(web, NEW)
    first, second = number(web, anna), number(web, NEW)
    assert NEW in web.get(me).text
    assert "still writes" in web.post(me, {"act": "take", "which": first}).text
    assert receivers(web) == [anna]
    web.post(me, {"act": "receive", "which": second})
    assert receivers(web) == [NEW]
    web.post(me, {"act": "receive", "which": first})
    web.post(me, {"act": "receive", "which": second})
    gone = web.post(me, {"act": "take", "which": first})
    assert anna not in gone.text
    assert web.get(me).status == 404, "the link was mailed to an address that is no longer theirs"
    story = json.loads(web.post(me_path(web, NEW), {"act": "export"}).body)
    assert [one["email"] for one in story["addresses"]] == [NEW]
    assert "at the summer meeting" in str(story["consent"])
    with web.app.store.read() as session:
        assert anna not in session.scalars(select(Consent.address)).all()


def test_a_given_up_address_is_told_on_the_page_and_a_button_brings_it_back(
    web: Web, anna: str
) -> None:
    me = me_path(web, anna)
    assert "Mail me here again" not in web.get(me).text
    with web.app.store.write() as session:
        suppression.suppress(session, anna, Reason.DEAD, 1e9, kind="dead", said="550 no such user")
    assert receivers(web) == []
    page = web.get(me).text
    assert f"Mail to {anna} came back: there is no such mailbox" in page
    assert "550 no such user" in page
    assert "Mail me here again" not in web.post(me, {"act": "again"}).text
    assert receivers(web) == [anna]


def test_an_address_of_somebody_else_is_neither_chosen_nor_taken(web: Web, anna: str) -> None:
    kai = "kai@example.net"
    web.post(f"/{FRIENDS}/join", {"email": kai})
    web.post(web.link(kai, "confirm"), {})
    me = me_path(web, anna)
    for act in ("receive", "take"):
        for which in (number(web, kai), "", "-1", "9" * 40, "٣", "1 OR 1"):
            web.post(me, {"act": act, "which": which})
    assert sorted(receivers(web)) == [anna, kai]


@pytest.mark.parametrize("way", ["me", "read"])
def test_whoever_asks_for_a_link_is_answered_before_anything_is_written(
    web: Web, anna: str, way: str
) -> None:
    if way == "read":
        with web.app.store.write() as session:
            roster.get_list(session, FRIENDS).archive = ArchivePolicy.MEMBERS
    seen: list[int] = []
    site = web.site

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                seen.append(len(web.mails(anna)))
            await send(message)

        await site(scope, receive, told)

    web.site = watched
    before = len(web.mails(anna))
    got = [web.post(f"/{FRIENDS}/{way}", {"email": who}) for who in (anna, "nobody@example.net")]
    assert seen == [before, before + 1]  # the first one's mail came behind the answer
    assert [one.headers["connection"] for one in got] == ["close", "close"]
    assert got[0].text == got[1].text


def test_asking_for_addresses_is_bounded_and_tells_nothing(web: Web, anna: str) -> None:
    me = me_path(web, anna)
    said = {web.post(me, {"act": "add", "address": who}).text for who in (NEW, NEW, FRIENDS, anna)}
    assert len(said) == 1
    assert len(web.mails(NEW)) == 1
    assert "could not be read" in web.post(me, {"act": "add", "address": "anna@"}).text


def test_who_is_paused_by_their_rhythm_reads_so_and_can_have_each_mail(web: Web, anna: str) -> None:
    me = me_path(web, anna)
    with web.app.store.write() as session:
        session.scalars(select(Membership)).one().rhythm = Rhythm.PAUSED
    assert "You get no mail until you say so" in web.get(me).text
    assert receivers(web) == []
    web.post(me, {"act": "resume"})
    assert receivers(web) == [anna]


def test_a_member_chooses_a_digest_and_a_pause_keeps_it(web: Web, anna: str) -> None:
    me = me_path(web, anna)
    web.post(me, {"act": "save", "name": "Anna", "language": "en", "rhythm": "weekly"})
    assert 'value="weekly" selected' in web.get(me).text
    for act in ("pause", "resume"):
        web.post(me, {"act": act})
    assert 'value="weekly" selected' in web.get(me).text


def test_a_member_sets_the_hour_and_the_look_of_their_digest(web: Web, anna: str) -> None:
    me = me_path(web, anna)
    rest = {"act": "save", "name": "Anna", "language": "en", "rhythm": "daily"}
    page = web.post(me, rest | {"zone": "Europe/Rome", "hour": "18", "digest": "plain"}).text
    for said in ('value="18" selected', 'value="plain" selected', "(Europe/Rome)"):
        assert said in page
    assert 'value="on" checked' not in page
    page = web.post(me, rest | {"hour": "", "digest": "page", "weekends": "on"}).text
    assert 'value="18" selected' not in page
    assert 'value="on" checked' in page
    assert 'value="18" selected' not in web.post(me, rest | {"hour": "24"}).text


def test_a_member_who_forgets_themselves_takes_every_address_along(web: Web, anna: str) -> None:
    me = me_path(web, anna)
    web.post(me, {"act": "add", "address": NEW})
    prove(web, NEW)
    web.post(me, {"act": "receive", "which": number(web, NEW)})
    assert web.post(me, {"act": "forget", "sure": "yes"}).status == 200
    erasure_requests.carry_out(web.app, time.time())
    with web.app.store.read() as session:
        assert session.scalars(select(Address.key)).all() == []
        assert set(session.scalars(select(Consent.address))) == {None}


def test_a_member_sees_what_a_list_has_written_down_and_sets_their_time_zone(
    web: Web, anna: str
) -> None:
    me = me_path(web, anna)
    with web.app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        member = roster.membership_of(session, lst.id, anna)
        assert member is not None
        attributes.put(session, member.id, "tag", "choir, <b>board</b>")
    assert "<li>tag: &lt;b&gt;board&lt;/b&gt;, choir</li>" in web.get(me).text
    page = web.post(me, {"act": "save", "name": "Anna", "zone": "europe/helsinki"}).text
    assert 'value="Europe/Helsinki"' in page
    assert "could not be read" in web.post(me, {"act": "save", "zone": "Mars"}).text


def test_a_page_in_the_archive_is_asked_for_and_taken_away_by_buttons(web: Web, anna: str) -> None:
    me = me_path(web, anna)
    assert "/p/" not in web.get(me).text
    asked = web.post(me, {"act": "page", "wanted": "on"}).text
    assert re.search(rf'href="/{FRIENDS}/p/[a-z2-7]{{26}}/"', asked)
    assert "/p/" in web.get(me).text
    assert "/p/" not in web.post(me, {"act": "page", "wanted": "off"}).text
