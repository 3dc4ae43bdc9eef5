"""Tokens that stand in addresses and links: *standing* ones that are computed, never stored.

A standing token proves that we made it for one purpose, one list and one row; it carries the
row's number, so nothing is looked up to read it, and it never expires (RFC 8058 and a promise:
leaving works for ever). SECURITY: HMAC-SHA256 cut to 80 bits, compared in constant time, with a
key id so that keys can be rotated while old tokens still verify. Lower-case base32, because
mail servers fold the case of local parts; 26 characters, so that LIST-bounces+TOKEN stays
within the 64 octets of a local part (RFC 5321 section 4.5.3.1.1).
"""

import base64
import hashlib
import hmac
import secrets
import time
from enum import StrEnum

from sqlalchemy import LargeBinary, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.store import Base

LENGTH = 26  # characters of a standing token
_MAC = 10  # bytes


class Purpose(StrEnum):
    """Name what a token may do; a token for one purpose is worthless for another."""

    BOUNCE = "bounce"
    LEAVE = "leave"
    REPLY = "reply"
    ME = "me"


class TokenKey(Base):
    """Keep one HMAC key; the newest signs, all verify."""

    __tablename__ = "token_key"
    id: Mapped[int] = mapped_column(primary_key=True)  # 1..255, stands in the token
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    created: Mapped[float]


class Keyring:
    """Make and read standing tokens with the keys of one database."""

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = keys
        self._newest = max(keys)

    def standing(self, purpose: Purpose, scope: str, ref: int) -> str:
        """Return the token for row ``ref`` (below 2**40) of ``scope`` (a list's address)."""
        body = bytes((self._newest,)) + ref.to_bytes(5, "big")
        mac = self._mac(self._newest, purpose, scope, body)
        return base64.b32encode(body + mac).decode("ascii").rstrip("=").lower()

    def read(self, token: str, purpose: Purpose, scope: str) -> int | None:
        """Return the row that ``token`` was made for, or None if we did not make it for this."""
        if len(token) != LENGTH or not token.isascii():
            return None
        try:
            packed = base64.b32decode(token.upper() + "======")
        except ValueError:
            return None
        body, mac = packed[:-_MAC], packed[-_MAC:]
        canonical = base64.b32encode(packed).decode("ascii").rstrip("=").lower() == token.lower()
        if not canonical or body[0] not in self._keys:
            return None
        if not hmac.compare_digest(mac, self._mac(body[0], purpose, scope, body)):
            return None
        return int.from_bytes(body[1:], "big")

    def keyed_hash(self, text: str) -> bytes:
        """Return 16 bytes that stand for ``text`` where the text itself must not stay."""
        first = self._keys[min(self._keys)]
        return hmac.new(first, b"hash\0" + text.encode(), hashlib.sha256).digest()[:16]

    def _mac(self, key_id: int, purpose: Purpose, scope: str, body: bytes) -> bytes:
        said = b"\0".join((purpose.encode(), scope.encode(), body))
        return hmac.digest(self._keys[key_id], said, "sha256")[:_MAC]


def load_keyring(session: Session) -> Keyring | None:
    """Return the keyring of this database, or None before the first key was made."""
    rows = session.execute(select(TokenKey.id, TokenKey.secret)).all()
    return Keyring({row.id: row.secret for row in rows}) if rows else None


def new_key(session: Session) -> None:
    """Add a key; from now on it signs."""
    newest = session.scalar(select(TokenKey.id).order_by(TokenKey.id.desc()).limit(1)) or 0
    session.add(TokenKey(id=newest + 1, secret=secrets.token_bytes(32), created=time.time()))
