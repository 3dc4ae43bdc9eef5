"""Read what came back: who could not be reached and why. Bytes in, a ``Bounce`` out.

Layers, the best witness first: a feedback report (ARF, RFC 5965), a delivery report (RFC 3464,
6533), then what servers wrote that follow no standard, with flufl.bounce to find whom they mean.
Why is always judged by our own reasons (mailer/reading/bounce_reasons.py): only half of real
bounces carry a machine-readable part, and its codes are often wrong. SECURITY: anybody can send a
bounce, so nothing here is proof; the token in the address it came to says whom it is about.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from email.utils import getaddresses

from flufl.bounce import all_failures

from mailer.errors import Refused
from mailer.reading import bounce_notes, message
from mailer.reading.bounce_reasons import BounceKind, by_status, judge, spoken
from mailer.reading.header_words import decode, text_of

MAX_RAW = 512 * 1024  # octets of a mail: who reports writes first, what comes back stands last
MAX_LINES = 10_000
MAX_SAID = 200  # characters of a server's reply that are quoted
MAX_STAGE = 400  # characters before it that tell at which command it came
MAX_BODY = 200_000  # octets of text that are looked at
_FLUFL = logging.getLogger("flufl.bounce")
_REPORTS = {"message/delivery-status", "message/global-delivery-status"}
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.:/-])([45]\d\d)(?=[ \n-])")
_ANY_ID = re.compile(r"^[> \t]*Message-ID:[ \t]*<([^<>\s]{1,900})>", re.MULTILINE | re.IGNORECASE)
_NAMED = re.compile(
    r"^[> \t]*(?:rcpt to|recipient(?: address)?|addressed to|failed recipient)[ \t]*:[ \t]*"
    r"<?([^\s<>()\[\]:;,\"'=]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)",
    re.MULTILINE | re.IGNORECASE,
)
_BLANK = re.compile(r"\n\s*\n")
_BEGINS_WITH_ADDRESS = re.compile(r"[ \t<*]{0,8}[^\s<>@]{1,64}@[A-Za-z0-9.-]{1,253}>?[ \t]*[:.(]")
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"'=]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_DAEMON = re.compile(
    r"mailer-?daemon|post[-_ ]?master|mail ?delivery|bounce|delivery (?:system|subsystem)|mdaemon",
    re.IGNORECASE,
)
_BOUNCED = re.compile(
    r"undeliver|delivery (?:status|failure|notif|has failed|report|error|problem)|returned mail"
    r"|mail (?:delivery )?(?:fail|error|could not)|failure notice|non remis|nicht zugestellt"
    r"|unzustellbar|could not (?:be )?(?:send|deliver)|mail system error|rejected|not delivered"
    r"|non delivery|メールエラー|エラー通知|delivery delay"
    r"|warning: (?:message|could not)|user unknown|message status|error sending|trouble delivering"
    r"|unable to deliver|cannot be delivered|failed delivery|delivery (?:was )?unsuccessful",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"out of (?:the )?office|auto(?:matic|mated)?[- ]?(?:re(?:ply|sponse)|respon)|vacation"
    r"|away from"
    r"|abwesen|on holiday|absence|fuori sede|fuori ufficio"
    r"|frånvaro|autosvar|автоответ|отсутств|în concediu|afwezig|automatisch antwoord"
    r"|risposta automatica|răspuns automat|réponse automatique|respuesta automática",
    re.IGNORECASE,
)
_COMPLAINS = re.compile(r"^\s*(?:complaint about message|abuse report) ", re.IGNORECASE)
_COMMAND = re.compile(r"(?i)(SMTP command:?\s+\w+)")  # that was answered so
_DELAYED = re.compile(
    r"delay|will (?:continue|keep) trying|not yet been|still (?:be )?trying", re.IGNORECASE
)
_MESSAGE_ID = re.compile(
    rb"^[> ]{0,4}Message-ID:[ \t\r\n]{0,4}<([^<>\s]{1,900})>", re.MULTILINE | re.IGNORECASE
)
# Below one of these lines stands what we have sent.
_ORIGINAL = re.compile(
    rb"^(?:-{2,80}.{0,80}(?:copy of|original|headers?|returned|unsent"
    rb"|message (?:body|text|follows)).*"
    rb"|.{0,80}\b(?:original|unsent|returned) (?:message|mail|e-?mail)\b.{0,60}(?:follow|below).*"
    rb"|(?:Original|Unsent|Returned|The original) message.{0,60}"
    rb"(?:follow|below|was(?! received)|header|:).*"
    rb"|Return-Path: ?<|Received: (?:from|by|\(qmail)|Message header.*|>Received: from)",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Bounce:
    """Say what came back, about whom where that stands in it, and by which status."""

    kind: BounceKind
    recipient: str = ""
    status: str = ""
    text: str = ""  # the words that were judged
    about: str = ""  # Message-ID of the mail that came back, without brackets
    delayed: bool = False  # its server still tries

    @property
    def said(self) -> str:
        """Return the server's own reply within the words that were judged."""
        reply = _said_to_us(self.text) or re.sub(r"^[\w-]{1,20};\s*", "", self.text)
        return " ".join(reply.split())[:MAX_SAID]


