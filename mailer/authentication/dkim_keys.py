"""Make, rotate and publish the keys that copies are signed with (RFC 6376, 8301, 8463).

Knows domains, selectors and time: which key signs now, and how long the record of a retired one
must stay in DNS. SECURITY: the private keys stand in the database, as the token keys do, so
that every worker signs and a backup is whole; whoever reads the database can sign as us.
"""

import base64
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from sqlalchemy import LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import BadInput
from mailer.storage.store import Base

RSA_BITS = 2048
LEAD = 2 * 86400.0  # seconds that a new key of a domain that signs already waits for DNS
KEEP = 8 * 86400.0  # seconds that a retired key's record stays: mail is retried for five days
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_SHA256 = Prehashed(hashes.SHA256())
_PADDING = padding.PKCS1v15()

Private = Callable[[bytes], bytes]  # the SHA-256 digest of what is covered -> the signature


class Algorithm(StrEnum):
    """Name a way to sign, as the tag ``a=`` does."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


class KeyState(StrEnum):
    """Say what a key does now."""

    WAITING = "waiting"  # published by now, one hopes; signs later
    SIGNING = "signing"
    RETIRED = "retired"  # signs no more, but mail that carries it is still under way
    OVER = "over"  # its record may be taken out of DNS


_DOMAINS = "domains that have a DKIM key"


class DkimKey(Base):
    """Keep one private key of one domain."""

    __tablename__ = "dkim_key"
    __table_args__ = (UniqueConstraint("domain", "selector"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    domain: Mapped[str] = mapped_column(String(255))
    selector: Mapped[str] = mapped_column(String(63))
    algorithm: Mapped[str] = mapped_column(String(16))
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # PKCS #8, DER
    created: Mapped[float]
    starts: Mapped[float]  # signs from then on, until a later one of its kind starts


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Hold what one signature needs."""

    domain: str
    selector: str
    algorithm: Algorithm
    private: Private


