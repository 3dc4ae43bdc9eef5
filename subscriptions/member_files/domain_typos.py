"""Ask "did you mean gmail.com?": a question about a domain that looks mistyped, never a verdict.

    other_spelling(address)   the address with the likelier domain, "" where nothing looks wrong

Knows the real providers of our countries (providers.toml), which a corrector trained elsewhere
would "correct", and the large ones it may propose; everything else is left alone. Looks
nothing up: no DNS, no port 25.
SECURITY: domains come from strangers; only short ASCII host names reach the corrector, and what
it says is kept per domain. flanker is imported here alone, on the first doubt.
"""

import re
import tomllib
from functools import lru_cache
from pathlib import Path

from mailer.reading.addresses import MailAddress

CUTOFF = 0.77  # the corrector's own: how alike two names must be
LONGEST = 40  # characters of a domain that anybody mistypes for a provider's
HOST = re.compile(r"[a-z0-9-]{1,30}(?:\.[a-z0-9-]{1,30}){1,3}\Z")

_FOUND = tomllib.loads(Path(__file__).with_name("providers.toml").read_text(encoding="utf-8"))
PROPOSED = frozenset(_FOUND["proposed"])
REAL = PROPOSED.union(*_FOUND["real"].values())


def other_spelling(who: MailAddress) -> str:
    """Return the address that was perhaps meant, "" where nothing looks wrong."""
    meant = other_domain(who.domain)
    return f"{who.given.rpartition('@')[0]}@{meant}" if meant else ""


@lru_cache(maxsize=65_536)
def other_domain(domain: str) -> str:
    """Return the provider that ``domain`` was perhaps meant for, "" where there is no doubt."""
    if domain in REAL or len(domain) > LONGEST or not HOST.match(domain):
        return ""
    if domain.startswith("xn--") or ".xn--" in domain:
        return ""
    if not any(_near(domain, provider) for provider in PROPOSED):
        return ""
    from flanker.addresslib import corrector  # noqa: PLC0415 - idle processes never need it

    meant = corrector.suggest(domain)
    return meant if meant in PROPOSED and meant != domain else ""


def _near(one: str, other: str) -> bool:
    """Tell whether two names have letters enough in common to be ``CUTOFF`` alike.

    An upper bound of difflib's ratio, 2 M / T: the corrector compares a domain with 200 providers
    letter by letter, 1.5 ms, and a file of a million people has many domains.
    """
    enough = CUTOFF * (len(one) + len(other)) / 2
    if min(len(one), len(other)) < enough:
        return False
    return sum(min(one.count(letter), other.count(letter)) for letter in set(one)) >= enough
