"""A sender with a relay of its own to send to."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import insert, select

from mailer.client.relay import Relay
from mailer.ledger import ledger, mailings
from mailer.ledger.ledger import Backoff, ClaimedRow
from mailer.ledger.mailings import (
    MailingView,
    Recipient,
    RecipientState,
    Status,
)
from mailer.ledger.splice import Segments
from mailer.ledger.worker_lease import Clock
from mailer.rehearsal.sink import Caught, Moment, Script, Sink, SinkReply
from mailer.sending.in_flight import Personal, PersonalCopy
from mailer.sending.ledger_errand import SenderSettings
from mailer.sending.sender import Sender
from mailer.storage.store import Store

LETTER = Segments(
    (
        b"Subject: Minutes\r\nList-Unsubscribe: <https://x.org/leave/",
        b">\r\n\r\nHello ",
        b"\r\n.a line with a dot\r\nBye\r\n",
    ),
    ("token", "name"),
)


def personal(_view: MailingView, row: ClaimedRow) -> PersonalCopy:
    token = b"t%d" % row.ref
    return PersonalCopy(f"minutes-bounces+t{row.ref}@x.org", {"token": token, "name": b"Anna"})


@dataclass
class Rig:
    """Hold a store, a sink and the way to make senders between them."""

    store: Store
    folder: Path
    sink: Sink
    caught: list[Caught]
    senders: list[Sender] = field(default_factory=list)

    def sender(
        self,
        *,
        clock: Clock | None = None,
        wanted: ledger.Wanted = ledger.everyone,
        queues: bool = True,
        personal: Personal = personal,
        **settings: object,
    ) -> Sender:
        usual = {
            "relays": (Relay("127.0.0.1", self.sink.port, queues=queues),),
            "connections": 4,
            "backoff": Backoff(first=600.0),
        }
        chosen = SenderSettings(**{**usual, **settings})  # type: ignore[arg-type]
        made = Sender(
            self.store,
            chosen,
            personal=personal,
            wanted=wanted,
            flights=self.folder / "flight",
            clock=clock,
        )
        self.senders.append(made)
        return made

    def mailing(
        self,
        addresses: Sequence[str],
        *,
        policy: str = "never-miss",
        expires_at: float = 4e9,
        letter: Segments = LETTER,
    ) -> int:
        with self.store.write() as session:
            mailing_id = mailings.create_mailing(
                session,
                kind="post",
                list_address="minutes@x.org",
                message_id="m1@x.org",
                policy=policy,
                compositions={0: letter},
                created=0.0,
                expires_at=expires_at,
            )
            rows = [
                {"mailing_id": mailing_id, "ref": n, "address": a, "bucket": a.rpartition("@")[2]}
                for n, a in enumerate(addresses)
            ]
            session.execute(insert(Recipient), rows)
            assert mailings.open_mailing(session, mailing_id, now=0.0) == len(addresses)
        return mailing_id

    def status(self, mailing_id: int) -> Status:
        with self.store.read() as session:
            found = mailings.status(session, mailing_id)
        states = (getattr(found, state.name.lower()) for state in RecipientState)
        assert found.audience == sum(states)
        return found

    def row(self, address: str) -> Recipient:
        with self.store.read() as session:
            return session.scalars(select(Recipient).where(Recipient.address == address)).one()

    def taken(self) -> Counter[str]:
        return Counter(caught.recipient for caught in self.caught)


@contextmanager
def contextmanagers() -> Iterator[Callable[..., Sink]]:
    with ExitStack() as stack:
        yield stack.enter_context


def on(moment: Moment, answers: dict[str, SinkReply]) -> Script:
    """Answer so at ``moment`` for the recipients named by local part."""

    def script(now: Moment, caught: Caught) -> SinkReply | None:
        return answers.get(caught.recipient.partition("@")[0]) if now is moment else None

    return script


def everyone(count: int) -> list[str]:
    return [f"member{n}@example{n % 7}.org" for n in range(count)]


def shared(_view: MailingView, _row: ClaimedRow) -> PersonalCopy:
    return PersonalCopy("minutes-bounces@x.org", {})
