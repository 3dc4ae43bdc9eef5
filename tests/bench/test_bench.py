"""The benchmark itself: whatever it measures, it must run."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import growth
import mailing
import measured
from measured import Row
from peers import reference, smtp_sink

from listserv.wiring import config
from listserv.wiring.app import App


@pytest.mark.usefixtures("postfix_tools")
def test_a_mailing_and_the_reference_are_measured_at_one_sink(tmp_path: Path) -> None:
    krets, _ = mailing.installation(tmp_path, 40, apart=False)
    mailing.freeze(krets)
    with smtp_sink() as port:
        theirs = reference(port, 40)
        krets.relay = f"smtp://127.0.0.1:{port}"
        app = App(config.load(krets.env))
        ours = mailing.send_here(app)
        app.close()
    assert theirs.rate > 0
    assert (ours.copies, ours.window) == (40, 256)
    assert 9_500 < ours.size < 13_000
    assert 0 < ours.first <= ours.seconds + 0.1
    assert ours.cpu > 0


def test_mail_comes_in_beside_a_freeze(tmp_path: Path) -> None:
    krets, _ = mailing.installation(tmp_path, 40, apart=False)
    took = mailing.freeze_beside(krets)
    assert took.seconds > 0
    assert took.waits.numbers()["commits"] > 0


def test_the_page_shows_the_latest_of_each_row() -> None:
    rows = [Row("copies", 40, "1/s"), Row("copies", 50, "2/s"), Row("copies", 40, "3/s")]
    page = measured.page(f"Before\n{measured.BEGIN}old\n{measured.END}After\n", rows)
    assert page.startswith("Before")
    assert page.endswith("After\n")
    assert [word in page for word in ("1/s", "2/s", "3/s", "old")] == [False, True, True, False]


def test_a_row_comes_back_as_it_was_written(tmp_path: Path) -> None:
    row = Row("copies", 40, "1/s", numbers={"rate": 1.0})
    measured.append(row, tmp_path / "rows")
    assert measured.read(tmp_path / "rows") == [row]


def test_what_one_recipient_costs_is_drawn_from_the_latest_of_each_row() -> None:
    what = "copies, SQLite, into krets sink"
    costs = ((10, 9.0), (10, 2.0), (20, 3.0))
    rows = [Row(what, many, "", numbers={"cpu": cost}) for many, cost in costs]
    drawn = growth.picture([*rows, Row("another", 30, "")])
    assert growth.points(rows, what) == {10: 2, 20: 3}
    assert "2.000" in drawn
    assert "3.000" in drawn
    assert "9.000" not in drawn
