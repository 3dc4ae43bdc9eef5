"""Leaving by link: a button for people, one POST for their mail programs (RFC 8058).

SECURITY: a GET only shows; a one-click POST is answered 200 in place, the first time and every
other. What the link is worth is told in listserv/actions/own/leaving.py.
"""

from collections.abc import Mapping

from starlette.responses import Response

from listserv.actions.links import DeadLink
from listserv.actions.own import leaving
from listserv.web.page_context import Caller, here, offer, told


def show_leave(caller: Caller) -> Response:
    """Show the button; change nothing."""
    try:
        found = leaving.show(caller.call(), caller.link)
    except DeadLink as error:
        return _nobody(caller, error)
    if found.left:
        return told(caller, "left", found.list)
    return offer(caller, "leave", found.list, found.given)


def leave(caller: Caller, form: Mapping[str, str]) -> Response:
    """Let the member go, at once and without a question."""
    one_click = "List-Unsubscribe" in form  # RFC 8058 section 3.1
    try:
        found = leaving.leave(caller.call("page"), caller.link, one_click=one_click)
        return told(caller, "left", found.list)
    except DeadLink as error:
        return _nobody(caller, error)


def _nobody(caller: Caller, error: DeadLink) -> Response:
    if error.key == "proof":
        return told(caller, "leave-proof", here(caller))
    return told(caller, "leave-unknown", here(caller), status=404)
