"""A connection that may come through another server: its place here, and whose mail it brings.

Knows fronts (``mailer.front``): what they say of their clients by PROXY, XCLIENT and XFORWARD,
and, where they say nothing, the Received line that they write. The conversation is smtp_session's.

SECURITY: a client's address decides what it is counted by, so nobody but a front may name
another's, PROXY only as the very first octets. Whoever was named is counted as if it had
connected itself.
"""

import asyncio
from collections.abc import Collection

from mailer.door import introductions, smtp_replies
from mailer.door.callers import is_front, source_of
from mailer.door.connection import Connection, House
from mailer.door.introductions import Introduced
from mailer.door.smtp_replies import SmtpReply
from mailer.reading import message
from mailer.reading.headers.received import last_hop


class FrontedConnection(Connection):
    """Find a place, meet the client, and remember whose the next message is."""

    greeting = "ESMTP"

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(house, loop)
        self._helo = ""
        self._introduced = False  # the peer hands on the octets of somebody else
        self._forwarded: Introduced | None = None  # whose the next message is, as a front says

    def _find_place(self) -> SmtpReply | None:
        """Return why this connection cannot stay; cut another where that one has more than it."""
        callers = self._house.callers
        if callers.crowded(self._source):
            return smtp_replies.TOO_MANY_YOURS
        if callers.full():
            other = callers.one_to_cut(self._source)
            if other is None:
                return smtp_replies.TOO_MANY_HERE
            other.give_way()
        return None

    async def _meet(self) -> bool:
        """Take a PROXY header, where a front's first octets are one; False ends the conversation.

        A load balancer sends it without waiting for our greeting; a mail server sends EHLO.
        """
        if await self._begins_with(introductions.SIGNATURE):
            head = await self._exactly(introductions.HEAD)
            length = introductions.length_of(head)
            rest = b"" if length is None else await self._exactly(length)
            said = introductions.read_header(head, rest)
        elif await self._begins_with(b"PROXY "):
            line = await self._next_line(introductions.LINE)
            whole = line is not None and line.endswith(b"\r\n")
            said = introductions.read_proxy(line[:-2]) if line and whole else None
        else:
            return True
        return said is not None and self._introduce(said)

    def _greet(self) -> None:
        self._out.append(f"220 {self.hostname} {self.greeting} Krets\r\n".encode())

    def _introduce(self, said: Introduced) -> bool:
        """Believe a front; tell whether the client that it named may stay."""
        callers = self._house.callers
        callers.leave(self._source, self)
        self._introduced = True
        self._client = self._client if said.client is None else said.client
        self._helo = self._helo if said.helo is None else said.helo
        named = bool(self._client) and not self._is_front(self._client)
        self._source = source_of(self._client) if named else ""
        self._trusted = not named
        crowded = callers.crowded(self._source)
        callers.enter(self._source, self)
        if crowded:
            self._say(smtp_replies.TOO_MANY_YOURS)
            self._over = True
        return not crowded

    def _is_front(self, ip: str) -> bool:
        return is_front(ip, self._settings.front)

    async def smtp_XCLIENT(self, argument: str) -> None:
        """Believe a front about who its client is, and start again as if that one had connected."""
        said = self._told(argument, introductions.XCLIENT)
        if isinstance(said, SmtpReply):
            self._say(said)
        elif self._introduce(said):
            self._greet()

    async def smtp_XFORWARD(self, argument: str) -> None:
        """Believe a front about whose the next message is (Postfix's filters say so)."""
        said = self._told(argument, introductions.XFORWARD)
        if isinstance(said, SmtpReply):
            self._say(said)
            return
        before = self._forwarded or Introduced(None, None)  # attributes may come in several lines
        self._forwarded = Introduced(
            before.client if said.client is None else said.client,
            before.helo if said.helo is None else said.helo,
        )
        self._say(smtp_replies.FORWARDED)

    def _told(self, argument: str, known: frozenset[str]) -> Introduced | SmtpReply:
        """Read what a front says of its client; return the reply that says no."""
        if not self._is_front(self._peer):
            return smtp_replies.UNKNOWN
        if not self._between():
            return smtp_replies.NOT_NOW
        return introductions.read_attributes(argument, known) or smtp_replies.BAD_XCLIENT

    def _source_now(self) -> str:
        """Return the source of the next message, as far as that is known before it comes."""
        said = self._forwarded.client if self._forwarded is not None else None
        client = self._client if said is None else said
        return "" if self._is_front(client) else source_of(client)

    def _whose(self, raw: bytes) -> tuple[str, str]:
        """Return (client, hello) of whoever brought a message; "" where nobody can tell.

        As our own session saw them; behind a front, as that introduced them, else as its own
        Received line says.
        """
        said = self._forwarded or Introduced(None, None)
        client = self._client if said.client is None else said.client
        helo = self._helo if said.helo is None else said.helo
        known = client and client != self._peer and not self._is_front(client)
        if known or not self._speaks_for_others():
            return client, helo
        client, named = last_hop(message.head(raw[: self._limits.header]), self._is_front)
        return client, named or helo

    def _speaks_for_others(self) -> bool:
        """Tell whether the peer hands on what others brought to it."""
        return self._is_front(self._peer)

    def _writes_header(self) -> bool:
        """Tell whether what a header says of spam and of its author is a front's own word.

        A load balancer (PROXY) and a proxy (XCLIENT) hand on the octets of the client that they
        name, which may say of itself what it likes.
        """
        if self._introduced:
            return self._is_front(self._client)
        return self._speaks_for_others()

    def _forget_client(self) -> None:
        """Forget whose the next message is."""
        self._forwarded = None

    def _forbidden_names(self) -> Collection[str]:
        """Return under which names this peer must not say whose mail it is; runs in a thread."""
        own, front = set(self._settings.own_names()), self._settings.front_name
        return own | {front} if front and not self._writes_header() else own

    def _own_name_of_front(self) -> str:
        """Return under which name the peer may say whose mail it is, "" for none."""
        return self._settings.front_name if self._writes_header() else ""
