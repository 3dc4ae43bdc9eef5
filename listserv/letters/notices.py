"""Notices: a mail of ours to one person, composed from a template and put into the ledger.

    send(session, app, lst=lst, to=address, name="member-welcome", language="sv",
         context={...}, door=Door("confirm", token), in_reply_to=message_id, member=member.id)

Effects stand in the caller's transaction; the caller rings "deliver" after it. Whether an
automatic mail may go at all is asked before (subscriptions.permission.budget): nothing is refused
here. The mail is text (format=flowed) and HTML. ``context`` is added to what every template has:
``list`` (title, address, page, request, owner, help, zone, description, discussion, archived),
``answer_address`` where a reply goes, ``leave_address`` and ``leave_url`` where ``member`` is
given, ``confirm_url`` and ``not_me_url`` where ``door`` is a confirmation or ``pages`` is one's
token. ``forward`` hands a letter to LIST-owner@ on as it came. SECURITY:
values reach headers only through ``_header``, which keeps them on one line.
"""

import secrets
from base64 import b32encode, encodebytes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from quopri import encodestring
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

import templates
from listserv.letters import writer_alias
from listserv.letters.post_headers import ListFace, phrase
from listserv.wiring import vouching
from listserv.wiring.app import App
from mailer.authentication import verdict
from mailer.client.seven_bit import rewrite
from mailer.ledger import mailings
from mailer.ledger.mailings import Recipient
from mailer.ledger.splice import Segments
from mailer.reading import message
from mailer.reading.addresses import MailAddress, parse
from mailer.reading.headers import auth_results
from mailer.storage.arrivals import Arrival
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.roster import Address as AddressRow
from subscriptions.lists.roster import ArchivePolicy, ListKind, MailList, Membership, Person, Role
from subscriptions.membership import optin

KIND = "notice"
PROBE = "probe"  # asks an address whether it is there: its return path is its own
EXPIRES = 3 * 86400.0  # seconds until a deferred notice is given up: it says what is true now
HANDED_ON = "Received: from "  # how a letter begins that we did not write
LINE = 998  # bytes of a line (RFC 5322 section 2.1.1); longer ones are encoded
LAST_WORD = -1  # the ledger's ``ref`` of the one answer to somebody who is not mailed any more


@dataclass(frozen=True, slots=True)
class AnswerAddress:
    """Say where an answer goes: ``LIST-<suffix>+<token>@``, and by which pages."""

    suffix: str  # confirm, reply or issue
    token: str  # "" where the address needs none

    def of(self, face: ListFace) -> str:
        """Return the address of ``face`` that it stands for."""
        return face.sub(f"{self.suffix}+{self.token}" if self.token else self.suffix)


@dataclass(frozen=True, slots=True)
class Sent:
    """Name the mailing that a notice became, and its words."""

    mailing: int
    words: templates.MailText


@dataclass(frozen=True, slots=True)
class Enclosure:
    """Hold what a notice brings along; a ``message/rfc822`` must have CRLF line ends."""

    type: str
    name: str
    data: bytes


def face_of(app: App, lst: MailList) -> ListFace:
    """Return what the list's headers say of it."""
    return ListFace(
        address=lst.address,
        identity=lst.identity,
        title=lst.title,
        base_url=app.settings.listserv.base_url,
        posts=lst.kind is ListKind.DISCUSSION,
        archived=lst.archive is not ArchivePolicy.NONE,
    )


