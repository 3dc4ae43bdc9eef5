"""Hold the tables of lists, people, addresses and memberships, and find one's way in them.

Knows who is on which list and how; refuses to know why they may be (consent.py) and who must
not be mailed at all (suppression.py). A person is one human with one or more addresses; a
membership is their place on one list. Ids are never used again after an erasure, because a
leave token in an old mail stays valid for ever and names a membership by its id.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from zoneinfo import available_timezones

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Enum,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    and_,
    false,
    select,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Session, mapped_column

from mailer.errors import BadInput, Refused
from mailer.storage.store import Base
from subscriptions.lists import terms
from subscriptions.lists.naming import ListAddress, check_name, read_list_address

LANGUAGES = ("sv", "it", "ro", "ru", "nl", "en")
MAX_TITLE = 200  # characters; a title stands in headers and on one line of a page
MAX_TEXT = 4000  # characters of a description or a footer
MAX_TAG = 40
MAX_SIZE = 2**31 - 1  # bytes: what the column holds
DEFAULT_MAX_SIZE = 10_000_000  # bytes of one post
WAITS = "state = 'pending'"
_WAITS = text(WAITS)
_PAGE_LITE, _PAGE = text("own_page = 1"), text("own_page")
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts in 64 bits anyway


class Kind(StrEnum):
    """Say what a list is for."""

    DISCUSSION = "discussion"
    NEWSLETTER = "newsletter"


class Join(StrEnum):
    """Say how people come in."""

    OPEN = "open"
    APPROVE = "approve"
    INVITE = "invite"


class PostPolicy(StrEnum):
    """Say who may post."""

    MEMBERS = "members"
    ANYONE = "anyone"
    MODERATED = "moderated"
    EDITORS = "editors"


class Copies(StrEnum):
    """Say whether each member's copy of a post is their own."""

    PERSONAL = "personal"  # own return path and own way out
    SHARED = "shared"  # one copy for many: faster, but a bounce must name its recipient


class ArchivePolicy(StrEnum):
    """Say who may read the archive."""

    PUBLIC = "public"
    MEMBERS = "members"
    NONE = "none"


_REACH: tuple[tuple[Join | PostPolicy | ArchivePolicy, ...], ...] = (
    (Join.INVITE, Join.APPROVE, Join.OPEN),
    (PostPolicy.EDITORS, PostPolicy.MODERATED, PostPolicy.MEMBERS, PostPolicy.ANYONE),
    (ArchivePolicy.NONE, ArchivePolicy.MEMBERS, ArchivePolicy.PUBLIC),
)


def opens(
    before: Join | PostPolicy | ArchivePolicy, after: Join | PostPolicy | ArchivePolicy
) -> bool:
    """Tell whether ``after`` lets more people in, through or in to read than ``before``."""
    return any(
        before in some and after in some and some.index(before) < some.index(after)
        for some in _REACH
    )


class Role(StrEnum):
    """Say what a member may do on one list."""

    MEMBER = "member"
    MODERATOR = "moderator"
    EDITOR = "editor"
    ADVISOR = "advisor"
    OWNER = "owner"


class Rhythm(StrEnum):
    """Say how often a member gets mail."""

    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"
    FIRST = "first"
    PAUSED = "paused"


class State(StrEnum):
    """Say where a membership stands; only ``active`` ones are mailed."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"


def worded(kind: type[StrEnum]) -> Enum:
    """Store an enum as its plain word, so that SQL reads like the documentation."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda words: [word.value for word in words],
    )


def table_of(row: type[Base]) -> Table:
    """Return the plain table: inserting many rows through the ORM costs several times more."""
    table = row.__table__
    if not isinstance(table, Table):
        raise TypeError(row)
    return table


