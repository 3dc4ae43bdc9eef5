"""What a list knows of a member besides name and language: affiliation, place, tags, own words.

Knows keys and values, on one membership each: what somebody told one list is not told to another.
They go with the membership, by a cascade, and stand in the member's export. SECURITY: keys and
values may come from a stranger's file; both are bounded, on one line, and only ever bound values.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import ForeignKey, String, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import BadInput
from mailer.storage.store import Base
from subscriptions.lists.roster import BigId, Membership, one_line, table_of

TAG = "tag"
ZONE = "zone"
USUAL = ("affiliation", "place", TAG, ZONE)  # words of a segment on every list
TAKEN = frozenset(  # they mean something else in a segment, or in an import
    ("language", "role", "domain", "joined", "on", "all", "and", "or", "not", "in", "name", "email")
)
MAX_KEY = 40  # characters
MAX_VALUE = 200
MAX_KEYS = 40  # of one member
MAX_TAGS = 40
_KEY = re.compile(r"[^\W\d_][\w-]*\Z")


class Attribute(Base):
    """Keep one value of one member; a tag is one of several values of its key."""

    __tablename__ = "attribute"
    membership_id: Mapped[int] = mapped_column(
        BigId,
        ForeignKey(Membership.id, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    key: Mapped[str] = mapped_column(String(MAX_KEY), primary_key=True)
    folded: Mapped[str] = mapped_column(String(3 * MAX_VALUE), primary_key=True)  # is compared
    value: Mapped[str] = mapped_column(String(MAX_VALUE))  # is shown


def fold(value: str) -> str:
    """Return a value as it is compared: without case."""
    line = " ".join(value.replace("\u2019", "'").split())
    return unicodedata.normalize("NFC", line.casefold())


def check_key(text: str) -> str:
    """Return a key as it is kept; raise BadInput where it cannot be one."""
    key = unicodedata.normalize("NFC", "-".join(text.split()).casefold())
    if key == "tags":
        key = TAG
    if not _KEY.match(key) or len(key) > MAX_KEY:
        raise BadInput(
            f"{text[:MAX_KEY]!r} is no name of an attribute.",
            f"Use letters, digits, - and _, at most {MAX_KEY}, and begin with a letter.",
        )
    if key in TAKEN:
        raise BadInput(f"{key!r} means something else already.", "Give the attribute another name.")
    return key


def values_of(key: str, text: str) -> tuple[str, ...]:
    """Return the values that ``text`` is: tags stand between commas; nothing is none."""
    parts = text.split(",") if key == TAG else [text]
    found: dict[str, str] = {}
    for part in parts:
        value = one_line(" ".join(part.split()), MAX_VALUE, f"value of {key}")
        if value:
            found.setdefault(fold(value), value)
    if len(found) > MAX_TAGS:
        raise BadInput(f"A member can have {MAX_TAGS} tags, and no more.")
    if key == ZONE:
        return tuple(map(_zone, found.values()))
    return tuple(found.values())


def find_zone(text: str) -> str | None:
    """Return the time zone of this name, in whatever case it is written; None where none is."""
    return _zones().get(text.casefold())


def _zone(text: str) -> str:
    zone = find_zone(text)
    if zone is None:
        raise BadInput(f"{text[:40]!r} is no time zone.", "Write one as Europe/Stockholm.")
    return zone


@cache
def _zones() -> Mapping[str, str]:
    """Return the zones by their folded names; asking for them reads hundreds of files."""
    return {name.casefold(): name for name in available_timezones()}


def read_pair(text: str) -> tuple[str, str]:
    """Read ``key=value``; raise BadInput for anything else."""
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"{text[:60]!r} is not KEY=VALUE.", "Write place=Lund, or place= for none.")
    return check_key(key), value


def put(session: Session, membership_id: int, key: str, text: str) -> None:
    """Let a member have these values of ``key`` and no others; none for an empty text."""
    values = values_of(key, text)
    before = of(session, [membership_id]).get(membership_id, {})
    if values and key not in before and len(before) >= MAX_KEYS:
        raise BadInput(f"A member can have {MAX_KEYS} attributes, and no more.")
    session.execute(
        delete(Attribute).where(Attribute.membership_id == membership_id, Attribute.key == key)
    )
    if values:
        session.execute(insert(table_of(Attribute)), _rows(membership_id, key, values))


def add_new(session: Session, several: Sequence[tuple[int, Mapping[str, str]]]) -> None:
    """Give memberships that have none yet their values, many at once."""
    rows = [
        row
        for membership_id, given in several
        for key, text in given.items()
        for row in _rows(membership_id, key, values_of(key, text))
    ]
    if rows:
        ids = {row["membership_id"] for row in rows}
        session.execute(delete(Attribute).where(Attribute.membership_id.in_(ids)))
        session.execute(insert(table_of(Attribute)), rows)


def _rows(membership_id: int, key: str, values: Collection[str]) -> list[dict[str, object]]:
    return [
        {"membership_id": membership_id, "key": key, "folded": fold(value), "value": value}
        for value in values
    ]


def of(session: Session, membership_ids: Sequence[int]) -> dict[int, dict[str, list[str]]]:
    """Return {membership: {key: values}} of those that have any."""
    rows = session.execute(
        select(Attribute)
        .where(Attribute.membership_id.in_(membership_ids))
        .order_by(Attribute.key, Attribute.folded)
    ).scalars()
    found: dict[int, dict[str, list[str]]] = {}
    for row in rows:
        found.setdefault(row.membership_id, {}).setdefault(row.key, []).append(row.value)
    return found


def keys_on(session: Session, list_id: int) -> dict[str, int]:
    """Return the keys that members of a list have, each with how many values of it there are."""
    rows = session.execute(
        select(Attribute.key, func.count())
        .join(Membership, Membership.id == Attribute.membership_id)
        .where(Membership.list_id == list_id)
        .group_by(Attribute.key)
        .order_by(Attribute.key)
    )
    return {row[0]: row[1] for row in rows}
