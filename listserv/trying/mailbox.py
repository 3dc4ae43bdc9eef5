"""The page of ``krets try``: every mail that went out, as its reader sees it, to be answered.

SECURITY: it lets anybody write as anybody, so it listens on loopback alone, answers to its own
Host only (no rebinding) and takes forms from its own pages only. The HTML part of a mail is shown
in a frame of its own, without scripts, forms, pictures from elsewhere or this page's origin; its
links open beside it. An answer goes through the real SMTP door and nowhere else.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

import templates
from listserv.trying.community import LIST
from listserv.trying.tour import Tour
from listserv.web.forms import field as value_of
from listserv.web.forms import read_form
from listserv.web.headers import CSP, StrictHeaders
from listserv.web.visitor import language_of
from mailer.client.submit import submit
from mailer.errors import KretsError
from mailer.reading import bodies, charsets, message
from mailer.reading.addresses import parse

SHOWN = 200  # mails on one page
_PAGE = {  # the strict headers, but for the frame with a mail's HTML
    "cache-control": "no-store",
    "content-security-policy": f"{CSP}; frame-src 'self'",
}
_FRAME = {
    "cache-control": "no-store",
    "x-frame-options": "SAMEORIGIN",
    "content-security-policy": (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
        " style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    ),
}


@dataclass(frozen=True, slots=True)
class SentMail:
    """Hold one mail that was sent; ``number`` is its file's name."""

    number: int
    reader: str
    at: float
    author: str
    subject: str
    message_id: str
    answer_to: tuple[str, ...]  # where an answer may go, the likeliest first
    head: str
    text: str
    html: str  # "" where the mail is plain text


@dataclass(slots=True)
class Mailbox:
    """Read the folder that the sink writes."""

    folder: Path
    door: tuple[str, int]  # where answers go in
    pages: str  # the web door, for links
    _read: dict[int, SentMail] = field(default_factory=dict)

    def mails(self) -> list[SentMail]:
        """Return every mail, the newest first."""
        for path in self.folder.glob("*.json"):
            number = int(path.stem)
            if number not in self._read and (mail := _mail(path)) is not None:
                self._read[number] = mail
        return [self._read[number] for number in sorted(self._read, reverse=True)]

    def find(self, number: int) -> SentMail | None:
        """Return one mail."""
        return next((one for one in self.mails() if one.number == number), None)

    def send(self, sender: str, to: str, subject: str, text: str, answers: SentMail | None) -> None:
        """Write a mail as ``sender`` and hand it to the SMTP door."""
        who, whom = parse(sender), parse(to)
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Subject"] = who.given, whom.given, " ".join(subject.split())
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=who.domain)
        if answers is not None and answers.message_id:
            mail["In-Reply-To"] = mail["References"] = f"<{answers.message_id}>"
        quoted = "".join(f"> {line}\n" for line in answers.text.splitlines()) if answers else ""
        mail.set_content(f"{text.strip()}\n" + (f"\n{quoted}" if quoted else ""), cte="8bit")
        submit(self.door, who.wire, whom.wire, mail.as_bytes())


@dataclass(frozen=True, slots=True)
class PageLanguage:
    """Hold the language a page is asked for in; ``chosen`` by hand, it stays from page to page."""

    language: str
    chosen: bool

    def at(self, path: str, **query: str) -> str:
        """Return the address of a page, with what it is asked."""
        asked = {name: value for name, value in query.items() if value}
        if self.chosen:
            asked.setdefault("language", self.language)
        return f"{path}?{urlencode(asked)}" if asked else path


