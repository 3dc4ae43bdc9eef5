"""The pages: looking changes nothing, a button does, and everybody gets the same answer."""

import re
import time

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from listserv.letters.request import Visit
from listserv.membership import erasure_requests, wishes
from listserv.reception import sorter
from listserv.web import visitor
from listserv.web.visitor import HASTY, language_of
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.reading.addresses import parse
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.membership.members import Candidate, enrol
from subscriptions.permission import budget
from subscriptions.permission.consent import Consent, ConsentNote, Source
from templates import LANGUAGES, static_files
from tests.listserv.web.conftest import FRIENDS, Web

KAI = "kai@example.net"


def leave_path(app: App, who: str) -> str:
    with app.store.read() as session:
        lst = roster.get_list(session, FRIENDS)
        member = roster.membership_of(session, lst.id, parse(who).key)
        assert member is not None
        return f"/{FRIENDS}/leave/{app.keyring.standing(TokenPurpose.LEAVE, FRIENDS, member.id)}"


def me_path(web: Web, who: str) -> str:
    with web.app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        member = roster.membership_of(session, lst.id, parse(who).key)
        assert member is not None
        wishes.settings(Visit(session, web.app, lst, now=member.joined_at), member)
    return web.link(who, "me")


def look(web: Web, path: str, status: int = 200) -> None:
    """Look at a page three times each way."""
    for method in ("GET", "HEAD") * 3:
        got = web.get(path, method)
        assert got.status == status
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["referrer-policy"] == "no-referrer"


def test_a_list_without_mail_has_a_home_its_colour_and_a_way_to_join(web: Web) -> None:
    home = web.get(f"/{FRIENDS}/")
    assert home.status == 200
    assert f'href="http://lists.example/{FRIENDS}/join"' in home.text
    for path in re.findall(r'rel="stylesheet" href="([^"]+)"', home.text):
        folder = "/" if path.startswith("../") else f"/{FRIENDS}/"
        assert web.get(folder + path.removeprefix("../")).status == 200
    assert web.get(f"/{FRIENDS}").headers["location"] == f"/{FRIENDS}/"
    assert FRIENDS in web.get("/").text


