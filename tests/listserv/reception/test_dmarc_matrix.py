"""What a From may do, for each policy, each way to prove it and each way to fail, in one table.

The table says what must be by itself: it does not ask the code that it tests.
"""

import base64
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from listserv.reception import sorter
from listserv.wiring.listserv_tables import Hold
from mailer.reading import message
from mailer.storage import arrivals
from mailer.storage.arrivals import Arrival, Incoming
from mailer.storage.store import get_raw
from subscriptions.lists.roster import Role
from tests.place import LIST, Place, make_place
from tests.zone import Zone, serving

REQUEST = LIST.replace("@", "-request@")
OWN, EVIL_CLIENT, EVIL = "203.0.113.10", "203.0.113.66", "evil.example"
STEPS = ["none", "quarantine", "reject"]


@dataclass(frozen=True, slots=True)
class Case:
    """Hold one row: what a domain publishes, and how a mail in its name comes."""

    number: int
    policy: str  # that From's domain has in the end, before test mode; "" for no record
    place: str  # own, inherited, sp or np: which tag says it, and where
    more: str
    way: str

    @property
    def organisation(self) -> str:
        return f"c{self.number}.example"

    @property
    def domain(self) -> str:
        return self.organisation if self.place == "own" else f"mail.{self.organisation}"

    @property
    def author(self) -> str:
        return f"anna@{self.domain}"

    @property
    def record(self) -> str:
        other = "none" if self.policy == "reject" else "reject"
        tags = {
            "sp": f"p={other}; sp={self.policy}",
            "np": f"p={other}; sp={other}; np={self.policy}",
        }
        return f"v=DMARC1; {tags.get(self.place, f'p={self.policy}')}{self.more}"

    @property
    def aligned(self) -> bool:
        if self.way in {"spf-near", "dkim-near"}:  # the organisation's, not the very domain's
            strict = "aspf=s" if self.way == "spf-near" else "adkim=s"
            tells = bool(self.policy)  # without a record nobody says what belongs together
            return self.place == "own" or (tells and strict not in self.more)
        return self.way in {"spf", "dkim"}

    @property
    def disowned(self) -> bool:
        asked = STEPS.index(self.policy or "none") - ("t=y" in self.more)
        return not self.aligned and asked > 0

    def publish(self, zone: Zone) -> None:
        if self.policy:
            zone.add(f"_dmarc.{self.organisation}", ("TXT", self.record))
        for name in {self.organisation, self.domain}:
            if self.place != "np" or name != self.domain or self.way in {"spf", "dkim"}:
                zone.add(name, ("TXT", f"v=spf1 ip4:{OWN} -all"))
            zone.add(f"k._domainkey.{name}", ("TXT", key()[1]))

    def mail(self, to: str, body: str) -> Incoming:
        raw = (
            f"From: Anna <{self.author}>\r\nTo: {to}\r\nSubject: {self.way}\r\n"
            f"Message-ID: <{self.number}.{to}@x>\r\n\r\n{body}\r\n"
        ).encode()
        signer = {
            "dkim": self.domain, "dkim-near": self.organisation, "dkim-other": EVIL,
            "dkim-broken": self.domain,
        }.get(self.way)  # fmt: skip
        if signer:
            raw = (
                dkim.sign(
                    raw, b"k", signer.encode(), key()[0], signature_algorithm=b"ed25519-sha256"
                )
                + raw
            )
        if self.way == "dkim-broken":
            raw += b"And more.\r\n"
        sender, client = {
            "spf": (self.author, OWN),
            "spf-near": (f"bounce@{self.organisation}", OWN),
            "spf-fail": (self.author, EVIL_CLIENT),
        }.get(self.way, (f"x@{EVIL}", EVIL_CLIENT))
        return Incoming(sender, (to,), raw, client, "mx", "ESMTP", 1e9)


