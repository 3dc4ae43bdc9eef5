"""The page that hands an owner the list of members as a file, by a code that is mailed.

SECURITY: a GET changes nothing and mails nothing, so that a scanner that follows the link does
not; the file is kept by no cache. Who may have it is for listserv/owners/member_sheets.py.
"""

import csv
import io
from collections.abc import Iterator, Mapping

from sqlalchemy.orm import Session
from starlette.responses import Response, StreamingResponse

from listserv.actions import members
from listserv.actions.call import Actor, Call
from listserv.actions.permissions import Proven
from listserv.owners import member_sheets
from listserv.web.forms import field
from listserv.web.headers import PRIVATE
from listserv.web.page_context import Caller, answer, list_of, told
from subscriptions.lists.roster import MailList
from subscriptions.permission import asks
from subscriptions.permission.asks import Ask, AskPurpose
from subscriptions.permission.consent import Source


def show_sheet(caller: Caller) -> Response:
    """Show the button that mails the code; change nothing."""
    with caller.app.store.read() as session:
        lst = list_of(session, caller)
        if _asked(session, caller, lst) is None:
            return _gone(caller, lst)
        return answer(caller, "members", lst, step="ask", trouble="")


def sheet(caller: Caller, form: Mapping[str, str]) -> Response:
    """Mail the code, or hand out the file for it."""
    with caller.app.store.write() as session:
        lst = list_of(session, caller)
        ask = _asked(session, caller, lst)
        if ask is None:
            return _gone(caller, lst)
        visit = caller.visit(session, lst)
        if field(form, "act") == "code":
            sent = member_sheets.send_code(visit, ask)
            page = answer(caller, "members", lst, step="code", trouble="" if sent else "enough")
            opened = False
        else:
            opened = member_sheets.open_by(visit, ask, field(form, "code")[:20])
            page = answer(caller, "members", lst, step="code", trouble="wrong", status=403)
        key, address = ask.address_key, lst.address
    caller.ring()
    return _file(caller, address, key) if opened else page


def _asked(session: Session, caller: Caller, lst: MailList) -> Ask | None:
    found = asks.look(session, caller.token, AskPurpose.SHEET, list_id=lst.id, now=caller.now)
    if found.ask is None or found.trouble is not None:
        return None
    return found.ask if member_sheets.owner_of(caller.visit(session, lst), found.ask) else None


def _gone(caller: Caller, lst: MailList) -> Response:
    return told(caller, "sheet-gone", lst, status=410)


def _file(caller: Caller, address: str, key: str) -> Response:
    call = Call(caller.app, Actor(Source.WEB, Proven.TOKEN, key), caller.now)

    def lines() -> Iterator[str]:
        for rows in members.sheet(call, address):
            page = io.StringIO()
            csv.writer(page).writerows(rows)
            yield page.getvalue()

    name = address.partition("@")[0]
    headers = {**PRIVATE, "content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)
