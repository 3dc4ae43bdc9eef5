"""A client that posts without end and sends each message again until it has seen its 250."""

import smtplib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.tree import Krets

AUTHOR = "anna@example.net"
ABREAST = 4  # messages that may be on their way
_AGAIN = 0.03  # seconds before a client tries again
_PATIENCE = 20  # seconds for one answer
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST, as a client that lost its power


@dataclass(frozen=True, slots=True)
class Posted:
    """Tell of one message that has its 250."""

    message_id: str
    to: str
    began: float  # monotonic time at which the conversation that ended in the 250 began


class Poster(threading.Thread):
    """Post to ``to`` at a pace; RFC 5321 section 4.5.4: what has no 250 is sent again.

    It waits while nothing arrives, so that what is measured after a fault is not a backlog.
    """

    def __init__(
        self, krets: Krets, to: str, pace: float, arrived: Callable[[str], object]
    ) -> None:
        super().__init__(daemon=True, name="poster")
        self.posted: list[Posted] = []
        self.lose = 0  # replies that the client will not hear
        self._krets = krets
        self._to = to
        self._pace = pace
        self._arrived = arrived
        self._ending = threading.Event()
        self._also: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._ending.is_set():
            number += 1
            self.post(f"p{number:06}@example.net", self._also.pop() if self._also else self._to)
            self._ending.wait(self._pace)
            while self._waiting() >= ABREAST and not self._ending.is_set():
                self._ending.wait(0.02)

    def _waiting(self) -> int:
        """Return how many of the last messages nobody has a copy of yet."""
        return sum(not self._arrived(post.message_id) for post in self.posted[-ABREAST:])

    def also(self, to: str) -> None:
        """Send the next message to another list."""
        self._also.append(to)

    def end(self) -> None:
        """Finish the message under way and stop."""
        self._ending.set()
        self.join(60)

    def post(self, message_id: str, to: str) -> None:
        raw = (
            f"From: {AUTHOR}\r\nTo: {to}\r\nSubject: {message_id}\r\n"
            f"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{message_id}>\r\n\r\n"
            + "A line of a post.\r\n"
            * 40
        )
        while True:
            began = time.monotonic()
            try:
                self._try(to, raw)
            except (OSError, smtplib.SMTPException):
                time.sleep(_AGAIN)
                continue
            self.posted.append(Posted(message_id, to, began))
            return

    def _try(self, to: str, raw: str) -> None:
        with smtplib.SMTP("127.0.0.1", self._krets.smtp_port, timeout=_PATIENCE) as client:
            if self.lose:
                self.lose -= 1
                self._lose_the_reply(client, to, raw)
            client.sendmail(AUTHOR, [to], raw)

    def _lose_the_reply(self, client: smtplib.SMTP, to: str, raw: str) -> None:
        client.ehlo()
        client.mail(AUTHOR)
        client.rcpt(to)
        client.docmd("DATA")
        client.send(raw.encode() + b".\r\n")
        if client.sock is not None:
            if self.lose % 2:
                client.sock.recv(1)  # it was on its way
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            client.sock.close()
        raise smtplib.SMTPServerDisconnected("the reply was lost")