class MailList(Base):
    """A discussion list or a newsletter."""

    __tablename__ = "list"
    __table_args__ = (UniqueConstraint("name", "domain"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(28))  # the local part, lower case
    domain: Mapped[str] = mapped_column(String(253))  # A-label
    kind: Mapped[Kind] = mapped_column(worded(Kind))
    title: Mapped[str] = mapped_column(String(MAX_TITLE))
    description: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(String(8), default="en")
    join: Mapped[Join] = mapped_column(worded(Join), default=Join.OPEN)
    post: Mapped[PostPolicy] = mapped_column(worded(PostPolicy))
    archive: Mapped[ArchivePolicy] = mapped_column(
        worded(ArchivePolicy), default=ArchivePolicy.PUBLIC
    )
    copies: Mapped[Copies] = mapped_column(worded(Copies), default=Copies.PERSONAL)
    first_posts_moderated: Mapped[bool] = mapped_column(default=False)
    emergency: Mapped[bool] = mapped_column(default=False)  # hold every post
    reply_to_list: Mapped[bool] = mapped_column(default=False)
    subject_tag: Mapped[str] = mapped_column(String(MAX_TAG), default="")
    footer: Mapped[str] = mapped_column(default="")
    footers: Mapped[str] = mapped_column(default="")  # JSON: by language, where not the same
    max_size: Mapped[int] = mapped_column(default=DEFAULT_MAX_SIZE)
    theme: Mapped[str] = mapped_column(String(40), default="")  # "" is ours
    accent: Mapped[str] = mapped_column(String(7), default="")  # #rrggbb; "" is the theme's
    logo: Mapped[str] = mapped_column(String(500), default="")  # https address of a picture
    postal_address: Mapped[str] = mapped_column(String(200), default="")  # "" is the service's
    zone: Mapped[str] = mapped_column(String(60), default="")  # of hours that editors name
    four_eyes: Mapped[bool] = mapped_column(default=False)  # an issue needs two editors' word
    cap: Mapped[str] = mapped_column(
        String(16), default=""
    )  # subscriptions.lists.terms, as the next two
    quiet_hours: Mapped[str] = mapped_column(String(16), default="")
    canary: Mapped[str] = mapped_column(String(16), default="")
    replies: Mapped[str] = mapped_column(String(320), default=terms.EDITORS)  # or thread, or a list
    members_since: Mapped[float | None]  # subscriptions.lists.openness, as the next one
    public_since: Mapped[float | None]
    created: Mapped[float]

    @property
    def closed_part(self) -> bool:
        """Tell whether some of the archive is for members alone."""
        if self.archive is ArchivePolicy.PUBLIC:
            return (self.public_since or 0.0) > (self.members_since or 0.0)
        return self.archive is ArchivePolicy.MEMBERS

    @property
    def address(self) -> str:
        """Return the list's full address."""
        return f"{self.name}@{self.domain}"

    @property
    def where(self) -> ListAddress:
        """Return the list's name and domain."""
        return ListAddress(self.name, self.domain)


class Person(Base):
    """One human."""

    __tablename__ = "person"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str] = mapped_column(String(8), default="")  # "" means the list's
    created: Mapped[float]


class Address(Base):
    """One address of a person: ``given`` is sent to, ``key`` is compared."""

    __tablename__ = "address"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id), index=True)
    given: Mapped[str] = mapped_column(String(320))
    key: Mapped[str] = mapped_column(String(320), unique=True)
    domain: Mapped[str] = mapped_column(String(253))
    created: Mapped[float]
    proven_at: Mapped[float | None]  # when a token or a reply last proved it


class Membership(Base):
    """A person's place on one list."""

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("list_id", "person_id"),
        UniqueConstraint("list_id", "address_id"),
        Index("ix_membership_list_id_id", "list_id", "id"),  # an audience in id order
        Index("ix_membership_waits", "joined_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
        Index("ix_membership_page", "list_id", sqlite_where=_PAGE_LITE, postgresql_where=_PAGE),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id), index=True)
    address_id: Mapped[int] = mapped_column(ForeignKey(Address.id), index=True)
    role: Mapped[Role] = mapped_column(worded(Role), default=Role.MEMBER)
    rhythm: Mapped[Rhythm] = mapped_column(worded(Rhythm), default=Rhythm.EACH)
    state: Mapped[State] = mapped_column(worded(State))
    moderated: Mapped[bool | None]  # None: as the list says
    paused_until: Mapped[float | None]  # None in a paused state: until further notice
    joined_at: Mapped[float]
    left_at: Mapped[float | None]
    own_page: Mapped[bool] = mapped_column(default=False, server_default=false())  # in the archive

    @hybrid_property
    def has_page(self) -> bool:
        """Tell whether they want a page of their own in the archive, and are here."""
        return self.own_page and self.state in {State.ACTIVE, State.PAUSED}

    @has_page.inplace.expression
    @classmethod
    def _has_page(cls) -> ColumnElement[bool]:
        return and_(cls.own_page, cls.state.in_((State.ACTIVE, State.PAUSED)))


def check_rhythm(rhythm: str) -> Rhythm:
    """Return the rhythm; raise Refused where nothing would be sent in it."""
    wanted = Rhythm(rhythm)
    if wanted not in {Rhythm.EACH, Rhythm.PAUSED}:
        raise Refused(
            f"Nothing is sent in the rhythm {wanted.value} yet: that member would get no mail.",
            "Use each, or paused.",
        )
    return wanted


