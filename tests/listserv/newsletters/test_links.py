"""Links of an issue: asked within bounds, never inside our own network, and fair to the slow."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import SplitResult, urlsplit

import pytest

from listserv.newsletters.checks import links
from listserv.newsletters.checks.links import LinkAnswer, LinkLimits, check, is_public

PUBLIC = "93.184.216.34"
NAMES = {
    "good.example": [PUBLIC],
    "both.example": [PUBLIC, "10.0.0.5"],
    "metadata.example": ["169.254.169.254"],
    "home.example": ["127.0.0.1"],
    "six.example": ["::ffff:192.168.0.1"],
}
PAGES = {
    "/": (200, ""),
    "/gone": (410, ""),
    "/broken": (503, ""),
    "/login": (403, ""),
    "/loop": (302, "/loop"),
    "/away": (301, "http://home.example/admin"),
    "/moved": (308, "https://good.example/"),
}


def resolve(host: str, _port: int) -> list[str]:
    if host not in NAMES:
        raise OSError("no such name")
    return NAMES[host]


def ask(there: SplitResult, to: str, method: str, _seconds: float) -> tuple[int, str]:
    assert is_public(to), "we have asked inside"
    if there.path == "/no-head" and method == "HEAD":
        return 405, ""
    return PAGES.get(there.path or "/", (404, ""))


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("https://good.example", LinkAnswer.FINE),
        ("https://good.example/moved", LinkAnswer.FINE),
        ("https://good.example/login", LinkAnswer.FINE),  # not ours to open
        ("https://good.example/nowhere", LinkAnswer.DEAD),
        ("https://good.example/gone", LinkAnswer.DEAD),
        ("https://good.example/no-head", LinkAnswer.DEAD),
        ("https://gone.example/", LinkAnswer.DEAD),  # no such server, and others are there
        ("https://good.example/broken", LinkAnswer.DOUBTFUL),
        ("https://good.example/loop", LinkAnswer.DOUBTFUL),
        ("https://good.example:8443/", LinkAnswer.DOUBTFUL),
        ("https://user:word@good.example/", LinkAnswer.DOUBTFUL),
        ("http://good.example/away", LinkAnswer.INSIDE),
        ("http://both.example/", LinkAnswer.INSIDE),
        ("http://metadata.example/latest", LinkAnswer.INSIDE),
        ("http://six.example/", LinkAnswer.INSIDE),
    ],
)
def test_a_link_is_followed_in_public_alone_and_judged(address: str, answer: LinkAnswer) -> None:
    found = check([address, "https://good.example/?x"], resolve=resolve, ask=ask)
    assert found[address] is answer


def test_without_a_network_nothing_is_held_against_a_link() -> None:
    assert check(["https://gone.example/", "https://lost.example/"], resolve=resolve, ask=ask) == {}
    assert check(["mailto:a@b.example", "ftp://good.example/"], resolve=resolve, ask=ask) == {}


def test_who_is_slow_is_not_waited_for_and_only_so_many_are_asked() -> None:
    asked: list[str] = []
    hold = threading.Event()

    def slowly(there: SplitResult, _to: str, _method: str, _seconds: float) -> tuple[int, str]:
        asked.append(there.path)
        if there.path == "/slow":
            hold.wait(5)
        return 200, ""

    many = [f"https://good.example/{number}" for number in range(9)]
    few = LinkLimits(links=4, seconds=0.3)
    found = check(["https://good.example/slow", *many], few, resolve=resolve, ask=slowly)
    hold.set()
    assert found["https://good.example/slow"] is LinkAnswer.UNKNOWN
    assert sorted(found) == sorted(["https://good.example/slow", *many[:3]])


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "::1", "fe80::1%eth0", "fd00::1", "100.64.0.1", "0.1.2.3", "nonsense",
     "224.0.0.1", "192.0.2.1", "::ffff:10.0.0.1", "2002:7f00:0001::", "64:ff9b::7f00:1"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


def test_a_real_server_is_asked_for_its_head_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, str]] = []

    class Page(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append((self.command, self.path, self.headers["Host"]))
            self.send_response(302)
            self.send_header("Location", "/there")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    monkeypatch.setitem(links.PORTS, "http", server.server_port)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    there = urlsplit("http://good.example/a?b")
    assert links._ask(there, "127.0.0.1", "HEAD", 5.0) == (302, "/there")
    thread.join()
    server.server_close()
    assert seen == [("HEAD", "/a?b", f"good.example:{server.server_port}")]
