"""One SMTP or LMTP conversation (RFC 5321, RFC 2033): commands, and the order commit, then 250.

Knows every verb and reply, each with an enhanced status code (RFC 2034); sockets and buffers
are the connection's, and what a recipient is worth is for the roof to say.

SECURITY: every octet is hostile. A command line ends with CR LF and holds no control
character; octets above 127 only in MAIL and RCPT; nothing that the client sent is echoed.
Our own failures are 451 with a generic text; what went wrong stands in the log.
"""

import asyncio
import logging
import math
import re
from ipaddress import ip_address

from mailer.door import smtp_replies
from mailer.door.callers import source_of
from mailer.door.connection import House
from mailer.door.data_reader import DataReader, DataVerdict
from mailer.door.envelope import MailFrom, read_mail, read_rcpt
from mailer.door.fronted_connection import FrontedConnection
from mailer.door.group_commit import Reservation
from mailer.door.smtp_replies import SmtpReply
from mailer.errors import Temporary
from mailer.storage.arrivals import Incoming

_log = logging.getLogger(__name__)

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_WEB = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH"}
_IDLE = {"NOOP", "RSET", "VRFY", "HELP", "EXPN", "HELO", "EHLO", "LHLO", "XCLIENT", "XFORWARD"}
_HELLO = 255  # octets of a client's host name
_TLS_HANDSHAKE = 30.0  # seconds