WAYS = ["nothing", "spf", "spf-near", "spf-fail", "dkim", "dkim-near", "dkim-other", "dkim-broken"]
WHERE = ["own", "inherited", "sp", "np"]
MORE = ["", "; t=y", "; pct=0", "; adkim=s; aspf=s"]


def cases(*, whole: bool) -> list[Case]:
    rows = [
        (policy, where, more, way)
        for policy, where, more, way in itertools.product(["", *STEPS], WHERE, MORE, WAYS)
        if (policy or (where in {"own", "inherited"} and not more))
        and (whole or not more or way in {"nothing", "spf-near", "dkim-near"})
        and (whole or where != "np" or way in {"nothing", "dkim"})
    ]
    return [Case(number, *row) for number, row in enumerate(rows)][:: 1 if whole else 3]


@cache
def key() -> tuple[bytes, str]:
    made = Ed25519PrivateKey.generate()
    raw = made.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return base64.b64encode(raw), f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"


@pytest.fixture
def zone() -> Iterator[Zone]:
    made = Zone()
    made.add(EVIL, ("TXT", f"v=spf1 ip4:{EVIL_CLIENT} -all"))
    made.add(f"k._domainkey.{EVIL}", ("TXT", key()[1]))
    with serving(made) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, database_url: str, zone: Zone) -> Iterator[Place]:
    made = make_place(tmp_path, database_url)
    made.app.settings.mailer.__dict__["resolver"] = (zone.server,)
    made.app.__dict__.pop("resolver", None)
    yield made
    made.end()


def bring(place: Place, came: list[Incoming]) -> None:
    with place.app.store.write() as session:
        arrivals.keep(session, came)
    sorter.sort(place.app, lambda: False)


def held(place: Place) -> dict[str, str]:
    """Return why mails wait, by Message-ID."""
    with place.app.store.read() as session:
        rows = session.execute(
            select(Arrival.raw_sha, Hold.rules).join(Hold, Hold.arrival_id == Arrival.id)
        )
        return {
            message.message_id(message.head(get_raw(session, sha) or b"")) or "": rules
            for sha, rules in rows.all()
        }


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "whole",
    [pytest.param(False, id="some"), pytest.param(True, id="all", marks=pytest.mark.journey)],
)
def test_a_from_acts_only_where_its_domain_does_not_disown_it(
    place: Place, zone: Zone, *, whole: bool
) -> None:
    table = cases(whole=whole)
    for case in table:
        case.publish(zone)
        place.add(case.author)
    bring(place, [case.mail(LIST, "Hello all.") for case in table])
    waiting = held(place)
    for case in table:
        rules = waiting.get(f"{case.number}.{LIST}@x", "")
        assert ("from-not-theirs" in rules) is case.disowned, (case, rules)
        assert bool(rules) is case.disowned, (case, rules)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "whole",
    [pytest.param(False, id="some"), pytest.param(True, id="all", marks=pytest.mark.journey)],
)
def test_a_wish_acts_where_the_domain_vouches_and_an_order_of_a_role_never(
    place: Place, zone: Zone, *, whole: bool
) -> None:
    """An owner's mail asks whoever vouches for it, and a disowned one is not even answered."""
    table = cases(whole=whole)
    for case in table:
        case.publish(zone)
        place.add(case.author)
        place.add(f"victim@{case.domain}")
    owners = [case for case in table if case.number % 5 == 0]
    for case in owners:
        place.role(case.author, Role.OWNER)
    members = [case for case in table if case not in owners]
    bring(place, [case.mail(REQUEST, "pause") for case in members])
    bring(place, [case.mail(REQUEST, f"remove victim@{case.domain}") for case in owners])
    for case in members:
        assert place.state(case.author) == ("paused" if case.aligned else "active"), case
    for case in owners:
        assert place.state(f"victim@{case.domain}") == "active", case
    for case in table:
        if case.disowned:
            assert not place.mails(case.author), case
