"""Every kind of page, as the web door answers it, in one language: the pictures to look at."""

import re
import time
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from urllib.parse import urljoin

from sqlalchemy.orm import Session

import templates
from archive.filing.mail_threading import place
from archive.site import build as archive
from listserv.letters.request import Visit
from listserv.membership import wishes
from listserv.trying.mailbox import Mailbox
from listserv.trying.mailbox import build as build_desk
from listserv.trying.tour import Tour
from listserv.web.door import build
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.reading.addresses import parse
from mailer.reading.headers.head_facts import permalink_hash
from mailer.storage.store import put_raw
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists import roster
from subscriptions.lists.roster import ArchivePolicy, Join
from tests.listserv.web.conftest import Got, Web

DOMAIN = "lists.example"
LONG = {
    "sv": "Trädgårdsbevattningsslangsupphängningsanordningsdiskussion",
    "it": "Precipitevolissimevolmente: disinfestazione dell'orticoltura interregionale",
    "ro": "Pneumonoultramicroscopicsilicovolcaniconioză și contrarevoluționarismul",
    "ru": "Сельскохозяйственномашиностроительный превысокомногорассмотрительствующий",
    "nl": "Hottentottententententoonstellingsvoorbereidingsvergadering",
    "en": "Pneumonoultramicroscopicsilicovolcanoconiosis and counterrevolutionaries",
}
URL = "https://example.org/" + "a-path-without-any-break-at-all/" * 6 + "x" * 90
TEXT = f"""Hello all,

see {URL} and {"W" * 60}.

    code = {"'" + "y" * 120 + "'"}

  * one
  * two

-- 
Anna of the garden
""".replace("\n", "\r\n")  # noqa: W291 - a signature's mark has its blank
QUOTE = "".join(f"> {line}\n" for line in TEXT.splitlines()[:7])  # it stands above
ANSWER = f"""On Tue, 14 Nov 2023, Anna wrote:
> one
> two
> three
> four
> five
> six
> seven

Yes, let us do that.

On Tue, 14 Nov 2023, Anna wrote:
{QUOTE}""".replace("\n", "\r\n")


def app_in(folder: Path) -> App:
    """Make an installation with a list in each language, three mails in each archive."""
    settings = load(
        {
            "KRETS_MAILER__DATA": str(folder / "data"),
            "KRETS_LISTSERV__BASE_URL": f"http://{DOMAIN}",
            "KRETS_LISTSERV__CONTROLLER": "The garden at Harbour Street",
            "KRETS_LISTSERV__POSTAL_ADDRESS": "Harbour Street 12",
            "KRETS_LISTSERV__PRIVACY": "https://garden.example/privacy",
        }
    )
    app = App(settings)
    app.__dict__["ring"] = lambda _bell: None
    with app.store.write() as session:
        for language, word in LONG.items():
            for name, join, policy in (
                ("garden", Join.OPEN, ArchivePolicy.PUBLIC),
                ("closed", Join.APPROVE, ArchivePolicy.MEMBERS),
                ("invited", Join.INVITE, ArchivePolicy.PUBLIC),
            ):
                lst = roster.create_list(
                    session, f"{name}-{language}@{DOMAIN}", now=time.time(), language=language,
                    title=word[:60] if name == "garden" else name.title(), join=join,
                    archive=policy, description=f"{word} {URL}",
                )  # fmt: skip
                if name == "garden":
                    _write(session, lst, _mails(language))
    while archive.render_dirty(app.store, settings.archive_path, settings.listserv.base_url):
        pass
    return app


def _write(session: Session, lst: roster.MailList, raws: list[bytes]) -> None:
    for raw, sha in zip(raws, put_raw(session, raws), strict=True):
        place(session, lst, raw, sha, 1_700_000_000.0)


def _mails(language: str) -> list[bytes]:
    found = []
    for number, (who, text) in enumerate(
        [("Anna Wahlström-Ибрагимова", TEXT), ("Bo", ANSWER), ("Cé", "Да.\r\n")]
    ):
        mail = EmailMessage(policy=SMTPUTF8)
        mail["From"] = f"{who} <p{number}@example.org>"
        mail["Subject"] = ("Re: " if number else "") + LONG[language]  # in UTF-8, as it is
        mail["Date"] = f"Tue, 14 Nov 2023 1{number}:00:00 +0000"
        mail["Message-ID"] = f"<{language}{number}@x>"
        if number:
            mail["References"] = f"<{language}{number - 1}@x>"
        mail.set_content(text, cte="8bit")
        if not number:
            name = "a-file-with-a-name-that-goes-on-and-on-and-never-breaks" * 2 + ".pdf"
            mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename=name)
        found.append(mail.as_bytes())
    return found