def send(
    session: Session,
    app: App,
    *,
    lst: MailList,
    to: MailAddress,
    name: str,
    language: str,
    now: float,
    context: Mapping[str, object] | None = None,
    door: AnswerAddress | None = None,
    pages: str = "",
    in_reply_to: str = "",
    member: int = 0,
    last_word: bool = False,
    enclosures: Sequence[Enclosure] = (),
    seven_bit: bool = False,
    kind: str = KIND,
) -> Sent:
    """Put the mail ``name`` to ``to`` into the ledger; return the mailing and its words.

    ``door`` is where a reply goes (without it: LIST-request@), ``pages`` the confirmation that
    the pages are for where that is another, ``member`` the membership that the mail is about,
    ``last_word`` lets it go although they said "never mail me", and ``enclosures`` are what
    it brings along: the mail that it is about, or files. ``seven_bit`` writes it so that any
    relay can carry it.
    """
    face = face_of(app, lst)
    values = {**shown(lst, face), **_ways_out(app, face, member), **_pages(face, door, pages)}
    values["welcome"] = lst.welcome_in(language)
    answers = face.sub("request") if door is None else door.of(face)
    values["answer_address"] = answers
    words = templates.notice(name, language, **{**values, **(context or {})})
    message_id = f"notice.{b32encode(secrets.token_bytes(15)).decode().lower()}@{lst.domain}"
    fields = [
        f"From: {phrase(lst.title, 'From')}<{face.sub('request')}>",
        f"To: <{to.given}>",
        f"Reply-To: <{answers}>",
        f"Subject: {_header('Subject', words.subject)}",
        f"Date: {_date(now)}",
        f"Message-ID: <{message_id}>",
        *_thread(in_reply_to),
        f"List-Id: {phrase(lst.title, 'List-Id')}<{face.list_id}>",
        f"List-Help: <mailto:{face.sub('help')}>",
        f"List-Owner: <mailto:{face.sub('owner')}>",
        *_unsubscribe(values),
        f"Auto-Submitted: {'auto-replied' if in_reply_to else 'auto-generated'}",
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "Precedence: bulk",
        "MIME-Version: 1.0",
    ]
    head = "".join(f"{field}\r\n" for field in fields).encode()
    raw = head + content(words, enclosures)
    if seven_bit:
        raw = rewrite(raw, body=True) or raw
    ref = LAST_WORD if last_word else member
    return Sent(post(session, lst, to, message_id, raw, now, ref=ref, kind=kind), words)


def post(
    session: Session,
    lst: MailList,
    to: MailAddress,
    message_id: str,
    raw: bytes,
    now: float,
    *,
    ref: int = 0,
    kind: str = KIND,
) -> int:
    """Put a mail to one person into the ledger as it is; return the mailing's id."""
    mailing = mailings.create_mailing(
        session,
        kind=kind,
        list_address=lst.address,
        message_id=message_id,
        policy="never-miss",
        compositions={0: Segments((raw,))},
        created=now,
        expires_at=now + EXPIRES,
    )
    row = {
        "mailing_id": mailing,
        "ref": ref,
        "address": to.wire,
        "bucket": to.domain,
        "due": now,
    }
    session.execute(insert(Recipient), [row])
    mailings.open_mailing(session, mailing, now=now)
    return mailing


def send_to_member(
    session: Session,
    app: App,
    lst: MailList,
    member: Membership,
    name: str,
    *,
    now: float,
    context: Mapping[str, object] | None = None,
    door: AnswerAddress | None = None,
    in_reply_to: str = "",
    seven_bit: bool = False,
) -> Sent:
    """Send a notice to a membership's own address, in the person's language."""
    row = session.execute(
        select(AddressRow.given, Person.language)
        .join(Person, Person.id == AddressRow.person_id)
        .where(AddressRow.id == member.address_id)
    ).one()
    return send(
        session,
        app,
        lst=lst,
        to=parse(row.given),
        name=name,
        language=row.language or lst.language,
        now=now,
        context=context,
        door=door,
        in_reply_to=in_reply_to,
        seven_bit=seven_bit,
        member=member.id,
    )


def forward(
    session: Session,
    app: App,
    lists: Sequence[MailList],
    arrival: Arrival,
    raw: bytes,
    now: float,
    roles: Sequence[Role] = (Role.OWNER,),
) -> int:
    """Hand a letter on to the lists' owners (or other ``roles``) as it came; return how many."""
    owners = [owner for lst in lists for owner in optin.owners_of(session, lst, *roles)]
    to = [optin.address_of(session, owner) for owner in owners]
    if not to:
        return 0
    return hand_on(session, app, lists[0], arrival, raw, to, now, suffix="owner")


def hand_on(
    session: Session,
    app: App,
    lst: MailList,
    arrival: Arrival,
    raw: bytes,
    to: Sequence[MailAddress],
    now: float,
    *,
    suffix: str,
) -> int:
    """Hand a stranger's letter to ``LIST-suffix@`` on; return to how many.

    As it came, but for a From that our return path would vouch for, or that receivers would
    refuse: its place takes an alias.
    """
    own = vouching.own_names(session, app.settings)
    judged = verdict.read(arrival.authentication)
    letter = auth_results.without(message.with_crlf(raw), own)
    disowned = vouching.disowned(message.head(letter), own, judged)
    letter = auth_results.without_signatures(letter, disowned)
    found = message.head(letter)
    ours = vouching.organisations(session, lst.domain)
    if writer_alias.needed(found, judged, ours):
        alias = writer_alias.make(session, app.keyring, lst, found, arrival.id)
        letter = writer_alias.munged(letter, found, alias)
    trace = (
        f"{HANDED_ON}{arrival.client or 'unknown'}\r\n by {app.settings.listserv.domain}"
        f" (Krets) with {arrival.protocol} id {arrival.id}\r\n"
        f" for <{face_of(app, lst).sub(suffix)}>; {_date(arrival.received_at)}\r\n"
    )
    mailing = mailings.create_mailing(
        session,
        kind=KIND,
        list_address=lst.address,
        message_id=message.message_id(found) or "",
        policy="never-miss",
        compositions={0: Segments((trace.encode("ascii", "replace") + letter,))},
        created=now,
        expires_at=now + EXPIRES,
    )
    rows = [
        {"mailing_id": mailing, "ref": 0, "address": one.wire, "bucket": one.domain, "due": now}
        for one in {one.key: one for one in to}.values()
    ]
    session.execute(insert(Recipient), rows)
    mailings.open_mailing(session, mailing, now=now)
    return len(rows)


