"""Keep what the signatures of a consent's raw mail said, once somebody has looked.

    await_check(session, shas)      with the entry of the ledger; the answer never waits for it
    waiting(session, limit) · settle(session, sha, result, now) · results(session, shas)

Knows results, as words; who looks, and how, is above and below this room. The ledger itself is
append-only, so that a look taken a minute later stands here and not in the entry.
"""

from collections.abc import Collection

from sqlalchemy import Index, LargeBinary, String, delete, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base, insert_or_ignore

NOT_CHECKED = "not checked"
_WAITS = text("checked_at IS NULL")
_LONGEST = 200  # characters of a result


class ProofCheck(Base):
    """Keep what the DKIM signatures of one message say; ``checked_at`` is None while it waits."""

    __tablename__ = "proof_check"
    __table_args__ = (
        Index("ix_proof_check_waits", "raw_sha", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )
    raw_sha: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    dkim: Mapped[str] = mapped_column(String(_LONGEST), default="")
    checked_at: Mapped[float | None]


def await_check(session: Session, shas: Collection[bytes]) -> None:
    """Let somebody look at these messages later; those that were looked at stay as they are."""
    rows = [{"raw_sha": sha, "dkim": "", "checked_at": None} for sha in shas]
    if rows:
        session.execute(insert_or_ignore(session, ProofCheck), rows)


def waiting(session: Session, limit: int) -> list[bytes]:
    """Return messages that nobody has looked at."""
    return list(session.scalars(select(ProofCheck.raw_sha).where(_WAITS).limit(limit)))


def settle(session: Session, sha: bytes, result: str, now: float) -> None:
    """Write down what the signatures of a message say."""
    session.execute(
        update(ProofCheck)
        .where(ProofCheck.raw_sha == sha)
        .values(dkim=result[:_LONGEST], checked_at=now)
    )


def results(session: Session, shas: Collection[bytes]) -> dict[bytes, str]:
    """Return what is known of these messages' signatures."""
    rows = session.execute(
        select(ProofCheck.raw_sha, ProofCheck.dkim).where(ProofCheck.raw_sha.in_(shas))
    )
    return {row.raw_sha: row.dkim or NOT_CHECKED for row in rows}


def forget(session: Session, shas: Collection[bytes]) -> None:
    """Erase what was said of these messages: a signature names its domain."""
    session.execute(delete(ProofCheck).where(ProofCheck.raw_sha.in_(shas)))
