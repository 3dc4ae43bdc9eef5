"""Read an SPF record into terms (RFC 7208 sections 4.6.1, 5 and 6, grammar of section 12).

    read(b"v=spf1 a:mx.example.org/24 -all")    # Record(terms=(...), redirect="")

Pure: knows the grammar and no DNS. A record with one error is an error as a whole, wherever the
error stands, so everything is judged before anything is asked. SECURITY: whoever owns the domain
wrote it; each term is matched by patterns without nested repeats.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_EXPAND = r"%\{[SLODIPHCRTVslodiphcrtv](?:[1-9][0-9]{0,2}|0{1,3}[1-9][0-9]?)?[Rr]?[.\-+,/_=]{0,7}\}"
_MACRO_STRING = re.compile(rf"(?:{_EXPAND}|%[%_-]|[\x21-\x24\x26-\x7e])*\Z")
_ENDS_WELL = re.compile(
    rf".*(?:{_EXPAND}|\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?)\Z"
)
_EXPLAINS = re.compile(r"%\{[crt]", re.IGNORECASE)  # letters for explanations alone, section 7.2
_TERM = re.compile(r"([+?~-])?([A-Za-z][A-Za-z0-9]*)([:/].*)?\Z")
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)\Z")
_CIDR = re.compile(r"(.*?)(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?\Z")
_BITS4, _BITS6 = 32, 128
_WITH_DOMAIN = {"include": True, "exists": True, "a": False, "mx": False, "ptr": False}


class BadRecordError(Exception):
    """Say that a record breaks the grammar: the result is permerror."""


@dataclass(frozen=True, slots=True)
class Term:
    """Hold one directive: ``spec`` is a domain-spec, or a network for ip4 and ip6."""

    qualifier: str
    name: str
    spec: str = ""
    bits4: int = _BITS4
    bits6: int = _BITS6


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """Hold a whole record; ``redirect`` is a domain-spec."""

    terms: tuple[Term, ...] = ()
    redirect: str | None = None


def is_spf(text: bytes) -> bool:
    """Tell whether a text is an SPF record of this version (section 4.5)."""
    return text[:6].lower() == b"v=spf1" and text[6:7] in {b"", b" "}


def read(text: bytes) -> SpfRecord:
    """Return the terms of a record; raise BadRecordError."""
    try:
        words = text.decode("ascii")[6:].split(" ")
    except UnicodeDecodeError:
        raise BadRecordError("not ASCII") from None
    terms: list[Term] = []
    modifiers: dict[str, str] = {}
    for word in filter(None, words):
        modifier = _MODIFIER.match(word)
        if modifier is None:
            terms.append(_term(word))
            continue
        name, value = modifier[1].lower(), modifier[2]
        if name in {"redirect", "exp"}:
            if name in modifiers:
                raise BadRecordError(f"{name} twice")
            modifiers[name] = _domain_spec(value)
        elif not _MACRO_STRING.match(value):
            raise BadRecordError(word)
    return SpfRecord(tuple(terms), modifiers.get("redirect"))


def _term(word: str) -> Term:
    found = _TERM.match(word)
    if found is None:
        raise BadRecordError(word)
    qualifier, name, rest = found[1] or "+", found[2].lower(), found[3] or ""
    if name == "all":
        if rest:
            raise BadRecordError(word)
        return Term(qualifier, name)
    if name in {"ip4", "ip6"}:
        return _network(qualifier, name, rest)
    if name not in _WITH_DOMAIN:
        raise BadRecordError(word)
    bits4, bits6 = _BITS4, _BITS6
    if name in {"a", "mx"}:
        rest, bits4, bits6 = _split_cidr(rest)
    if not rest:
        if _WITH_DOMAIN[name]:
            raise BadRecordError(word)
        return Term(qualifier, name, "", bits4, bits6)
    if not rest.startswith(":"):
        raise BadRecordError(word)
    return Term(qualifier, name, _domain_spec(rest[1:]), bits4, bits6)


def _network(qualifier: str, name: str, rest: str) -> Term:
    """Read what stands behind ip4 or ip6 (section 5.6)."""
    address, slash, length = rest.removeprefix(":").partition("/")
    most = _BITS4 if name == "ip4" else _BITS6
    if not rest.startswith(":") or (slash and not re.fullmatch(r"0|[1-9][0-9]{0,2}", length)):
        raise BadRecordError(f"{name}{rest}")
    bits = int(length) if slash else most
    try:
        plain = IPv4Address(address) if name == "ip4" else IPv6Address(address)
    except AddressValueError:
        raise BadRecordError(f"{name}{rest}") from None
    if bits > most or "%" in address:
        raise BadRecordError(f"{name}{rest}")
    return Term(qualifier, name, str(plain), bits4=bits, bits6=bits)


def _split_cidr(rest: str) -> tuple[str, int, int]:
    found = _CIDR.match(rest)
    if found is None:
        raise BadRecordError(rest)
    bits4 = int(found[2]) if found[2] else _BITS4
    bits6 = int(found[3]) if found[3] else _BITS6
    if bits4 > _BITS4 or bits6 > _BITS6:
        raise BadRecordError(rest)
    return found[1], bits4, bits6


def _domain_spec(text: str) -> str:
    """Return a domain-spec that is one (section 7.1)."""
    if not _MACRO_STRING.match(text) or not _ENDS_WELL.match(text) or _EXPLAINS.search(text):
        raise BadRecordError(text)
    return text
