"""A letter to one of our service addresses, read once: who wrote, what they say, what made it.

Reads before any transaction begins, because bodies take time. SECURITY: hostile bytes; a message
over the limits is not parsed, its text is empty and ``trouble`` says why.
"""

from dataclasses import dataclass

from listserv.answers import automatic, own_words
from listserv.answers.machine_kinds import MailRole
from listserv.answers.own_words import OwnWords
from listserv.letters import commands
from mailer.authentication import verdict
from mailer.authentication.verdict import UNKNOWN, Authentication, author_domain
from mailer.errors import BadInput
from mailer.reading import bodies, message
from mailer.reading.addresses import MailAddress, parse
from mailer.reading.headers import header_repair
from mailer.reading.message import MessageHeader
from mailer.reading.quotes import Quoted
from mailer.storage.arrivals import Arrival
from subscriptions.lists.roster import LANGUAGES


@dataclass(frozen=True, slots=True)
class IncomingLetter:
    """Hold what a letter says of itself; nothing in it is proof of anything but its own bytes."""

    arrival_id: int
    raw: bytes
    sha: bytes
    head: MessageHeader
    received_at: float
    client: str
    protocol: str
    author: MailAddress | None  # the one From address, if there is exactly one
    name: str
    message_id: str
    subject: str
    language: str  # of Content-Language, where we speak it
    text: str  # own words, as far as a page would show them
    words: OwnWords  # with what a signature says
    automatic: str  # why it looks automatic; "" where a person wrote
    trouble: str
    found: Authentication = UNKNOWN  # whose mail it is

    @property
    def proved(self) -> bool:
        """Tell whether the author's own domain vouches for the letter (DMARC's alignment)."""
        author = self.author
        return (
            author is not None and self.found.aligned and author_domain(self.head) == author.domain
        )

    @property
    def unanswerable(self) -> str:
        """Return why no mail of ours may answer the author, "" where one may."""
        if self.automatic or self.author is None:
            return self.automatic or "no author"
        return "from-not-theirs" if self.found.disowned else ""


def read(arrival: Arrival, raw: bytes) -> IncomingLetter:
    """Read the letter of ``arrival``; never raises for what stands in it."""
    raw = header_repair.mend(raw)
    head = message.head(raw)
    trouble = message.check_limits(raw) or ""
    quoted = Quoted(()) if trouble else bodies.read(raw).quoted
    words = OwnWords("") if trouble else own_words.read_mail(quoted, raw)
    name, author = author_of(head)
    return IncomingLetter(
        arrival_id=arrival.id,
        raw=raw,
        sha=arrival.raw_sha,
        head=head,
        received_at=arrival.received_at,
        client=arrival.client,
        protocol=arrival.protocol,
        author=author,
        name=name,
        message_id=message.message_id(head) or "",
        subject=commands.subject_of(head),
        language=_language(head),
        text=words.text,
        words=words,
        automatic=automatic.of_letter(raw, head, arrival.sender, quoted, _door(arrival, head)).kind
        or "",
        trouble=trouble,
        found=verdict.read(arrival.authentication),
    )


def _door(arrival: Arrival, head: MessageHeader) -> MailRole:
    """Tell a command from an answer: a person may well say "I am on holiday until Monday"."""
    asked = arrival.recipient.partition("@")[0].lower().endswith("-request")
    _, replied = own_words.of_subject(head.text("subject"))
    return MailRole.COMMAND if asked and not replied else MailRole.ANSWER


def author_of(head: MessageHeader) -> tuple[str, MailAddress | None]:
    """Return the name and address of the one author, None where there is not exactly one."""
    found: dict[str, tuple[str, MailAddress]] = {}
    for value in head.all("from"):
        for name, spelled in message.addresses_of(value):
            try:
                address = parse(spelled)
            except BadInput:
                continue
            found.setdefault(address.key, (name, address))
    return next(iter(found.values())) if len(found) == 1 else ("", None)


def _language(head: MessageHeader) -> str:
    said = head.text("content-language").split(",")[0].strip().lower().partition("-")[0]
    return said if said in LANGUAGES else ""