def read(raw: bytes) -> Bounce:
    """Read what came to a return path; never raise for what stands in it.

    SECURITY: only its beginning is looked at: flufl.bounce tries fifty patterns on every line.
    """
    raw = b"\n".join(raw[:MAX_RAW].split(b"\n", MAX_LINES)[:MAX_LINES])
    try:
        parsed = message.parse(raw)
    except Refused:  # too twisted to be taken apart
        return Bounce(BounceKind.NONE)
    found = _read(parsed, _body(raw))
    return replace(found, about=found.about or _about(raw))


def _body(raw: bytes) -> str:
    """Return all that stands below the header as text: damaged mail may have no part to read."""
    return decode(raw[message.head(raw).body :][:MAX_BODY])


def _read(parsed: Message, body: str) -> Bounce:
    parts = list(parsed.walk())
    complaint = _complaint(parsed, parts)
    if complaint is not None:
        return complaint
    texts = _texts(parts) or [body]
    told = _told(parts) or _without_original(body.encode()).decode("utf-8", "replace")
    report = _report(parts, told)
    if report is not None:
        return report
    whole = "\n\n".join(texts)
    return _noted(parsed, parts, whole, told) or _unstandardised(parsed, parts, whole, told)


def said(text: str) -> Bounce:
    """Judge what a server answered, as it stands in a log or in the ledger."""
    status = _first(_STATUS, text)
    reply = _first(_REPLY, text)
    kind = judge(text, status)
    if kind is BounceKind.DEAD and reply.startswith("4"):
        kind = BounceKind.TEMPORARY
    return Bounce(kind, _bare(text), status, text)


# -- complaints (RFC 5965) -------------------------------------------------------------------


def _complaint(parsed: Message, parts: list[Message]) -> Bounce | None:
    report = next((p for p in parts if p.get_content_type() == "message/feedback-report"), None)
    told: dict[str, str] = {}
    if report is not None:
        told = dict(reversed(_fields(_text(report))))
    elif (
        not _COMPLAINS.search(str(parsed.get("Subject", "")))
        and "scomp" not in str(parsed.get("X-Loop", "")).lower()
        and not (
            parsed.get_content_type() == "multipart/report"
            and str(parsed.get_param("report-type", "")).lower() == "feedback-report"
        )
    ):
        return None
    if told.get("feedback-type", "").lower() == "not-spam":
        return Bounce(BounceKind.NONE)
    who = told.get("original-rcpt-to") or told.get("removal-recipient") or ""
    return Bounce(BounceKind.COMPLAINT, _bare(who) or _bare(_addressee(parts)), "", "")


def _addressee(parts: list[Message]) -> str:
    """Return whom the mail that is complained about was for."""
    for part in parts:
        if part.get_content_type() in {"message/rfc822", "text/rfc822-headers"}:
            inner = part.get_payload()
            head = inner[0] if isinstance(inner, list) and inner else None
            if isinstance(head, Message):
                found = getaddresses([str(head.get("To", ""))])
                if found and found[0][1]:
                    return found[0][1]
            for name, value in _fields(_text(part)):
                if name == "to":
                    return _bare(value)
    return ""


# -- delivery reports (RFC 3464) -------------------------------------------------------------


def _report(parts: list[Message], told: str) -> Bounce | None:
    report = next((part for part in parts if part.get_content_type() in _REPORTS), None)
    if report is None:
        return None
    groups = [dict(reversed(group)) for group in _groups(report) if group]
    return _of_groups(groups, parts, told)


def _noted(parsed: Message, parts: list[Message], whole: str, told: str) -> Bounce | None:
    """Read what stands as text alone: a provider's JSON, the fields of a damaged report."""
    found = bounce_notes.notification(whole)
    if found is not None:
        return _of_notification(found)
    if not _is_bounce(parsed):
        return None
    return _of_groups(list(bounce_notes.groups(whole)), parts, told)


