"""Make the keys that copies are signed with, list them, and return their records in DNS.

    made = dkim.new(call, MakeKeys("lists.example.org"))
    dkim.dns(call, "lists.example.org")       # [KeyView, ...] whose records must stand now

Refuses to know how a copy is signed and how a zone file is printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from listserv.actions import audit
from listserv.actions.call import Call
from listserv.actions.permissions import Action
from mailer.authentication import dkim_keys
from mailer.authentication.dkim_keys import KeyState, KeyView
from mailer.errors import Refused
from mailer.reading.addresses import domain_key


@dataclass(frozen=True, slots=True)
class MakeKeys:
    """Ask for an RSA and an Ed25519 key of a domain; ``selector`` "" takes one that is free."""

    domain: str
    selector: str = ""
    at_once: bool = False  # their records are in DNS already


@dataclass(frozen=True, slots=True)
class KeysMade:
    """Return the keys that were made; ``starts`` is None where they sign from now on."""

    keys: Sequence[KeyView]
    starts: float | None


def new(call: Call, wanted: MakeKeys) -> KeysMade:
    """Make two keys; later ones of a domain wait until DNS knows them, unless ``at_once``."""
    domain, now = domain_key(wanted.domain), call.now
    with call.changing_all(Action.DKIM_NEW) as session:
        name = wanted.selector or dkim_keys.free_selector(session, domain, now)
        waits = dkim_keys.signs(session, domain, now) and not wanted.at_once
        starts = now + dkim_keys.LEAD if waits else now
        dkim_keys.new_keys(session, domain, selector=name, now=now, starts=starts)
        audit.detail(session, f"{domain}: {name}")
        made = [
            key
            for key in dkim_keys.views(session, now, domain)
            if key.selector in {f"{name}-r", f"{name}-e"}
        ]
    return KeysMade(made, starts if waits else None)


def ls(call: Call) -> Sequence[KeyView]:
    """Return every key of every domain."""
    with call.reading_all(Action.DKIM_LS) as session:
        return dkim_keys.views(session, call.now)


def dns(call: Call, domain: str) -> Sequence[KeyView]:
    """Return the keys whose records must stand in DNS now; raise Refused where there are none."""
    domain = domain_key(domain)
    with call.reading_all(Action.DKIM_DNS) as session:
        keys = dkim_keys.views(session, call.now, domain)
    if not keys:
        raise Refused(f"{domain} has no keys.", key="no-keys", domain=domain)
    return [key for key in keys if key.standing is not KeyState.OVER]
