"""The rehearsal relay: takes mail, counts it, shows it, and answers as it was told to.

For tests, benchmarks and ``krets try``. A ``Script`` decides each answer (no answer of its own
means 'yes'), so refusals, deferrals, dropped connections and silence can be rehearsed for any
recipient. SECURITY: it accepts anything from anyone and keeps it in memory if asked to; bind it
to loopback.
"""

import asyncio
import base64
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self, cast

import uvloop

MAX_LINE = 4096
MAX_SIZE = 104857600
_EXTENSIONS = (
    "PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", f"SIZE {MAX_SIZE}",
)  # fmt: skip


class Moment(StrEnum):
    """Name the moments at which a script is asked."""

    GREETING = "greeting"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"  # the first bytes after 354; only a drop makes sense here
    DOT = "dot"


@dataclass(frozen=True, slots=True)
class Caught:
    """Hold one message, as far as it has come."""

    sender: str = ""
    recipients: tuple[str, ...] = ()
    raw: bytes = b""  # without doubled dots and final dot
    received_at: float = 0.0
    session: int = 0
    parameters: tuple[str, ...] = ()  # of MAIL
    tls: bool = False

    @property
    def recipient(self) -> str:
        """Return the last recipient, the one a script is asked about."""
        return self.recipients[-1] if self.recipients else ""


@dataclass(frozen=True, slots=True)
class SinkReply:
    """Hold what to do: say ``code text``, or ``drop`` the connection, or stay silent."""

    code: int = 250
    text: str = "2.0.0 Ok"
    drop: bool = False
    silent: bool = False
    kept: bool | None = None  # whether the message counts as taken; None: if the code is good
    delay: float = 0.0  # seconds before the answer


Script = Callable[[Moment, Caught], SinkReply | None]
_YES = SinkReply()


def accept(_moment: Moment, _caught: Caught) -> SinkReply | None:
    """Say yes to everything."""
    return None


