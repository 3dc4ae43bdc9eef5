"""Read SMTP replies from a byte stream (RFC 5321 section 4.2).

Knows syntax only. SECURITY: a relay may be broken or hostile; lines, lines per reply and what
waits unfinished are limited, codes must be three digits of 200-599 and alike within a reply,
and lines end with CRLF, or the connection is given up with ReplyError.
"""

from typing import NamedTuple

MAX_LINE = 2048  # octets; the standard's 512 is too short for what relays really say
MAX_LINES = 128  # per reply; an EHLO answer has some twenty
MAX_SEEN = 64  # lines remembered per connection
_CODES = range(200, 600)


class ReplyError(Exception):
    """Say what in the stream was not an SMTP reply."""


class Reply(NamedTuple):
    """Hold one reply: its code, and its lines without code and line end."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the first line."""
        return self.lines[0]

    @property
    def good(self) -> bool:
        """Tell whether it is a 2yz."""
        return self.code < 300  # noqa: PLR2004 - RFC 5321 section 4.2.1


class ReplyReader:
    """Turn chunks of bytes into whole replies."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0
        self._seen: dict[bytes, Reply] = {}  # a relay says the same few lines again and again

    @property
    def clean(self) -> bool:
        """Tell whether nothing unfinished waits (RFC 3207 section 6 asks before TLS)."""
        return not self._rest and not self._lines

    def feed(self, chunk: bytes) -> list[Reply]:
        """Return the replies that ``chunk`` completes; raise ReplyError for anything else."""
        *lines, self._rest = (self._rest + chunk if self._rest else chunk).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise ReplyError("a reply line has no end")
        replies: list[Reply] = []
        for line in lines:
            reply = None if self._lines else self._seen.get(line)
            if reply is None:
                reply = self._line(line)
            if reply is not None:
                replies.append(reply)
        return replies

    def _line(self, line: bytes) -> Reply | None:
        digits = line[:3]
        if line[-1:] != b"\r" or len(line) > MAX_LINE or not digits.isdigit():
            raise ReplyError(f"not a reply line: {line[:80]!r}")
        code, mark = int(digits), line[3:4]
        if code not in _CODES or mark not in b" -\r" or (self._lines and code != self._code):
            raise ReplyError(f"not a reply line: {line[:80]!r}")
        words = line[4:-1].decode("utf-8", "replace")
        if mark != b"-":
            if not self._lines:
                reply = Reply(code, (words,))
                if len(self._seen) < MAX_SEEN:
                    self._seen[line] = reply
                return reply
            reply = Reply(code, (*self._lines, words))
            self._lines = []
            return reply
        self._code = code
        self._lines.append(words)
        if len(self._lines) >= MAX_LINES:
            raise ReplyError("a reply has too many lines")
        return None
