"""Find a delivery report where none stands as a part: in damaged mail, in text, in JSON.

    groups(text)       fields as RFC 3464 has them, which a broken or forwarded report left in text
    notification(text) what a provider says in JSON (Amazon SES, also wrapped by SNS)

Pure. SECURITY: hostile text; bounded before it is looked at, and never taken for proof.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message

MAX_TEXT = 200_000  # characters that are looked at
_STARTS = re.compile(r"^[> \t]*(?:Final|Original)-Recipient:", re.IGNORECASE | re.MULTILINE)
_TO = re.compile(r"^[> \t]*(?:RCPT )?To:[ \t]*(.{1,400})", re.MULTILINE | re.IGNORECASE)
_MARK = re.compile(r"^[> \t]+", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]?")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,40}):[ \t]*(.*)")


@dataclass(frozen=True, slots=True)
class Notification:
    """Hold what a provider's JSON says: whom, by which status, in whose words."""

    complaint: bool
    recipient: str
    status: str
    said: str
    kind: str  # of the provider: Permanent, Transient, and what stands below it
    action: str
    about: str


def groups(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields about each recipient that stand in plain text, names in lower case.

    A block ends at a blank line; marks of quoting are taken off, folded lines are joined.
    """
    text = text[:MAX_TEXT]
    if not _STARTS.search(text):
        return
    for block in re.split(r"\n[> \t]*\r?\n", text):
        if not _STARTS.search(block):
            continue
        found: dict[str, str] = {}
        name = ""
        for line in _MARK.sub(lambda mark: " " if mark[0].isspace() else "", block).splitlines():
            field = _FIELD.match(line.strip() if not line[:1].isspace() or not name else "")
            if field is not None:
                name = field[1].lower()
                if name == "final-recipient" and name in found:
                    yield found
                    found = {}
                found.setdefault(name, field[2].strip())
            elif name and line.strip():
                found[name] = f"{found[name]} {line.strip()}"
        yield found


def notification(text: str) -> Notification | None:
    """Read a provider's JSON in the text of a mail, or None where there is none that we know."""
    for told in _objects(text[:MAX_TEXT]):
        inner = told.get("Message")
        if isinstance(inner, str):  # wrapped once more by SNS
            told = next(_objects(inner), told)  # noqa: PLW2901 - the same notification
        found = _ses(told)
        if found is not None:
            return found
    return None


def _objects(text: str) -> Iterator[Mapping[str, object]]:
    """Yield the JSON objects in a text whose lines a mail server may have folded anywhere."""
    start = text.find("{")
    if start < 0:
        return
    for written in (text[start:], _FOLD.sub("", text[start:])):
        try:
            told, _ = json.JSONDecoder(strict=False).raw_decode(written)
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict):
            yield told


def _ses(told: Mapping[str, object]) -> Notification | None:
    word = str(told.get("notificationType") or told.get("eventType") or "").lower()
    part = told.get(word) if word in {"bounce", "complaint"} else None
    if not isinstance(part, dict):
        return None
    people = part.get("bouncedRecipients") or part.get("complainedRecipients") or []
    first = people[0] if isinstance(people, list) and people else {}
    first = first if isinstance(first, dict) else {}
    return Notification(
        complaint=word == "complaint",
        recipient=str(first.get("emailAddress", "")),
        status=str(first.get("status", "")),
        said=str(first.get("diagnosticCode", "")),
        kind=f"{part.get('bounceType', '')} {part.get('bounceSubType', '')}",
        action=str(first.get("action", "")).lower(),
        about=_message_id(told.get("mail")),
    )


def _message_id(mail: object) -> str:
    headers = mail.get("headers") if isinstance(mail, dict) else None
    for one in headers if isinstance(headers, list) else []:
        if isinstance(one, dict) and str(one.get("name", "")).lower() == "message-id":
            return str(one.get("value", "")).strip("<> ")
    return ""


def sent_to(parts: list[Message], below: str) -> str:
    """Return whom the returned mail was for: its To field, as a part or below the report's text."""
    for part in parts:
        if part.get_content_type() in {"message/rfc822", "text/rfc822-headers"}:
            inner = part.get_payload()
            head = inner[0] if isinstance(inner, list) and inner else None
            if isinstance(head, Message) and head.get("To"):
                return str(head.get("To"))
            text = part.get_payload(decode=True)
            below = text.decode("latin-1") if isinstance(text, bytes) else below
    found = re.search(
        r"^[> \t]*To:[ \t]*(.{1,400})", below[:MAX_TEXT], re.MULTILINE | re.IGNORECASE
    )
    return found[1] if found else ""
