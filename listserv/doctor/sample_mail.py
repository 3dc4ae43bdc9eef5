"""Make one mail as a list's members get it: the same header set, token and signatures.

Knows how copies are made and signed, and sends nothing. The membership that its tokens name
does not exist, so that its way out takes nobody off a list.
"""

import secrets
from base64 import b32encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from sqlalchemy.orm import Session

import templates
from listserv.letters import notices, post_headers
from listserv.letters.post_headers import Trace
from listserv.mailings import signing
from listserv.mailings.signing import Signer
from listserv.wiring.app import App
from mailer.authentication import dkim, dkim_keys
from mailer.client.seven_bit import rewrite
from mailer.reading import message
from mailer.storage.tokens import TokenPurpose
from subscriptions.lists.policies import ArchivePolicy, ListKind
from subscriptions.lists.roster import MailList

NOBODY = 0  # the membership that its tokens name


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold a mail that is ready to leave."""

    return_path: str
    raw: bytes


def stand_in(domain: str) -> MailList:
    """Return a list that is nowhere, for an installation that has none yet."""
    return MailList(
        name="krets",
        domain=domain,
        title="Krets",
        kind=ListKind.NEWSLETTER,
        archive=ArchivePolicy.NONE,
    )


def make(session: Session, app: App, lst: MailList, to: str, now: float) -> Sample:
    """Return a mail of ``lst`` to ``to``, signed as its copies are."""
    plain = notices.face_of(app, lst)
    face = replace(plain, one_click=signing.one_click(session, app.settings, lst.domain, now))
    shown = {"title": lst.title, "page": face.page, "owner": face.sub("owner")}
    words = templates.mail("operator-sample", "en", list=shown)
    body = words.text.replace("\n", "\r\n")
    coding = "7bit" if body.isascii() else "8bit"
    name = b32encode(secrets.token_bytes(15)).decode().lower()
    letter = (
        f"From: {post_headers.phrase(lst.title, 'From')}<{face.sub('request')}>\r\n"
        f"To: <{to}>\r\n"
        f"Subject: {words.subject}\r\n"
        f"Date: {format_datetime(datetime.fromtimestamp(now, UTC))}\r\n"
        f"Message-ID: <doctor.{name}@{lst.domain}>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {coding}\r\n\r\n{body}"
    ).encode()
    letter = rewrite(letter, body=True) or letter  # so that any relay carries it, signed as it is
    trace = Trace("", "localhost", "local", 0, now, app.settings.listserv.domain)
    made = post_headers.compose(letter, message.head(letter), face, trace, "")
    token = app.keyring.standing(TokenPurpose.LEAVE, lst.address, NOBODY)
    values = {post_headers.LEAVE: token.encode("ascii")}
    stamped = b""
    if Signer(app.settings.mailer.sign) is Signer.KRETS:
        keys = dkim_keys.signing_keys(session, lst.domain, now)
        stamped = dkim.stamp(made, keys, lambda: now)(values) if keys else b""
    bounce = app.keyring.standing(TokenPurpose.BOUNCE, lst.address, NOBODY)
    return Sample(f"{lst.name}-bounces+{bounce}@{lst.domain}", stamped + made.join(values))
