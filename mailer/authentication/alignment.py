"""Ask DNS whether receivers could tell that a domain's mail is its own: DKIM, SPF, DMARC.

    enquiries.begin(domain, keys)()    # -> Standing: what of it is in DNS, and what is not known

Our From, our return path and our signature name one and the same domain, a list's, so whatever
passes is aligned (RFC 9989 section 4.4). Of SPF (RFC 7208) only the domain's own record is read:
which machines it comes to is not known here, because a relay hands on from an address of its
own. ``judge`` is pure. SECURITY: the names come from our own lists and keys, never from a draft;
at most ``NAMES`` questions, all at once, ``SECONDS`` for all together; an answer is kept a while.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.authentication.dns_records import NoAnswerError

SECONDS = 0.9  # for all questions about a domain: a proof must not wait for DNS
NAMES = 10
KEYS = 4  # of them
KEEP = 600.0  # seconds that a whole answer is kept
KEEP_SILENCE = 60.0  # and one that lacks something
REMEMBERED = 200  # domains
_TREE = 5  # names above a domain at which a policy is looked for
_SPF = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE)
_DMARC = re.compile(rb"v=DMARC1\s*(?:;|\Z)")
_RESERVED = re.compile(  # RFC 2606, RFC 6761: nobody can have published anything there
    r"(?:.*\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost|local|internal|lan|home\.arpa)"
    r"|[^.]*|[\d.]+"
)

Texts = Callable[[str, float], tuple[bytes, ...]]
Answers = Mapping[str, tuple[bytes, ...] | None]  # by name; None where DNS was silent


class Spf(StrEnum):
    """Say what the SPF record of a domain is."""

    NAMES = "names"  # it names somebody who may send
    NONE = "none"
    SEVERAL = "several"  # which counts as an error (RFC 7208 section 4.5)
    NOBODY = "nobody"  # it lets nobody send
    UNKNOWN = "unknown"


class DomainPolicy(StrEnum):
    """Say what a domain's DMARC record asks of receivers, for mail that is not aligned."""

    ABSENT = "absent"  # there is no record
    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    UNKNOWN = "unknown"


