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
from collections.abc import Callable, Sequence
from enum import StrEnum

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import Misconfigured
from mailer.storage import key_file
from mailer.storage.key_file import StoredKey
from mailer.storage.store import KEY_FILE, Base

LENGTH = 26  # characters of a standing token
_MAC = 10  # bytes
_PAIR_MAC = 7  # bytes beside two rows: no offline attack, and 2**55 mails for an even chance
_MANY = 1000  # begun hashes that are kept
_BLOCK = 64  # bytes that SHA-256 takes at a time
_DIGITS = bytes.maketrans(bytes(range(32)), b"abcdefghijklmnopqrstuvwxyz234567")  # RFC 4648


class TokenPurpose(StrEnum):
    """Name what a token may do; a token for one purpose is worthless for another."""

    BOUNCE = "bounce"
    PROBE = "probe"  # what comes back of a mail that asks an address whether it is there
    LEAVE = "leave"
    REPLY = "reply"
    ME = "me"
    VOTE = "vote"  # answers an issue's question
    READ = "read"  # a members' archive, in a cookie
    FROM = "from"  # stands for a writer whose From had to be rewritten
    PROOF = "proof"  # the page of an issue that is not sent yet
    DIGEST = "digest"  # answers a digest
    IN_DIGEST = "in-digest"  # answers one mail in a digest
    TO_WRITER = "to-writer"  # answers its writer alone
    QUESTION = "question"  # a member answers an event or a poll
    HOST = "host"  # says what is to be done with one
    EXAMINE = "examine"  # has the doctor look again, and the operator told


class TokenKey(Base):
    """Keep one HMAC key, or the place of one that stands in the key file (key_file.py).

    The newest signs, all verify.
    """

    __tablename__ = "token_key"
    id: Mapped[int] = mapped_column(primary_key=True)  # 1..255, stands in the token
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # empty where the file has it
    created: Mapped[float]
    fingerprint: Mapped[str] = mapped_column(String(16), default="")  # what key the file must have


class Keyring:
    """Make and read standing tokens with the keys of one database."""

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = keys
        self._newest = max(keys)
        self._hash = _begin_mac(keys[min(keys)], b"hash\0")
        self._begun: dict[tuple[int, str, str], tuple[hashlib._Hash, hashlib._Hash]] = {}

    def standing(self, purpose: TokenPurpose, scope: str, ref: int) -> str:
        """Return the token for row ``ref`` (below 2**40) of ``scope`` (a list's address)."""
        body = (self._newest << 40 | ref).to_bytes(6, "big")
        return _spell(body + self._mac(self._newest, purpose, scope, body))

    def maker(self, purpose: TokenPurpose, scope: str) -> Callable[[int], str]:
        """Return what makes ``standing`` tokens of one purpose and scope, for very many rows."""
        begun = _begin_mac(self._keys[self._newest], f"{purpose}\0{scope}\0".encode())
        above = self._newest << 40

        def make(ref: int) -> str:
            body = (above | ref).to_bytes(6, "big")
            return _spell(body + _end_mac(begun, body)[:_MAC])

        return make

    def read(self, token: str, purpose: TokenPurpose, *scopes: str) -> int | None:
        """Return the row that ``token`` was made for, or None if we did not make it for this.

        A list that was renamed has several ``scopes``: it was made for one of them.
        """
        return self._read(token, purpose, scopes, _MAC)

    def _read(
        self, token: str, purpose: TokenPurpose, scopes: Sequence[str], mac: int
    ) -> int | None:
        if len(token) != LENGTH or not token.isascii():
            return None
        try:
            packed = base64.b32decode(token.upper() + "======")
        except ValueError:
            return None
        body, given = packed[:-mac], packed[-mac:]
        if _spell(packed) != token.lower() or body[0] not in self._keys:
            return None
        macs = [self._mac(body[0], purpose, scope, body)[:mac] for scope in scopes]
        if sum(hmac.compare_digest(given, one) for one in macs) == 0:
            return None
        return int.from_bytes(body[1:], "big")

    def pair_maker(self, purpose: TokenPurpose, scope: str) -> Callable[[int, int], str]:
        """Return what makes tokens for two rows (both below 2**32), as ``read_pair`` reads them."""
        begun = _begin_mac(self._keys[self._newest], f"{purpose}\0{scope}\0".encode())
        above = self._newest << 64

        def make(first: int, second: int) -> str:
            body = (above | first << 32 | second).to_bytes(9, "big")
            return _spell(body + _end_mac(begun, body)[:_PAIR_MAC])

        return make

    def read_pair(self, token: str, purpose: TokenPurpose, *scopes: str) -> tuple[int, int] | None:
        """Return the two rows that ``token`` was made for, or None if we did not make it."""
        found = self._read(token, purpose, scopes, _PAIR_MAC)
        return None if found is None else (found >> 32, found & 0xFFFFFFFF)

    def keyed_hash(self, text: str) -> bytes:
        """Return 16 bytes that stand for ``text`` where the text itself must not stay."""
        return _end_mac(self._hash, text.encode())[:16]

    def _mac(self, key_id: int, purpose: TokenPurpose, scope: str, body: bytes) -> bytes:
        """Return HMAC-SHA256 (RFC 2104) over purpose, scope and body, cut.

        The two hashes are begun once for each key, purpose and list, because copies are made by
        the million: 1.5 us for what takes 3.9 us from the start (measured).
        """
        begun = self._begun.get((key_id, purpose, scope))
        if begun is None:
            begun = _begin_mac(self._keys[key_id], f"{purpose}\0{scope}\0".encode())
            if len(self._begun) >= _MANY:
                self._begun.clear()
            self._begun[key_id, purpose, scope] = begun
        return _end_mac(begun, body)[:_MAC]


