"""Hold the tables of lists, people, addresses and memberships, and find one's way in them.

Knows who is on which list and how; refuses to know why they may be (consent.py) and who must
not be mailed at all (suppression.py). A person is one human with one or more addresses; a
membership is their place on one list. Ids are never used again after an erasure, because a
leave token in an old mail stays valid for ever and names a membership by its id.
"""

import json
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Enum,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
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
from subscriptions.lists import list_settings, terms
from subscriptions.lists.list_settings import (
    BY_LANGUAGE,
    DEFAULT_MAX_SIZE,
    MAX_TAG,
    MAX_TITLE,
    check_language,
    one_line,
)
from subscriptions.lists.naming import (
    ListAddress,
    check_name,
    is_own_address,
    read_list_address,
)
from subscriptions.lists.policies import (
    LANGUAGES,
    ArchivePolicy,
    Copies,
    HtmlPolicy,
    Join,
    ListKind,
    PostPolicy,
    Role,
    SpamPolicy,
    opens,
)

__all__ = [
    "LANGUAGES",
    "WAITS",
    "Address",
    "ArchivePolicy",
    "BigId",
    "Copies",
    "Join",
    "ListKind",
    "MailList",
    "Membership",
    "MembershipState",
    "Person",
    "PostPolicy",
    "Rhythm",
    "Role",
    "all_lists",
    "change_list",
    "check_free",
    "check_language",
    "check_rename",
    "check_role",
    "checked_settings",
    "create_list",
    "find_list",
    "get_list",
    "membership_of",
    "one_line",
    "opens",
    "rename_list",
    "state_at",
    "table_of",
    "worded",
]

WAITS = "state = 'pending'"
_WAITS = text(WAITS)
DIGEST = "(rhythm IN ('daily', 'weekly') OR digest_until IS NOT NULL)"
_DIGEST = text(DIGEST)
FOLLOWED = "rhythm = 'followed'"
_THREADS = text(FOLLOWED)
_PAGE_LITE, _PAGE = text("own_page = 1"), text("own_page")
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts in 64 bits anyway


class Rhythm(StrEnum):
    """Say how often a member gets mail."""

    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"
    FIRST = "first"
    FOLLOWED = "followed"
    PAUSED = "paused"