class SmtpSession(FrontedConnection):
    """Hold one conversation."""

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(house, loop)
        self._idle_commands = 0  # since the last message, as are the commands
        self._commands = 0
        self._extended = False
        self._mail: MailFrom | None = None
        self._recipients: list[str] = []
        self._in_data = False
        self._coming = False

    async def _handle_client(self) -> None:
        """Run the conversation; this is the coroutine that aiosmtpd starts."""
        callers, limits = self._house.callers, self._limits
        refusal = self._find_place()
        if refusal is not None:
            self._hang_up(refusal)
            return
        callers.enter(self._source, self)
        try:
            self.deadline = self.loop.time() + limits.idle
            self._greet()
            if not self._is_front(self._peer) or await self._meet():
                await self._converse()
        finally:
            callers.leave(self._source, self)
            self._reset()
            self._flush()
            self._close()

    async def _converse(self) -> None:
        while not self._over:
            self.deadline = self.loop.time() + self._limits.idle
            line = await self._next_line(self._limits.command_line)
            if line is None:
                return
            await self._obey(line)
            self.idle_since = self.loop.time()
            await self._drain_replies()
            self._judge_conduct()

    def _judge_conduct(self) -> None:
        """End a conversation that goes nowhere, or when the door closes."""
        limits = self._limits
        last = None
        if self._errors >= limits.errors and not self._trusted:
            last = smtp_replies.TOO_MANY_ERRORS
        elif self._idle_commands >= limits.idle_commands or self._commands >= limits.commands:
            last = smtp_replies.TOO_MANY_COMMANDS
        elif self._house.closing and self._mail is None:
            last = smtp_replies.CLOSING
        if last is not None and not self._over:
            self._say(last)
            self._over = True

    async def _obey(self, line: bytes) -> None:
        """Do what one command line says; this is the place that turns our errors into replies."""
        self._commands += 1
        command = self._read_command(line)
        if isinstance(command, SmtpReply):
            self._say(command)
            return
        verb, argument = command
        method = self._smtp_methods.get(verb)
        if verb in _WEB or verb.endswith(":"):
            self._say(smtp_replies.NOT_MAIL)
            self._over = True
        elif method is None:
            self._say(smtp_replies.UNKNOWN)
        else:
            self._idle_commands += verb in _IDLE
            try:
                await method(argument)
            except Exception as error:  # noqa: BLE001 - a door
                self._excuse(error)

    def _excuse(self, error: Exception) -> None:
        """Say that it is our fault, and no more."""
        if isinstance(error, Temporary):  # an outage, not a bug: a line each, no traceback
            _log.warning("an SMTP command was put off: %s", error.what)
        else:
            _log.error("an SMTP command failed", exc_info=error)
        if self._in_data:  # the place in the stream is lost: go on and mail becomes commands
            self._say(SmtpReply(421, smtp_replies.OUR_FAULT.enhanced, smtp_replies.OUR_FAULT.text))
            self._over = True
        else:
            self._say(smtp_replies.OUR_FAULT)

    def _read_command(self, line: bytes) -> tuple[str, str] | SmtpReply:
        if len(line) > self._limits.command_line:
            return smtp_replies.LONG_LINE
        if not line.endswith(b"\r\n"):
            return smtp_replies.BARE_LF
        line = line[:-2]
        if _CONTROL.search(line):
            return smtp_replies.BAD_BYTES
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return smtp_replies.BAD_BYTES
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        if not text.isascii() and verb not in {"MAIL", "RCPT"}:
            return smtp_replies.BAD_BYTES
        return verb, argument.strip(" ")

    def _between(self) -> bool:
        return self._mail is None

    def _expect_message(self, *, coming: bool) -> None:
        """Let the intake know whether this session is on its way to a message."""
        if coming != self._coming:
            self._coming = coming
            self._house.intake.expect(1 if coming else -1)

    def _reset(self) -> None:
        self._expect_message(coming=False)
        self._forget_client()
        self._mail = None
        self._recipients = []

    # Commands. aiosmtpd finds them by their names.

    async def smtp_HELO(self, argument: str) -> None:
        """Greet a client of 1982."""
        if self._hello(argument, extended=False):
            self._out.append(f"250 {self.hostname}\r\n".encode())

    async def smtp_EHLO(self, argument: str) -> None:
        """Greet, and say what holds here."""
        if not self._hello(argument, extended=True):
            return
        offers = [
            self.hostname,
            "PIPELINING",
            f"SIZE {self._settings.max_size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ]
        if self._settings.tls is not None and not self._secure:
            offers.append("STARTTLS")
        if self._is_front(self._peer):
            offers.append("XFORWARD NAME ADDR PORT PROTO HELO SOURCE")
            offers.append("XCLIENT NAME ADDR PORT PROTO HELO")
        lines = [f"250-{offer}\r\n" for offer in offers[:-1]] + [f"250 {offers[-1]}\r\n"]
        self._out.append("".join(lines).encode())

    def _hello(self, argument: str, *, extended: bool) -> bool:
        name = argument.partition(" ")[0]
        if not name or len(name) > _HELLO:
            self._say(smtp_replies.HELLO_SYNTAX)
            return False
        self._reset()
        self._helo, self._extended = name, extended
        return True

    async def smtp_MAIL(self, argument: str) -> None:
        """Begin a transaction."""
        if not self._helo:
            self._say(smtp_replies.HELLO_FIRST)
        elif self._mail is not None:
            self._say(smtp_replies.MAIL_ONCE)
        else:
            said = read_mail(argument, extended=self._extended, max_size=self._settings.max_size)
            if isinstance(said, MailFrom):
                late = self._house.rates.against_source(self._source_now(), self._house.clock())
                if late is not None:
                    self._say(late)
                    return
                self._mail = said
                self._expect_message(coming=True)
                self._say(smtp_replies.SENDER_OK)
            else:
                self._say(said)

    async def smtp_RCPT(self, argument: str) -> None:
        """Add a recipient that the roof knows."""
        if self._mail is None:
            self._say(smtp_replies.MAIL_FIRST)
            return
        if len(self._recipients) >= self._limits.recipients:
            self._say(smtp_replies.TOO_MANY_RECIPIENTS)
            return
        domain = self._settings.domain or self.hostname
        recipient = read_rcpt(argument, utf8=self._mail.utf8, domain=domain)
        if isinstance(recipient, SmtpReply):
            self._say(recipient)
            return
        refusal = self._house.rates.against_recipient(
            self._settings.fold(recipient), self._source_now(), self._house.clock()
        )
        if refusal is None:
            refusal = await self._house.verdicts.on_recipient(
                self._mail.sender, recipient, self._client
            )
        if refusal is None:
            self._recipients.append(recipient)
        self._say(refusal or smtp_replies.RECIPIENT_OK)

    async def smtp_DATA(self, argument: str) -> None:
        """Take a message, have it committed, and only then answer for it."""
        if argument:
            self._say(smtp_replies.NO_ARGUMENT)
        elif self._mail is None:
            self._say(smtp_replies.MAIL_FIRST)
        elif not self._recipients:
            self._say(smtp_replies.RCPT_FIRST)
        elif not self._house.budget.take(Reservation.STEP):
            self._say(smtp_replies.TOO_BUSY)
        else:
            await self._take_message(self._mail, self._recipients)
            self._reset()

    async def _take_message(self, mail: MailFrom, recipients: list[str]) -> None:
        hold = Reservation(self._house.budget)
        try:
            read = await self._read_data(hold)
            if read is None:
                return
            for reply in await self._answer(mail, recipients, read, hold):
                self._say(reply)
        finally:
            hold.give_back()

    async def _read_data(self, hold: Reservation) -> tuple[DataVerdict, bytes] | None:
        """Return what came after DATA, or None where the connection ended in the middle."""
        self._out.append(b"354 End with <CRLF>.<CRLF>\r\n")
        reader = DataReader(self._settings.max_size)
        begun = self.loop.time()
        received = 0
        self._in_data = True
        while True:
            chunk, self._inbox = self._inbox, bytearray()
            received += len(chunk)
            if reader.feed(chunk):
                break
            if not hold.cover(reader.held):
                reader.drop()
            worth = received / self._limits.data_rate
            self.deadline = begun + self._limits.idle + worth
            self.idle_since = min(self.loop.time(), begun + worth)
            if not await self._more():
                self._over = True
                return None
        self._in_data = False
        self._inbox = bytearray(reader.rest)
        verdict, raw = reader.result()
        return verdict, raw

    async def _answer(
        self,
        mail: MailFrom,
        recipients: list[str],
        read: tuple[DataVerdict, bytes],
        hold: Reservation,
    ) -> list[SmtpReply]:
        """Judge and commit a message; return the replies that its end of data gets."""
        verdict, raw = read
        fault = (
            smtp_replies.TOO_BUSY
            if hold.short
            else _fault(verdict, raw, self._limits.header, self._settings.max_size)
        )
        # A 5xx would make a server in front bounce to a sender who may be forged: keep, and hold.
        keepable = fault is None or (verdict is not DataVerdict.TOO_BIG and self._behind_another())
        if fault is not None and not keepable:
            return self._replies([fault] * len(recipients))
        refusals = [await self._house.verdicts.on_size(to, len(raw)) for to in recipients]
        wanted = self._wanted(recipients, refusals)
        if not wanted:
            return self._replies([refusal or smtp_replies.KEPT for refusal in refusals])
        client, helo = self._whose(raw)
        judge = self._settings.judge
        if judge is not None and not self._behind_another():
            refusal = await self._house.verdicts.on_message(judge, raw, mail.sender, client, helo)
            if refusal is not None:
                return self._replies([refusal] * len(recipients))
        incoming = Incoming(
            sender=mail.sender,
            recipients=tuple({to.lower(): to for to in wanted}.values()),
            raw=await self._house.verdicts.clean(
                raw, self._forbidden_names, self._own_name_of_front()
            ),
            client=client,
            helo=helo,
            protocol=self._protocol(mail),
            received_at=self._house.clock(),
            held_for=fault.text if fault is not None else "",
            fronted=self._writes_header(),
        )
        outcome = await self._commit_in_turn(incoming, hold)
        return self._replies(
            [
                outcome if to in wanted else refusal or outcome
                for to, refusal in zip(recipients, refusals, strict=True)
            ]
        )

    async def _commit_in_turn(self, incoming: Incoming, hold: Reservation) -> SmtpReply:
        """Commit ``incoming``, unless its source has brought its share of this minute."""
        rates, now = self._house.rates, self._house.clock()
        source = source_of(incoming.client)
        late = rates.against_source(source, now)  # known only now, where Received told it
        outcome = late or await self._commit(incoming, hold)
        if outcome.good:
            names = [self._settings.fold(to) for to in incoming.recipients]
            rates.note(source, names, len(incoming.raw), now)
        return outcome

    async def _commit(self, incoming: Incoming, hold: Reservation) -> SmtpReply:
        """Wait until ``incoming`` is committed; only that is a yes."""
        self._flush()
        self.deadline = math.inf  # from here the client waits for us
        self._patient = True
        self.idle_since = None
        committed = self._house.intake.submit(incoming, hold.hand_over())
        self._expect_message(coming=False)
        try:
            await committed
        except Exception:  # noqa: BLE001 - a door; intake has logged it
            return smtp_replies.OUR_FAULT
        finally:
            self._patient = False
        self._errors = self._idle_commands = self._commands = 0
        return smtp_replies.KEPT

    def _behind_another(self) -> bool:
        """Tell whether a server in front has already answered for this mail."""
        return self._is_front(self._peer)

    def _wanted(self, recipients: list[str], refusals: list[SmtpReply | None]) -> list[str]:
        """Return who gets a message that some found too big: SMTP has one answer for all."""
        one_accepts = None in refusals or self._behind_another()
        return recipients if one_accepts else []

    def _replies(self, each: list[SmtpReply]) -> list[SmtpReply]:
        """Return what to say after the end of data, from what became of each recipient."""
        return each[:1]

    def _protocol(self, mail: MailFrom) -> str:
        """Name the protocol as RFC 3848 and RFC 6531 section 4.3 do."""
        name = self.greeting if self._extended else "SMTP"
        if mail.utf8:
            name = f"UTF8{name.removeprefix('E')}"
        return f"{name}S" if self._secure else name

    async def smtp_RSET(self, argument: str) -> None:
        """Forget the transaction."""
        if argument:
            self._say(smtp_replies.NO_ARGUMENT)
            return
        self._reset()
        self._say(smtp_replies.RESET)

    async def smtp_NOOP(self, argument: str) -> None:
        """Do nothing."""
        del argument
        self._say(smtp_replies.NOTHING)

    async def smtp_QUIT(self, argument: str) -> None:
        """Say goodbye."""
        if argument:
            self._say(smtp_replies.NO_ARGUMENT)
            return
        self._say(smtp_replies.BYE)
        self._over = True

    async def smtp_VRFY(self, argument: str) -> None:
        """Tell nothing about anybody (RFC 5321 section 7.3)."""
        del argument
        self._say(smtp_replies.NO_VERIFY)

    async def smtp_HELP(self, argument: str) -> None:
        """Name the book."""
        del argument
        self._say(smtp_replies.HELP)

    async def smtp_EXPN(self, argument: str) -> None:
        """Refuse to name a list's members."""
        del argument
        self._say(smtp_replies.NOT_OFFERED)

    async def smtp_AUTH(self, argument: str) -> None:
        """Refuse: nobody logs in here, and aiosmtpd's own AUTH must not be reached."""
        del argument
        self._say(smtp_replies.NO_AUTH)

    async def smtp_STARTTLS(self, argument: str) -> None:
        """Begin TLS and forget what was said in the clear (RFC 3207 section 4.2)."""
        context = self._settings.tls
        if argument or context is None or self._secure or self.transport is None:
            self._say(smtp_replies.NO_ARGUMENT if argument else smtp_replies.NO_TLS)
            return
        self._reset()
        self._helo, self._extended = "", False
        self._say(smtp_replies.READY_FOR_TLS)
        self._flush()
        # What came with the command was said before TLS, by whoever stands between: it is dropped.
        # No await stands between this and start_tls, which stops reading at once.
        self._inbox.clear()
        try:
            transport = await self.loop.start_tls(
                self.transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=_TLS_HANDSHAKE,
            )
        except (OSError, EOFError) as error:  # ssl.SSLError is an OSError
            _log.info("no TLS: %s", type(error).__name__)
            self._over = True
            return
        self.transport = transport
        self._secure = True


class LmtpSession(SmtpSession):
    """Hold one LMTP conversation (RFC 2033): another hello, and one reply for each recipient."""

    greeting = "LMTP"

    async def smtp_LHLO(self, argument: str) -> None:
        """Greet, and say what holds here."""
        await super().smtp_EHLO(argument)

    async def smtp_HELO(self, argument: str) -> None:
        """Refuse (RFC 2033 section 4.1)."""
        del argument
        self._say(smtp_replies.UNKNOWN)

    async def smtp_EHLO(self, argument: str) -> None:
        """Refuse (RFC 2033 section 4.1)."""
        del argument
        self._say(smtp_replies.UNKNOWN)

    def _behind_another(self) -> bool:
        return True  # nobody else speaks LMTP

    def _speaks_for_others(self) -> bool:
        here = not self._peer or ip_address(self._peer).is_loopback
        return here or super()._speaks_for_others()

    def _wanted(self, recipients: list[str], refusals: list[SmtpReply | None]) -> list[str]:
        return [to for to, no in zip(recipients, refusals, strict=True) if no is None]

    def _replies(self, each: list[SmtpReply]) -> list[SmtpReply]:
        return each


def _fault(verdict: DataVerdict, raw: bytes, most_header: int, most: int) -> SmtpReply | None:
    """Return what is wrong with a message as it came over the wire."""
    if verdict is DataVerdict.TOO_BIG:
        return smtp_replies.too_big(most)
    if verdict is DataVerdict.UNCLEAN:
        return smtp_replies.STRAY_BYTES
    end = 0 if raw.startswith(b"\r\n") else raw.find(b"\r\n\r\n")
    header = len(raw) if end < 0 else end
    return smtp_replies.HEADER_TOO_BIG if header > most_header else None
