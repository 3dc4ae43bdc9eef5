"""Read a form that was sent: urlencoded or multipart, small, text only.

SECURITY: bodies are read up to ``MAX_BODY`` bytes and refused beyond; fields are counted and cut;
a file in a form is not looked at. One-click requests (RFC 8058) come here too.
"""

from collections.abc import Mapping
from email.parser import BytesParser
from urllib.parse import parse_qsl

from starlette.requests import Request

from mailer.errors import BadInput, Refused

MAX_BODY = 32 * 1024  # bytes
MAX_FIELDS = 40
MAX_VALUE = 2000  # characters of one field


class TooLarge(Refused):
    """Say that a body is larger than any form of ours."""


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of the request's body, each once (the last wins).

    Raise TooLarge, or BadInput for what is no form.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise TooLarge("That is more than a form can hold.")
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() == "multipart/form-data":
        return _multipart(kind, body)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise BadInput("That is not a form.") from None
    return {name: value[:MAX_VALUE] for name, value in pairs}


def _multipart(kind: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {kind.replace(chr(10), ' ').replace(chr(13), ' ')}\r\n\r\n"
    try:
        whole = BytesParser().parsebytes(head.encode("latin-1", "replace") + body)
        parts = list(whole.walk())[1 : MAX_FIELDS + 1]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BadInput("That is not a form.") from None
    fields: dict[str, str] = {}
    for part in parts:
        name = None if part.is_multipart() else part.get_param("name", header="content-disposition")
        if isinstance(name, str) and part.get_filename() is None:
            data = part.get_payload(decode=True)
            text = data.decode("utf-8", "replace") if isinstance(data, bytes) else ""
            fields[name] = text.removesuffix("\r\n")[:MAX_VALUE]
    return fields


def field(form: Mapping[str, str], name: str) -> str:
    """Return a field without blanks around it, "" where it was not sent."""
    return form.get(name, "").strip()
