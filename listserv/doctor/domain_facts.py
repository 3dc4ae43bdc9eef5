"""What is known of one of our domains before DNS is asked, and how it is asked.

``Ask`` gives the records of a name, None where DNS was silent; TXT as octets, all else as text.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from listserv.doctor.diagnosis import Diagnosis, warn

Ask = Callable[[str, str], tuple[object, ...] | None]
Fetch = Callable[[str], str | None]  # the text of an https page, None where there is none
BULK = "Gmail, Yahoo and Outlook refuse or junk mail to many without it."


@dataclass(frozen=True, slots=True)
class Key:
    """Hold a key of ours: the name and the text of its record, and whether it signs by now."""

    name: str
    record: str
    signs: bool
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Domain:
    """Hold what is known here of one domain; ``groups`` are the addresses of each relay."""

    name: str
    host: str  # what its MX should name
    keys: tuple[Key, ...] = ()
    signed: bool = True  # by us; False: the relay signs, or nobody does
    groups: tuple[tuple[str, ...], ...] = ()
    bulk: bool = False  # writes to so many that the large providers' rules for bulk hold
    inner: bool = False  # addresses of private networks are right in this zone
    fetch: Fetch = field(default=lambda _url: None)


def silent(check: str, name: str) -> Diagnosis:
    """Say that DNS did not answer."""
    return warn(
        check,
        f"DNS did not answer for {name}",
        "Receivers who get no answer either put mail off, or judge it without.",
        f"dig {name} any    # then ask whoever runs its name servers",
    )


def public(address: str) -> bool:
    """Tell whether everybody can reach an address."""
    plain = ip_address(address)
    return not (plain.is_loopback or plain.is_link_local or plain.is_private) or plain.is_global


def addresses_of(host: str, ask: Ask) -> tuple[str, ...] | None:
    """Return the addresses of a host; None where DNS was silent."""
    found = [ask(host, "A"), ask(host, "AAAA")]
    if all(one is None for one in found):
        return None
    return tuple(str(address) for one in found for address in one or ())


def texts_of(name: str, ask: Ask) -> tuple[bytes, ...] | None:
    """Return the texts of a name; None where DNS was silent."""
    found = ask(name, "TXT")
    return None if found is None else tuple(one for one in found if isinstance(one, bytes))


def tags_of(text: str) -> dict[str, str]:
    """Read a list of tags (RFC 6376 section 3.2), all blanks gone."""
    pairs = (one.partition("=") for one in "".join(text.split()).split(";"))
    return {key.lower(): value for key, equals, value in pairs if equals}
