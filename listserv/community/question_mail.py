"""Compose what a question mails to members: one mail in each language, with a calendar's part.

    segments = compose(app, lst, event, "sv", "asked", now=now)

Reply-To, the page and the organizer of the calendar's part hold a slot: each member's own token,
so that an answer in words, by a button of a page and by a calendar are known alike. SECURITY: what
a host wrote is escaped by the templates and by templates/calendar.py; the token is worth one
member's answer to one question.
"""

import re
import secrets
from base64 import b32encode
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import templates
from listserv.letters.event_files import calendar_event
from listserv.letters.notices import face_of
from listserv.letters.post_headers import (
    LEAVE,
    ListFace,
    coded,
    list_fields,
    phrase,
)
from listserv.mailings.slots import CALENDAR, TO
from listserv.wiring.app import App
from mailer.ledger.splice import Segments
from subscriptions.lists.questions import Question, QuestionState
from subscriptions.lists.roster import MailList
from templates.calendar import write

_SLOT = re.compile(rb"(\x03[a-z]+(?:\.\d+)?\x04)")
_DIGITS = 14  # of a question's id in a slot: as long as a token, so that links are shown alike


def slot_of(question: Question) -> str:
    """Return the slot of a member's own token for a question."""
    return f"\x03question.{question.id:0{_DIGITS}d}\x04"


def message_id(lst: MailList) -> str:
    """Return a new Message-ID, without brackets."""
    return f"question.{b32encode(secrets.token_bytes(15)).decode().lower()}@{lst.domain}"


def shown(lst: MailList, face: ListFace) -> dict[str, object]:
    """Return what the templates of such mails know of a list."""
    return {
        "title": lst.title,
        "address": lst.address,
        "page": face.page,
        "request": face.sub("request"),
        "owner": face.sub("owner"),
        "zone": lst.zone,
    }


def told(question: Question) -> dict[str, object]:
    """Return what the templates know of a question."""
    return {
        "title": question.title,
        "kind": question.kind.value,
        "starts": question.starts,
        "ends": question.ends,
        "zone": question.zone or "UTC",
        "place": question.place,
        "seats": question.seats,
        "until": question.until,
        "text": question.text,
        "choices": question.choices,
        "secret": question.secret,
    }


def compose(
    app: App,
    lst: MailList,
    question: Question,
    language: str,
    why: str,
    *,
    named: str,
    now: float,
    calendar: bool = True,
    **more: Any,  # noqa: ANN401 - of the templates
) -> Segments:
    """Return the mail in one language; ``named`` is its Message-ID, ``why`` says what it tells.

    asked, changed, cancelled: with a part for calendars where it is an event; else a proof or a
    result, without one.
    """
    face = face_of(app, lst)
    token = slot_of(question)
    context: dict[str, object] = {
        "list": shown(lst, face),
        "event" if question.is_event else "poll": told(question),
        "why": why,
        "message": "",
        "answer_url": f"{face.page}answer/{token}",
        "leave_url": f"{face.page}leave/\x03{LEAVE}\x04",
        "leave_address": face.sub(f"leave+\x03{LEAVE}\x04"),
        **more,
    }
    name = "member-event" if question.is_event else "member-poll"
    words = templates.notice(name, language, **context)
    file = ""
    if calendar and question.is_event and why in {"asked", "changed", "cancelled"}:
        file = request(face, question, now=now, text=words.text)
    raw = _head(face, words.subject, language, token, named, now)
    raw += _content(words, file)
    pieces = _SLOT.split(raw)
    slots = tuple(one[1:-1].decode() for one in pieces[1::2])
    return Segments(tuple(pieces[::2]), slots)


def request(
    face: ListFace,
    event: Question,
    *,
    now: float,
    text: str,
    token: str = "",
    attendee: str = f"\x03{CALENDAR}\x04",
    partstat: str = "NEEDS-ACTION",
) -> str:
    """Return the calendar file that invites one member, or takes the event back (RFC 5546)."""
    cancelled = event.state is QuestionState.CANCELLED
    made = replace(
        calendar_event(face, event, now, text),
        organizer=face.sub(f"reply+{token or slot_of(event)}"),
        by=face.title,
        sent_by=face.sub("request"),
        attendee=attendee,
        partstat=partstat,
    )
    return write("CANCEL" if cancelled else "REQUEST", [made])


def _head(face: ListFace, subject: str, language: str, token: str, named: str, now: float) -> bytes:
    when = format_datetime(datetime.fromtimestamp(now, UTC))
    leave = face.sub(f"leave+\x03{LEAVE}\x04")
    return (
        f"From: {phrase(face.title, 'From')}<{face.sub('request')}>\r\n"
        f"To: <\x03{TO}\x04>\r\n"
        f"Reply-To: <{face.sub(f'reply+{token}')}>\r\n"
        f"{coded('Subject', subject)}\r\n"
        f"Date: {when}\r\nMessage-ID: <{named}>\r\n"
        f"Content-Language: {language}\r\n"
        f"{list_fields(face, '').decode()}"
        f"List-Unsubscribe: <mailto:{leave}>,\r\n <{face.page}leave/\x03{LEAVE}\x04>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n"
        "MIME-Version: 1.0\r\n"
    ).encode()


def _content(words: templates.MailText, calendar: str) -> bytes:
    """Return the Content fields and the body: text, HTML, and a calendar's part (RFC 6047).

    The calendar's part is the last of the alternatives, where programs look for an invitation, and
    stands once more as a file, which some take instead.
    """
    parts = [
        _part("text/plain; charset=utf-8; format=flowed", words.flowed),
        _part("text/html; charset=utf-8", words.html),
    ]
    if not calendar:
        return _multipart("alternative", parts)
    method = "CANCEL" if "\r\nMETHOD:CANCEL\r\n" in calendar else "REQUEST"
    parts.append(_part(f"text/calendar; charset=utf-8; method={method}", calendar))
    file = _part(
        'application/ics; name="invite.ics"', calendar,
        'Content-Disposition: attachment; filename="invite.ics"\r\n',
    )  # fmt: skip
    return _multipart("mixed", [_multipart("alternative", parts), file])


def _part(kind: str, text: str, more: str = "") -> bytes:
    body = text.replace("\r\n", "\n").replace("\n", "\r\n")
    coding = "7bit" if body.isascii() else "8bit"
    return (
        f"Content-Type: {kind}\r\n{more}Content-Transfer-Encoding: {coding}\r\n\r\n{body}"
    ).encode("utf-8", "replace")


def _multipart(kind: str, parts: list[bytes]) -> bytes:
    mark = b"=_" + b32encode(secrets.token_bytes(15)).lower()
    head = b"Content-Type: multipart/" + kind.encode() + b';\r\n boundary="' + mark + b'"\r\n\r\n'
    body = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts)
    return head + body + b"--" + mark + b"--\r\n"