class MembershipState(StrEnum):
    """Say where a membership stands; only ``active`` ones are mailed.

    ``given-up`` is never stored: it is what stands against the address, which no list mails.
    """

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"
    GIVEN_UP = "given-up"


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
    """Keep a discussion list or a newsletter."""

    __tablename__ = "list"
    __table_args__ = (UniqueConstraint("name", "domain"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(28))  # the local part, lower case
    domain: Mapped[str] = mapped_column(String(253))  # A-label
    kind: Mapped[ListKind] = mapped_column(worded(ListKind))
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
    first_posts_welcomed: Mapped[bool] = mapped_column(default=False, server_default=false())
    answers_suggested: Mapped[bool] = mapped_column(default=False, server_default=false())
    emergency: Mapped[bool] = mapped_column(default=False)  # hold every post
    reply_to_list: Mapped[bool] = mapped_column(default=False)
    subject_tag: Mapped[str] = mapped_column(String(MAX_TAG), default="")
    footer: Mapped[str] = mapped_column(default="")
    footers: Mapped[str] = mapped_column(default="")  # JSON: by language, where not the same
    welcome: Mapped[str] = mapped_column(default="", server_default="")
    welcomes: Mapped[str] = mapped_column(default="", server_default="")  # JSON, as footers
    closed: Mapped[bool] = mapped_column(default=False, server_default=false())
    rules: Mapped[str] = mapped_column(default="", server_default="")  # post_rules, one a line
    spam: Mapped[SpamPolicy] = mapped_column(
        worded(SpamPolicy), default=SpamPolicy.HOLD, server_default=SpamPolicy.HOLD.value
    )
    siblings: Mapped[str] = mapped_column(default="", server_default="")  # relatives.py
    parts: Mapped[str] = mapped_column(default="", server_default="")
    files: Mapped[str] = mapped_column(default="", server_default="")  # file_policy.py
    big_files: Mapped[int] = mapped_column(default=0, server_default="0")  # bytes; 0 for none
    html: Mapped[HtmlPolicy] = mapped_column(
        worded(HtmlPolicy), default=HtmlPolicy.KEEP, server_default=HtmlPolicy.KEEP.value
    )
    max_size: Mapped[int] = mapped_column(default=DEFAULT_MAX_SIZE)
    theme: Mapped[str] = mapped_column(String(40), default="")  # "" is ours
    accent: Mapped[str] = mapped_column(String(7), default="")  # #rrggbb; "" is the theme's
    logo: Mapped[str] = mapped_column(String(500), default="")  # https address of a picture
    postal_address: Mapped[str] = mapped_column(String(200), default="")  # "" is the service's
    zone: Mapped[str] = mapped_column(String(60), default="")  # of hours that editors name
    digest_hour: Mapped[int] = mapped_column(SmallInteger, default=7, server_default="7")
    four_eyes: Mapped[bool] = mapped_column(default=False)  # an issue needs two editors' word
    cap: Mapped[str] = mapped_column(
        String(16), default=""
    )  # subscriptions.lists.terms, as the next two
    quiet_hours: Mapped[str] = mapped_column(String(16), default="")
    canary: Mapped[str] = mapped_column(String(16), default="")
    replies: Mapped[str] = mapped_column(String(320), default=terms.EDITORS)  # or thread, or a list
    # Addresses whose files are to be moved, one a line; the archive's renderer empties it.
    redraw: Mapped[str] = mapped_column(default="", server_default="")
    # Every address it has had, from the first one on, a line each; "" where it never had another.
    formerly: Mapped[str] = mapped_column(default="", server_default="")
    members_since: Mapped[float | None]  # subscriptions.lists.openness, as the next one
    public_since: Mapped[float | None]
    bounces_told: Mapped[float | None]  # when its owners last heard whose mail comes back
    created: Mapped[float]
    # listserv/actions/deleting.py: since when it is deleted, and what a restoring puts back
    # (JSON); "" beside a time says that nothing can be put back any more.
    deleted_at: Mapped[float | None]
    before_deletion: Mapped[str] = mapped_column(default="", server_default="")

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
    def addresses(self) -> tuple[str, ...]:
        """Return the list's address, then those that it had before: mail to them still comes."""
        before = (one for one in (self.formerly or "").split("\n") if one and one != self.address)
        return (self.address, *before)

    @property
    def identity(self) -> str:
        """Return the address that the list was made with; what outlives a new name stands on it.

        Its List-Id (RFC 2919 section 3: it stays when a list moves), what was taken out of its
        archive, the journal of permissions, the pages of its members.
        """
        return (self.formerly or "").strip("\n").partition("\n")[0] or self.address

    def owns(self, key: str) -> bool:
        """Tell whether the address ``key`` is the list's, by whichever of its names."""
        return any(is_own_address(read_list_address(one), key) for one in self.addresses)

    def welcome_in(self, language: str) -> str:
        """Return the owner's words for new members who read ``language``, "" for none."""
        own = json.loads(self.welcomes) if self.welcomes else {}
        return str(own.get(language, self.welcome or ""))

    @property
    def where(self) -> ListAddress:
        """Return the list's name and domain."""
        return ListAddress(self.name, self.domain)


class Person(Base):
    """Keep one human."""

    __tablename__ = "person"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[str] = mapped_column(String(8), default="")  # "" means the list's
    created: Mapped[float]


class Address(Base):
    """Keep one address of a person: ``given`` is sent to, ``key`` is compared."""

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
    """Keep a person's place on one list."""

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("list_id", "person_id"),
        UniqueConstraint("list_id", "address_id"),
        Index("ix_membership_list_id_id", "list_id", "id"),  # an audience in id order
        Index("ix_membership_waits", "joined_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
        Index("ix_membership_page", "list_id", sqlite_where=_PAGE_LITE, postgresql_where=_PAGE),
        Index("ix_membership_digest", "list_id", sqlite_where=_DIGEST, postgresql_where=_DIGEST),
        Index(
            "ix_membership_followed", "list_id", sqlite_where=_THREADS, postgresql_where=_THREADS
        ),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey(MailList.id))
    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id), index=True)
    address_id: Mapped[int] = mapped_column(ForeignKey(Address.id), index=True)
    role: Mapped[Role] = mapped_column(worded(Role), default=Role.MEMBER)
    rhythm: Mapped[Rhythm] = mapped_column(worded(Rhythm), default=Rhythm.EACH)
    state: Mapped[MembershipState] = mapped_column(worded(MembershipState))
    moderated: Mapped[bool | None]  # None: as the list says
    paused_until: Mapped[float | None]  # None in a paused state: until further notice
    joined_at: Mapped[float]
    left_at: Mapped[float | None]
    own_page: Mapped[bool] = mapped_column(default=False, server_default=false())  # in the archive
    # What was posted after ``digest_since`` (None: after they joined) waits for their digest; up to
    # ``digest_until`` alone where they have gone back to each mail (audience/rhythms.py).
    digest_since: Mapped[float | None]
    digest_until: Mapped[float | None]
    digest_hour: Mapped[int | None] = mapped_column(SmallInteger)  # None: as the list has it
    digest_weekdays: Mapped[bool] = mapped_column(default=False, server_default=false())  # alone
    digest_form: Mapped[str] = mapped_column(String(8), default="", server_default="")  # "": a page

    @hybrid_property
    def has_page(self) -> bool:
        """Tell whether they want a page of their own in the archive, and are here."""
        return self.own_page and self.state in {MembershipState.ACTIVE, MembershipState.PAUSED}

    @has_page.inplace.expression
    @classmethod
    def _has_page(cls) -> ColumnElement[bool]:
        return and_(cls.own_page, cls.state.in_((MembershipState.ACTIVE, MembershipState.PAUSED)))


