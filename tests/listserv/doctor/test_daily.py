"""The operator hears once a day, and only of what has changed."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from listserv.doctor import daily
from listserv.doctor.diagnosis import Diagnosis, warn
from listserv.doctor.diagnosis import fail as failed
from listserv.letters import operator_mail
from listserv.reception import sorter
from listserv.wiring.app import App
from listserv.wiring.config import load
from listserv.wiring.listserv_tables import Examined
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing, Recipient
from mailer.storage import arrivals
from mailer.storage.arrivals import Incoming
from tests.listserv.doctor import garden as gardens
from tests.listserv.doctor.garden import DOMAIN, LIST, Garden

ME = "ingrid@example.net"


@pytest.fixture
def garden(tmp_path: Path, database_url: str) -> Iterator[Garden]:
    with gardens.planted(tmp_path, database_url) as made:
        made.settings["KRETS_LISTSERV__OPERATOR"] = ME
        yield made


def visit(garden: Garden, *, days: int = 0) -> int:
    """Let the doctor come, ``days`` after it came last."""
    app = App(load(garden.settings))
    try:
        with app.store.write() as session:
            session.execute(update(Examined).values(at=Examined.at - days * 86400.0 - days))
        return daily.carry_out(app, time.time())
    finally:
        app.close()


def test_the_operator_hears_of_what_is_new_and_of_what_was_mended_and_of_nothing_twice(
    garden: Garden,
) -> None:
    assert visit(garden) == 0, "a right installation is nothing to write about"
    garden.text(f"_dmarc.{DOMAIN}")
    assert visit(garden) == 0, "once a day"
    assert visit(garden, days=1) == 1
    assert visit(garden, days=1) == 0, "known"
    garden.text(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none")
    assert visit(garden, days=1) == 1, "mended"
    assert _letters(garden) == ["Something has changed at", "All is well again at"]


def _letters(garden: Garden) -> list[str]:
    """Return the subjects of what waits to leave, without the domain at their ends."""
    app = App(load(garden.settings))
    with app.store.read() as session:
        numbers = session.scalars(select(Mailing.id).order_by(Mailing.id)).all()
        made = [mailings.composition(session, number, 0) for number in numbers]
    app.close()
    raws = [one.parts[0] for one in made if one is not None]
    subjects = [raw.partition(b"\r\nSubject: ")[2].partition(b"\r\n")[0].decode() for raw in raws]
    return [one.removesuffix(f" {DOMAIN}") for one in subjects]


def _taken(garden: Garden, to: str, sender: str, more: str = "") -> None:
    """Let an answer come in, and the worker read it."""
    raw = f"From: {sender}\r\nTo: {to}\r\nSubject: Re: x\r\n{more}Message-ID: <a@b>\r\n\r\nlook\r\n"
    app = App(load(garden.settings))
    with app.store.write() as session:
        came = Incoming(sender, (to,), raw.encode(), "192.0.2.9", "h", "ESMTP", time.time())
        arrivals.keep(session, [came])
    sorter.sort(app, lambda: False)
    app.close()


def _answer_address(garden: Garden) -> str:
    app = App(load(garden.settings))
    token = operator_mail.again(app, LIST)
    app.close()
    return LIST.replace("@", f"-reply+{token}@")


def test_an_answer_to_the_doctor_brings_the_operator_all_that_it_finds(garden: Garden) -> None:
    assert visit(garden) == 0
    code, said = garden.krets("doctor", "--mail")
    assert code == 0, said
    assert _letters(garden) == ["All is well at"]
    garden.text(f"_dmarc.{DOMAIN}")
    _taken(garden, _answer_address(garden), "stranger@example.com")
    assert visit(garden) == 0, "not twice in a minute"
    with closing(App(load(garden.settings))) as app, app.store.write() as session:
        session.execute(update(Examined).values(at=Examined.at - daily.SOON))
        assert daily.waiting(session, app, time.time())
    assert visit(garden) > 5
    assert _letters(garden)[1:] == ["This could be better at"]
    with closing(App(load(garden.settings))) as app, app.store.read() as session:
        sent_to = set(session.scalars(select(Recipient.address)))
        assert not daily.waiting(session, app, time.time())
    assert sent_to == {ME}, "never whoever has answered"


@pytest.mark.parametrize("more", ["Auto-Submitted: auto-replied\r\n", "guess"])
def test_no_machine_and_nobody_who_guesses_wakes_the_doctor(garden: Garden, more: str) -> None:
    assert visit(garden) == 0
    to = _answer_address(garden)
    if more == "guess":
        more, place = "", to.index("@") - 1
        to = to[:place] + ("a" if to[place] != "a" else "b") + to[place + 1 :]
    _taken(garden, to, ME, more)
    with closing(App(load(garden.settings))) as app, app.store.read() as session:
        row = session.get(Examined, 1)
        assert row is not None
        assert not row.asked
    assert _letters(garden) == []


def test_mailing_the_operator_says_what_is_missing(garden: Garden) -> None:
    garden.settings["KRETS_LISTSERV__OPERATOR"] = ""
    assert garden.krets("doctor", "--mail")[0] == 78


def test_nobody_is_written_to_where_no_operator_is_named(garden: Garden) -> None:
    garden.settings["KRETS_LISTSERV__OPERATOR"] = ""
    garden.text(DOMAIN)
    assert visit(garden) == 0


@pytest.mark.parametrize(
    ("before", "after", "worse", "better"),
    [
        ([], [warn("disk", "900 MB are free", "", "")], ["disk"], []),
        ([warn("disk", "900 MB are free", "", "")], [warn("disk", "880 MB are free", "", "")],
         [], []),
        ([warn("disk", "900 MB are free", "", "")], [failed("disk", "90 MB are free", "", "")],
         ["disk"], []),
        ([failed("spf", "none", "", "")], [], [], ["spf"]),
        ([failed("disk", "9 MB", "", "")], [warn("disk", "900 MB", "", "")], ["disk"], []),
    ],
)  # fmt: skip
def test_figures_alone_are_no_change_and_a_worse_state_is(
    before: list[Diagnosis], after: list[Diagnosis], worse: list[str], better: list[str]
) -> None:
    found = daily.changes(before, after)
    assert [[one.check for one in part] for part in found] == [worse, better]
