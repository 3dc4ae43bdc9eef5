"""Put the web door together; say whether all is well. Serving it is connections.py's.

SECURITY: every answer carries strict headers; GET and HEAD change nothing; other methods than a
page has are refused. Links come from ``base_url``, never from the Host header.
"""

from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from listserv.posts import sorting_lag
from listserv.upkeep import metrics
from listserv.web import (
    answering,
    archive_access,
    archive_pages,
    joining,
    leaving,
    me,
    member_sheet,
    proof,
    voting,
)
from listserv.web.headers import StrictHeaders
from listserv.web.page_context import WebContext, caller_of, page_of, told
from listserv.web.visitor import is_this_machine, proxies
from listserv.wiring.app import App
from mailer.errors import KretsError


def build(app: App, states: Callable[[], Mapping[str, int]]) -> ASGIApp:
    """Return the ASGI application; ``states`` tells how the other parts are (2 is up)."""
    site = WebContext(app, proxies(app.settings.listserv.proxies))

    async def healthz(_request: Request) -> Response:
        trouble = await run_in_threadpool(_trouble, app, states())
        return JSONResponse(trouble or {"ok": True}, status_code=503 if trouble else 200)

    async def livez(_request: Request) -> Response:
        return JSONResponse({"ok": True})  # this door alone: whether to start it again

    async def numbers(request: Request) -> Response:
        settings = app.settings.listserv
        here = is_this_machine(request, site.trusted, settings.base_url)
        if not (here or metrics.opens(request.headers, settings.metrics_token)):
            return await nothing(request, PermissionError())
        try:
            body = await run_in_threadpool(metrics.page, app.store, states(), site.watch.ways)
        except KretsError:
            return Response(status_code=503)
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    async def nothing(request: Request, _error: Exception) -> Response:
        return told(caller_of(site, request), "no-page", None, status=404)

    web = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/livez", livez),
            Route("/metrics", numbers),
            *_routes(site),
        ],
        exception_handlers={404: nothing},
    )
    web.router.redirect_slashes = False  # its redirects are built from the Host header
    return StrictHeaders(web)


def _routes(site: WebContext) -> list[BaseRoute]:
    """Return the pages, each with the address that leads to it."""
    both = ["GET", "POST"]
    return [
        Route("/", page_of(site, archive_pages.show_lists)),
        Route("/{list}/join", page_of(site, joining.show_join, joining.join), methods=both),
        Route(
            "/{list}/confirm/{token}",
            page_of(site, joining.show_confirm, joining.confirm),
            methods=both,
        ),
        Route(
            "/{list}/not-me/{token}",
            page_of(site, joining.show_not_me, joining.not_me),
            methods=both,
        ),
        Route(
            "/{list}/leave/{token}",
            page_of(site, leaving.show_leave, leaving.leave),
            methods=both,
        ),
        Route("/{list}/vote/{token}", page_of(site, voting.show_vote, voting.vote), methods=both),
        Route(
            "/{list}/answer/{token}",
            page_of(site, answering.show_question, answering.answer_question),
            methods=both,
        ),
        Route(
            "/{list}/members/{token}",
            page_of(site, member_sheet.show_sheet, member_sheet.sheet),
            methods=both,
        ),
        Route("/{list}/me", page_of(site, me.WAY.show, me.WAY.ask), methods=both),
        Route("/{list}/me/{token}", page_of(site, me.show_me, me.me), methods=both),
        Route(
            "/{list}/read",
            page_of(site, archive_access.WAY.show, archive_access.WAY.ask),
            methods=both,
        ),
        Route(
            "/{list}/read/{token}",
            page_of(site, archive_access.show_way, archive_access.enter),
            methods=both,
        ),
        Route("/{list}/proof/{token}", shown := proof.page_of_proof(site)),
        Route("/{list}/proof/{token}/{who}", shown),
        Route("/{list}/proof/{token}/{who}/{view}", shown),
        Mount("/", archive_pages.Pages(site)),
    ]


def _trouble(app: App, states: Mapping[str, int]) -> dict[str, str]:
    """Return what is down and why; empty when all is well."""
    found = {part: "not up" for part, state in states.items() if state != 2}  # noqa: PLR2004
    try:
        with app.store.read() as session:
            lag = sorting_lag.read(session, app.store.now(session))
        if lag.stands:
            found["sorting"] = f"{lag.waiting} wait, the first for {lag.oldest:.0f} s"
    except KretsError:
        found["database"] = "not answering"
    try:
        app.bells.client.ping()
    except Exception:  # noqa: BLE001 - whatever it is, the doorbell does not answer
        found["doorbell"] = "not answering"
    return found
