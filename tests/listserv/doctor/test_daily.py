"""The operator hears once a day, and only of what has changed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from listserv.doctor import daily
from listserv.doctor.diagnosis import Diagnosis, warn
from listserv.doctor.diagnosis import fail as failed
from listserv.wiring.app import App
from listserv.wiring.config import load
from listserv.wiring.listserv_tables import Examined
from mailer.ledger import mailings
from mailer.ledger.mailings import Mailing
from tests.listserv.doctor import garden as gardens
from tests.listserv.doctor.garden import DOMAIN, Garden

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
