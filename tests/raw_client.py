"""A mail client that sends exactly the octets it is told to, over a real socket."""

import socket
from typing import Self


class RawClient:
    """Speak octets to a door, and read replies as lines."""

    def __init__(
        self, address: tuple[str, int] | str, *, greeted: bool = True, source: str = ""
    ) -> None:
        unix = isinstance(address, str)
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.socket.settimeout(20)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")
        if greeted:
            assert self.reply().startswith(b"220 ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> bytes:
        """Return one reply, all its lines; b"" where the door has closed."""
        lines = []
        while True:
            try:
                line = self._file.readline()
            except ConnectionResetError:
                line = b""
            lines.append(line)
            if line[3:4] != b"-":
                return b"".join(lines)

    def ask(self, line: bytes) -> bytes:
        self.send(line + b"\r\n")
        return self.reply()

    def codes(self) -> list[int]:
        """Return the codes of all replies until the door closes."""
        return [int(line[:3]) for line in iter(self.reply, b"")]

    def begin(self, hello: bytes = b"EHLO client.test", to: bytes = b"list@here.test") -> None:
        """Go to where DATA's content may be sent."""
        assert self.ask(hello).startswith(b"250")
        assert self.ask(b"MAIL FROM:<anna@example.org>").startswith(b"250")
        assert self.ask(b"RCPT TO:<%b>" % to).startswith(b"250")
        assert self.ask(b"DATA").startswith(b"354")

    def mail(self, content: bytes = b"Subject: hi\r\n\r\nhello\r\n") -> bytes:
        """Send a whole message and return what the door says to its end."""
        self.begin()
        return self.ask(content + b".")