def check_role(role: str) -> Role:
    """Return the role; raise Refused where it would mean nothing."""
    wanted = Role(role)
    if wanted is Role.ADVISOR:
        raise Refused(
            "Advisors have nothing to do yet, so nobody can be made one.",
            "Use member, moderator, editor or owner.",
        )
    return wanted


def state_at(
    state: MembershipState,
    rhythm: Rhythm,
    paused_until: float | None,
    now: float,
    *,
    given_up: bool = False,
) -> MembershipState:
    """Return the state as a person would say it at ``now``: a pause that ran out is over.

    ``given_up`` says that no list mails the address (subscriptions.membership.given_up).
    """
    if state not in (MembershipState.ACTIVE, MembershipState.PAUSED):
        return state
    if given_up:
        return MembershipState.GIVEN_UP
    over = paused_until is not None and paused_until <= now
    waiting = paused_until is not None and not over
    if rhythm is Rhythm.PAUSED or waiting or (state is MembershipState.PAUSED and not over):
        return MembershipState.PAUSED
    return MembershipState.ACTIVE


def find_list(session: Session, address: str) -> MailList | None:
    """Return the list with this full address, in whatever case it is written.

    A list that was renamed is found by its former addresses too.
    """
    try:
        where = read_list_address(address)
    except BadInput:
        return None
    named = MailList.name == where.name, MailList.domain == where.domain
    return session.scalar(select(MailList).where(*named)) or session.scalar(
        select(MailList).where(MailList.formerly.contains(f"\n{where}\n", autoescape=True)).limit(1)
    )


def get_list(session: Session, address: str) -> MailList:
    """Return the list with this full address; raise where it is malformed or not there."""
    where = read_list_address(address)
    found = find_list(session, address)
    if found is None:
        raise Refused(f"There is no list {where}.", key="no-list")
    return found


def all_lists(session: Session) -> Sequence[MailList]:
    """Return every list, by domain and name."""
    return session.scalars(select(MailList).order_by(MailList.domain, MailList.name)).all()