def check_role(role: str) -> Role:
    """Return the role; raise Refused where it would mean nothing."""
    wanted = Role(role)
    if wanted is Role.ADVISOR:
        raise Refused(
            "Advisors have nothing to do yet, so nobody can be made one.",
            "Use member, moderator, editor or owner.",
        )
    return wanted


def state_at(state: State, rhythm: Rhythm, paused_until: float | None, now: float) -> State:
    """Return the state as a person would say it at ``now``: a pause that ran out is over."""
    if state not in (State.ACTIVE, State.PAUSED):
        return state
    over = paused_until is not None and paused_until <= now
    waiting = paused_until is not None and not over
    if rhythm is Rhythm.PAUSED or waiting or (state is State.PAUSED and not over):
        return State.PAUSED
    return State.ACTIVE


def find_list(session: Session, address: str) -> MailList | None:
    """Return the list with this full address, in whatever case it is written."""
    try:
        where = read_list_address(address)
    except BadInput:
        return None
    return session.scalar(
        select(MailList).where(MailList.name == where.name, MailList.domain == where.domain)
    )


def get_list(session: Session, address: str) -> MailList:
    """Return the list with this full address; raise where it is malformed or not there."""
    where = read_list_address(address)
    found = find_list(session, address)
    if found is None:
        raise Refused(f"There is no list {where}.", "`krets list ls` shows them all.")
    return found


def all_lists(session: Session) -> Sequence[MailList]:
    """Return every list, by domain and name."""
    return session.scalars(select(MailList).order_by(MailList.domain, MailList.name)).all()


def create_list(
    session: Session,
    address: str,
    *,
    now: float,
    kind: Kind = Kind.DISCUSSION,
    title: str = "",
    description: str = "",
    language: str = "en",
    join: Join = Join.OPEN,
    post: PostPolicy | None = None,
    archive: ArchivePolicy = ArchivePolicy.PUBLIC,
) -> MailList:
    """Make a list; raise Refused where the name may not be, or is taken."""
    where = read_list_address(address)
    check_name(where.name)
    if find_list(session, address) is not None:
        raise Refused(f"The list {where} is there already.", f"`krets list show {where}` shows it.")
    lst = MailList(name=where.name, domain=where.domain, kind=kind, title=where.name, created=now)
    default = PostPolicy.EDITORS if kind is Kind.NEWSLETTER else PostPolicy.MEMBERS
    change_list(
        lst,
        title=title or where.name,
        description=description,
        language=language,
        join=join,
        post=post or default,
        archive=archive,
    )
    session.add(lst)
    session.flush()
    return lst


def change_list(
    lst: MailList,
    *,
    title: str | None = None,
    description: str | None = None,
    language: str | None = None,
    join: Join | None = None,
    post: PostPolicy | None = None,
    archive: ArchivePolicy | None = None,
    copies: Copies | None = None,
    first_posts_moderated: bool | None = None,
    emergency: bool | None = None,
    reply_to_list: bool | None = None,
    subject_tag: str | None = None,
    footer: str | None = None,
    footer_language: str | None = None,
    max_size: int | None = None,
    theme: str | None = None,
    accent: str | None = None,
    logo: str | None = None,
    postal_address: str | None = None,
    zone: str | None = None,
    four_eyes: bool | None = None,
    cap: str | None = None,
    quiet_hours: str | None = None,
    canary: str | None = None,
    replies: str | None = None,
) -> None:
    """Change what is not None; raise BadInput where a value cannot stand in a header or page.

    SECURITY: an archive that is there is closed here and never opened, because that has a time
    from which on it holds (subscriptions/lists/openness.py): ValueError.
    """
    if archive is not None and lst.archive is not None and opens(lst.archive, archive):
        raise ValueError(archive)
    if lst.kind is Kind.NEWSLETTER and post not in (None, PostPolicy.EDITORS):
        raise BadInput(
            f"A newsletter is written by its editors; {post} is for discussion lists.",
            "Leave --post out, or create the list with --kind discussion.",
        )
    if lst.kind is Kind.NEWSLETTER and (subject_tag or footer or reply_to_list):
        raise BadInput(
            "A subject tag, a footer and Reply-To are for posts, and a newsletter has none.",
            "What stands under an issue belongs to its theme; --replies says where answers go.",
        )
    if footer_language is not None and footer is None:
        raise BadInput("Which footer? --footer-language needs --footer TEXT beside it.")
    if max_size is not None and max_size < 1000:  # noqa: PLR2004 - less holds no mail's header
        raise BadInput("A list's largest post must be 1000 bytes or more.")
    if max_size is not None and max_size > MAX_SIZE:
        raise BadInput(f"A list's largest post cannot be above {MAX_SIZE} bytes.")
    wanted: dict[str, object | None] = {
        "title": None if title is None else one_line(title, MAX_TITLE, "title"),
        "description": None if description is None else some_text(description, "description"),
        "language": None if language is None else check_language(language),
        "join": join,
        "post": post,
        "archive": archive,
        "copies": copies,
        "first_posts_moderated": first_posts_moderated,
        "emergency": emergency,
        "reply_to_list": reply_to_list,
        "subject_tag": None if subject_tag is None else one_line(subject_tag, MAX_TAG, "tag"),
        "footer": None if footer is None or footer_language else some_text(footer, "footer"),
        "footers": None
        if footer is None or not footer_language
        else _footers(lst.footers, check_language(footer_language), some_text(footer, "footer")),
        "max_size": max_size,
        "theme": theme,
        "accent": None if accent is None else _colour(accent),
        "logo": None if logo is None else _picture(logo),
        "postal_address": None
        if postal_address is None
        else one_line(postal_address, MAX_TITLE, "postal address"),
        "zone": None if zone is None else _zone(zone),
        "four_eyes": four_eyes,
        "cap": cap,
        "quiet_hours": quiet_hours,
        "canary": canary,
        "replies": None if replies is None else _replies(replies),
    }
    terms.read_cap(cap or "")
    terms.read_quiet(quiet_hours or "")
    terms.read_canary(canary or "")
    for field, value in wanted.items():
        if value is not None:
            setattr(lst, field, value)


