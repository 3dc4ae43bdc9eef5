"""A rate that the operator gave a list holds under each address that the list has had."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import insert

from listserv.mailings import list_rates
from listserv.mailings.delivery import make_sender
from listserv.newsletters.sending import issue_findings
from listserv.wiring.app import App
from listserv.wiring.config import MailerSettings, Settings, load
from mailer.ledger import mailings, pace
from mailer.ledger.mailings import Recipient
from mailer.ledger.splice import Segments
from mailer.rehearsal.sink import Caught, Sink, rehearsal
from mailer.storage.store import Store
from subscriptions.lists import roster
from subscriptions.lists.naming import read_list_address

OLD, NEW, THIRD, OTHER = (
    "friends@example.org", "garden@example.org", "green@example.org", "other@example.org",
)  # fmt: skip
LETTER = Segments((b"Subject: News\r\n\r\nHello.\r\n",), ())


@pytest.fixture
def app(store: Store, tmp_path: Path) -> App:
    made = App(load({"KRETS_MAILER__DATA": str(tmp_path)}))
    made.__dict__["store"] = store
    return made


def make_lists(app: App, *addresses: str) -> None:
    """Make a list that is renamed to each of its addresses in turn, and another."""
    with app.store.write() as session:
        lst = roster.create_list(session, addresses[0], now=1.0)
        for one in addresses[1:]:
            roster.rename_list(session, lst, read_list_address(one))
        roster.create_list(session, OTHER, now=1.0)


def went(app: App, addresses: Sequence[str], *rates: str) -> Counter[str]:
    """Send five letters under each address; return how many of each left at once."""
    caught: list[Caught] = []
    with rehearsal(Sink(keep=caught.append)) as sink:
        url = f"smtp://127.0.0.1:{sink.port}"
        settings = MailerSettings(data=app.settings.mailer.data, relays=(url,), rates=rates)
        app.settings = Settings(mailer=settings)
        for address in addresses:
            with app.store.write() as session:
                mailing = mailings.create_mailing(
                    session, kind="notice", list_address=address, message_id=f"1.{address}",
                    policy="never-miss", compositions={0: LETTER}, created=0.0, expires_at=9e9,
                )  # fmt: skip
                to = f"{address.partition('@')[0]}.net"
                rows = [
                    {"mailing_id": mailing, "ref": 0, "address": f"a{n}@{to}", "bucket": to}
                    for n in range(5)
                ]
                session.execute(insert(Recipient), rows)
                mailings.open_mailing(session, mailing, now=0.0)
        sender = make_sender(app)
        sender.run_slice(20.0)
        sender.close()
    to = [one for letter in caught for one in letter.recipients]
    return Counter(one.partition("@")[2].partition(".")[0] for one in to)


def test_a_renamed_lists_mail_keeps_to_the_rate_of_its_old_address(app: App) -> None:
    make_lists(app, OLD, NEW)
    sent = went(app, (OLD, NEW, OTHER), f"{OLD} 0.01")  # a token now, the next in 100 seconds
    assert sent["other"] == 5
    assert sent["friends"] + sent["garden"] == 1  # what was under way and what is new share it


@pytest.mark.parametrize(
    ("rates", "counts"),
    [
        ((f"{OLD} 9",), OLD),
        ((f"{OLD} 9", f"{NEW} 7"), NEW),  # the newest that it had
        ((f"{OLD} 9", f"{THIRD} 5", f"{NEW} 7"), THIRD),  # the one that it has
        ((f"{OTHER} 9", "gmail.com 20"), THIRD),
    ],
)
def test_the_newest_address_that_has_a_rate_decides(
    app: App, rates: tuple[str, ...], counts: str
) -> None:
    make_lists(app, OLD, NEW, THIRD)
    read = pace.read_rates(rates)
    with app.store.read() as session:
        named = list_rates.names(session, read)
    assert named == {pace.of(one): pace.of(counts) for one in (OLD, NEW, THIRD)}


def test_where_no_list_has_a_rate_nothing_is_looked_up(app: App) -> None:
    make_lists(app, OLD, NEW)
    with app.store.read() as session:
        assert list_rates.names(session, pace.read_rates(["gmail.com 20"])) == {}


def test_a_forecast_knows_the_rate_after_a_rename(app: App) -> None:
    make_lists(app, OLD, NEW)
    app.settings = Settings(mailer=MailerSettings(rates=(f"{OLD} 9",)))
    with app.store.read() as session:
        lst = roster.get_list(session, NEW)
        assert issue_findings.limits(session, app, lst, None, 1.0).own == 9.0
