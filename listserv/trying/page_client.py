"""Read pages as a browser without scripts does: follow their links, fill in and send their forms.

Knows HTTP and HTML, and nothing of Krets: what a page does not offer cannot be done here. It
talks to this machine alone, past every proxy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urljoin, urlsplit

_HOPS = 5  # redirects that are followed
_TIMEOUT = 20.0  # seconds for one answer
_MAX = 2_000_000  # bytes of a page that are read
_GONE = range(300, 400)


@dataclass(slots=True)
class Form:
    """Hold one form: what it would send as it stands, and what each of its fields may be."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VisitedPage:
    """Hold one page as it was answered."""

    url: str
    status: int
    text: str
    links: tuple[str, ...]
    forms: tuple[Form, ...]

    def form(self, name: str) -> Form | None:
        """Return the first form with a field ``name``; "" is any form."""
        return next((one for one in self.forms if not name or name in one.fields), None)


def get(url: str) -> VisitedPage:
    """Return the page at ``url``; one that does not answer has the status 0."""
    return _ask("GET", url, "")


def send(form: Form, values: Mapping[str, str]) -> VisitedPage:
    """Send a form with ``values`` in its fields, and return the page that follows."""
    return _ask("POST", form.action, urlencode({**form.fields, **values}))


def _ask(method: str, url: str, body: str) -> VisitedPage:
    for _ in range(_HOPS):
        status, text, onward = _once(method, url, body)
        if status not in _GONE or not onward:
            break
        method, url, body = "GET", urljoin(url, onward), ""
    reader = _Reader(url)
    reader.feed(text)
    return VisitedPage(url, status, text, tuple(reader.links), tuple(reader.forms))


def _once(method: str, url: str, body: str) -> tuple[int, str, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT)
    head = {"content-type": "application/x-www-form-urlencoded"} if method == "POST" else {}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, path, body=body.encode() if body else None, headers=head)
        answer = connection.getresponse()
        text = answer.read(_MAX).decode("utf-8", "replace")
        return answer.status, text, answer.getheader("location", "") or ""
    except (OSError, HTTPException):
        return 0, "", ""
    finally:
        connection.close()


class _Reader(HTMLParser):
    """Gather the links and the forms of a page."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._url = url
        self._form: Form | None = None
        self._select = ""
        self._option: str | None = None  # the text of one without a value, while it is read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in told:
            self.links.append(urljoin(self._url, told["href"]))
        elif tag == "form":
            self._form = Form(urljoin(self._url, told.get("action", self._url)))
            self.forms.append(self._form)
        elif self._form is not None and "name" in told:
            self._form.fields[told["name"]] = told.get("value", "")
            self._select = told["name"] if tag == "select" else ""
        elif tag == "option" and self._select:
            if "value" in told:
                self._choose(told["value"], chosen="selected" in told)
            else:
                self._option = ""

    def handle_data(self, data: str) -> None:
        if self._option is not None:
            self._option += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "option" and self._option is not None:
            self._choose(self._option.strip(), chosen=False)
            self._option = None
        elif tag == "select":
            self._select = ""
        elif tag == "form":
            self._form = None

    def _choose(self, value: str, *, chosen: bool) -> None:
        if self._form is None:
            return
        offered = self._form.choices.setdefault(self._select, [])
        if chosen or not offered:
            self._form.fields[self._select] = value
        offered.append(value)