def _date(at: float) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC))


def shown(lst: MailList, face: ListFace) -> dict[str, Any]:
    """Return what every mail of ours knows of its list."""
    values = {
        "title": lst.title,
        "address": lst.address,
        "description": lst.description,
        "page": face.page,
        "request": face.sub("request"),
        "owner": face.sub("owner"),
        "help": face.sub("help"),
        "zone": lst.zone,
        "discussion": face.posts,
        "archived": face.archived,
        "closed": lst.closed,
    }
    return {"list": values}


def _ways_out(app: App, face: ListFace, member: int) -> dict[str, str]:
    if member <= 0:
        return {}
    token = app.keyring.standing(TokenPurpose.LEAVE, face.address, member)
    return {
        "leave_address": face.sub(f"leave+{token}"),
        "leave_url": f"{face.page}leave/{token}",
    }


def _pages(face: ListFace, door: AnswerAddress | None, pages: str) -> dict[str, str]:
    token = door.token if door is not None and door.suffix == "confirm" else pages
    if not token:
        return {}
    return {
        "confirm_url": f"{face.page}confirm/{token}",
        "not_me_url": f"{face.page}not-me/{token}",
    }


def _unsubscribe(values: Mapping[str, Any]) -> list[str]:
    if "leave_url" not in values:
        return []
    return [f"List-Unsubscribe: <mailto:{values['leave_address']}>,\r\n <{values['leave_url']}>"]


def _thread(in_reply_to: str) -> list[str]:
    if not in_reply_to or not in_reply_to.isascii() or not in_reply_to.isprintable():
        return []
    return [f"In-Reply-To: <{in_reply_to}>", f"References: <{in_reply_to}>"]


def _header(name: str, text: str) -> str:
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    charset = "us-ascii" if clean.isascii() else "utf-8"
    return Header(clean, charset, header_name=name).encode(linesep="\r\n")


def content(words: templates.MailText, enclosures: Sequence[Enclosure] = ()) -> bytes:
    """Return the rest of the header, the blank line and the parts."""
    text = _part("text/plain", words.flowed, "; format=flowed")
    if words.html:
        text = _multipart("alternative", [text, _part("text/html", words.html)])
    return _multipart("mixed", [text, *map(_enclosed, enclosures)]) if enclosures else text


def _enclosed(enclosure: Enclosure) -> bytes:
    whole = enclosure.type == "message/rfc822"  # RFC 2046 section 5.2.1: never encoded
    data = enclosure.data if whole else encodebytes(enclosure.data).replace(b"\n", b"\r\n")
    coding = ("7bit" if data.isascii() else "8bit") if whole else "base64"
    head = (
        f"Content-Type: {enclosure.type}\r\n"
        f'Content-Disposition: attachment; filename="{enclosure.name}"\r\n'
        f"Content-Transfer-Encoding: {coding}\r\n\r\n"
    )
    return head.encode() + data


def _part(kind: str, text: str, more: str = "") -> bytes:
    data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    coding = "7bit" if data.isascii() else "8bit"
    if max(map(len, data.split(b"\r\n"))) > LINE:
        coding, data = "quoted-printable", encodestring(data).replace(b"\r\n", b"\n")
        data = data.replace(b"\n", b"\r\n")
    head = f"Content-Type: {kind}; charset=utf-8{more}\r\nContent-Transfer-Encoding: {coding}"
    return f"{head}\r\n\r\n".encode() + data


def _multipart(kind: str, parts: list[bytes]) -> bytes:
    mark = b"=_" + b32encode(secrets.token_bytes(15)).lower()
    head = b"Content-Type: multipart/" + kind.encode() + b';\r\n boundary="' + mark + b'"\r\n\r\n'
    return (
        head
        + b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts)
        + (b"--" + mark + b"--\r\n")
    )