def _end_mac(begun: "tuple[hashlib._Hash, hashlib._Hash]", body: bytes) -> bytes:
    inner, outer = begun[0].copy(), begun[1].copy()
    inner.update(body)
    outer.update(inner.digest())
    return outer.digest()


def _begin_mac(key: bytes, said: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """Begin the inner and the outer hash of RFC 2104 section 2."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in block) + said)
    return inner, hashlib.sha256(bytes(octet ^ 0x5C for octet in block))


def _steps() -> tuple[tuple[int, int, int], ...]:
    """Return what ``_spell`` does five times: bits that stay, bits that move, how far."""
    steps = []
    starts, groups = [0], 16
    while groups:
        low = (1 << 5 * groups) - 1
        stay = sum(low << start for start in starts)
        steps.append((stay, stay << 5 * groups, 3 * groups))
        starts = [begin for start in starts for begin in (start, start + 8 * groups)]
        groups //= 2
    return tuple(steps)


_SPREAD = _steps()


def _spell(packed: bytes) -> str:
    """Return 16 bytes in lower-case base32 without padding.

    Spreads groups of five bits to a byte each, halving all at once; ``base64.b32encode`` takes
    five times as long (6 us), and each copy of a mailing has two tokens.
    """
    number = int.from_bytes(packed, "big") << 2
    for stay, move, far in _SPREAD:
        number = number & stay | (number & move) << far
    return number.to_bytes(32, "big")[-LENGTH:].translate(_DIGITS).decode("ascii")


def load_keys(session: Session) -> list[StoredKey]:
    """Return every key, from the database or the file beside it.

    Raise Misconfigured where the file lacks a key that the database names, or has another.
    """
    rows = session.execute(
        select(TokenKey.id, TokenKey.secret, TokenKey.created, TokenKey.fingerprint)
    ).all()
    if all(row.secret for row in rows):
        return [StoredKey(row.id, row.secret, row.created) for row in rows]
    file = session.info[KEY_FILE]
    held = key_file.read(file)
    keys = []
    for row in rows:
        secret = row.secret or (held[row.id].secret if row.id in held else b"")
        if not secret or (not row.secret and key_file.fingerprint(secret) != row.fingerprint):
            says = "has another" if secret else "lacks" if file.exists() else "is missing; it had"
            raise Misconfigured(
                f"{file} {says} key {row.id} ({row.fingerprint}) of this database's tokens.",
                f"Put back {key_file.NAME} from where you keep it apart, or from another machine"
                " on this database. Without it no link or address that was mailed works.",
            )
        keys.append(StoredKey(row.id, secret, row.created))
    return keys


def load_keyring(session: Session) -> Keyring | None:
    """Return the keyring of this database, or None before the first key was made."""
    keys = load_keys(session)
    return Keyring({key.id: key.secret for key in keys}) if keys else None


def new_key(session: Session, *, apart: bool = False) -> None:
    """Add a key; from now on it signs. ``apart`` writes it to the key file alone."""
    newest = session.scalar(select(TokenKey.id).order_by(TokenKey.id.desc()).limit(1)) or 0
    key = StoredKey(newest + 1, secrets.token_bytes(32), time.time())
    if apart:
        key_file.add(session.info[KEY_FILE], [key])
    session.add(
        TokenKey(
            id=key.id,
            secret=b"" if apart else key.secret,
            created=key.created,
            fingerprint=key_file.fingerprint(key.secret),
        )
    )
