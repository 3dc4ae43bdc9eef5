"""Stop all claims for sending until a person says go on.

After a restore whose journal is missing nobody can know who has left since; mail comes in and is
decided as ever, and what would leave waits. Knows one row and its reason.
"""

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.storage.store import Base


class Standstill(Base):
    """Say why nothing leaves; no row means that everything does."""

    __tablename__ = "standstill"
    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[float]
    why: Mapped[str]
    settled: Mapped[bool]  # what was under way has been made unsure (listserv/upkeep/restoring.py)


NONE = ~exists().where(Standstill.id > 0)  # a condition of what may be sent


def begin(session: Session, why: str, now: float, *, settled: bool) -> None:
    """Let nothing leave from now on."""
    session.merge(Standstill(id=1, since=now, why=why, settled=settled))
    session.flush()


def reason(session: Session) -> str:
    """Return why nothing leaves, "" where it does."""
    return session.scalar(select(Standstill.why)) or ""


def unsettled(session: Session) -> Standstill | None:
    """Return the standstill whose mailings were not looked at yet."""
    return session.scalar(select(Standstill).where(~Standstill.settled))


def end(session: Session) -> None:
    """Let everything leave again."""
    session.execute(delete(Standstill))
