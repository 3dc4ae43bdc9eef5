"""What Gmail, Yahoo and Outlook ask of senders of this size, and which of it is not there. Pure.

The rules as they stood at the end of 2026: Google's and Yahoo's for senders of 5,000 and more a
day, Microsoft's for its consumer domains; below that a part of them holds for everybody. Sizes
are our members': nobody tells us how many of a domain's mails come by other ways.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from listserv.doctor.diagnosis import Diagnosis, Health, fail, ok, warn

MANY = 5000  # a day
COMPLAINTS = 0.003  # the share at which Gmail and Yahoo begin to refuse
_GMAIL, _YAHOO, _OUTLOOK = "Gmail", "Yahoo", "Outlook"
_EVERYBODY = ("spf", "ptr", "relay-tls", "tls")
_BULK = ("dkim", "dmarc", "base-url", "message")


@dataclass(frozen=True, slots=True)
class Size:
    """Hold how many we write to: members by provider, and complaints in thirty days."""

    members: Mapping[str, int]
    complaints: int = 0
    copies: int = 0  # of the same thirty days

    @property
    def largest(self) -> int:
        """Return the members at the largest provider."""
        return max(self.members.values(), default=0)

    @property
    def bulk(self) -> bool:
        """Tell whether one mailing alone makes us a sender of many."""
        return self.largest >= MANY


def provider_of(domain: str) -> str:
    """Return whose rules hold at a member's domain, "" for everybody else."""
    first = domain.partition(".")[0]
    if domain in {"gmail.com", "googlemail.com"}:
        return _GMAIL
    if first in {"yahoo", "ymail", "rocketmail"} or domain in {"aol.com", "aol.it"}:
        return _YAHOO
    if first in {"outlook", "hotmail", "live", "msn"}:
        return _OUTLOOK
    return ""


def judge(size: Size, others: Iterable[Diagnosis]) -> list[Diagnosis]:
    """Return one word for each provider, from what the other checks found."""
    bad = {one.check for one in others if one.state is Health.FAIL}
    weak = {one.check for one in others if one.state is Health.WARN} | bad
    found = []
    for provider in (_GMAIL, _YAHOO, _OUTLOOK):
        members = size.members.get(provider, 0)
        many = members >= MANY
        missing = sorted((weak if many else bad) & {*_EVERYBODY, *(_BULK if many else ())})
        rules = f"its rules for {members} members" if members else "its rules"
        if missing and (members or many):
            say = fail if many else warn
            found.append(
                say(
                    "rules",
                    f"{provider} may refuse us, by {rules}: {', '.join(missing)}",
                    f"From {MANY} mails a day on it asks for all of SPF, DKIM, DMARC and one click;"
                    " of everybody for SPF or DKIM, a reverse name and TLS.",
                    f"Mend what stands above: {', '.join(missing)}",
                )
            )
        elif not missing:
            found.append(ok("rules", f"{provider}: {rules} are kept"))
    if size.copies and size.complaints > max(2, COMPLAINTS * size.copies):
        share = 100 * size.complaints / size.copies
        found.append(
            fail(
                "rules",
                f"{share:.1f} % of the last thirty days' copies were called unwanted",
                "Gmail and Yahoo refuse from 0.3 % on.",
                "krets newsletter status MAILING    # who was written to, and did they ask for it",
            )
        )
    return found
