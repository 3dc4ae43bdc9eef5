"""Speak SMTP to a relay as a client (RFC 5321), many transactions over one connection.

A ``Lane`` is one connection. It asks its ``LetterSource`` for letters and tells it what became of
each recipient; it knows no lists and no ledgers. With PIPELINING (RFC 2920) the content, its dot
and the next envelope leave in one write; without it, one command at a time. With CHUNKING too (RFC
3030) a refused recipient costs no content, and a relay whose ``depth`` is above one gets whole
transactions ahead of its answers: so many may be unsure after a kill.

SECURITY: what the relay says is parsed with limits (mailer/client/smtp_answers.py); what stood in
the clear before TLS is forgotten (RFC 3207 section 4.2).
"""

import asyncio
import base64
import ssl
from collections import deque
from typing import Protocol, cast

from mailer.client.relay import Relay, Tls, Unusable
from mailer.client.smtp_answers import Reply, ReplyError, ReplyReader
from mailer.client.smtp_transaction import (
    FULL,
    GO_AHEAD,
    QUIT_CODE,
    Offers,
    OutgoingLetter,
    Stage,
    Timeouts,
    adapted,
    concerns_everyone,
    envelope,
    problems,
    without,
)

_NOBODY = Reply(554, ("5.5.1 no valid recipients",))
MANY = 100  # recipients of one transaction (RFC 5321 section 4.5.3.1.8: every relay takes them)


class LetterSource(Protocol):
    """Give letters and hear what became of each row; every row ends in exactly one of three."""

    def next_letter(self, most: int) -> OutgoingLetter | None:
        """Return a letter for up to ``most`` recipients, or None where there is none now."""

    def dotting(self, letter: OutgoingLetter) -> bool:
        """Record that the final dot is about to leave; False forbids it."""

    def answered(self, row: int, stage: Stage, reply: Reply) -> None:
        """Hear the relay's answer that ends this row's transaction."""

    def lost(self, row: int, why: str) -> None:
        """Hear that the dot may have left and no answer will come."""

    def released(self, row: int) -> None:
        """Hear that the row's dot was never written, through no fault of the recipient."""

    def settled(self) -> None:
        """Hear that all answers which came together have been told."""

    def gone(self, lane: "Lane", why: str, *, trouble: bool) -> None:
        """Hear that the connection ended; ``trouble`` asks for a pause before the next."""