class Gallery:
    """Walk through the door in one language and keep each page."""

    def __init__(self, app: App, language: str) -> None:
        self.pages: dict[str, tuple[str, Got]] = {}
        self.styles: dict[str, bytes] = {}
        self.language = language
        self.list = f"garden-{language}@{DOMAIN}"
        self.web = Web(app, build(app, dict), headers={"accept_language": language})

    def keep(self, name: str, path: str, form: dict[str, str] | None = None) -> Got:
        """Keep the answer to a GET, or to a POST of ``form``."""
        got = self.web.get(path) if form is None else self.web.post(path, form)
        assert "text/html" in got.headers.get("content-type", ""), (name, got)
        assert name not in self.pages
        self.pages[name] = (path, got)
        for href in re.findall(r'rel="stylesheet" href="([^"]+)"', got.text):
            style = urljoin(path, href)
            if style not in self.styles:
                self.styles[style] = self.web.get(style).body
        return got

    def walk(self) -> dict[str, tuple[str, Got]]:
        """Return every kind of page: its name, its path, its answer."""
        self._archive()
        self._join()
        self._own_page()
        self._leave()
        return self.pages

    def _archive(self) -> None:
        first = permalink_hash(f"{self.language}0@x")
        for name, path in {
            "lists": "/",
            "home": f"/{self.list}/",
            "home-closed": f"/closed-{self.language}@{DOMAIN}/",
            "month": f"/{self.list}/2023-11/",
            "thread": f"/{self.list}/t/{first}/",
            "message": f"/{self.list}/m/{first}/",
            "nothing": "/nothing/at/all",
        }.items():
            self.keep(name, path)

    def _join(self) -> None:
        who = f"kai-{self.language}@example.net"
        join = f"/{self.list}/join"
        self.keep("join", join)
        self.keep("join-approve", f"/closed-{self.language}@{DOMAIN}/join")
        self.keep("join-invite", f"/invited-{self.language}@{DOMAIN}/join")
        self.keep("join-wrong", join, {"email": "kai", "name": "x" * 150})
        self.keep("join-meant", join, {"email": "kai-with-a-long-name@gmial.com"})
        self.keep("join-sent", join, {"email": who, "language": self.language})
        self.web.post(f"/closed-{self.language}@{DOMAIN}/join", {"email": who})
        path = self._link(who, "confirm")
        self.keep("confirm", path)
        self.keep("not-me", path.replace("/confirm/", "/not-me/"))
        more = self.keep("confirm-more", path, {})
        rest = re.search(r'action="\.\./confirm/([a-z2-7]+)"', more.text)
        assert rest is not None
        self.keep("confirm-rest", f"/{self.list}/confirm/{rest[1]}")
        self.keep("joined", f"/{self.list}/confirm/{rest[1]}", {})
        self.keep("joined-before", path)
        self.keep("unknown", f"/{self.list}/confirm/{'a' * 26}")
        other = f"bo-{self.language}@example.net"
        self.web.post(join, {"email": other})
        never = self._link(other, "not-me")
        self.keep("never", never, {})
        self.keep("used", never.replace("/not-me/", "/confirm/"))
        third = f"cy-{self.language}@example.net"
        self.web.post(f"/closed-{self.language}@{DOMAIN}/join", {"email": third})
        self.keep("waiting", self._link(third, "confirm"), {})

    def _own_page(self) -> None:
        who = f"kai-{self.language}@example.net"
        self.keep("me-ask", f"/{self.list}/me")
        self.keep("me-sent", f"/{self.list}/me", {"email": who})
        with self.web.app.store.write() as session:
            lst = roster.get_list(session, self.list)
            member = roster.membership_of(session, lst.id, parse(who).key)
            assert member is not None
            wishes.settings(Visit(session, self.web.app, lst, now=time.time()), member)
            token = self.web.app.keyring.standing(TokenPurpose.LEAVE, lst.address, member.id)
        self.leave = f"/{self.list}/leave/{token}"
        self.me = me = self._link(who, "me")
        self.keep("me", me)
        self.keep("me-saved", me, {"act": "save", "name": "Kai", "language": self.language})
        self.keep("me-bad", me, {"act": "pause", "until": "2000-01-01"})
        self.keep("me-paused", me, {"act": "pause", "until": "2040-02-28"})
        self.keep("me-sure", me, {"act": "forget"})

    def _leave(self) -> None:
        closed = f"/closed-{self.language}@{DOMAIN}"
        self.keep("read-refused", f"{closed}/t/{'a' * 52}/")
        self.keep("read-sent", f"{closed}/read", {"email": f"kai-{self.language}@example.net"})
        self.keep("read-gone", f"{closed}/read/{'a' * 26}")
        self.keep("leave", self.leave)
        self.keep("left", self.leave, {})
        self.keep("me-gone", self.me)
        self.keep("leave-unknown", f"/{self.list}/leave/x")
        proof = self.web.app.keyring.standing(TokenPurpose.LEAVE, self.list, 0)
        self.keep("leave-proof", f"/{self.list}/leave/{proof}")

    def _link(self, who: str, page: str) -> str:
        text = self.web.mails(who)[-1]
        found = re.search(rf"http://{DOMAIN}(/\S+/{page}/[a-z2-7]+)", text)
        assert found, text
        return found[1]


def desk_pages(folder: Path, language: str) -> tuple[dict[str, tuple[str, Got]], dict[str, bytes]]:
    """Return the pages of ``krets try``, with one mail on them."""
    (folder / "1.eml").write_bytes(_mails("ru")[0])
    (folder / "1.json").write_text('{"recipients": ["anna@example.org"], "received_at": 1.7e9}')
    box = Mailbox(folder, ("127.0.0.1", 9), "http://127.0.0.1:8080")
    tour = Tour("http://127.0.0.1:8080", "http://127.0.0.1:8081", "127.0.0.1:8025", "here", {})
    desk = build_desk(box, "evil.example", tour, language)
    web = Web(None, desk)  # type: ignore[arg-type]  # asks for no app
    style = f"/static/{templates.static_name('krets.css')}"
    pages = {f"try{path}": (path, web.get(path)) for path in ("/", "/mail/1")}
    return pages, {style: web.get(style).body}
