"""The page that hands an owner the list of members as a file, by a code that is mailed.

SECURITY: a GET changes nothing and mails nothing, so that a scanner that follows the link does
not; the file is kept by no cache. Who may have it is for listserv/actions/member_sheets.py.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from starlette.responses import Response, StreamingResponse

from listserv.actions import member_sheets
from listserv.actions.links import DeadLink
from listserv.web.forms import field
from listserv.web.headers import PRIVATE
from listserv.web.page_context import Caller, answer, here, told


def show_sheet(caller: Caller) -> Response:
    """Show the button that mails the code; change nothing."""
    try:
        lst = member_sheets.look(caller.call(), caller.link)
    except DeadLink:
        return _gone(caller)
    return answer(caller, "members", lst, step="ask", trouble="")


def sheet(caller: Caller, form: Mapping[str, str]) -> Response:
    """Mail the code, or hand out the file for it."""
    call = caller.call()
    try:
        if field(form, "act") == "code":
            lst, sent = member_sheets.send_code(call, caller.link)
            trouble = "" if sent else "enough"
            return answer(caller, "members", lst, step="code", trouble=trouble)
        lst, rows = member_sheets.take(call, caller.link, field(form, "code")[:20])
    except DeadLink:
        return _gone(caller)
    if rows is None:
        return answer(caller, "members", lst, step="code", trouble="wrong", status=403)
    return _file(lst.name, rows)


def _gone(caller: Caller) -> Response:
    return told(caller, "sheet-gone", here(caller), status=410)


def _file(name: str, rows: Iterator[Sequence[tuple[str, ...]]]) -> Response:
    def lines() -> Iterator[str]:
        for some in rows:
            page = io.StringIO()
            csv.writer(page).writerows(some)
            yield page.getvalue()

    headers = {**PRIVATE, "content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)