@dataclass(frozen=True, slots=True)
class KeyView:
    """Show a key to those who publish it."""

    domain: str
    selector: str
    algorithm: Algorithm
    standing: KeyState
    starts: float
    remove_after: float | None  # when its record may go; None while no successor is known
    record: str

    @property
    def name(self) -> str:
        """Return where the record stands in DNS (RFC 6376 section 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def zone_line(self) -> str:
        """Return the record as a zone file has it, in strings of at most 255 bytes."""
        strings = (self.record[at : at + 255] for at in range(0, len(self.record), 255))
        quoted = " ".join(f'"{string}"' for string in strings)
        return f"{self.name}. IN TXT ( {quoted} )"


def new_keys(session: Session, domain: str, *, selector: str, now: float, starts: float) -> None:
    """Make an RSA and an Ed25519 key, ``selector`` with -r and -e behind it."""
    for algorithm, suffix in ((Algorithm.RSA, "r"), (Algorithm.ED25519, "e")):
        name = f"{selector}-{suffix}"
        if not _LABEL.match(name):
            raise BadInput(
                f"{selector!r} cannot be a selector.",
                "Use up to 61 letters, digits and hyphens, such as krets-2026.",
            )
        known = select(DkimKey.id).where(DkimKey.domain == domain, DkimKey.selector == name)
        if session.scalar(known) is not None:
            raise BadInput(f"{domain} has a selector {name} already.", "Name another one.")
        session.add(
            DkimKey(
                domain=domain,
                selector=name,
                algorithm=algorithm,
                secret=_generate(algorithm),
                created=now,
                starts=starts,
            )
        )
    session.flush()
    session.info.pop(_DOMAINS, None)


def free_selector(session: Session, domain: str, now: float) -> str:
    """Return a selector for today that ``domain`` has not used yet."""
    day = time.strftime("krets-%Y%m%d", time.gmtime(now))
    used = set(session.scalars(select(DkimKey.selector).where(DkimKey.domain == domain)))
    return day if f"{day}-r" not in used else f"{day}-{secrets.token_hex(2)}"


def domains(session: Session) -> frozenset[str]:
    """Return every domain that has a key, whether or not it signs now.

    Read once in a transaction: several posts are judged in one.
    """
    if _DOMAINS not in session.info:
        session.info[_DOMAINS] = frozenset(session.scalars(select(DkimKey.domain).distinct()))
    found: frozenset[str] = session.info[_DOMAINS]
    return found


def signs(session: Session, domain: str, now: float) -> bool:
    """Tell whether copies of lists at ``domain`` are signed now."""
    found = select(DkimKey.id).where(DkimKey.domain == domain, DkimKey.starts <= now).limit(1)
    return session.scalar(found) is not None


def signing_keys(session: Session, domain: str, now: float) -> tuple[SigningKey, ...]:
    """Return the keys that sign for ``domain`` now: the latest of each algorithm."""
    rows = session.execute(
        select(DkimKey)
        .where(DkimKey.domain == domain, DkimKey.starts <= now)
        .order_by(DkimKey.starts, DkimKey.id)
    ).scalars()
    latest = {Algorithm(row.algorithm): row for row in rows}
    return tuple(
        SigningKey(row.domain, row.selector, algorithm, private(algorithm, row.secret))
        for algorithm, row in sorted(latest.items(), reverse=True)
    )


def views(session: Session, now: float, domain: str = "") -> list[KeyView]:
    """Return every key, by domain and age, with what it does at ``now``."""
    chosen = select(DkimKey).order_by(DkimKey.domain, DkimKey.starts, DkimKey.id)
    rows = session.scalars(chosen.where(DkimKey.domain == domain) if domain else chosen).all()
    followed: dict[int, float] = {}
    for kind in {(row.domain, row.algorithm) for row in rows}:
        line = [row for row in rows if (row.domain, row.algorithm) == kind]
        followed |= {older.id: newer.starts for older, newer in pairwise(line)}
    return [_view(row, followed.get(row.id), now) for row in rows]


def standing(starts: float, successor: float | None, now: float) -> KeyState:
    """Say what a key does at ``now`` whose successor, if there is one, starts at ``successor``."""
    if now < starts:
        return KeyState.WAITING
    if successor is None or now < successor:
        return KeyState.SIGNING
    return KeyState.RETIRED if now < successor + KEEP else KeyState.OVER


def _view(row: DkimKey, successor: float | None, now: float) -> KeyView:
    return KeyView(
        domain=row.domain,
        selector=row.selector,
        algorithm=Algorithm(row.algorithm),
        standing=standing(row.starts, successor, now),
        starts=row.starts,
        remove_after=None if successor is None else successor + KEEP,
        record=_record(row.secret),
    )


def _generate(algorithm: Algorithm) -> bytes:
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if algorithm is Algorithm.RSA:
        key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load(secret: bytes) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    # Our own key: looking for its primes again would cost as much as a hundred signatures.
    key = serialization.load_der_private_key(secret, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise BadInput("A signing key in the database is neither RSA nor Ed25519.")
    return key


@lru_cache(maxsize=64)
def private(algorithm: Algorithm, secret: bytes) -> Private:
    """Return what signs digests with the key ``secret`` (PKCS #8, DER)."""
    key = _load(secret)
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm is not Algorithm.RSA:
            raise BadInput("A signing key in the database is of another kind than it says.")
        return lambda digest: key.sign(digest, _PADDING, _SHA256)
    return key.sign  # RFC 8463 section 3: Ed25519 over the digest


def _record(secret: bytes) -> str:
    public = _load(secret).public_key()
    if isinstance(public, rsa.RSAPublicKey):
        kind, form = "rsa", serialization.PublicFormat.SubjectPublicKeyInfo
        shown = public.public_bytes(serialization.Encoding.DER, form)
    else:
        kind = "ed25519"
        shown = public.public_bytes_raw()
    return f"v=DKIM1; k={kind}; p={base64.b64encode(shown).decode('ascii')}"
