"""The watchman's numbers: right, without addresses, and for this machine or a token alone."""

import json
import logging

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from listserv.web.door import build
from listserv.wiring import log
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.ledger import mailings
from mailer.ledger.mailings import Recipient, RecipientState
from mailer.ledger.splice import Segments
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from tests.listserv.web.conftest import FRIENDS, Web


def numbers(web: Web) -> dict[str, float]:
    got = web.get("/metrics")
    assert got.status == 200
    return {
        f"{one.name}{sorted(one.labels.values())}": one.value
        for family in text_string_to_metric_families(got.text)
        for one in family.samples
    }


def test_what_is_open_is_counted_by_state_and_age(app: App, web: Web) -> None:
    web.client, web.headers = "127.0.0.1", {"host": "127.0.0.1:8080"}
    assert numbers(web)["krets_recipients['ready']"] == 0
    states = (
        RecipientState.READY,
        RecipientState.READY,
        RecipientState.DEFERRED,
        RecipientState.UNSURE,
        RecipientState.ACCEPTED,
    )
    with app.store.write() as session:
        number = mailings.create_mailing(
            session,
            kind="post",
            list_address=FRIENDS,
            message_id="m@x",
            policy="never-miss",
            compositions={0: Segments((b"From: a@x.org\r\n\r\nHi\r\n",))},
            created=0.0,
            expires_at=9e9,
        )
        common = {"mailing_id": number, "ref": 1, "bucket": "x.org", "due": 1000.0}
        rows = [{**common, "address": f"r{n}@x.org", "state": s} for n, s in enumerate(states)]
        session.execute(insert(Recipient), rows)
        mailings.open_mailing(session, number, now=0.0)
        arrivals.keep(session, [Incoming("", (FRIENDS,), b"Hi\r\n", "", "", "ESMTP", 5.0)])
    found = numbers(web)
    told = {key: found[f"krets_recipients['{key}']"] for key in ("ready", "deferred", "unsure")}
    assert told == {"ready": 2, "deferred": 1, "unsure": 1}
    assert found["krets_mailings['sending']"] == 1
    assert found["krets_arrivals['new']"] == 1
    assert found["krets_oldest_due_seconds[]"] > 1e6
    assert found["krets_oldest_arrival_seconds[]"] > 1e6
    assert "@x.org" not in web.get("/metrics").text


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 404),
        ("127.0.0.1", {"host": "[::1]:8080"}, 200),
        (
            "127.0.0.1",
            {"host": "lists.example"},
            404,
        ),  # a proxy that says nothing, or a rebound name
        ("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}, 404),  # a proxy on this machine
        ("127.0.0.1", {"forwarded": "for=192.0.2.7"}, 404),
        ("192.0.2.7", {"authorization": "Bearer sesame"}, 200),
        ("192.0.2.7", {"authorization": "Bearer other"}, 404),
        ("192.0.2.7", {"authorization": "Bearer "}, 404),
    ],
)
def test_strangers_see_no_numbers(
    app: App, client: str, headers: dict[str, str], status: int
) -> None:
    data = str(app.data)
    app.settings = load({"KRETS_MAILER__DATA": data, "KRETS_LISTSERV__METRICS_TOKEN": "sesame"})
    web = Web(app, build(app, dict), client=client, headers={"host": "localhost:8080"})
    assert web.get("/metrics", **headers).status == status


@pytest.mark.parametrize(
    "settings",
    [
        {"KRETS_LISTSERV__PROXIES": "127.0.0.1"},
        {"KRETS_LISTSERV__BASE_URL": "https://lists.example"},
    ],
)
def test_a_proxy_that_says_nothing_opens_nothing(app: App, settings: dict[str, str]) -> None:
    app.settings = load({"KRETS_MAILER__DATA": str(app.data), **settings})
    web = Web(app, build(app, dict), client="127.0.0.1", headers={"host": "localhost:8080"})
    assert web.get("/metrics").status == 404


def test_without_a_token_no_token_opens(web: Web) -> None:
    assert web.get("/metrics", authorization="Bearer ").status == 404


def test_a_line_of_the_log_can_be_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("web", form="json")
    try:
        structlog.get_logger("krets.test").info("a post was decided", list=FRIENDS)
    finally:
        logging.basicConfig(handlers=[], force=True)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["list"], told["part"]) == ("a post was decided", FRIENDS, "web")
