"""Tell whether a mail comes from the domain in its From: DMARC (RFC 9989), by its tree walk.

    walk("news.example.org", texts)          # Walk: every policy record on the way up
    judge(author, passed, texts)             # Verdict(result, policy, aligned)

Knows policies and alignment; what passed (an SPF domain, the d= of signatures) is given. A
record in test mode asks for one step less (t=y), there is no pct=. SECURITY: at most eight
names are asked for each domain (section 4.10); a domain's own record decides which organisation
it belongs to, so nobody is taken for another's without that other's word.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailer.authentication.dns_records import NoAnswerError

MOST_LABELS = 8  # of a name that is asked; of longer ones, seven from the right
_DMARC = re.compile(rb"v\s*=\s*DMARC1\s*(?:;|\Z)")

Texts = Callable[[str], tuple[bytes, ...]]  # of a name; raises NoAnswerError
Exists = Callable[[str], bool]


class DmarcPolicy(StrEnum):
    """Say what a domain asks of receivers for mail that is not aligned."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class DmarcResult(StrEnum):
    """Name the results of RFC 8601 section 2.7.1 for the method dmarc."""

    NONE = "none"  # nobody has published a policy
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """Hold one policy record and where it stands."""

    domain: str
    tags: Mapping[str, str]

    @property
    def psd(self) -> str:
        """Return y (a public suffix), n (an organisation) or u."""
        return self.tags.get("psd", "u").lower()


@dataclass(frozen=True, slots=True)
class TreeWalk:
    """Hold what a tree walk from ``domain`` found, nearest first."""

    domain: str
    found: tuple[DmarcRecord, ...]

    @property
    def organisation(self) -> str:
        """Return the organisational domain (section 4.10.2)."""
        for record in self.found:
            if record.psd == "n":
                return record.domain
            if record.psd == "y" and record.domain != self.domain:
                below = self.domain.removesuffix(f".{record.domain}")
                return f"{below.rpartition('.')[2]}.{record.domain}"
        return self.found[-1].domain if self.found else self.domain

    @property
    def policy(self) -> DmarcRecord | None:
        """Return the record that speaks for the domain (section 4.10.1)."""
        own = next((one for one in self.found if one.domain == self.domain), None)
        organisation = self.organisation
        above = next((one for one in self.found if one.domain == organisation), None)
        return own or above or next((one for one in self.found if one.psd == "y"), None)


@dataclass(frozen=True, slots=True)
class DmarcVerdict:
    """Say what became of one author's domain; ``aligned`` holds whatever the policy is."""

    result: DmarcResult
    policy: DmarcPolicy = DmarcPolicy.NONE
    aligned: bool = False


def walk(domain: str, texts: Texts) -> TreeWalk:
    """Ask for the policies of ``domain`` and of what stands above it (section 4.10)."""
    found = []
    name = domain
    while name:
        record = _record(name, texts(f"_dmarc.{name}"))
        if record is not None:
            found.append(record)
            if record.psd in {"y", "n"}:
                break
        labels = name.split(".")[1:]
        name = ".".join(labels[1 - MOST_LABELS :])
    return TreeWalk(domain, tuple(found))


def judge(
    author: str, passed: Iterable[tuple[str, str]], texts: Texts, exists: Exists
) -> DmarcVerdict:
    """Return whether one of ``passed`` speaks for ``author``.

    ``passed`` are pairs: ``spf`` or ``dkim``, and the domain that passed.
    """
    identifiers = list(dict.fromkeys(passed))
    same = any(domain == author for _, domain in identifiers)
    try:
        mine = walk(author, texts)
        policy = mine.policy
        aligned = same or _relaxed(mine, policy, identifiers, texts)
        asked = _asked(mine, policy, exists)
    except NoAnswerError:
        return DmarcVerdict(
            DmarcResult.PASS if same else DmarcResult.TEMPERROR, DmarcPolicy.NONE, aligned=same
        )
    if policy is None or asked is None:
        return DmarcVerdict(DmarcResult.NONE, DmarcPolicy.NONE, aligned=aligned)
    return DmarcVerdict(DmarcResult.PASS if aligned else DmarcResult.FAIL, asked, aligned=aligned)


def _relaxed(
    mine: TreeWalk, policy: DmarcRecord | None, passed: Iterable[tuple[str, str]], texts: Texts
) -> bool:
    """Tell whether a domain of the same organisation passed, where that is enough."""
    tags = policy.tags if policy else {}
    modes = {"spf": tags.get("aspf", "r"), "dkim": tags.get("adkim", "r")}
    near = [domain for how, domain in passed if modes[how].lower() != "s"]
    own = mine.organisation
    return any(
        f".{domain}".endswith(f".{own}") and walk(domain, texts).organisation == own
        for domain in near
    )


def _asked(mine: TreeWalk, policy: DmarcRecord | None, exists: Exists) -> DmarcPolicy | None:
    """Return what the record asks for this domain; None where it asks for nothing (4.7)."""
    if policy is None:
        return None
    tags = policy.tags
    wish = _wish(tags.get("p", ""))
    if wish is None:
        if "mailto:" not in tags.get("rua", "").lower():
            return None
        wish = DmarcPolicy.NONE
    if policy.domain != mine.domain:
        below = _wish(tags.get("sp", "")) or wish
        absent = _wish(tags.get("np", ""))
        wish = absent if absent is not None and not exists(mine.domain) else below
    order = list(DmarcPolicy)
    return order[max(0, order.index(wish) - 1)] if tags.get("t", "n").lower() == "y" else wish


def _wish(word: str) -> DmarcPolicy | None:
    return next((one for one in DmarcPolicy if one == word.lower()), None)


def _record(domain: str, texts: tuple[bytes, ...]) -> DmarcRecord | None:
    """Return the one record among ``texts``; several are none."""
    found = [text for text in texts if _DMARC.match(text)]
    if len(found) != 1:
        return None
    pairs = (one.partition("=") for one in found[0].decode("latin-1").split(";"))
    tags: dict[str, str] = {}
    for key, equals, value in pairs:
        if equals:
            tags.setdefault(key.strip().lower(), value.strip())
    return DmarcRecord(domain, tags)
