"""Check in DNS whether receivers can tell an issue from a forgery.

    said = standing.begin(app, domain, now)    # asks, in threads
    said()                                     # -> findings, within the time that is left

Knows who signs here and which keys; what DNS answers is for mailer/authentication/alignment.py. All
of it is yellow: an operator may have reasons, and an editor cannot change DNS.
"""

from collections.abc import Callable, Iterator

from listserv.mailings.signing import Signer
from listserv.newsletters.checks.findings import Finding
from listserv.wiring.app import App
from mailer.authentication import dkim_keys
from mailer.authentication.alignment import DomainPolicy, DomainRecords, Published, Spf
from mailer.authentication.dkim_keys import KeyState as KeyStanding


def begin(app: App, domain: str, now: float) -> Callable[[], list[Finding]]:
    """Begin to ask DNS about ``domain``; call what comes back for the findings."""
    signer = Signer(app.settings.mailer.sign)
    if not app.settings.listserv.check_dns:
        return lambda: [_unasked(domain, "listserv.check_dns is off")]
    if not app.resolver.asks(domain):
        return lambda: [_unasked(domain, "no such name stands in public DNS")]
    keys: dict[str, str] = {}
    if signer is Signer.KRETS:
        with app.store.read() as session:
            views = dkim_keys.views(session, now, domain)
        signing = (one for one in views if one.standing is KeyStanding.SIGNING)
        keys = {one.name: one.record for one in signing}
    answers = app.enquiries.begin(domain, keys)
    return lambda: list(judge(domain, signer, answers()))


def judge(domain: str, signer: Signer, found: DomainRecords) -> Iterator[Finding]:
    """Say what is wrong with what DNS says, and what could not be looked at."""
    values = {"domain": domain}
    for name, published in found.keys.items():
        if published in _KEYS:
            key, what = _KEYS[published]
            yield Finding(key, what.format(name=name), values={"name": name})
    if found.spf in _SPF:
        key, what = _SPF[found.spf]
        yield Finding(key, what.format(domain=domain), values=values)
    if found.wish is DomainPolicy.ABSENT:
        yield Finding(
            "dmarc-none",
            f"{domain} has no DMARC policy, which large providers ask of who writes to many:"
            f' _dmarc.{domain} TXT "v=DMARC1; p=none"',
            values=values,
        )
    if _unproven(signer, found):
        asks = (
            found.wish
            if found.wish in {DomainPolicy.QUARANTINE, DomainPolicy.REJECT}
            else DomainPolicy.NONE
        )
        yield Finding(
            "unaligned",
            f"no receiver could tell that a copy comes from {domain}: no signature of its own that"
            f" DNS knows, no SPF record that lets anybody send{_WISHED[asks]}",
            values={**values, "wish": str(asks)},
        )
    unknown = list(_unknown(signer, found))
    if unknown:
        yield _unasked(domain, f"DNS did not answer in time for {', '.join(unknown)}")
    elif signer is Signer.RELAY:
        what = f"the relay signs; whether in the name of {domain} was not looked at"
        yield Finding("dkim-relay", what, values=values)


_KEYS = {
    Published.NO: ("dkim-unpublished", "copies are signed with a key that is not in DNS: {name}"),
    Published.OTHER: ("dkim-other", "copies are signed with another key than DNS has: {name}"),
}
_SPF = {
    Spf.NONE: ("spf-none", "{domain} has no SPF record (TXT v=spf1 ...)"),
    Spf.SEVERAL: ("spf-several", "{domain} has more than one SPF record, so none counts"),
    Spf.NOBODY: ("spf-nobody", "by its SPF record, nobody may send for {domain}"),
}
_WISHED = {
    DomainPolicy.NONE: "",
    DomainPolicy.QUARANTINE: "; its own DMARC policy asks to file such mail as spam",
    DomainPolicy.REJECT: "; its own DMARC policy asks to refuse such mail",
}


def _unproven(signer: Signer, found: DomainRecords) -> bool:
    """Tell whether neither a signature nor SPF would speak for a copy, as far as can be known."""
    signed = signer is Signer.RELAY or any(
        one in {Published.YES, Published.UNKNOWN} for one in found.keys.values()
    )
    return not signed and found.spf not in {Spf.NAMES, Spf.UNKNOWN}


def _unknown(signer: Signer, found: DomainRecords) -> Iterator[str]:
    if signer is Signer.KRETS and Published.UNKNOWN in found.keys.values():
        yield "DKIM"
    if found.spf is Spf.UNKNOWN:
        yield "SPF"
    if found.wish is DomainPolicy.UNKNOWN:
        yield "DMARC"


def _unasked(domain: str, why: str) -> Finding:
    return Finding(
        "dns-unasked",
        f"whether DNS speaks for {domain} (DKIM, SPF, DMARC) was not looked at: {why}",
        values={"domain": domain},
    )
