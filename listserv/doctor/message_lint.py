"""Read one mail of ours as receivers will: what they would hold against it. Pure but for DNS.

    lint(raw, "lists.example.org", return_path, look_up, secure=True)    # [Diagnosis, ...]

Reads the bytes as the relay got them, so that whatever changed them on the way here counts.
"""

import re
from collections.abc import Callable, Iterator

from listserv.doctor.diagnosis import Diagnosis, fail, or_ok, warn
from mailer.authentication import dkim_verify
from mailer.authentication.dns_records import NoAnswerError
from mailer.reading import message
from mailer.reading.headers.from_domains import domain_of
from mailer.reading.headers.mail_dates import read_date
from mailer.reading.message import MessageHeader
from mailer.reading.organisational_domains import organisation

LookUp = Callable[[str], bytes | None]
LONGEST = 998  # bytes of a line (RFC 5322 section 2.1.1)
_ONCE = ("from", "date", "message-id", "subject", "to", "list-id", "list-unsubscribe")
_COVERED = ("from", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post")
_MADE = "Report it with this mail: krets doctor --send YOU@DOMAIN"


def lint(
    raw: bytes, domain: str, return_path: str, look_up: LookUp, *, secure: bool, signed: bool
) -> list[Diagnosis]:
    """Return what is to be said of one mail of a list at ``domain``.

    ``secure`` tells that pages are https, so that one click must work; ``signed`` that we sign.
    """
    head = message.head(raw)
    found = [*_form(raw, head), *_writer(head, domain, return_path), *_ways_out(head, secure)]
    if signed:
        found += _signatures(raw, head, domain, look_up)
    return or_ok("message", "a mail as we send it passes", found)


def _form(raw: bytes, head: MessageHeader) -> Iterator[Diagnosis]:
    why = "RFC 5322; many receivers junk what breaks it."
    for name in _ONCE:
        count = len(head.all(name))
        if count != 1:
            yield fail("message", f"a mail of ours has {count} fields {name}", why, _MADE)
    if b"\0" in raw or raw.replace(b"\r\n", b"").translate(None, b"\r\n") != raw.replace(
        b"\r\n", b""
    ):
        yield fail("message", "a mail of ours has a bare CR, LF or NUL", why, _MADE)
    if max(map(len, raw.split(b"\r\n"))) > LONGEST:
        yield fail("message", f"a mail of ours has a line over {LONGEST} bytes", why, _MADE)
    if read_date(head.first("date") or b"") is None:
        yield fail("message", "a mail of ours has no date that can be read", why, _MADE)


def _writer(head: MessageHeader, domain: str, return_path: str) -> Iterator[Diagnosis]:
    writers = [spelled for value in head.all("from") for _, spelled in message.addresses_of(value)]
    domains = {domain_of(one.rpartition("@")[2]) for one in writers}
    if domains != {domain}:
        what = f"a mail of ours comes from {', '.join(sorted(domains)) or 'nobody'}, not {domain}"
        yield fail("message", what, "Nothing of ours speaks for another domain.", _MADE)
    sender = domain_of(return_path.rpartition("@")[2])
    if organisation(sender) != organisation(domain):
        what = f"bounces go to {sender}, mail comes from {domain}"
        yield warn("message", what, "SPF is not aligned, so DKIM must be (RFC 9989 4.4).", _MADE)


def _ways_out(head: MessageHeader, secure: bool) -> Iterator[Diagnosis]:  # noqa: FBT001 - as its caller's
    ways = (head.first("list-unsubscribe") or b"").decode("latin-1")
    click = b" ".join((head.first("list-unsubscribe-post") or b"").split())
    if "<mailto:" not in ways or "<http" not in ways:
        what = "a mail of ours does not say both ways out (List-Unsubscribe)"
        yield fail("message", what, "Readers then call it unwanted instead.", _MADE)
    if secure and click != b"List-Unsubscribe=One-Click":
        yield warn(
            "message",
            "a mail of ours offers no one-click leaving (List-Unsubscribe-Post)",
            "Gmail, Yahoo and Outlook ask for it of who writes to many (RFC 8058).",
            'krets dkim new DOMAIN    # or mailer.sign = "relay", where it covers both fields',
        )
    if not secure and re.search(r"<http://", ways):
        what = "the page for leaving in a mail of ours is not https"
        why = "No provider shows its own way out for it (RFC 8058)."
        yield warn("message", what, why, 'listserv.base_url = "https://DOMAIN"')


def _signatures(
    raw: bytes, head: MessageHeader, domain: str, look_up: LookUp
) -> Iterator[Diagnosis]:
    values = head.all("dkim-signature")
    if not values:
        what = "a mail of ours carries no signature"
        yield fail(
            "message", what, "Nobody can tell it from a forgery.", f"krets dkim new {domain}"
        )
        return
    try:
        judged = dkim_verify.signatures(raw, head, look_up, domain)
    except NoAnswerError:
        return  # the check of the keys says it
    good = [one for one in judged if one.result == "pass" and one.domain == domain and one.whole]
    if not good and not any(one.result == "temperror" for one in judged):
        yield fail(
            "message",
            "no signature of a mail of ours verifies with the keys in DNS",
            "It looks forged to every receiver.",
            f"krets dkim dns {domain}    # publish exactly that",
        )
    for value in values:
        tags = _tags(value)
        covered = {name.strip().lower() for name in tags.get("h", "").split(":")}
        wanted = {name for name in _COVERED if head.all(name)}
        if wanted - covered:
            what = f"a signature of ours leaves out {', '.join(sorted(wanted - covered))}"
            yield fail("message", what, "RFC 8058 wants both fields covered.", _MADE)


def _tags(value: bytes) -> dict[str, str]:
    pairs = (one.partition("=") for one in value.decode("latin-1").split(";"))
    return {key.strip(): "".join(text.split()) for key, equals, text in pairs if equals}