def create_list(
    session: Session,
    address: str,
    *,
    now: float,
    kind: ListKind = ListKind.DISCUSSION,
    **wanted: object,
) -> MailList:
    """Make a list with the settings that are named; raise Refused where it may not be, or is there.

    Without words to the contrary anybody may join and read, and those write who do by its kind.
    """
    where = read_list_address(address)
    check_name(where.name)
    check_free(session, where)
    lst = MailList(name=where.name, domain=where.domain, kind=kind, title=where.name, created=now)
    writers = PostPolicy.EDITORS if kind is ListKind.NEWSLETTER else PostPolicy.MEMBERS
    begun: dict[str, object] = {
        "language": "en",
        "join": Join.OPEN,
        "post": writers,
        "archive": ArchivePolicy.PUBLIC,
    }
    said = {name: value for name, value in wanted.items() if value not in {None, ""}}
    change_list(lst, **{**begun, **said})
    session.add(lst)
    session.flush()
    return lst


def check_free(session: Session, where: ListAddress) -> None:
    """Raise Refused where an address is or was a list's: nobody else may ever answer there."""
    there = find_list(session, str(where))
    if there is None:
        return
    if there.deleted_at is not None:
        what = f"{where} was the address of a list that was deleted, and no other list gets it."
        raise Refused(what, "Choose another address.", key="list-was-deleted", list=there.address)
    if there.where == where:
        raise Refused(f"The list {where} is there already.", key="list-there", list=str(where))
    what = f"{where} was the address of {there.address}, and mail to it still comes there."
    raise Refused(what, "Choose another address.", key="list-was-there", list=there.address)


def check_rename(session: Session, lst: MailList, where: ListAddress) -> None:
    """Raise Refused as ``rename_list`` would."""
    if where == lst.where:
        raise Refused(f"{lst.address} has that address already.", key="same")
    check_name(where.name)
    if str(where) not in lst.addresses:
        check_free(session, where)


def rename_list(session: Session, lst: MailList, where: ListAddress) -> str:
    """Give a list another address and return the one it had; mail to that still comes.

    Raise Refused where there can be no such list, or the address is or was another list's; it may
    be one that this list has had itself.
    """
    check_rename(session, lst, where)
    before = lst.address
    known = [*filter(None, lst.formerly.split("\n"))]
    both = dict.fromkeys([*known, before, str(where)])
    lst.formerly = "".join(f"\n{one}" for one in both) + "\n"
    lst.name, lst.domain = where.name, where.domain
    session.flush()
    return before


def change_list(lst: MailList, **wanted: object) -> None:
    """Change the settings that are named and not None; raise BadInput where a value may not be.

    SECURITY: an archive that is there is closed here and never opened, because that has a time
    from which on it holds (subscriptions/lists/openness.py): ValueError.
    """
    archive = wanted.get("archive")
    if isinstance(archive, ArchivePolicy) and lst.archive and opens(lst.archive, archive):
        raise ValueError(archive)
    for name, value in checked_settings(lst, **wanted).items():
        setattr(lst, name, value)


def checked_settings(lst: MailList, **wanted: object) -> dict[str, object]:
    """Return what ``change_list`` would write, by column; raise BadInput as it does."""
    languages = {name: wanted.pop(f"{name}_language", None) for name in BY_LANGUAGE}
    checked = list_settings.check(lst.kind, wanted)
    for name, language in languages.items():
        if language is None:
            continue
        if name not in checked:
            raise BadInput(f"A language was named, and no {name}.", key="which-text", setting=name)
        code = list_settings.check_language(str(language))
        column = BY_LANGUAGE[name]
        text = str(checked.pop(name))
        checked[column] = list_settings.with_text(getattr(lst, column) or "", code, text)
    return checked


def membership_of(session: Session, list_id: int, address_key: str) -> Membership | None:
    """Return the membership of whoever owns this address, by whichever of their addresses."""
    return session.scalar(
        select(Membership)
        .join(Address, Address.person_id == Membership.person_id)
        .where(Membership.list_id == list_id, Address.key == address_key)
    )