def test_what_is_named_by_its_digest_is_kept_for_ever(web: Web) -> None:
    for name in static_files():
        answer = web.get(f"/static/{name}")
        assert (answer.status, answer.headers["cache-control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )


def test_every_answer_is_strict_and_nothing_comes_from_the_host_header(web: Web) -> None:
    for path in ("/", f"/{FRIENDS}/", f"/{FRIENDS}/join", "/nothing", "/no@where.example/join"):
        got = web.get(path)
        assert "default-src 'none'" in got.headers["content-security-policy"]
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "evil.example" not in got.text + str(got.headers)
        assert "set-cookie" not in got.headers


def test_a_stranger_joins_by_form_and_button_and_the_ledger_keeps_where_from(web: Web) -> None:
    web.client, web.headers = "10.0.0.9", {"x_forwarded_for": "203.0.113.5"}
    sent = web.post(f"/{FRIENDS}/join", {"email": KAI, "name": "Kai", "language": "sv"})
    assert sent.status == 200
    path = web.link(KAI, "confirm")
    assert "Människorna bakom" in web.mails(KAI)[-1]
    look(web, path)
    look(web, path.replace("/confirm/", "/not-me/"))
    assert web.state(KAI) == "none"
    assert web.post(path, {}).status == 200
    assert web.state(KAI) == "active"
    assert len(web.mails(KAI)) == 2
    with web.app.store.read() as session:
        entry = session.scalars(select(Consent).where(Consent.address == KAI)).one()
        assert (entry.ip, entry.confirmed_by) == ("203.0.113.5", "button")
    again = web.post(path, {})
    assert (again.status, web.state(KAI)) == (410, "active")
    assert "You are a member" in again.text


def test_known_and_unknown_addresses_and_honeypots_get_the_same_answer(web: Web, anna: str) -> None:
    join = f"/{FRIENDS}/join"
    answers = {
        web.post(join, form).text
        for form in (
            {"email": anna},
            {"email": KAI},
            {"email": KAI},
            {"email": "bot@example.net", "website": "http://example.net"},
        )
    }
    assert len(answers) == 1
    assert web.mails("bot@example.net") == []
    assert len(web.mails(KAI)) == 1


def test_a_form_faster_than_a_hand_is_asked_to_wait_after_a_while(web: Web) -> None:
    got = [web.post(f"/{FRIENDS}/join", {"email": KAI}).status for _ in range(HASTY + 1)]
    assert got == [200] * HASTY + [429]


def test_what_is_no_address_is_said_at_the_field(web: Web) -> None:
    for wrong in ("", "kai", "kai@", FRIENDS, "a@b.example\nBcc: x@example.org"):
        got = web.post(f"/{FRIENDS}/join", {"email": wrong})
        assert got.status == 400
        assert 'aria-invalid="true"' in got.text
    assert web.mails() == []


def test_a_slip_in_a_domain_is_asked_about_before_anything_is_mailed(web: Web) -> None:
    typed = {"email": "kai@gmial.com", "name": "Kai", "language": "sv"}
    asked = web.post(f"/{FRIENDS}/join", typed)
    assert (asked.status, web.mails()) == (200, [])
    assert asked.text.count("<form") == 2
    for wanted in ("kai@gmail.com", "kai@gmial.com"):
        assert f'name="email" value="{wanted}"' in asked.text
        web.post(f"/{FRIENDS}/join", {**typed, "email": wanted, "sure": "yes"})
        assert len(web.mails(wanted)) == 1
    hostile = web.post(f"/{FRIENDS}/join", {"email": '"<b>"@gmial.com', "name": '"><i>'})
    assert "<b>" not in hostile.text
    assert "<i>" not in hostile.text


def test_this_was_not_me_ends_all_mail_to_that_address(web: Web) -> None:
    web.post(f"/{FRIENDS}/join", {"email": KAI})
    path = web.link(KAI, "not-me")
    assert web.post(path, {}).status == 200
    assert web.post(path, {}).status == 200
    web.post(f"/{FRIENDS}/join", {"email": KAI})
    assert len(web.mails(KAI)) == 1
    assert web.post(path.replace("/not-me/", "/confirm/"), {}).status == 410
    assert web.state(KAI) == "none"


def test_wrong_and_foreign_tokens_are_told_kindly_and_do_nothing(web: Web, anna: str) -> None:
    web.post(f"/{FRIENDS}/join", {"email": KAI})
    token = web.link(KAI, "confirm").rpartition("/")[2]
    other = "b" if token[0] != "b" else "c"
    leave = leave_path(web.app, anna)
    for path in (
        f"/{FRIENDS}/confirm/{other}{token[1:]}",
        f"/{FRIENDS}/leave/{token}",
        f"/{FRIENDS}/me/{token}",
        leave.replace("/leave/", "/confirm/"),
        leave.replace("/leave/", "/me/"),
        f"/{FRIENDS}/leave/x",
    ):
        look(web, path, 404)
        assert web.post(path, {}).status == 404
    assert (web.state(anna), web.state(KAI)) == ("active", "none")


ONE_CLICK = (
    b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (ONE_CLICK, "multipart/form-data; boundary=b"),
        (b"", ""),
    ],
    ids=["urlencoded", "multipart", "button"],
)
def test_one_post_leaves_in_place_and_so_does_every_other(
    web: Web, anna: str, body: bytes, kind: str
) -> None:
    path = leave_path(web.app, anna)
    look(web, path)
    assert web.state(anna) == "active"
    for _ in range(3):
        got = web.post(path, body, content_type=kind)
        assert got.status == 200
        assert not {"location", "set-cookie"} & got.headers.keys()
        assert web.state(anna) == "left"
    assert len(web.mails(anna)) == 1
    look(web, path)


def test_a_providers_burst_of_one_click_posts_is_answered_and_one_reply_leads_back(
    web: Web,
) -> None:
    crowd = [f"reader{number}@example.net" for number in range(60)]
    readers = [Candidate(parse(who), consent=ConsentNote("asked", Source.CLI)) for who in crowd]
    with web.app.store.write() as session:
        lst = roster.get_list(session, FRIENDS)
        enrol(session, lst, readers, keyring=web.app.keyring, now=1.0)
    for who in crowd:  # all from the address of one provider, without cookie, login or form token
        got = web.post(leave_path(web.app, who), b"List-Unsubscribe=One-Click")
        assert (got.status, "location" in got.headers) == (200, False)
    assert {web.state(who) for who in crowd} == {"left"}

    (notice,) = web.mails(crowd[0])
    found = re.search(r"^Reply-To: <(friends-reply\+\S+)>", notice, re.MULTILINE)
    assert found is not None
    raw = f"From: {crowd[0]}\r\nSubject: Re\r\nMessage-ID: <r@x>\r\n\r\nundo\r\n".encode()
    incoming = Incoming(crowd[0], (found[1],), raw, "192.0.2.9", "h", "ESMTP", time.time())
    with web.app.store.write() as session:
        arrivals.keep(session, [incoming])
    sorter.sort(web.app, lambda: False)
    assert web.state(crowd[0]) == "active"


def test_a_member_sees_changes_takes_and_ends_everything_on_their_own_page(
    web: Web, anna: str
) -> None:
    path = me_path(web, anna)
    look(web, path)
    web.post(path, {"act": "save", "name": "Änne", "language": "sv"})
    assert "Änne" in web.get(path).text
    web.post(path, {"act": "pause", "until": "2000-01-01"})
    assert web.state(anna) == "active"
    web.post(path, {"act": "pause", "until": ""})
    assert web.state(anna) == "paused"
    web.post(path, {"act": "resume"})
    export = web.post(path, {"act": "export"})
    assert b"summer meeting" in export.body
    web.post(path, {"act": "forget"})
    assert web.state(anna) == "active"
    said = web.post(path, {"act": "forget", "sure": "yes"})
    assert "backups" in said.text
    assert web.state(anna) == "left"  # at once: nothing more is sent
    assert web.get(path).status == 410
    erasure_requests.carry_out(web.app, time.time())
    assert web.state(anna) == "none"
    assert web.get(path).status in {404, 410}


def test_the_way_to_the_own_page_is_mailed_to_members_alone(web: Web, anna: str) -> None:
    known, unknown = (web.post(f"/{FRIENDS}/me", {"email": who}) for who in (anna, KAI))
    assert known.text == unknown.text
    assert web.get(web.link(anna, "me")).status == 200
    assert web.mails(KAI) == []


def test_a_page_speaks_the_language_of_its_visitor(web: Web) -> None:
    for language in LANGUAGES:
        got = web.get(f"/{FRIENDS}/join", accept_language=f"{language};q=0.9, de")
        assert f'<html lang="{language}">' in got.text
    assert language_of("de, fr;q=0.5", "nl") == "nl"
    assert language_of("ru;q=0.4, it;q=0.8, sv;q=x", "nl") == "it"
    assert language_of("sv;q=7, it;q=0", "en") == "en"


def test_too_much_and_other_methods_are_refused(web: Web) -> None:
    assert web.post(f"/{FRIENDS}/join", b"x" * 40_000).status == 413
    assert web.post(f"/{FRIENDS}/join", b"&".join([b"a=1"] * 60)).status == 400
    assert web.ask("PUT", f"/{FRIENDS}/join", b"", {}).status == 405
    assert web.post("/", b"").status == 405


def joined_from(web: Web) -> list[str | None]:
    """Let Kai join by the pages; return which addresses the ledger of permissions keeps of it."""
    web.post(f"/{FRIENDS}/join", {"email": KAI})
    web.post(web.link(KAI, "confirm"), {})
    with web.app.store.read() as session:
        return list(session.scalars(select(Consent.ip).where(Consent.address == KAI)))


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("192.0.2.7", {}, "192.0.2.7"),
        ("10.0.0.9", {"x_forwarded_for": "203.0.113.5"}, "203.0.113.5"),
        ("10.0.0.9", {"x_forwarded_for": "198.51.100.1, 203.0.113.5, 10.0.0.8"}, "203.0.113.5"),
        ("10.0.0.9", {"x_forwarded_for": "203.0.113.5:4711"}, "203.0.113.5"),
        ("10.0.0.9", {"x_forwarded_for": "[2001:db8::5]:4711"}, "2001:db8::5"),
        ("10.0.0.9", {"x_forwarded_for": "203.0.113.5, unknown"}, None),
        ("10.0.0.9", {"forwarded": 'for="[2001:db8::5]:47";proto=https'}, "2001:db8::5"),
        ("10.0.0.9", {"forwarded": "for=198.51.100.1, proto=https;For=203.0.113.5"}, "203.0.113.5"),
        ("10.0.0.9", {"forwarded": "for=198.51.100.1", "x_forwarded_for": "203.0.113.5"},
         "203.0.113.5"),
        ("10.0.0.9", {"forwarded": "proto=https"}, None),
        ("10.0.0.9", {}, None),  # it does not say for whom
        ("127.0.0.1", {"x_forwarded_for": "203.0.113.5"}, None),  # a proxy that nobody declared
        ("192.168.0.3", {"via": "1.1 proxy"}, None),
        ("192.0.2.7", {"x_forwarded_for": "203.0.113.5"}, "192.0.2.7"),  # anybody can write that
    ],
)  # fmt: skip
def test_the_ledger_keeps_who_asked_and_never_a_proxy(
    web: Web, peer: str, headers: dict[str, str], client: str | None
) -> None:
    web.client, web.headers = peer, headers
    assert joined_from(web) == [client]


