"""How ``krets try`` begins: which port, which garden, whose browser, and nothing of another's."""

import socket
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from listserv.trying import browser, once, page_client
from listserv.trying.ports import LAST, listen, port_of
from listserv.trying.tour import Tour
from listserv.trying.try_folder import Start, TryFolder, choose
from listserv.trying.walk import VisitorWalk
from mailer.errors import Misconfigured, Refused, Temporary

HOST = "127.0.0.1"


@pytest.fixture
def two_taken() -> Iterator[int]:
    """Give the first of two neighbouring ports that somebody listens on."""
    for first in range(20_000, 60_000, 7):
        with ExitStack() as held:
            try:
                for port in (first, first + 1, first + 2):
                    one = held.enter_context(socket.socket())
                    one.bind((HOST, port))
                    one.listen()
            except OSError:
                continue
            one.close()
            yield first
            return


def test_the_port_that_is_found_is_the_next_one_that_nobody_uses(two_taken: int) -> None:
    with closing(listen(HOST, two_taken)) as found:
        assert port_of(found) == two_taken + 2
        with closing(listen(HOST, two_taken + 2)) as another:
            assert port_of(another) > two_taken + 2, "what was found is held"


def test_no_port_above_the_last_is_looked_for() -> None:
    with socket.socket() as held:
        try:
            held.bind((HOST, LAST))
            held.listen()
        except OSError:
            pytest.skip(f"port {LAST} is in use here")
        with pytest.raises(Misconfigured, match="No port"):
            listen(HOST, LAST)


@pytest.mark.parametrize(
    ("there", "fresh", "terminal", "start"),
    [
        (False, None, True, Start.NEW),
        (False, True, False, Start.NEW),
        (True, None, True, Start.ASK),
        (True, None, False, Start.GO_ON),
        (True, True, False, Start.ANEW),
        (True, False, True, Start.GO_ON),
    ],
)
def test_a_second_start_does_what_was_said_or_asks_or_goes_on(
    *, there: bool, fresh: bool | None, terminal: bool, start: Start
) -> None:
    assert choose(there=there, fresh=fresh, terminal=terminal) is start


def test_beginning_anew_removes_what_krets_try_made_and_nothing_else(tmp_path: Path) -> None:
    garden = TryFolder(tmp_path)
    garden.mark("http://127.0.0.1:8080")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "krets.db").touch()
    (tmp_path / "diary.txt").write_text("mine")
    assert garden.there
    garden.clear()
    assert [one.name for one in tmp_path.iterdir()] == ["diary.txt"]
    assert not garden.there


def test_a_link_in_place_of_the_data_is_removed_and_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "krets.db").touch()
    folder = tmp_path / "garden"
    garden = TryFolder(folder)
    garden.mark("")
    garden.data.symlink_to(elsewhere)
    garden.clear()
    assert (elsewhere / "krets.db").exists()
    assert not garden.data.exists()


@pytest.mark.parametrize("place", ["krets.db", "data/krets.db"])
def test_a_folder_with_a_real_installation_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / place).touch()
    with pytest.raises(Refused, match="did not make"):
        _ = TryFolder(tmp_path).there


def test_a_garden_in_which_krets_try_runs_is_left_alone(tmp_path: Path) -> None:
    garden = TryFolder(tmp_path)
    garden.mark("")
    with garden.alone(), pytest.raises(Temporary, match="runs in"), garden.alone():
        pass


@pytest.mark.parametrize(
    ("found", "opens"),
    [
        (webbrowser.GenericBrowser("w3m"), False),
        (webbrowser.GenericBrowser("/usr/bin/lynx"), False),
        (webbrowser.BackgroundBrowser("firefox"), True),
        (None, False),
    ],
)
def test_only_a_browser_with_a_window_is_offered(
    monkeypatch: pytest.MonkeyPatch, *, found: webbrowser.BaseBrowser | None, opens: bool
) -> None:
    def get() -> webbrowser.BaseBrowser:
        if found is None:
            raise webbrowser.Error
        return found

    monkeypatch.setattr(webbrowser, "get", get)
    assert browser.has_desktop() is opens


FORM = """<a href="../up">up</a>
<form method="post" action="?language=it"><input type="hidden" name="at" value="1&amp;2">
<select name="language"><option value="sv"><option value="it" selected></select>
<select name="to"><option>a+1@x</option>
<option>b@x</option></select><textarea name="text"></textarea><button>Send</button></form>
<form method="post"><button>Yes</button></form>"""


def test_a_page_is_read_as_a_browser_without_scripts_reads_it() -> None:
    reader = page_client._Reader("http://h:1/list/join?x=1")
    reader.feed(FORM)
    first, second = reader.forms
    assert reader.links == ["http://h:1/up"]
    assert first.action == "http://h:1/list/join?language=it"
    assert first.fields == {"at": "1&2", "language": "it", "to": "a+1@x", "text": ""}
    assert first.choices["to"] == ["a+1@x", "b@x"]
    assert (second.action, second.fields) == ("http://h:1/list/join?x=1", {})


def test_a_walk_that_gets_stuck_names_the_step_and_the_page_and_fails() -> None:
    told: list[tuple[str, dict[str, object]]] = []

    def tell(what: str, **values: object) -> None:
        told.append((what, values))

    with closing(socket.socket()) as silent:  # bound, and nobody listens
        silent.bind((HOST, 0))
        address = f"http://{HOST}:{port_of(silent)}"
        visitor = VisitorWalk(Tour(address, address, "", "", {}), "en", "kai@example.net")
        assert once._walk(visitor, tell) == 1
    ((what, values),) = told
    assert (what, values["number"]) == ("stuck", 1)
    assert values["page"] == f"{address}/garden@krets.example/join?language=en (0)"


def test_a_walk_waits_no_longer_than_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = iter(range(0, 10_000, 20))
    monkeypatch.setattr(
        "listserv.trying.walk.get", lambda url: page_client.VisitedPage(url, 200, "", (), ())
    )
    visitor = VisitorWalk(
        Tour("p", "b", "", "", {}), "en", "kai@example.net",
        clock=lambda: float(next(hour)), pause=lambda _seconds: None,
    )  # fmt: skip
    with pytest.raises(Exception, match=r"b/\?reader=kai%40example.net \(60 s\)"):
        visitor.confirm()
