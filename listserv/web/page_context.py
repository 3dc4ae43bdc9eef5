"""Hold what every page of the web door needs: the list, the visitor, the words, the answer.

``page_of`` makes an endpoint of two plain functions: ``show`` (GET, HEAD: changes nothing) and
``act`` (POST). They run in a thread, own their transactions and return the answer.
"""

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import templates
from archive.pages import page_frame
from archive.pages.page_frame import ListInfo
from archive.pages.views import info_of
from listserv.actions import links
from listserv.actions.call import Actor, Call
from listserv.actions.links import MailedLink
from listserv.actions.permissions import Proven
from listserv.letters.request import AnswerProof
from listserv.web.forms import TooLarge, read_form
from listserv.web.headers import PRIVATE
from listserv.web.visitor import Patience, ProxyWatch, client_of, language_of, languages_of
from listserv.wiring.app import App
from mailer.door.callers import Network, source_of
from mailer.errors import BadInput, Refused, Temporary
from subscriptions.lists.roster import MailList
from subscriptions.permission import budget
from subscriptions.permission.consent import Source


@dataclass(frozen=True, slots=True)
class WebContext:
    """Hold what the pages share."""

    app: App
    trusted: tuple[Network, ...]
    patience: Patience = field(default_factory=Patience)
    watch: ProxyWatch = field(default_factory=ProxyWatch)


@dataclass(frozen=True, slots=True)
class Caller:
    """Hold one request, as far as pages care."""

    site: WebContext
    address: str  # the list's, as written in the URL
    token: str
    accept: str  # languages
    client: str  # IP address
    agent: str
    now: float

    @property
    def app(self) -> App:
        """Return the wiring."""
        return self.site.app

    @property
    def source(self) -> str:
        """Return what bounds are counted by."""
        return source_of(self.client) or budget.NOBODY

    def language(self, lst: MailList | None = None) -> str:
        """Return the language to speak: the visitor's, else the list's."""
        return language_of(self.accept, lst.language if lst else "en")

    def proof(self, how: str = "button") -> AnswerProof:
        """Return what the ledger of permissions keeps of this request."""
        return AnswerProof(Source.WEB, how, ip=self.client or None, user_agent=self.agent or None)

    def call(self, how: str = "button") -> Call:
        """Return the visitor as one who asks for actions; a link may show who they are."""
        by = Actor(Source.WEB, Proven.NONE)
        return Call(self.app, by, self.now, evidence=self.proof(how), source=self.source)

    @property
    def link(self) -> MailedLink:
        """Return the link that the visitor has followed."""
        return MailedLink(self.address, self.token)


Show = Callable[[Caller], Response]
Act = Callable[[Caller, Mapping[str, str]], Response]


def here(caller: Caller) -> MailList:
    """Return the list of this visit, to tell something on a page of it; raise Refused for none."""
    with caller.app.store.read() as session:
        return links.list_at(session, caller.address)


def answer(
    caller: Caller,
    sheet: str,
    lst: MailList | None,
    *,
    status: int = 200,
    root: str = "",
    **context: object,
) -> Response:
    """Return the page ``sheet``; all pages of the door are private: they hold tokens or names.

    ``root`` is the way to the site's root, where the page does not stand in its usual place.
    """
    language = caller.language(lst)
    root = root or ("../../" if caller.token else "../")
    view: ListInfo | None = None
    accent = ""
    if lst is not None:
        view = info_of(lst, caller.app.settings.listserv.base_url)
        accent = page_frame.accent(view.identity)
    else:
        root = "/"
    text = templates.page(
        sheet, language, list=view, root=root, accent=accent, private=True, **context
    )
    return HTMLResponse(
        text,
        status_code=status,
        headers={**PRIVATE, "vary": "accept-language", "content-language": language},
    )


def offer(
    caller: Caller,
    kind: str,
    lst: MailList,
    who: str,
    *,
    others: Sequence[str] = (),
    following: str = "",
) -> Response:
    """Return the page with one button; ``following`` is the token that it sends, if another."""
    return answer(
        caller, "act", lst, kind=kind, who=who, others=others, next=following, token=caller.token
    )


def told(
    caller: Caller, kind: str, lst: MailList | None, *, status: int = 200, **more: object
) -> Response:
    """Return the page that says how something went."""
    values: dict[str, Any] = {"who": "", "link": "", **more}
    return answer(caller, "told", lst, status=status, kind=kind, **values)


def page_of(
    site: WebContext, show: Show, act: Act | None = None
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return the endpoint that shows with ``show`` and does with ``act``."""

    async def endpoint(request: Request) -> Response:
        caller = caller_of(site, request)
        try:
            if request.method != "POST" or act is None:
                return await run_in_threadpool(show, caller)
            form = await read_form(request)
            return await run_in_threadpool(act, caller, form)
        except TooLarge:
            return told(caller, "bad", None, status=413)
        except Refused as error:
            if error.key != "no-list":
                raise
            return told(caller, "no-page", None, status=404)
        except BadInput:
            return told(caller, "bad", None, status=400)
        except Temporary:
            return told(caller, "later", None, status=503)

    return endpoint


def caller_of(site: WebContext, request: Request) -> Caller:
    """Return what pages need of a request."""
    now = time.time()
    site.watch.note(request, site.trusted, now)
    return Caller(
        site=site,
        address=request.path_params.get("list", ""),
        token=request.path_params.get("token", ""),
        accept=languages_of(request),
        client=client_of(request, site.trusted),
        agent=request.headers.get("user-agent", "")[:400],
        now=now,
    )
