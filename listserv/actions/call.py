"""Ask for an action: who asks, at which door, and in whose transaction it is done.

    call = Call(app, OPERATOR, time.time())
    shown = lists.show(call, "friends@example.org")

An action is a function of a Call and a request. It begins with ``reading`` or ``changing`` where
it is about one list, with ``reading_all`` or ``changing_all`` where it is about the service: each
opens the transaction, looks up what whoever asks is to that list *now*, and raises NotPermitted
before anything is done. A door that is inside a transaction already (a mail is one) hands it on as
``within``, and the action joins it. Refuses to know words: what a door prints is its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from listserv.actions import audit
from listserv.actions.permissions import (
    NOT_OF_DELETED,
    PERMISSIONS,
    Action,
    ActorRole,
    NotPermitted,
    Proven,
    permit,
)
from listserv.letters.answer_proof import AnswerProof
from listserv.letters.visit import Visit
from listserv.wiring.app import App
from mailer.errors import Refused, Temporary
from subscriptions.lists.roster import MailList, MembershipState, get_list, membership_of
from subscriptions.permission import budget
from subscriptions.permission.consent import Source

_HERE = (MembershipState.ACTIVE, MembershipState.PAUSED)


@dataclass(frozen=True, slots=True)
class Actor:
    """Say who asks, what shows it, and through which door; without ``key`` it is the operator."""

    source: Source
    proven: Proven
    key: str = ""  # of the address
    given: str = ""  # the address as its owner spells it

    @property
    def name(self) -> str:
        """Return how what was decided names who did."""
        return self.given or self.key or self.source.value

    def role_on(self, session: Session, lst: MailList) -> ActorRole:
        """Return what whoever asks is to a list at this moment."""
        if self.proven is Proven.MACHINE:
            return ActorRole.OPERATOR
        member = membership_of(session, lst.id, self.key) if self.key else None
        if member is None or member.state not in _HERE:
            return ActorRole.STRANGER
        return ActorRole(member.role.value)


OPERATOR = Actor(Source.CLI, Proven.MACHINE)


@dataclass(frozen=True, slots=True)
class Call:
    """Hold what every action needs: the application, who asks, the moment."""

    app: App
    by: Actor
    now: float
    within: Visit | None = None  # the transaction of a door that is in one
    evidence: AnswerProof | None = None  # what the ledger of permissions keeps of this request
    source: str = ""  # what bounds are counted by

    def known_as(self, key: str) -> "Call":
        """Return the call of whoever has shown a token that was mailed to the address ``key``."""
        return replace(self, by=replace(self.by, proven=Proven.TOKEN, key=key))

    def proof(self) -> AnswerProof:
        """Return what the ledger of permissions keeps of this request."""
        return self.evidence or AnswerProof(self.by.source, self.by.proven.value)

    def check_room(self, session: Session) -> None:
        """Raise Temporary in a minute in which strangers get no more mail, whoever asks."""
        if budget.is_full(session, self.now, self.app.settings.listserv.strangers_per_minute):
            raise Temporary("This minute's automatic mail to strangers has all left.")

    def visit(self, session: Session, lst: MailList) -> Visit:
        """Return what those who do things for a list work with, in a transaction of ``session``."""
        if self.within is not None:
            return self.within.at(lst)
        return Visit(session, self.app, lst, self.now, source=self.source)

    @contextmanager
    def session(self, *, writes: bool) -> Iterator[Session]:
        """Open a transaction, or join the door's; what is done in it asks ``permit`` itself."""
        if self.within is not None:
            yield self.within.session
            return
        with self.app.store.write() if writes else self.app.store.read() as session:
            yield session

    @contextmanager
    def reading(self, action: Action, list_address: str) -> Iterator[Visit]:
        """Look at one list; nothing is kept of what is changed here."""
        with self.session(writes=False) as session:
            yield self._visit(session, action, list_address)

    @contextmanager
    def changing(self, action: Action, list_address: str) -> Iterator[Visit]:
        """Change one list, in one transaction, and note that."""
        with self.session(writes=True) as session:
            visit = self._visit(session, action, list_address)
            role = self._role(session, visit.lst)  # before they may have changed their own
            yield visit
            self._note(action, session, visit.lst, role)

    @contextmanager
    def reading_all(self, action: Action) -> Iterator[Session]:
        """Look at what belongs to no single list."""
        self.permit(action)
        with self.session(writes=False) as session:
            yield session

    @contextmanager
    def changing_all(self, action: Action) -> Iterator[Session]:
        """Change what belongs to no single list, in one transaction, and note that."""
        self.permit(action)
        with self.session(writes=True) as session:
            yield session
            self.note(action, session)

    def permitted(self, action: Action, list_address: str) -> MailList:
        """Return the list for an action that takes many short transactions of its own."""
        with self.reading(action, list_address) as visit:
            return visit.lst

    def permit(
        self, action: Action, session: Session | None = None, lst: MailList | None = None
    ) -> None:
        """Raise NotPermitted where whoever asks may not do this to a list, or to the service."""
        permit(action, self._role(session, lst), self.by.proven)

    def refuse_deleted(self, action: Action, lst: MailList) -> None:
        """Raise Refused where this would bring people or mail to a list that is deleted."""
        if lst.deleted_at is not None and action in NOT_OF_DELETED:
            raise Refused(f"{lst.address} is deleted.", key="list-deleted", list=lst.address)

    def may(self, action: Action, session: Session, lst: MailList) -> bool:
        """Tell whether whoever asks may do this to a list by the proof that they have given."""
        try:
            self.permit(action, session, lst)
        except NotPermitted:
            return False
        return True

    def note(self, action: Action, session: Session, lst: MailList | None = None) -> None:
        """Write down that this was done; ``changing`` does it by itself."""
        self._note(action, session, lst, self._role(session, lst))

    def note_after(self, action: Action, lst: MailList | None, detail: str) -> None:
        """Write down what was done in transactions of its own."""
        with self.session(writes=True) as session:
            audit.detail(session, detail)
            self.note(action, session, lst)

    def _note(
        self, action: Action, session: Session, lst: MailList | None, role: ActorRole
    ) -> None:
        if not PERMISSIONS[action].noted:
            return
        audit.note(
            session,
            action,
            lst,
            role=role,
            proven=self.by.proven,
            door=self.by.source,
            key=self.by.key,
            now=self.now,
        )

    def _role(self, session: Session | None, lst: MailList | None) -> ActorRole:
        if self.by.proven is Proven.MACHINE:
            return ActorRole.OPERATOR
        if session is None or lst is None:
            return ActorRole.STRANGER
        return self.by.role_on(session, lst)

    def ring(self, *bells: str) -> None:
        """Ring bells for what was committed; a door inside its own transaction rings later."""
        if self.within is None:
            for bell in bells:
                self.app.ring(bell)

    def _visit(self, session: Session, action: Action, list_address: str) -> Visit:
        same = self.within is not None and self.within.lst.address == list_address
        lst = self.within.lst if self.within and same else get_list(session, list_address)
        self.permit(action, session, lst)
        self.refuse_deleted(action, lst)
        return self.visit(session, lst)
