"""Speak SMTP to a relay as a client (RFC 5321), many transactions over one connection.

A ``Lane`` is one connection. It asks its ``Desk`` for letters and tells it what became of them;
it knows nothing of lists or ledgers. Where the relay offers PIPELINING (RFC 2920) the content,
its dot and the next envelope leave in one write; without it, one command at a time.

SECURITY: what the relay says is parsed with limits (mailer/answers.py); what stood in the clear
before TLS is forgotten (RFC 3207 section 4.2); an envelope address that could break its line is
refused here, whatever was checked before.
"""

import asyncio
import base64
import re
import ssl
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, cast

from mailer.answers import Reply, ReplyError, ReplyReader
from mailer.relay import Relay, Tls

_UNSAFE = re.compile(r"[\x00-\x20<>\x7f]")
_QUIT_CODE = 421  # the relay is closing (RFC 5321 section 3.8)
_GO_AHEAD = 354
_TOO_BIG = 552  # concerns this message, not everyone


class Stage(IntEnum):
    """Name the step of a session or a transaction that a reply belongs to."""

    GREETING = 0
    EHLO = 1
    TLS = 2
    AUTH = 3
    MAIL = 4
    RCPT = 5
    DATA = 6
    DOT = 7
    VOID = 8  # the lone dot that ends a DATA which should have been refused
    RSET = 9


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Hold how long each answer may take, in seconds (RFC 5321 section 4.5.3.2)."""

    connect: float = 60.0
    greeting: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    dot: float = 600.0

    def of(self, stage: Stage) -> float:
        """Return the limit for the answer at ``stage``."""
        if stage is Stage.DOT:
            return self.dot
        if stage is Stage.DATA:
            return self.data
        if stage is Stage.RCPT:
            return self.rcpt
        return self.mail if stage is not Stage.GREETING else self.greeting


@dataclass(slots=True)
class Letter:
    """Hold one transaction: ``data`` is stuffed and ends with the final dot."""

    row: int
    sender: str
    recipient: str
    data: bytes
    failure: tuple[Stage, Reply] | None = None
    commands: list[bytes] = field(default_factory=list)


class Desk(Protocol):
    """Give letters to lanes and hear what became of each; every letter ends in exactly one."""

    def next_letter(self) -> Letter | None:
        """Return a letter to send, or None where there is none now."""

    def dotting(self, letter: Letter) -> bool:
        """Record that the final dot is about to leave; False forbids it."""

    def answered(self, letter: Letter, stage: Stage, reply: Reply) -> None:
        """Hear the relay's answer that ends this letter's transaction."""

    def lost(self, letter: Letter, why: str) -> None:
        """Hear that the dot may have left and no answer will come."""

    def released(self, letter: Letter) -> None:
        """Hear that the letter's dot was never written, through no fault of the recipient."""

    def settled(self) -> None:
        """Hear that all answers which came together have been told."""

    def gone(self, lane: "Lane", why: str, *, trouble: bool) -> None:
        """Hear that the connection ended; ``trouble`` asks for a pause before the next."""


class Unusable(Exception):
    """Say why a relay could not be used now; nobody's letter is to blame."""


