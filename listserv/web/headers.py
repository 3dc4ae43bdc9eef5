"""Set strict headers on every answer: nothing from third parties, nothing framed or guessed.

A page whose address holds a token (``private``) is also kept by no cache and named to nobody.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The page that searches runs one script of ours, and pagefind's wasm; no other page does.
SEARCHING = CSP + "; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
STRICT = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
PRIVATE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}


class StrictHeaders:
    """Put the strict headers on every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers to what comes back."""

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in STRICT.items():
                    headers.setdefault(name, value)
            await send(message)

        path = scope.get("path", "")
        if "\0" in path:  # PostgreSQL's text holds none: it names nothing here
            scope = {**scope, "path": path.replace("\0", "\ufffd")}
        await self._app(scope, receive, strict)