def _of_groups(groups: list[dict[str, str]], parts: list[Message], told: str) -> Bounce | None:
    """Judge the first recipient that failed among the fields of a report."""
    people = [g for g in groups if "final-recipient" in g or "original-recipient" in g]
    if not people:
        return None
    failed = [g for g in people if g.get("action", "failed").lower().startswith("failed")]
    group = (failed or people)[0]
    who = _bare(group.get("final-recipient", "")) or _bare(group.get("original-recipient", ""))
    who = who or _bare(bounce_notes.sent_to(parts, ""))
    action = group.get("action", "").lower().split()
    status = _first(_STATUS, group.get("status", ""))
    diagnostic = _legible(group.get("diagnostic-code", ""))
    if action[:1] and action[0] in {"delivered", "relayed", "expanded"}:
        return Bounce(BounceKind.NONE, who, status)
    if action[:1] == ["delayed"]:
        why = spoken(diagnostic or told, status)
        still = why if why is not None and why is not BounceKind.DEAD else BounceKind.TEMPORARY
        return Bounce(still, who, status, diagnostic, delayed=True)
    inner = _first(_STATUS, diagnostic)
    if inner and (not status or status.endswith(".0.0") or status.startswith("4")):
        status = inner
    stage = _paragraph(told)
    kind = spoken(diagnostic, status, stage) or spoken(_said_to_us(told), status, stage)
    if kind is None and not _says_something(diagnostic):
        kind = spoken(told, status)
    return Bounce(kind or by_status(status), who, status, diagnostic or told)


def _of_notification(found: bounce_notes.Notification) -> Bounce:
    if found.complaint:
        return Bounce(BounceKind.COMPLAINT, found.recipient, about=found.about)
    status = _first(_STATUS, found.status) or _first(_STATUS, found.said)
    kind = spoken(found.said, status) or spoken(found.kind, status)
    if kind is None:
        permanent = found.kind.lower().startswith("permanent")
        kind = by_status(status or ("5.1.1" if permanent else ""))
    if kind is BounceKind.DEAD and found.kind.lower().startswith("transient"):
        kind = BounceKind.TEMPORARY
    delayed = found.action == "delayed"
    return Bounce(kind, found.recipient, status, found.said, found.about, delayed=delayed)


def _groups(report: Message) -> Iterator[list[tuple[str, str]]]:
    payload = report.get_payload()
    blocks = payload if isinstance(payload, list) else []
    for block in blocks:
        if isinstance(block, Message):
            yield [(name.lower(), _plain(str(value))) for name, value in block.items()]
            body = _text(block)
            if body.strip():
                for text in re.split(r"\n\s*\n", body):
                    yield _fields(text)
    if not blocks:
        for text in re.split(r"\n\s*\n", _text(report)):
            yield _fields(text)


def _says_something(diagnostic: str) -> bool:
    """Tell whether words stand there, and not just a code or "command failed"."""
    words = re.sub(r"^[\w-]+\s*;", "", diagnostic)
    words = re.sub(r"[\d.()#<>\[\]:;-]+|\S+@\S+|\bfailed\b|\berror\b", " ", words)
    return len(words.split()) > 1


# -- everything else -------------------------------------------------------------------------


def _unstandardised(parsed: Message, parts: list[Message], whole: str, told: str) -> Bounce:
    subject = _subject(parsed)
    named = [_bare(str(v)) for v in parsed.get_all("X-Failed-Recipients", [])]
    automatic = str(parsed.get("Auto-Submitted", "")).lower()
    if not named and _is_reply(parsed, subject, automatic):
        return Bounce(BounceKind.AUTO_REPLY, text=subject)
    if not _is_bounce(parsed):
        return Bounce(BounceKind.NONE)
    recipient = next(iter(named), "") or _whom(parsed, parts, whole, told)
    ours = _said_to_us(told)
    status = _first(_STATUS, ours) or _first(_STATUS, told)
    reply = _first(_REPLY, told)
    stage = f"{_paragraph(told)} {_first(_COMMAND, told)}"
    kind = spoken(ours, status, stage) or judge(told, status)
    late = _DELAYED.search(f"{subject} {told}") is not None and not reply.startswith("5")
    if kind is BounceKind.DEAD and late:
        kind = BounceKind.TEMPORARY
    delayed = late and kind is BounceKind.TEMPORARY
    return Bounce(kind, recipient, status, told, delayed=delayed)


def _whom(parsed: Message, parts: list[Message], whole: str, told: str) -> str:
    """Return whom a letter is about: named as such, beside the reply, or whom our mail was for.

    flufl.bounce knows many programs, and takes a Message-ID for an address now and then.
    """
    ids = {f"{one[1]}" for one in _ANY_ID.finditer(whole)}
    people = [
        *(one[1] for one in _NAMED.finditer(told)),
        *_ADDRESS.findall(_paragraph(told)),
        *_meant(parsed),
        *_ADDRESS.findall(told),
        _bare(bounce_notes.sent_to(parts, whole)),
    ]
    return next((one.strip("<>.") for one in people if one and one not in ids), "")


def _is_bounce(parsed: Message) -> bool:
    """Tell whether a mail says by its header that something came back."""
    sender = " ".join(str(parsed.get(name, "")) for name in ("From", "Sender", "Return-Path"))
    failed = parsed.get("X-Failed-Recipients")
    return bool(failed or _DAEMON.search(sender) or _BOUNCED.search(_subject(parsed)))


