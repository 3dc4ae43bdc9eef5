"""Say one SMTP reply: code, enhanced status code (RFC 2034, RFC 3463) and a short generic text.

Knows the sentences of the door that more than one place needs. SECURITY: a reply never holds
what a client sent nor what went wrong inside; details go to the log.
"""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """Hold one reply, such as ``SmtpReply(550, "5.1.1", "No such list here")``."""

    code: int
    enhanced: str
    text: str

    @property
    def wire(self) -> bytes:
        """Return the line that travels, CRLF included; whatever is not printable ASCII is ``?``."""
        return _wire(self)

    @property
    def good(self) -> bool:
        """Tell whether this is a yes."""
        return self.code < 400  # noqa: PLR2004 - RFC 5321 section 4.2.1


@lru_cache(maxsize=1024)
def _wire(reply: SmtpReply) -> bytes:
    said = "".join(c if " " <= c <= "~" else "?" for c in reply.text[:400])
    return f"{reply.code} {reply.enhanced} {said}\r\n".encode("ascii")


KEPT = SmtpReply(250, "2.0.0", "Kept; we will see to it")
RESET = SmtpReply(250, "2.0.0", "Forgotten; start again")
SENDER_OK = SmtpReply(250, "2.1.0", "Sender is fine")
RECIPIENT_OK = SmtpReply(250, "2.1.5", "Recipient is fine")
NOTHING = SmtpReply(250, "2.0.0", "Done nothing")
BYE = SmtpReply(221, "2.0.0", "Goodbye")
READY_FOR_TLS = SmtpReply(220, "2.0.0", "Ready to start TLS")
NO_VERIFY = SmtpReply(252, "2.5.0", "Cannot say; send the mail and see")
HELP = SmtpReply(214, "2.0.0", "RFC 5321 says it all")

OUR_FAULT = SmtpReply(451, "4.3.0", "Something is wrong on our side; please try again later")
TOO_BUSY = SmtpReply(452, "4.3.1", "Too much mail is waiting to be stored; please try again later")
TOO_MANY_RECIPIENTS = SmtpReply(452, "4.5.3", "Too many recipients; send the rest separately")
TOO_MANY_HERE = SmtpReply(421, "4.3.2", "Too many connections; please try again later")
TOO_MANY_YOURS = SmtpReply(421, "4.7.0", "Too many connections from your address")
TOO_MANY_ERRORS = SmtpReply(421, "4.7.0", "Too many errors; closing")
TOO_MANY_COMMANDS = SmtpReply(421, "4.7.0", "Too many commands without a message; closing")
TOO_SLOW = SmtpReply(421, "4.4.2", "Waited too long; closing")
CLOSING = SmtpReply(421, "4.3.2", "Shutting down; please try again soon")

NO_AUTH = SmtpReply(502, "5.5.1", "Authentication is not offered")
NO_TLS = SmtpReply(502, "5.5.1", "TLS is not offered")
NOT_OFFERED = SmtpReply(502, "5.5.1", "That command is not offered")
UNKNOWN = SmtpReply(500, "5.5.1", "Command not recognised")
NOT_MAIL = SmtpReply(521, "5.5.1", "This is a mail server; closing")
BARE_LF = SmtpReply(500, "5.5.2", "Command lines end with CR LF")
BAD_BYTES = SmtpReply(500, "5.5.2", "Control or stray 8-bit characters in a command")
LONG_LINE = SmtpReply(500, "5.5.2", "Command line too long")
NO_ARGUMENT = SmtpReply(501, "5.5.4", "This command takes no argument")
HELLO_SYNTAX = SmtpReply(501, "5.5.4", "Give your host name, such as EHLO mail.example.org")
HELLO_FIRST = SmtpReply(503, "5.5.1", "Say hello first")
MAIL_FIRST = SmtpReply(503, "5.5.1", "MAIL comes first")
MAIL_ONCE = SmtpReply(503, "5.5.1", "There is a sender already; RSET starts again")
RCPT_FIRST = SmtpReply(503, "5.5.1", "No recipient was accepted")
NOT_NOW = SmtpReply(503, "5.5.1", "Not in the middle of a message")
BAD_XCLIENT = SmtpReply(501, "5.5.4", "Give attributes as NAME=value pairs")
FORWARDED = SmtpReply(250, "2.0.0", "Noted")
HEADER_TOO_BIG = SmtpReply(552, "5.3.4", "The header of the message is too big")
STRAY_BYTES = SmtpReply(550, "5.6.0", "The message has a NUL, a bare CR or a bare LF in it")


def too_big(most: int) -> SmtpReply:
    """Say how many bytes a message may have: its sender's server passes the words on."""
    said = f"{most / 1e6:.0f} MB" if most >= 1_000_000 else f"{most:,} bytes"  # noqa: PLR2004 - a MB
    text = f"The message is too big: {said} are the most, and attached files count a third more"
    return SmtpReply(552, "5.3.4", text)
