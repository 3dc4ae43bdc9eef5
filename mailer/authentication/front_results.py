"""Read what a server in front says of whose mail it is: its Authentication-Results (RFC 8601).

    read(head, "mx.example.org")      # FrontResults(...), None where it says nothing of DMARC

Knows one header and the name under which the front writes; whether the mail came through that
front at all the door has settled, by taking what bears this name out of everybody else's mail.
SECURITY: the front must take strangers' lines under its name away, and what it may have missed (a
quoted, an encoded or a commented name) is not taken for its own. Of several results the topmost
counts, one about another domain than From's does not, and what cannot be read says nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailer.authentication.dmarc import DmarcPolicy, DmarcResult
from mailer.authentication.verdict import Authentication, author_domain
from mailer.reading.header_words import text_of
from mailer.reading.headers.auth_results import plain_writer
from mailer.reading.headers.from_domains import domain_of
from mailer.reading.message import MessageHeader

FIELDS = 20  # that are looked at
_LONG = 4000  # octets of one
_COMMENT = re.compile(r"\(([^()]{0,500})\)")
_RESULT = re.compile(r"\s*(spf|dkim|dmarc)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)", re.IGNORECASE)
_FROM = re.compile(r"\bheader\.from\s*=\s*\"?([^\s;\"]{1,253})", re.IGNORECASE)
_POLICY = re.compile(r"(?:\bp|policy\.dmarc)\s*=\s*(none|quarantine|reject)\b", re.IGNORECASE)
_WORDS = {
    "spf": {"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"},
    "dkim": {"pass", "fail", "policy", "neutral", "none", "temperror", "permerror"},
    "dmarc": {word.value for word in DmarcResult},
}


@dataclass(frozen=True, slots=True)
class FrontResults:
    """Hold a front's verdict; ``is_whole`` is false where the policy must be asked for."""

    found: Authentication
    is_whole: bool


def read(head: MessageHeader, name: str) -> FrontResults | None:
    """Return what the front called ``name`` says, None where it says nothing of DMARC."""
    author = author_domain(head)
    if not name or not author:
        return None
    found: dict[str, list[tuple[str, str]]] = {}
    for method, word, about in _results(head, name.lower()):
        found.setdefault(method, []).append((word, about))
    if "dmarc" not in found:
        return None
    result, words = found["dmarc"][0]
    said = _FROM.search(words)
    if said is not None and domain_of(said[1]) != author:
        return None
    policy = _POLICY.search(words)
    signed = {word for word, _ in found.get("dkim", [])}
    made = Authentication(
        spf=found["spf"][0][0] if "spf" in found else "none",
        dkim=next((word for word in ("pass", "temperror", "fail") if word in signed), "none"),
        dmarc=result,
        aligned=result == DmarcResult.PASS,
        policy=policy[1].lower() if policy else DmarcPolicy.NONE.value,
    )
    known = policy is not None or result == DmarcResult.NONE
    return FrontResults(made, known)


def _results(head: MessageHeader, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield (method, result, all that stands with it), comments included, topmost first."""
    for value in head.all("authentication-results")[:FIELDS]:
        if plain_writer(value) != name:
            continue
        text = text_of(value[:_LONG])
        for part in _split(text):
            bare = _COMMENT.sub(" ", part)
            result = _RESULT.match(bare)
            if result is None:
                continue
            method, word = result[1].lower(), result[2].lower()
            if word in _WORDS[method]:
                yield method, word, part


def _split(text: str) -> list[str]:
    """Split at semicolons that stand in no comment and in no quotes."""
    parts, depth, quoted, begun = [], 0, False, 0
    for place, letter in enumerate(text):
        if letter == '"' and not depth:
            quoted = not quoted
        elif letter in "()" and not quoted:
            depth = max(0, depth + (1 if letter == "(" else -1))
        elif letter == ";" and not depth and not quoted:
            parts.append(text[begun:place])
            begun = place + 1
    return [*parts, text[begun:]]