@dataclass(slots=True)
class Sink:
    """Serve SMTP on ``host``:``port`` (0: any free port); use it as an async context."""

    script: Script = accept
    host: str = "127.0.0.1"
    port: int = 0
    listener: socket.socket | None = None  # where somebody else has opened the port
    keep: Callable[[Caught], None] | None = None  # hears every message that was taken
    extensions: tuple[str, ...] = _EXTENSIONS
    tls: ssl.SSLContext | None = None  # offers STARTTLS
    login: tuple[str, str] | None = None  # offers AUTH
    auth: str = "AUTH PLAIN LOGIN"  # how it does
    quick: bool = False  # acknowledge at once, so that clients of many small writes go on
    counts: Counter[str] = field(default_factory=Counter)
    open: int = 0
    most_open: int = 0
    _server: asyncio.Server | None = None
    _sessions: set["_Session"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        if self.listener is not None:
            self._server = await loop.create_server(lambda: _Session(self), sock=self.listener)
        else:
            self._server = await loop.create_server(lambda: _Session(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.drop()
        await asyncio.sleep(0)

    @property
    def accepted(self) -> int:
        """Return how many messages were taken."""
        return self.counts["accepted"]

    def take(self, caught: Caught) -> None:
        """Count a message, and keep it if asked to."""
        self.counts["accepted"] += 1
        if self.keep is not None:
            self.keep(caught)


class _Session(asyncio.Protocol):
    """Hold one client's connection."""

    _number = 0

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rest = b""
        self._chunks: list[bytes] | None = None  # the content so far, while in DATA
        self._chunk: tuple[int, bool] | None = None  # of BDAT: octets, and whether the last
        self._whole: list[bytes] = []  # the chunks that came
        self._login: list[str] | None = None  # answers awaited by AUTH LOGIN
        self._tls = False
        self._in_mail = False
        self._queue: list[bytes] = []
        self._paused = False
        self._transport: asyncio.Transport | None = None
        _Session._number += 1
        self._caught = Caught(session=_Session._number)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        again = self._transport is not None
        self._transport = cast("asyncio.Transport", transport)
        if again:
            return
        sink = self._sink
        sink._sessions.add(self)  # noqa: SLF001 - the session is the sink's own half
        sink.open += 1
        sink.most_open = max(sink.most_open, sink.open)
        sink.counts["connections"] += 1
        self._answer(Moment.GREETING, SinkReply(220, "sink ESMTP"))
        self._flush()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self in self._sink._sessions:  # noqa: SLF001
            self._sink._sessions.discard(self)  # noqa: SLF001
            self._sink.open -= 1

    def drop(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._queue.clear()
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._sink.quick and self._transport is not None:
            # The kernel forgets it again (tcp(7)), so it is said each time.
            plain = self._transport.get_extra_info("socket")
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._rest += data
        self._work()

    def _work(self) -> None:
        while (self._rest or self._chunk) and not self._paused and not self._gone():
            if not self._step():
                break
        self._flush()

    def _step(self) -> bool:
        """Take a command or what belongs to the last one; False: more must come first."""
        if self._chunk is not None:
            return self._take_chunk(*self._chunk)
        return self._content() if self._chunks is not None else self._command()

    def _gone(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    # -- content ---------------------------------------------------------------------------

    def _content(self) -> bool:
        """Take content; True once its end was found and the dot was answered."""
        if self._chunks == []:
            told = self._sink.script(Moment.CONTENT, self._caught)
            if told is not None and told.drop:
                self.drop()
                return False
        rest = self._rest
        if self._chunks == [] and rest.startswith(b".\r\n"):
            end, after = 0, 3
        else:
            start = 0
            if self._chunks:
                rest = self._rest = self._chunks.pop() + rest
            found = rest.find(b"\r\n.\r\n", start)
            if found < 0:
                self._chunks = [*(self._chunks or []), rest]
                self._rest = b""
                return False
            end, after = found + 2, found + 5
        raw = rest[:end]
        self._rest = rest[after:]
        self._chunks = None
        self._dot(raw)
        return True

    def _take_chunk(self, size: int, last: bool) -> bool:  # noqa: FBT001 - as BDAT says it
        """Take one chunk (RFC 3030 section 2)."""
        if not self._whole:
            told = self._sink.script(Moment.CONTENT, self._caught)
            if told is not None and told.drop:
                self.drop()
                return False
        if len(self._rest) < size:
            return False
        self._whole.append(self._rest[:size])
        self._rest = self._rest[size:]
        self._chunk = None
        told = self._sink.script(Moment.DATA, self._caught) if last else _YES
        if told is None or told.code == 354:  # noqa: PLR2004 - go on
            self._end(b"".join(self._whole))
        else:
            self._say(told)
        return True

    def _dot(self, raw: bytes) -> None:
        text = raw[1:] if raw.startswith(b".") else raw
        self._end(text.replace(b"\r\n..", b"\r\n."))

    def _end(self, raw: bytes) -> None:
        caught = replace(self._caught, raw=raw, received_at=time.time())
        self._clear()
        told = self._sink.script(Moment.DOT, caught) or _YES
        taken = told.kept if told.kept is not None else told.code < 300 and not told.drop  # noqa: PLR2004
        if not caught.recipients:
            told, taken = SinkReply(554, "5.5.1 no valid recipients"), False
        if taken:
            self._sink.take(caught)
        self._sink.counts[f"dot {told.code}"] += 1
        self._say(told)

    # -- commands --------------------------------------------------------------------------

    def _command(self) -> bool:
        line, end, rest = self._rest.partition(b"\r\n")
        if not end:
            if len(line) > MAX_LINE:
                self.drop()
            return False
        self._rest = rest
        if self._login is not None:
            self._log_in_further(line.decode("ascii", "replace"))
            return True
        verb, _, argument = line.decode("utf-8", "replace").partition(" ")
        handler = _HANDLERS.get(verb.upper())
        if handler is None:
            self._say(SinkReply(500, "5.5.1 unknown command"))
        else:
            handler(self, argument)
        return True

    def _ehlo(self, _argument: str) -> None:
        offers = list(self._sink.extensions)
        if self._sink.tls is not None and not self._tls:
            offers.append("STARTTLS")
        if self._sink.login is not None:
            offers.append(self._sink.auth)
        told = self._sink.script(Moment.EHLO, self._caught)
        if told is not None:
            self._say(told)
            return
        lines = ["sink", *offers]
        marked = [f"250-{line}\r\n" for line in lines[:-1]] + [f"250 {lines[-1]}\r\n"]
        self._queue.append("".join(marked).encode())

    def _helo(self, _argument: str) -> None:
        self._answer(Moment.EHLO, SinkReply(250, "sink"))

    def _mail(self, argument: str) -> None:
        if self._in_mail:
            self._say(SinkReply(503, "5.5.1 nested MAIL"))
            return
        self._in_mail = True
        words = tuple(argument.partition(">")[2].split())
        self._caught = replace(self._caught, sender=_path(argument), parameters=words)
        told = self._sink.script(Moment.MAIL, self._caught) or _YES
        if told.code >= 300:  # noqa: PLR2004
            self._clear()
        self._say(told)

    def _rcpt(self, argument: str) -> None:
        if not self._in_mail:
            self._say(SinkReply(503, "5.5.1 MAIL first"))
            return
        before = self._caught
        self._caught = replace(before, recipients=(*before.recipients, _path(argument)))
        told = self._sink.script(Moment.RCPT, self._caught) or _YES
        if told.code >= 300:  # noqa: PLR2004
            self._caught = before
            self._sink.counts[f"rcpt {told.code}"] += 1
        self._say(told)

    def _data(self, _argument: str) -> None:
        if not self._caught.recipients:
            told = self._sink.script(Moment.DATA, self._caught) or SinkReply(
                554, "5.5.1 no valid recipients"
            )
        else:
            told = self._sink.script(Moment.DATA, self._caught) or SinkReply(354, "go on")
        if told.code == 354:  # noqa: PLR2004
            self._chunks = []
        self._say(told)

    def _bdat(self, argument: str) -> None:
        size, _, last = argument.partition(" ")
        if not size.isdecimal() or int(size) > MAX_SIZE:
            self._say(SinkReply(501, "5.5.4 BDAT wants a size"))
            return
        self._chunk = (int(size), last.strip().upper() == "LAST")

    def _rset(self, _argument: str) -> None:
        self._clear()
        self._say(_YES)

    def _noop(self, _argument: str) -> None:
        self._say(_YES)

    def _quit(self, _argument: str) -> None:
        self._queue.append(b"221 2.0.0 Bye\r\n")
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _starttls(self, _argument: str) -> None:
        if self._sink.tls is None or self._transport is None:
            self._say(SinkReply(502, "5.5.1 no TLS here"))
            return
        self._rest = b""  # RFC 3207 section 4.2: what came in the clear is forgotten
        self._paused = True
        self._queue.append(b"220 go on\r\n")
        self._flush()
        task = asyncio.ensure_future(self._upgrade(self._sink.tls))
        task.add_done_callback(lambda done: done.exception())

    async def _upgrade(self, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        transport = cast("asyncio.Transport", self._transport)
        try:
            upgraded = await loop.start_tls(transport, self, context, server_side=True)
        except (OSError, ssl.SSLError):
            transport.abort()
            return
        self._transport, self._tls, self._paused = upgraded, True, False
        self._clear()
        self._work()

    def _auth(self, argument: str) -> None:
        kind, _, token = argument.partition(" ")
        if kind.upper() == "LOGIN":
            self._login = []
            self._say(SinkReply(334, "VXNlcm5hbWU6"))
            return
        user, _, password = _unbase(token).removeprefix("\0").partition("\0")
        self._judge_login(user, password)

    def _log_in_further(self, line: str) -> None:
        given = [*(self._login or []), _unbase(line)]
        self._login = given
        if len(given) == 1:
            self._say(SinkReply(334, "UGFzc3dvcmQ6"))
            return
        self._login = None
        self._judge_login(given[0], given[1])

    def _judge_login(self, user: str, password: str) -> None:
        good = (user, password) == self._sink.login
        self._say(SinkReply(235, "2.7.0 welcome") if good else SinkReply(535, "5.7.8 wrong"))

    def _clear(self) -> None:
        """Forget the transaction."""
        self._whole.clear()
        self._in_mail = False
        self._caught = Caught(session=self._caught.session, tls=self._tls)

    # -- answers ---------------------------------------------------------------------------

    def _answer(self, moment: Moment, usual: SinkReply) -> None:
        self._say(self._sink.script(moment, self._caught) or usual)

    def _say(self, told: SinkReply) -> None:
        if told.drop:
            self.drop()
            return
        if told.silent:
            self._paused = True  # for good: later commands get no answer either
            return
        if told.delay:
            self._paused = True
            self._flush()
            asyncio.get_running_loop().call_later(told.delay, self._say_late, told)
            return
        self._queue.append(b"%d %s\r\n" % (told.code, told.text.encode()))
        if told.code == 421 and self._transport is not None:  # noqa: PLR2004
            self._flush()
            self._transport.close()

    def _say_late(self, told: SinkReply) -> None:
        self._paused = False
        self._say(replace(told, delay=0.0))
        self._work()

    def _flush(self) -> None:
        if self._queue and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._queue))
        self._queue.clear()


_HANDLERS: dict[str, Callable[[_Session, str], None]] = {
    "EHLO": _Session._ehlo,  # noqa: SLF001
    "HELO": _Session._helo,  # noqa: SLF001
    "MAIL": _Session._mail,  # noqa: SLF001
    "RCPT": _Session._rcpt,  # noqa: SLF001
    "DATA": _Session._data,  # noqa: SLF001
    "BDAT": _Session._bdat,  # noqa: SLF001
    "RSET": _Session._rset,  # noqa: SLF001
    "NOOP": _Session._noop,  # noqa: SLF001
    "QUIT": _Session._quit,  # noqa: SLF001
    "STARTTLS": _Session._starttls,  # noqa: SLF001
    "AUTH": _Session._auth,  # noqa: SLF001
}


def _path(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]


def _unbase(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


async def run_sink(sink: Sink, *, ready: Callable[[int], None], until: asyncio.Event) -> None:
    """Serve ``sink`` until ``until`` is set; ``ready`` hears the port."""
    async with sink:
        ready(sink.port)
        await until.wait()


@contextmanager
def rehearsal(sink: Sink) -> Iterator[Sink]:
    """Serve ``sink`` from a thread of its own for as long as the block runs."""
    started: Future[int] = Future()
    loop = uvloop.new_event_loop()
    until = asyncio.Event()

    def serve() -> None:
        try:
            loop.run_until_complete(run_sink(sink, ready=started.set_result, until=until))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            loop.close()

    thread = threading.Thread(target=serve, name="sink", daemon=True)
    thread.start()
    try:
        started.result(timeout=10)
        yield sink
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(until.set)
            thread.join(timeout=10)