class Lane(asyncio.Protocol):
    """Hold one connection to ``relay`` and keep it busy with the letters of ``source``."""

    def __init__(
        self, relay: Relay, source: LetterSource, *, hello: str, timeouts: Timeouts
    ) -> None:
        self.relay = relay
        self.ready = False
        self.closed = False
        self.draining = False  # no new transaction
        self.offers = Offers()
        self.since = 0.0  # loop time of the last progress
        self._source = source
        self._hello = hello
        self._timeouts = timeouts
        self._reader = ReplyReader()
        self._transport: asyncio.Transport | None = None
        self._talk: asyncio.Future[Reply] | None = None
        self._words: dict[str, str] = {}  # of the answer to EHLO
        self._waiting: deque[Stage] = deque()  # what the next replies answer
        # Under way, in order; replies are the first one's.
        self._letters: deque[OutgoingLetter] = deque()
        self._dots = 0  # how many of them have their final dot written
        self._room = MANY  # recipients that the relay takes in one transaction
        self._eager = False  # whole transactions leave ahead of answers
        self._farewell: Reply | None = None  # why no more are wanted, while answers still come
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
        self.offers = Offers.read(self._words)
        self._eager = self.offers.chunking and self.relay.depth > 1

    async def _ehlo(self) -> None:
        reply = await self._ask(b"EHLO %s\r\n" % self._hello.encode("ascii"))
        if reply.code in (500, 502):  # RFC 5321 section 3.2: an old relay
            reply = await self._ask(b"HELO %s\r\n" % self._hello.encode("ascii"))
            reply = Reply(reply.code, reply.lines[:1])
        if not reply.good:
            raise self._refusal("answered EHLO with", reply)
        offers = (line.partition(" ") for line in reply.lines[1:])
        self._words = {word.upper(): rest for word, _, rest in offers}

    async def _protect(self) -> None:
        must = self.relay.tls is Tls.REQUIRED
        if "STARTTLS" not in self._words:
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
        kinds = self._words.get("AUTH", "").upper().split()
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
        """Begin a transaction if the connection is idle and the source has a letter."""
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

    def _next_letter(self) -> OutgoingLetter | None:
        """Take the next letter; what this relay cannot carry is refused in its place."""
        while not self.draining:
            letter = self._source.next_letter(self._room)
            if letter is None:
                break
            letter = adapted(letter, self.offers)
            refusals = problems(letter, self.offers)
            if refusals:
                for place, reply in refusals.items():
                    self._source.answered(letter.rows[place], Stage.RCPT, reply)
                letter = without(letter, refusals)
                if letter is None:
                    continue
            self._letters.append(letter)
            return letter
        return None

    def _next_envelope(self) -> bytes:
        """Take the next letter and return its commands for one write, content not included."""
        letter = self._next_letter()
        if letter is None:
            return b""
        commands = envelope(letter, self.offers)
        waiting = self._waiting
        if self.offers.chunking:
            # RFC 3030 section 2: a refused chunk leaves the relay in a state that RSET must end.
            commands.insert(0, b"RSET\r\n")
            waiting.append(Stage.RSET)
        waiting.append(Stage.MAIL)
        if not self.offers.pipelining:
            return commands[0]
        waiting.extend([Stage.RCPT] * len(letter.rows))
        if not self.offers.chunking:
            waiting.append(Stage.DATA)
            commands.append(b"DATA\r\n")
        return b"".join(commands)

    def _begin(self, first: bytes) -> None:
        """Write ``first`` and the next envelope, if there is one, in one write."""
        if self._eager:
            self._write_ahead(first)
            return
        out = first + self._next_envelope()
        if out:
            self._write(out)

    def _send(self, letter: OutgoingLetter) -> None:
        """Write the content, its dot and the next envelope; the source records the dot first."""
        self._waiting.append(Stage.DOT)
        following = self._next_envelope() if self.offers.pipelining else b""
        if self._dot(letter):
            content = letter.chunk() if self.offers.chunking else letter.data
            self._write(content + following if following else content)

    def _write_ahead(self, first: bytes) -> None:
        """Write whole transactions, until as many are unanswered as the relay's depth says."""
        out = [first]
        while len(self._letters) < self.relay.depth:
            letter = self._next_letter()
            if letter is None or not self._dot(letter):
                break
            # Nobody waits for the answer to MAIL or RCPT, so each begins from a clean state.
            self._waiting += (Stage.RSET, Stage.MAIL, *[Stage.RCPT] * len(letter.rows), Stage.DOT)
            out += (b"RSET\r\n", *envelope(letter, self.offers), letter.chunk())
        if len(out) > 1 or first:
            self._write(b"".join(out))

    def _dot(self, letter: OutgoingLetter) -> bool:
        """Have the dot recorded; where that is forbidden, the connection ends without it."""
        if self._source.dotting(letter):
            self._dots += 1
            return True
        self.abort("the lease ran out before the dot")
        return False

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self.closed:
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
        self._source.settled()

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what was under way: a dot is lost, an envelope is given back."""
        surprise, self.closed = not self.closed, True
        why = str(exc) if exc and surprise else self._why
        self._break_off(f"{self.relay.name} closed the connection")
        in_work = bool(self._letters)
        while self._letters:
            self._drop(self._letters.popleft(), why)
        if self.ready:
            self._source.gone(self, why, trouble=self._trouble or (surprise and in_work))

    def _drop(self, letter: OutgoingLetter, why: str) -> None:
        """Settle a letter whose transaction nobody will end."""
        dotted, self._dots = self._dots > 0, max(0, self._dots - 1)
        for place, row in enumerate(letter.rows):
            own = letter.refused.get(place)
            if own is not None:
                self._source.answered(row, Stage.RCPT, own)
            elif letter.failure is not None:
                self._source.answered(row, *letter.failure)
            elif dotted and place not in letter.refused:
                self._source.lost(row, why)
            else:
                self._source.released(row)

    def _take(self, reply: Reply) -> None:
        if not self.ready:
            if self._talk is None or self._talk.done():
                raise ReplyError("an answer to nothing")
            self._talk.set_result(reply)
            return
        if not self._waiting:
            self.abort(f"unasked: {reply.code} {reply.text}", trouble=reply.code == QUIT_CODE)
            return
        stage = self._waiting.popleft()
        if stage is Stage.RSET:
            self._after_reset(reply)
            return
        letter = self._letters[0]
        if stage is Stage.DOT:
            self._after_dot(letter, reply)
        elif stage is Stage.RCPT:
            self._after_rcpt(letter, reply)
        elif stage is Stage.MAIL:
            self._after_mail(letter, reply)
        else:
            self._after_data(stage, letter, reply)

    def _after_mail(self, letter: OutgoingLetter, reply: Reply) -> None:
        if reply.code >= 300:  # noqa: PLR2004 - RFC 5321 section 4.2.1
            letter.failure = (Stage.MAIL, reply)
            if reply.code == QUIT_CODE or concerns_everyone(Stage.MAIL, reply):
                self._give_up(reply)
                return
        if not self.offers.pipelining:
            self._go_on(letter)

    def _after_rcpt(self, letter: OutgoingLetter, reply: Reply) -> None:
        place, letter.heard = letter.heard, letter.heard + 1
        if reply.code >= 300 and letter.failure is None:  # noqa: PLR2004
            self._refuse(letter, place, reply)
            if reply.code == QUIT_CODE or concerns_everyone(Stage.RCPT, reply):
                self._give_up(reply)
                return
        if not self.offers.pipelining:
            self._go_on(letter)
        elif self.offers.chunking and not self._eager and letter.heard == len(letter.rows):
            self._fail(letter) if letter.void else self._send(letter)

    def _refuse(self, letter: OutgoingLetter, place: int, reply: Reply) -> None:
        good = place - len(letter.refused)
        # RFC 3463: X.2.Z is about this mailbox, such as one that is over its quota.
        own = reply.text.startswith(("4.2.", "5.2."))
        full = good > 0 and reply.code in FULL and not own
        letter.refused[place] = None if full else reply
        if full:
            self._room = good  # RFC 5321 section 4.5.3.1.10: the others go with another one

    def _go_on(self, letter: OutgoingLetter) -> None:
        """Write the next command to a relay that takes one at a time."""
        if letter.failure is not None:
            self._fail(letter)
        elif letter.heard < len(letter.rows):
            self._waiting.append(Stage.RCPT)
            self._write(envelope(letter, self.offers)[1 + letter.heard])
        elif letter.void:
            self._fail(letter)
        else:
            self._waiting.append(Stage.DATA)
            self._write(b"DATA\r\n")

    def _after_data(self, stage: Stage, letter: OutgoingLetter, reply: Reply) -> None:
        if stage is Stage.DATA and reply.code == GO_AHEAD:
            if not letter.void:
                self._send(letter)
                return
            # RFC 2920 section 3.1: DATA was accepted though no recipient was; end it empty.
            self._waiting.append(Stage.VOID)
            self._write(b".\r\n")
            return
        if not letter.void:
            if reply.code < 400:  # noqa: PLR2004 - neither 354 nor a refusal
                self.abort(f"out of step: {reply.code} after DATA", trouble=True)
                return
            letter.failure = (stage, reply)
        if reply.code == QUIT_CODE:
            self._hang_up(reply)
        else:
            self._fail(letter)

    def _after_dot(self, letter: OutgoingLetter, reply: Reply) -> None:
        if 300 <= reply.code < 400:  # noqa: PLR2004 - no answer to a dot at all
            self.abort(f"out of step: {reply.code} after the dot", trouble=True)
            return
        self._letters.popleft()
        self._dots -= 1
        stage, told = letter.failure or (Stage.DOT, reply)
        self._settle(letter, stage, told)
        if reply.code == QUIT_CODE:
            self._hang_up(reply)
        elif self._farewell is not None and not self._letters:
            self._hang_up(self._farewell)
        elif self._eager or not self._waiting:
            self._begin(b"")

    def _after_reset(self, reply: Reply) -> None:
        if not reply.good:
            self._hang_up(reply)
        elif not self._waiting:
            self._begin(b"")

    def _settle(self, letter: OutgoingLetter, stage: Stage, reply: Reply) -> None:
        """Tell each recipient's end: its own refusal, or the transaction's."""
        for place, row in enumerate(letter.rows):
            own = letter.refused.get(place, reply) if letter.refused else reply
            if own is None:
                self._source.released(row)
            else:
                self._source.answered(row, stage if own is reply else Stage.RCPT, own)

    def _fail(self, letter: OutgoingLetter) -> None:
        """Tell the refusals, clear the relay's state and go on with the next letter."""
        self._letters.popleft()
        self._settle(letter, *(letter.failure or (Stage.RCPT, _NOBODY)))
        if self.offers.chunking:
            self._begin(b"")
            return
        self._waiting.append(Stage.RSET)
        self._begin(b"RSET\r\n") if self.offers.pipelining else self._write(b"RSET\r\n")

    def _give_up(self, reply: Reply) -> None:
        """End the connection; where dots have left ahead, once they are answered."""
        if self._eager and reply.code != QUIT_CODE:
            self.draining, self._farewell = True, reply
        else:
            self._hang_up(reply)

    def _hang_up(self, reply: Reply) -> None:
        self.abort(f"{reply.code} {reply.text}", trouble=True)