def _footers(before: str, language: str, footer: str) -> str:
    """Return the footers by language as JSON, with this one; an empty one goes."""
    every = json.loads(before) if before else {}
    every |= {language: footer}
    kept = {key: said for key, said in every.items() if said}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else ""


def _colour(text: str) -> str:
    colour = text.strip().lower()
    if colour and not re.fullmatch("#[0-9a-f]{6}", colour):
        raise BadInput(f"{text[:20]!r} is no colour.", "Write one as #7a2e1d.")
    return colour


def _picture(text: str) -> str:
    address = one_line(text, 500, "logo's address")
    if address and not re.fullmatch(r"https?://[^\s<>\"']+", address):
        raise BadInput("A logo is the https:// address of a picture.", "Put it on your own page.")
    return address


def _replies(text: str) -> str:
    said = text.strip().casefold()
    if said in {terms.EDITORS, terms.THREAD}:
        return said
    try:
        return str(read_list_address(text))
    except BadInput:
        what = f"{text[:40]!r} is no place for readers' answers."
        raise BadInput(what, "Write editors, thread, or the address of a list.") from None


def _zone(text: str) -> str:
    name = text.strip()
    known = available_timezones() if name else {""}
    if name not in known:
        near = difflib.get_close_matches(name.title(), known, n=1)
        raise BadInput(
            f"{name[:40]!r} is no time zone that this machine knows.",
            f"Did you mean {near[0]}?" if near else "Write one as Europe/Stockholm.",
        )
    return name


def check_language(language: str) -> str:
    """Return the two-letter language; raise BadInput where Krets does not speak it."""
    short = language.strip().lower().replace("_", "-").partition("-")[0]
    if short not in LANGUAGES:
        raise BadInput(
            f"Krets does not speak {language[:20]!r}.", f"It speaks {', '.join(LANGUAGES)}."
        )
    return short


def one_line(text: str, longest: int, what: str) -> str:
    """Return ``text`` for one line of a header or page; raise BadInput where it has more."""
    line = unicodedata.normalize("NFC", text.strip())
    if len(line) > longest:
        raise BadInput(f"The {what} is too long.", f"Use at most {longest} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line):
        raise BadInput(f"The {what} must be one line without control characters.")
    return line


def some_text(text: str, what: str) -> str:
    """Return ``text`` with plain line ends; raise BadInput where it is too long or not text."""
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n").strip())
    if len(lines) > MAX_TEXT:
        raise BadInput(f"The {what} is too long.", f"Use at most {MAX_TEXT} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in lines):
        raise BadInput(f"The {what} has control characters.")
    return lines


def membership_of(session: Session, list_id: int, address_key: str) -> Membership | None:
    """Return the membership of whoever owns this address, by whichever of their addresses."""
    return session.scalar(
        select(Membership)
        .join(Address, Address.person_id == Membership.person_id)
        .where(Membership.list_id == list_id, Address.key == address_key)
    )
