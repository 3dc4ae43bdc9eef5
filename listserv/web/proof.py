"""Show an editor a proof on a page: at every width, by day and night, as other readers.

SECURITY: what an editor wrote is shown in frames without scripts, forms, and the site's origin
(``sandbox`` in the frame's tag and in its own policy); GET changes nothing; the page and what
stands in it are kept by no cache. Whose copy it is, is told with a shortened address.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from listserv.actions import newsletters
from listserv.newsletters.editors import preview
from listserv.newsletters.editors.preview import PreviewCopy
from listserv.web.headers import CSP, PRIVATE
from listserv.web.page_context import Caller, WebContext, answer, caller_of, told
from mailer.errors import BadInput, Refused, Temporary
from mailer.reading.masking import mask

VIEWS = ("light", "dark", "bare")
_FRAME = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {}; frame-ancestors 'self'"
)
_NUMBER = re.compile(r"\d{1,2}")


def page_of_proof(site: WebContext) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return the endpoint for the page, its frames and the mail itself."""

    async def endpoint(request: Request) -> Response:
        caller = caller_of(site, request)
        who = request.path_params.get("who", "0")
        view = request.path_params.get("view", "")
        try:
            return await run_in_threadpool(_show, caller, who, view)
        except (Refused, BadInput):
            return told(caller, "no-page", None, status=404)
        except Temporary:
            return told(caller, "later", None, status=503)

    return endpoint


def _show(caller: Caller, who: str, view: str) -> Response:
    call = caller.call()
    opened = newsletters.open_preview(call, caller.link)
    if not _NUMBER.fullmatch(who) or int(who) >= len(opened.readers):
        raise BadInput("This link opens nothing.")
    copy = newsletters.preview_copy(call, opened, opened.readers[int(who)])
    if view:
        return _part(copy, view)
    lst = opened.list
    base = f"/{lst.address}/proof/{caller.token}/"
    page = answer(
        caller,
        "proof",
        lst,
        root="/",
        base=base,
        who=int(who),
        readers=[
            {"name": one.name, "to": mask(one.to.given), "language": one.language}
            for one in opened.readers
        ],
        copy=copy,
        revision=opened.revision,
    )
    page.headers["content-security-policy"] = f"{CSP}; frame-src 'self'"
    return page


def _part(copy: PreviewCopy, view: str) -> Response:
    """Return what stands in one frame, or the whole mail."""
    if view == "raw":
        policy = {"content-security-policy": "sandbox; default-src 'none'"}
        return Response(copy.raw, media_type="text/plain", headers={**PRIVATE, **policy})
    if view not in VIEWS:
        raise BadInput("There is no such view.")
    images = "'none'" if view == "bare" else "https: http: data:"
    return HTMLResponse(
        preview.in_light(copy.html, dark=view == "dark"),
        headers={
            **PRIVATE,
            "content-security-policy": _FRAME.format(images),
            "x-frame-options": "SAMEORIGIN",
        },
    )