@dataclass(frozen=True, slots=True)
class MailboxPages:
    """Show the mailbox and take answers, in the visitor's language, else in ``language``."""

    box: Mailbox
    tour: Tour
    language: str

    def language_of(self, request: Request) -> PageLanguage:
        """Return the language of the answer: the one named in the address, or the browser's."""
        named = request.query_params.get("language", "")
        spoken = request.headers.get("accept-language", "")
        chosen = named in templates.LANGUAGES
        return PageLanguage(named if chosen else language_of(spoken, self.language), chosen)

    def page(
        self, sheet: str, spoken: PageLanguage, status: int = 200, **context: object
    ) -> Response:
        """Return the page ``sheet``."""
        text = templates.page(
            sheet, spoken.language, root="/", accent="", at=spoken.at,
            pages=spoken.at(f"{self.box.pages}/"), **context,
        )  # fmt: skip
        told = {"vary": "accept-language", "content-language": spoken.language}
        return HTMLResponse(text, status_code=status, headers={**_PAGE, **told})

    def boxes(
        self, spoken: PageLanguage, reader: str = "", said: str = "", wrong: str = "", to: str = ""
    ) -> Response:
        """Return the page of all mails, or of those to one reader."""
        mails = self.box.mails()
        return self.page(
            "try-boxes",
            spoken,
            400 if wrong else 200,
            mails=_together([one for one in mails if reader in ("", one.reader)])[:SHOWN],
            readers=sorted(Counter(one.reader for one in mails).items()),
            reader=reader,
            said=said,
            wrong=wrong,
            to=to or LIST,
            join=LIST.replace("@", "-join@"),
            steps=self.tour.steps(spoken.language, chosen=spoken.chosen),
        )

    def letter(self, spoken: PageLanguage, number: int, wrong: str = "") -> Response:
        """Return the page of one mail."""
        mail = self.box.find(number)
        if mail is None:
            return self.boxes(spoken, wrong="gone")
        return self.page("try-letter", spoken, 400 if wrong else 200, mail=mail, wrong=wrong)

    async def show(self, request: Request) -> Response:
        """Show the mails."""
        asked = request.query_params
        return await run_in_threadpool(
            self.boxes, self.language_of(request), asked.get("reader", ""), asked.get("said", "")
        )

    async def open(self, request: Request) -> Response:
        """Show one mail."""
        number = int(request.path_params["number"])
        return await run_in_threadpool(self.letter, self.language_of(request), number)

    async def frame(self, request: Request) -> Response:
        """Show the HTML part of one mail, for the frame on its page."""
        mail = await run_in_threadpool(self.box.find, int(request.path_params["number"]))
        if mail is None or not mail.html:
            return Response("This mail has no HTML part.\n", 404)
        return HTMLResponse(f'<base target="_blank">{mail.html}', headers=_FRAME)

    async def send(self, request: Request) -> Response:
        """Take a mail, or an answer to one, to the SMTP door."""
        form, spoken = await read_form(request), self.language_of(request)
        number = int(request.path_params.get("number", 0))
        mail = self.box.find(number)
        sender, to = mail.reader if mail else value_of(form, "from"), value_of(form, "to")
        words = (value_of(form, "subject"), form.get("text", ""))
        try:
            await run_in_threadpool(self.box.send, sender, to, *words, mail)
        except KretsError as error:
            if mail:
                return self.letter(spoken, number, error.what)
            return self.boxes(spoken, wrong=error.what, to=to)
        return RedirectResponse(spoken.at("/", said="sent"), status_code=303)


def build(box: Mailbox, host: str, tour: Tour, language: str = "en") -> ASGIApp:
    """Return the ASGI application of the page; it answers to ``host`` alone."""
    desk = MailboxPages(box, tour, language)
    pages = [
        Route("/", _own(host, desk.show), methods=["GET"]),
        Route("/", _own(host, desk.send), methods=["POST"]),
        Route("/mail/{number:int}", _own(host, desk.open), methods=["GET"]),
        Route("/mail/{number:int}", _own(host, desk.send), methods=["POST"]),
        Route("/mail/{number:int}/html", _own(host, desk.frame), methods=["GET"]),
        Route("/static/{name}", _style),
    ]
    return StrictHeaders(Starlette(routes=pages))


Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def _own(host: str, endpoint: Endpoint) -> Endpoint:
    """Let only requests through that name this page's own host and come from its own pages."""

    async def guarded(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        if request.headers.get("host") != host or origin not in ("", f"http://{host}"):
            return Response("This page answers on its own address only.\n", 421)
        return await endpoint(request)

    return guarded


async def _style(_request: Request) -> Response:
    data = templates.static_files()[templates.static_name("krets.css")]
    return Response(data, media_type="text/css")


def _together(mails: list[SentMail]) -> list[tuple[SentMail, int]]:
    """Return one copy of each mail, and how many others got it too."""
    count = Counter(one.message_id for one in mails)
    first = {one.message_id: one for one in mails}
    return [(one, count[one.message_id] - 1) for one in first.values()]


def _mail(path: Path) -> SentMail | None:
    """Read one mail, None while its file is half written."""
    try:
        envelope = json.loads(path.read_text())
        raw = path.with_suffix(".eml").read_bytes()
    except (OSError, ValueError):
        return None
    head = message.head(raw)
    named = [one for value in head.all("from") for one in message.addresses_of(value)]
    name, author = named[0] if named else ("", "")
    post = head.text("list-post").removeprefix("<mailto:").removesuffix(">")
    back = [one for value in head.all("reply-to") for _, one in message.addresses_of(value)]
    targets = dict.fromkeys(one for one in (*back, post, author) if "@" in one)
    return SentMail(
        number=int(path.stem),
        reader=envelope["recipients"][-1],
        at=envelope["received_at"],
        author=name or author,
        subject=head.text("subject"),
        message_id=message.message_id(head) or "",
        answer_to=tuple(targets),
        head=raw[: head.body].decode("utf-8", "replace").replace("\r\n", "\n").strip(),
        text=bodies.read_text(raw)[0].strip(),
        html=_html(raw),
    )


def _html(raw: bytes) -> str:
    """Return the HTML part of a mail, "" where it has none."""
    try:
        parts = message.parse(raw).walk()
    except KretsError:
        return ""
    for part in parts:
        data = part.get_payload(decode=True)
        if part.get_content_type() == "text/html" and isinstance(data, bytes):
            return charsets.decode(data, str(part.get_content_charset("utf-8")))
    return ""
