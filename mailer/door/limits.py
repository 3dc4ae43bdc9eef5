"""Say how much a client may ask of the door, and what an operator decides about it."""

import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from mailer.door.callers import Network
from mailer.door.rates import MailRates
from mailer.door.recipient_verdicts import MessageVerdict


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Bound one session and the whole door; counts, bytes and seconds."""

    recipients: int = 100  # a transaction; RFC 5321 section 4.5.3.1.8 asks for at least 100
    errors: int = 20  # a session, then 421
    idle_commands: int = 100  # NOOP, RSET, VRFY, HELP and hellos since the last message, then 421
    commands: int = 10_000  # any, since the last message, then 421
    command_line: int = 1000  # octets; RFC 5321 section 4.5.3.1.4 asks for 512, SMTPUTF8 for more
    header: int = 100 * 1024  # octets of a message's header
    idle: float = 300.0  # for a whole command, however its octets dribble; section 4.5.3.2.7
    data_rate: int = 1000  # octets a second that DATA must bring on average, after ``idle``
    session: float = 3600.0
    per_ip: int = 20  # connections of a source (callers.py); fronts are not counted
    per_network: int = 80  # of a neighbourhood: a /24, a /48
    connections: int = 500  # in all
    waiting: int = 256 * 1024 * 1024  # octets of mail in memory, received or not yet committed
    verdict_ttl: float = 1.0  # for how long an accepted recipient is not asked for again


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Hold what an operator decides about the door; ``domain`` is where <postmaster> lives."""

    hostname: str
    domain: str = ""
    max_size: int = 25 * 1024 * 1024  # octets
    front: tuple[Network, ...] = ()
    tls: ssl.SSLContext | None = None
    # Under which names results of authentication would be ours; runs in a thread.
    own_names: Callable[[], Collection[str]] = tuple
    front_name: str = ""  # under which a front says whose mail it is; anybody else's is removed
    judge: MessageVerdict | None = None  # may refuse a whole message that comes straight to us
    rates: MailRates = field(default_factory=MailRates)
    fold: Callable[[str], str] = str.lower  # all addresses of a list are one
    limits: DoorLimits = field(default_factory=DoorLimits)