def _subject(parsed: Message) -> str:
    return text_of(str(parsed.get("Subject", "")).encode("utf-8", "replace"))


def _is_reply(parsed: Message, subject: str, automatic: str) -> bool:
    if automatic.startswith("auto-replied") and not _BOUNCED.search(subject):
        return True
    precedence = str(parsed.get("Precedence", "")).lower()
    marked = precedence == "auto_reply" or parsed.get("X-Autoreply") or parsed.get("X-Autorespond")
    return bool(marked or _AWAY.search(subject)) and not _BOUNCED.search(subject)


def _meant(parsed: Message) -> list[str]:
    """Return whom flufl.bounce finds; why is not asked of it.

    Its detectors stumble over a field in 8 bits, which the parser does not give as text; and they
    would log a traceback for each stranger's mail that they stumble over.
    """
    _FLUFL.disabled = True
    for part in parsed.walk():
        fields: list[tuple[str, object]] = list(part.items())
        for name, value in fields:
            if not isinstance(value, str):
                part.replace_header(name, str(value))
    try:
        temporary, permanent = all_failures(parsed)
    except Exception:  # noqa: BLE001 - a library's detectors over hostile bytes: one layer of several
        return []
    return sorted(one.decode("ascii", "replace") for one in (permanent or temporary))


def _said_to_us(told: str) -> str:
    """Return the server's own reply within a letter: from its code to the end of the paragraph.

    What stands behind about somebody else, from a line that begins with their address, is theirs.
    """
    found = _REPLY.search(told)
    if found is None:
        return ""
    reply = _BLANK.split(told[found.start() :])[0]
    first, *others = reply.split("\n")
    kept = [first]
    for line in others:
        if _BEGINS_WITH_ADDRESS.match(line) and _says_something(" ".join(kept)):
            break
        kept.append(line)
    return "\n".join(kept)


def _paragraph(told: str) -> str:
    """Return the paragraph in which a server's reply stands: what its sender says around it."""
    found = _REPLY.search(told)
    if found is None:
        return ""
    before = _BLANK.split(told[: found.start()])[-1]
    return before[-MAX_STAGE:] + _said_to_us(told)


def _without_original(text: bytes) -> bytes:
    cut = _ORIGINAL.search(text)
    return text[: cut.start()] if cut and cut.start() else text


def _texts(parts: list[Message]) -> list[str]:
    """Return the text of every part, without what it was cut into."""
    found = []
    for part in parts:
        if part.get_content_maintype() == "text" and not part.is_multipart():
            text = part.get_payload(decode=True)
            if isinstance(text, bytes):
                found.append(decode(text[:MAX_BODY], str(part.get_content_charset() or "")))
    return found


def _legible(text: str) -> str:
    """Return words that a header or a report has in the seven bits of ISO-2022-JP."""
    if "\x1b" not in text:
        return text
    return text.encode("ascii", "replace").decode("iso2022_jp", "replace")


def _told(parts: list[Message]) -> str:
    """Return what the server wrote for people, without the mail that it returns."""
    for part in parts:
        if part.get_content_maintype() == "text" and not part.is_multipart():
            text = part.get_payload(decode=True)
            if isinstance(text, bytes) and text.strip():
                shown = _without_original(text[:MAX_BODY])
                plain = decode(shown, str(part.get_content_charset() or ""))
                if part.get_content_subtype() == "html":
                    plain = re.sub(r"<[^<@>]{1,500}>", " ", plain)
                if plain.strip():
                    return plain
    return ""


def _fields(text: str) -> list[tuple[str, str]]:
    """Return header-like lines, unfolded, names in lower case."""
    found: list[tuple[str, str]] = []
    for line in text[:MAX_BODY].splitlines():
        name, colon, value = line.partition(":")
        if line[:1] in {" ", "\t"} and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        elif colon and name and " " not in name:
            found.append((name.strip().lower(), value.strip()))
    return found


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return decode(payload[:MAX_BODY])
    inner = part.get_payload()
    return "\n\n".join(
        "".join(f"{name}: {value}\n" for name, value in one.items())
        for one in (inner if isinstance(inner, list) else [])
        if isinstance(one, Message)
    )


def _about(raw: bytes) -> str:
    """Return the last Message-ID below the bounce's own header."""
    found = _MESSAGE_ID.findall(raw, message.head(raw).body)
    return decode(found[-1]) if found else ""


def _plain(value: str) -> str:
    return " ".join(value.split())


def _bare(value: str) -> str:
    """Return the address in ``rfc822; anna@example.org``, ``<anna@example.org>`` and the like."""
    found = _ADDRESS.search(value.partition(";")[2] or value)
    return found[0].strip("<>.") if found else ""


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
