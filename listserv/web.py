"""The web door: the archive's files, the list homes, and whether all is well.

SECURITY: paths come from strangers and are resolved inside one folder only; every answer carries
strict headers; nothing here changes anything (GET and HEAD alone). Links come from ``base_url``,
never from the Host header.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from listserv.app import App
from mailer.errors import KretsError, Misconfigured

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]


class StrictHeaders:
    """Put the strict headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers to what comes back."""

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, strict)


class Pages(StaticFiles):
    """Serve the public tree; mail that was kept as it came is shown as plain text."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, or the list's 404."""
        response = await super().get_response(path, scope)
        if path.endswith((".eml", ".mbox")) and response.status_code == 200:  # noqa: PLR2004 - OK
            response.headers["content-type"] = "text/plain; charset=utf-8"
        return response


def make_folder(app: App) -> Path:
    """Return the folder of the public pages, made if need be."""
    public = app.settings.archive_path / "public"
    try:
        public.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The archive's folder {public} cannot be made: {error.strerror}.",
            "Set archive.path to a folder that this user may write to.",
        ) from None
    return public


def build(app: App, states: Callable[[], Mapping[str, int]]) -> ASGIApp:
    """Return the ASGI application; ``states`` tells how the other parts are (2 is up)."""
    public = make_folder(app)

    async def healthz(_request: Request) -> Response:
        trouble = await run_in_threadpool(_trouble, app, states())
        return JSONResponse(trouble or {"ok": True}, status_code=503 if trouble else 200)

    site = Starlette(
        routes=[
            Route("/healthz", healthz),
            Mount("/", Pages(directory=public, html=True, follow_symlink=False)),
        ]
    )
    return StrictHeaders(site)


def _trouble(app: App, states: Mapping[str, int]) -> dict[str, str]:
    """Return what is down and why; empty when all is well."""
    found = {part: "not up" for part, state in states.items() if state != 2}  # noqa: PLR2004
    try:
        with app.store.read() as session:
            session.connection()
    except KretsError:
        found["database"] = "not answering"
    try:
        app.bells.client.ping()
    except Exception:  # noqa: BLE001 - whatever it is, the doorbell does not answer
        found["doorbell"] = "not answering"
    return found


def serve(site: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        site,
        loop="uvloop",
        http="h11",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=3,
        limit_concurrency=500,
        h11_max_incomplete_event_size=32 * 1024,
    )

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Stop on a signal as uvicorn does, but do not die of it again afterwards."""
            with super().capture_signals():
                yield
                self._captured_signals.clear()

    asyncio.run(_Server(config).serve(sockets=[listener]))
