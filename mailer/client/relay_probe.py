"""Ask a relay what it can do, without sending anything; and hand it one letter to look at.

    probe(relay, hello, sender, recipient)    # Probe: what it offers, or why it cannot be used

One conversation, of commands in turn: connect, EHLO, STARTTLS and AUTH as the relay's URL asks,
MAIL and RCPT, then RSET. Knows what the answers were; what they mean is for the roof. SECURITY:
TLS is verified as for mailings (relay.py); a password is never part of what is told.
"""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailer.client.relay import Relay, Tls
from mailer.client.smtp_transaction import Offers, OutgoingLetter, adapted, problems
from mailer.errors import Refused, Temporary

PATIENCE = 10.0  # seconds for each answer
_REFUSED = 400
_LONGEST = 200  # characters of an answer that are told


class Step(StrEnum):
    """Name how far a conversation came before it failed."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    CERTIFICATE = "certificate"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Probe:
    """Hold what a relay answered; ``stopped`` is where, ``said`` its words or the system's."""

    stopped: Step = Step.DONE
    said: str = ""
    banner: str = ""
    encrypted: bool = False
    words: Mapping[str, str] = field(default_factory=dict)  # of the answer to EHLO

    @property
    def offers(self) -> Offers:
        """Return what it can carry."""
        return Offers.read(self.words)


class _StoppedError(Exception):
    """Carry where a conversation ended."""

    def __init__(self, step: Step, said: str) -> None:
        super().__init__(said)
        self.step = step
        self.said = said[:_LONGEST]


def probe(relay: Relay, hello: str, sender: str, recipient: str) -> Probe:
    """Return what ``relay`` offers, and whether it would take a mail to ``recipient``."""
    heard: dict[str, object] = {}
    try:
        with _talking(relay, hello, heard) as talk:
            _good(Step.MAIL, *talk.mail(sender))
            _good(Step.RCPT, *talk.rcpt(recipient))
            talk.rset()
    except _StoppedError as stopped:
        return _made(heard, stopped.step, stopped.said)
    except (OSError, smtplib.SMTPException) as error:
        return _made(heard, Step.RCPT, str(error))
    return _made(heard, Step.DONE, "")


def carry(relay: Relay, hello: str, sender: str, recipient: str, content: bytes) -> bytes:
    """Send one letter; return its bytes as the relay got them.

    Raise Refused with the relay's words, or Temporary where it cannot be used.
    """
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    letter = OutgoingLetter((0,), sender, (recipient,), stuffed + b".\r\n")
    try:
        with _talking(relay, hello, {}) as talk:
            offers = Offers.read(_words(talk))
            letter = adapted(letter, offers)
            for reply in problems(letter, offers).values():
                raise Refused(f"{relay.name} cannot carry it: {reply.code} {reply.text}.")
            options = ["BODY=8BITMIME"] if offers.eight_bit else []
            options += ["SMTPUTF8"] if letter.utf8 and offers.utf8 else []
            answers = [talk.mail(sender, options), talk.rcpt(recipient), talk.docmd("DATA")]
            for code, text in answers:
                if code >= _REFUSED:
                    raise Refused(f"{relay.name} refused it: {code} {_text(text)}")
            talk.send(letter.data)
            code, text = talk.getreply()
            if code >= _REFUSED:
                raise Refused(f"{relay.name} refused it: {code} {_text(text)}")
    except _StoppedError as stopped:
        raise Temporary(f"{relay.name} cannot be used: {stopped.said}.") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Temporary(f"{relay.name} cannot be used: {error}.") from None
    return letter.content()


def _good(step: Step, code: int, text: bytes | str) -> None:
    """Raise _StoppedError for a refusal (RFC 5321 section 4.2.1)."""
    if code >= _REFUSED:
        raise _StoppedError(step, f"{code} {_text(text)}")


@contextlib.contextmanager
def _talking(relay: Relay, hello: str, heard: dict[str, object]) -> Iterator[smtplib.SMTP]:
    """Greet, protect and log in; write into ``heard`` what was heard on the way."""
    talk = _opened(relay, hello, heard)
    try:
        _greet(talk, Step.EHLO)
        heard["words"] = _words(talk)
        if relay.tls in (Tls.REQUIRED, Tls.OPPORTUNISTIC):
            _protect(talk, relay)
            heard["words"] = _words(talk)
        heard["encrypted"] = isinstance(talk.sock, ssl.SSLSocket)
        if relay.user:
            _log_in(talk, relay)
        yield talk
        with contextlib.suppress(OSError, smtplib.SMTPException):
            talk.quit()
    finally:
        talk.close()


def _opened(relay: Relay, hello: str, heard: dict[str, object]) -> smtplib.SMTP:
    talk = smtplib.SMTP(local_hostname=hello, timeout=PATIENCE)
    if relay.tls is Tls.IMPLICIT:
        talk = smtplib.SMTP_SSL(local_hostname=hello, timeout=PATIENCE, context=relay.context())
    talk._host = relay.host  # type: ignore[attr-defined]  # noqa: SLF001 - what TLS verifies
    try:
        code, banner = talk.connect(relay.host, relay.port)
    except ssl.SSLCertVerificationError as error:
        raise _StoppedError(Step.CERTIFICATE, error.verify_message) from None
    except smtplib.SMTPException as error:
        raise _StoppedError(Step.GREETING, str(error)) from None
    except OSError as error:
        raise _StoppedError(Step.CONNECT, error.strerror or str(error) or "no answer") from None
    heard["banner"] = _text(banner)
    if code >= _REFUSED:
        talk.close()
        raise _StoppedError(Step.GREETING, f"{code} {_text(banner)}")
    return talk


def _greet(talk: smtplib.SMTP, step: Step) -> None:
    code, text = talk.ehlo()
    if code in (500, 502):  # RFC 5321 section 3.2: an old relay
        code, text = talk.helo()
    _good(step, code, text)


def _protect(talk: smtplib.SMTP, relay: Relay) -> None:
    must = relay.tls is Tls.REQUIRED
    if not talk.has_extn("starttls"):
        if must:
            raise _StoppedError(Step.STARTTLS, "it offers no STARTTLS")
        return
    try:
        code, text = talk.starttls(context=relay.context())
    except ssl.SSLCertVerificationError as error:
        raise _StoppedError(Step.CERTIFICATE, error.verify_message) from None
    except (ssl.SSLError, OSError, smtplib.SMTPException) as error:
        raise _StoppedError(Step.STARTTLS, str(error)) from None
    if code >= _REFUSED:
        if must:
            raise _StoppedError(Step.STARTTLS, f"{code} {_text(text)}")
        return
    _greet(talk, Step.STARTTLS)


def _log_in(talk: smtplib.SMTP, relay: Relay) -> None:
    try:
        talk.login(relay.user, relay.password)
    except smtplib.SMTPAuthenticationError as error:
        raise _StoppedError(Step.LOGIN, f"{error.smtp_code} {_text(error.smtp_error)}") from None
    except smtplib.SMTPException as error:
        raise _StoppedError(Step.LOGIN, str(error)) from None


def _words(talk: smtplib.SMTP) -> dict[str, str]:
    return {word.upper(): rest for word, rest in talk.esmtp_features.items()}


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _made(heard: Mapping[str, object], step: Step, said: str) -> Probe:
    words = heard.get("words")
    return Probe(
        stopped=step,
        said=said[:_LONGEST],
        banner=str(heard.get("banner", ""))[:_LONGEST],
        encrypted=bool(heard.get("encrypted")),
        words=words if isinstance(words, dict) else {},
    )