def test_a_proxy_that_is_not_set_up_right_is_told_of_loudly_and_once(web: Web) -> None:
    for client, headers in (("127.0.0.1", {"x_forwarded_for": "203.0.113.5"}), ("10.0.0.9", {})):
        web.client, web.headers = client, headers
        with capture_logs() as told:
            for _ in range(3):
                web.get(f"/{FRIENDS}/join")
        said = [(one["log_level"], one["proxy"]) for one in told if "proxy" in one]
        assert said == [("error", client)]


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.7", {}),
        ("2001:db8::1", {}),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"x_forwarded_for": "203.0.113.{}"}),
        ("10.0.0.9", {}),
        ("10.0.0.9", {"x_forwarded_for": "203.0.113.5"}),
        ("10.0.0.9", {"x_forwarded_for": "2001:db8:1:2:3::{}"}),
    ],
)
def test_one_source_gets_fifty_strangers_mailed_by_whichever_way(
    web: Web, monkeypatch: pytest.MonkeyPatch, peer: str, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(budget, "SOURCE", 5)
    monkeypatch.setattr(visitor, "HASTY", 99)
    for number in range(9):
        web.client = peer
        web.headers = {name: value.format(number) for name, value in headers.items()}
        web.post(f"/{FRIENDS}/join", {"email": f"a{number}@d{number}.example"})
    assert len(web.mails()) == 5
    web.client, web.headers = "10.0.0.9", {"x_forwarded_for": "198.51.100.1"}
    web.post(f"/{FRIENDS}/join", {"email": KAI})
    assert web.mails(KAI)


def test_in_a_full_minute_the_form_says_later_to_everybody_alike(web: Web, anna: str) -> None:
    web.app.settings = load(
        {"KRETS_MAILER__DATA": str(web.app.data), "KRETS_LISTSERV__STRANGERS_PER_MINUTE": "2"}
    )
    for number in range(2):
        web.client = f"192.0.{number}.1"
        web.post(f"/{FRIENDS}/join", {"email": f"a{number}@d{number}.example"})
    for who in (KAI, anna, "a0@d0.example"):
        assert web.post(f"/{FRIENDS}/join", {"email": who}).status == 503
    assert len(web.mails()) == 2


def test_a_forwarded_address_is_believed_from_proxies_alone(web: Web) -> None:
    web.headers = {"x_forwarded_for": "203.0.113.5"}
    web.post(f"/{FRIENDS}/join", {"email": KAI})
    web.post(web.link(KAI, "confirm"), {})
    with web.app.store.read() as session:
        assert session.scalars(select(Consent.ip).where(Consent.address == KAI)).all() == [
            "192.0.2.7"
        ]


def test_the_way_out_in_a_proof_says_that_it_does_nothing(web: Web) -> None:
    token = web.app.keyring.standing(TokenPurpose.LEAVE, FRIENDS, 0)
    for got in (web.get(f"/{FRIENDS}/leave/{token}"), web.post(f"/{FRIENDS}/leave/{token}", {})):
        assert got.status == 200
        assert "comes from a proof" in got.text