class Lane(asyncio.Protocol):
    """Hold one connection to ``relay`` and keep it busy with the desk's letters."""

    def __init__(self, relay: Relay, desk: Desk, *, hello: str, timeouts: Timeouts) -> None:
        self.relay = relay
        self.ready = False
        self.closed = False
        self.draining = False  # no new transaction
        self.pipelining = False
        self.since = 0.0  # loop time of the last progress
        self._desk = desk
        self._hello = hello
        self._timeouts = timeouts
        self._reader = ReplyReader()
        self._transport: asyncio.Transport | None = None
        self._talk: asyncio.Future[Reply] | None = None
        self._offers: dict[str, str] = {}
        self._waiting: deque[Stage] = deque()
        self._envelope: Letter | None = None  # whose MAIL, RCPT or DATA is under way
        self._dotted: Letter | None = None  # whose dot is unanswered
        self._why = "the relay closed the connection"
        self._trouble = False
        self._loop = asyncio.get_running_loop()

    # -- opening ---------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, greet, protect and log in; raise Unusable with the reason."""
        try:
            async with asyncio.timeout(self._timeouts.connect):
                await self._connect()
            async with asyncio.timeout(self._timeouts.greeting):
                await self._introduce()
        except TimeoutError:
            self.abort("no answer in time")
            raise Unusable(f"{self.relay.name} did not answer in time") from None
        except (OSError, ssl.SSLError) as error:
            self.abort("not connected")
            raise Unusable(f"{self.relay.name}: {error.strerror or error}") from error
        except Unusable:
            self.abort("not usable")
            raise
        self._talk = None
        self.ready = True
        self.since = self._loop.time()

    async def _connect(self) -> None:
        self._talk = self._loop.create_future()
        implicit = self.relay.tls is Tls.IMPLICIT
        await self._loop.create_connection(
            lambda: self,
            self.relay.host,
            self.relay.port,
            ssl=self.relay.context() if implicit else None,
            server_hostname=self.relay.host if implicit else None,
        )

    async def _introduce(self) -> None:
        greeting = await self._heard()
        if not greeting.good:
            raise self._refusal("greeted us with", greeting)
        await self._ehlo()
        if self.relay.tls in (Tls.REQUIRED, Tls.OPPORTUNISTIC):
            await self._protect()
        if self.relay.user:
            await self._log_in()
        self.pipelining = "PIPELINING" in self._offers

    async def _ehlo(self) -> None:
        reply = await self._ask(b"EHLO %s\r\n" % self._hello.encode("ascii"))
        if reply.code in (500, 502):  # RFC 5321 section 3.2: an old relay
            reply = await self._ask(b"HELO %s\r\n" % self._hello.encode("ascii"))
            reply = Reply(reply.code, reply.lines[:1])
        if not reply.good:
            raise self._refusal("answered EHLO with", reply)
        offers = (line.partition(" ") for line in reply.lines[1:])
        self._offers = {word.upper(): rest for word, _, rest in offers}

    async def _protect(self) -> None:
        must = self.relay.tls is Tls.REQUIRED
        if "STARTTLS" not in self._offers:
            if must:
                raise Unusable(f"{self.relay.name} offers no STARTTLS, which is required")
            return
        reply = await self._ask(b"STARTTLS\r\n")
        if not reply.good:
            if must:
                raise self._refusal("answered STARTTLS with", reply)
            return
        if not self._reader.clean:
            raise Unusable(f"{self.relay.name} spoke in the clear after STARTTLS")
        transport = await self._loop.start_tls(
            cast("asyncio.Transport", self._transport),
            self,
            self.relay.context(),
            server_hostname=self.relay.host,
        )
        if transport is None:
            raise Unusable(f"{self.relay.name} closed the connection during TLS")
        self._transport = transport
        self._reader = ReplyReader()
        await self._ehlo()

    async def _log_in(self) -> None:
        kinds = self._offers.get("AUTH", "").upper().split()
        user, password = self.relay.user.encode(), self.relay.password.encode()
        if "PLAIN" in kinds:
            token = base64.b64encode(b"\0" + user + b"\0" + password)
            reply = await self._ask(b"AUTH PLAIN %s\r\n" % token)
        elif "LOGIN" in kinds:
            reply = await self._ask(b"AUTH LOGIN\r\n")
            for secret in (user, password):
                if reply.code == 334:  # noqa: PLR2004 - RFC 4954: go on
                    reply = await self._ask(base64.b64encode(secret) + b"\r\n")
        else:
            raise Unusable(f"{self.relay.name} offers neither AUTH PLAIN nor LOGIN")
        if not reply.good:
            raise self._refusal("did not take our user and password:", reply)

    def _refusal(self, did: str, reply: Reply) -> Unusable:
        return Unusable(f"{self.relay.name} {did} {reply.code} {reply.text}")

    async def _ask(self, command: bytes) -> Reply:
        self._talk = self._loop.create_future()
        self._write(command)
        return await self._heard()

    async def _heard(self) -> Reply:
        if self._talk is None:
            raise Unusable(f"{self.relay.name} is out of step")
        return await self._talk

    # -- sending ---------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Tell whether a transaction is under way."""
        return bool(self._waiting)

    def wake(self) -> None:
        """Begin a transaction if the connection is idle and the desk has a letter."""
        if self.ready and not self.closed and not self._waiting and not self.draining:
            self._begin(b"")

    def check(self, now: float) -> None:
        """Give the connection up if the answer it waits for is overdue."""
        if self._waiting and now - self.since > self._timeouts.of(self._waiting[0]):
            self.abort(f"no answer to {self._waiting[0].name} in time", trouble=True)

    def quit(self) -> None:
        """End an idle connection politely."""
        if self._transport is not None and not self.closed:
            self._why = "closed by us"
            self.closed = True
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    def abort(self, why: str, *, trouble: bool = False) -> None:
        """End the connection now; ``connection_lost`` settles what was under way."""
        self._break_off(f"{self.relay.name}: {why}")
        if self.closed:
            return
        self._why, self._trouble, self.closed = why, trouble, True
        if self._transport is not None:
            self._transport.abort()

    def _break_off(self, why: str) -> None:
        """End the talk of the opening; where nobody listens yet, that is no news to log."""
        if self._talk is not None and not self._talk.done():
            self._talk.set_exception(Unusable(why))
            self._talk.exception()

    def _next_envelope(self) -> bytes:
        """Take the next letter this relay can carry and return its commands for one write."""
        while not self.draining:
            letter = self._desk.next_letter()
            if letter is None:
                break
            problem = self._commands(letter)
            if problem is not None:
                self._desk.answered(letter, Stage.RCPT, problem)
                continue
            self._envelope = letter
            if self.pipelining:
                self._waiting.extend((Stage.MAIL, Stage.RCPT, Stage.DATA))
                return b"".join(letter.commands)
            self._waiting.append(Stage.MAIL)
            return letter.commands[0]
        return b""

    def _commands(self, letter: Letter) -> Reply | None:
        """Write the letter's envelope, or return the refusal that is ours to make."""
        if _UNSAFE.search(letter.recipient) or _UNSAFE.search(letter.sender):
            return Reply(553, ("5.1.3 not an address that SMTP can carry",))
        extra = b""
        if not (letter.recipient.isascii() and letter.sender.isascii()):
            if "SMTPUTF8" not in self._offers:  # RFC 6531 section 3.2
                why = "5.6.7 the relay takes no addresses beyond ASCII (no SMTPUTF8)"
                return Reply(553, (why,))
            extra = b" SMTPUTF8"
        if "8BITMIME" in self._offers and not letter.data.isascii():
            extra += b" BODY=8BITMIME"
        letter.commands = [
            b"MAIL FROM:<%s>%s\r\n" % (letter.sender.encode(), extra),
            b"RCPT TO:<%s>\r\n" % letter.recipient.encode(),
            b"DATA\r\n",
        ]
        return None

    def _begin(self, first: bytes) -> None:
        """Write ``first`` and the next envelope, if there is one, in one write."""
        out = first + self._next_envelope()
        if out:
            self._write(out)

    def _send(self, letter: Letter) -> None:
        """Write the content, its dot and the next envelope; the desk records the dot first."""
        self._envelope, self._dotted = None, letter
        self._waiting.append(Stage.DOT)
        following = self._next_envelope() if self.pipelining else b""
        if not self._desk.dotting(letter):
            self._dotted = None
            self._desk.released(letter)
            self.abort("the lease ran out before the dot")
            return
        self._write(letter.data + following if following else letter.data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # -- hearing ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio and uvloop set TCP_NODELAY themselves."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the replies that are complete, in order."""
        self.since = self._loop.time()
        try:
            for reply in self._reader.feed(data):
                if self.closed:
                    break
                self._take(reply)
        except ReplyError as error:
            self.abort(str(error), trouble=True)
        self._desk.settled()

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what was under way: a dot is lost, an envelope is given back."""
        surprise, self.closed = not self.closed, True
        why = str(exc) if exc and surprise else self._why
        self._break_off(f"{self.relay.name} closed the connection")
        dotted, envelope = self._dotted, self._envelope
        self._dotted = self._envelope = None
        if dotted is not None:
            self._desk.lost(dotted, why)
        if envelope is not None:
            self._desk.released(envelope)
        if self.ready:
            in_work = dotted is not None or envelope is not None
            self._desk.gone(self, why, trouble=self._trouble or (surprise and in_work))

    def _take(self, reply: Reply) -> None:
        if not self.ready:
            if self._talk is None or self._talk.done():
                raise ReplyError("an answer to nothing")
            self._talk.set_result(reply)
            return
        if not self._waiting:
            self.abort(f"unasked: {reply.code} {reply.text}", trouble=reply.code == _QUIT_CODE)
            return
        stage = self._waiting.popleft()
        if self.pipelining and stage <= Stage.RCPT and reply.code < 300:  # noqa: PLR2004 - 2yz
            return  # the answer to DATA decides
        if stage is Stage.DOT:
            self._after_dot(reply)
        elif stage is Stage.RSET:
            self._after_reset(reply)
        elif self._envelope is not None:
            self._after_envelope(stage, self._envelope, reply)

    def _after_dot(self, reply: Reply) -> None:
        letter, self._dotted = self._dotted, None
        if letter is None:
            return
        if 300 <= reply.code < 400:  # noqa: PLR2004 - no answer to a dot at all
            self._dotted = letter
            self.abort(f"out of step: {reply.code} after the dot", trouble=True)
            return
        self._desk.answered(letter, Stage.DOT, reply)
        if reply.code == _QUIT_CODE:
            self._hang_up(reply)
        elif not self._waiting:
            self._begin(b"")

    def _after_envelope(self, stage: Stage, letter: Letter, reply: Reply) -> None:
        if stage is Stage.DATA or stage is Stage.VOID:
            self._after_data(stage, letter, reply)
            return
        if not reply.good and letter.failure is None:
            letter.failure = (stage, reply)
            if reply.code == _QUIT_CODE or concerns_everyone(stage, reply):
                self._give_up(letter, stage, reply)
                return
        if self.pipelining:
            return
        if letter.failure is not None:
            self._fail(letter, letter.failure)
        else:
            following = Stage.RCPT if stage is Stage.MAIL else Stage.DATA
            self._waiting.append(following)
            self._write(letter.commands[1 if following is Stage.RCPT else 2])

    def _after_data(self, stage: Stage, letter: Letter, reply: Reply) -> None:
        if stage is Stage.DATA and reply.code == _GO_AHEAD:
            if letter.failure is None:
                self._send(letter)
                return
            # RFC 2920 section 3.1: DATA was accepted though no recipient was; end it empty.
            self._waiting.append(Stage.VOID)
            self._write(b".\r\n")
            return
        failure = letter.failure
        if failure is None:
            if reply.code < 400:  # noqa: PLR2004 - neither 354 nor a refusal
                self.abort(f"out of step: {reply.code} after DATA", trouble=True)
                return
            failure = (stage, reply)
        if reply.code == _QUIT_CODE:
            self._give_up(letter, *failure)
        else:
            self._fail(letter, failure)

    def _after_reset(self, reply: Reply) -> None:
        if not reply.good:
            self._hang_up(reply)
        elif not self._waiting:
            self._begin(b"")

    def _fail(self, letter: Letter, failure: tuple[Stage, Reply]) -> None:
        """Tell the refusal, clear the relay's state and go on with the next letter."""
        self._envelope = None
        self._desk.answered(letter, *failure)
        self._waiting.append(Stage.RSET)
        self._begin(b"RSET\r\n") if self.pipelining else self._write(b"RSET\r\n")

    def _give_up(self, letter: Letter, stage: Stage, reply: Reply) -> None:
        self._envelope = None
        self._desk.answered(letter, stage, reply)
        self._hang_up(reply)

    def _hang_up(self, reply: Reply) -> None:
        self.abort(f"{reply.code} {reply.text}", trouble=True)


def concerns_everyone(stage: Stage, reply: Reply) -> bool:
    """Tell whether a refusal is about us rather than about this letter.

    A sender refused, or a login demanded, would be refused for the whole audience.
    """
    if reply.code == 530:  # noqa: PLR2004 - RFC 4954 section 6: authentication required
        return True
    return stage is Stage.MAIL and reply.code != _TOO_BIG