class Published(StrEnum):
    """Say whether a key that signs stands in DNS."""

    YES = "yes"
    NO = "no"
    OTHER = "other"  # another key has its name
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DomainRecords:
    """Hold what DNS says of a domain; ``keys`` by the name of their record."""

    spf: Spf = Spf.UNKNOWN
    wish: DomainPolicy = DomainPolicy.UNKNOWN
    keys: Mapping[str, Published] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Tell whether nothing is unknown."""
        return "unknown" not in {self.spf, self.wish, *self.keys.values()}


def is_public(domain: str) -> bool:
    """Tell whether anybody could have published anything about ``domain``."""
    return _RESERVED.fullmatch(domain.rstrip(".").lower()) is None


def names(domain: str, keys: Iterable[str]) -> list[str]:
    """Return the names that are asked: the domain, its policies, its keys."""
    return [domain, *_policies(domain), *list(keys)[:KEYS]][:NAMES]


def judge(domain: str, keys: Mapping[str, str], answers: Answers) -> DomainRecords:
    """Return what ``answers`` say; ``keys`` are the records that should stand there, by name."""
    return DomainRecords(
        spf=_spf(answers.get(domain)),
        wish=_wish(domain, answers),
        keys={
            name: _published(record, answers.get(name)) for name, record in [*keys.items()][:KEYS]
        },
    )


class Enquiries:
    """Ask about domains, and remember the answers for a while; one for a process."""

    def __init__(self, texts: Texts, clock: Callable[[], float] = time.monotonic) -> None:
        self._texts = texts
        self._clock = clock
        self._known: dict[tuple[str, ...], tuple[float, DomainRecords]] = {}

    def begin(self, domain: str, keys: Mapping[str, str]) -> Callable[[], DomainRecords]:
        """Begin to ask, in threads; what comes back waits for the rest of the time, no longer."""
        about = (domain, *keys, *keys.values())
        until, known = self._known.get(about, (0.0, DomainRecords()))
        if self._clock() < until:
            return lambda: known
        ends = self._clock() + SECONDS
        pool = ThreadPoolExecutor(NAMES, thread_name_prefix="dns")
        asked = {one: pool.submit(self._texts, one, SECONDS) for one in names(domain, keys)}
        pool.shutdown(wait=False)

        def finish() -> DomainRecords:
            wait(asked.values(), timeout=max(0.0, ends - self._clock()))
            said = {name: _said(one) for name, one in asked.items()}
            found = judge(domain, keys, said)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            kept = KEEP if found.whole else KEEP_SILENCE
            self._known[about] = (self._clock() + kept, found)
            return found

        return finish


def _said(asked: "Future[tuple[bytes, ...]]") -> tuple[bytes, ...] | None:
    """Return what came in time; None for silence."""
    if not asked.done():
        return None
    error = asked.exception()
    if error is None:
        return asked.result()
    if isinstance(error, NoAnswerError):
        return None
    raise error


def _spf(texts: tuple[bytes, ...] | None) -> Spf:
    if texts is None:
        return Spf.UNKNOWN
    found = [text for text in texts if _SPF.match(text)]
    if len(found) != 1:
        return Spf.SEVERAL if found else Spf.NONE
    words = found[0].lower().split()[1:]
    named = [one for one in words if one[:1] not in b"-~?" and not one.startswith(b"exp=")]
    return Spf.NAMES if named else Spf.NOBODY


def _policies(domain: str) -> list[str]:
    """Return where a policy may stand: at the domain and above it (RFC 9989 section 4.10)."""
    labels = domain.split(".")
    above = [".".join(labels[at:]) for at in range(1, len(labels))]
    return [f"_dmarc.{one}" for one in [domain, *above[-_TREE + 1 :]]]


def _wish(domain: str, answers: Answers) -> DomainPolicy:
    """Return what the domain's own record asks, else its organisation's: the topmost one."""
    found: list[dict[str, str]] = []
    for at, name in enumerate(_policies(domain)):
        texts = answers.get(name)
        if texts is None:
            if not found:
                return DomainPolicy.UNKNOWN
            continue
        policies = [text for text in texts if _DMARC.match(text)]
        if len(policies) != 1:
            continue
        tags = _tags(policies[0])
        if at == 0:
            return _asked(tags, tags.get("p", ""))
        if tags.get("psd") == "y" and found:
            break  # a registry's; the one below it is the organisation's
        found.append(tags)
        if tags.get("psd") == "n":
            break
    if not found:
        return DomainPolicy.ABSENT
    return _asked(found[-1], found[-1].get("sp", found[-1].get("p", "")))


def _asked(tags: Mapping[str, str], word: str) -> DomainPolicy:
    """Read p= or sp=; a record in test mode (t=y) asks for one step less."""
    order = [DomainPolicy.NONE, DomainPolicy.QUARANTINE, DomainPolicy.REJECT]
    wish = next((one for one in order if one == word.lower()), DomainPolicy.NONE)
    return order[max(0, order.index(wish) - 1)] if tags.get("t") == "y" else wish


def _published(record: str, texts: tuple[bytes, ...] | None) -> Published:
    if texts is None:
        return Published.UNKNOWN
    ours = _tags(record.encode())
    for text in texts:
        tags = _tags(text)
        if tags.get("p") == ours["p"] and tags.get("k", "rsa") == ours.get("k", "rsa"):
            return Published.YES
    return Published.OTHER if texts else Published.NO


def _tags(text: bytes) -> dict[str, str]:
    """Read a list of tags (RFC 6376 section 3.2), all blanks gone: none stand within a value."""
    pairs = (one.partition("=") for one in "".join(text.decode("latin-1").split()).split(";"))
    return {key.lower(): value for key, equals, value in pairs if equals}
