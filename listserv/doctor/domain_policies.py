"""What DNS says of policies for a domain: DMARC, MTA-STS, TLS-RPT, and reverse names of addresses.

Each cure is a line as a zone file has it. SECURITY: every name asked comes from our own settings,
lists and keys, or from their records; a policy page is read from public addresses alone.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from listserv.doctor.diagnosis import Diagnosis, fail, ok, or_ok, warn
from listserv.doctor.domain_facts import BULK, Ask, Domain, addresses_of, silent, tags_of, texts_of
from mailer.authentication import dmarc
from mailer.authentication.dns_records import NoAnswerError

_ID = re.compile(r"[A-Za-z0-9]{1,32}\Z")  # RFC 8461 section 3.1
_REPORTS = re.compile(r"(?:mailto:[^\s,;@]+@[^\s,;]+|https://[^\s,;]+)\Z")
_IPV4 = 4


def examine(domain: Domain, ask: Ask) -> list[Diagnosis]:
    """Return what is to be said of a domain's policies."""
    return [*_dmarc(domain, ask), *_mta_sts(domain, ask), *_tls_rpt(domain, ask)]


# -- policy -------------------------------------------------------------------------------


def _dmarc(domain: Domain, ask: Ask) -> list[Diagnosis]:
    name = domain.name
    line = f'_dmarc.{name}. IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@{name}"'

    def texts(asked: str) -> tuple[bytes, ...]:
        found = texts_of(asked, ask)
        if found is None:
            raise NoAnswerError(asked)
        return found

    try:
        own = texts(f"_dmarc.{name}")
        policy = dmarc.walk(name, texts).policy
    except NoAnswerError:
        return [silent("dmarc", f"_dmarc.{name}")]
    like = [one for one in own if b"dmarc" in one.lower()]
    if len(like) > 1:
        what = f"{name} has {len(like)} DMARC records"
        return [fail("dmarc", what, "More than one counts as none (RFC 9989 4.10).", line)]
    if policy is None or (like and policy.domain != name):
        if like:
            what = f"the DMARC record of {name} is broken: {like[0].decode('latin-1')[:120]}"
            return [fail("dmarc", what, "It must begin with v=DMARC1; as it stands here.", line)]
        say = fail if domain.bulk else warn
        what = f"{name} has no DMARC record, nor has a domain above it"
        return [say("dmarc", what, f"It says what becomes of forgeries in your name. {BULK}", line)]
    return or_ok(
        "dmarc",
        f"{policy.domain} has a DMARC policy for {name}",
        _dmarc_record(domain, policy, ask, line),
    )


def _dmarc_record(
    domain: Domain, policy: dmarc.DmarcRecord, ask: Ask, line: str
) -> Iterator[Diagnosis]:
    wish = policy.tags.get("p", "")
    words = {"none", "quarantine", "reject"}
    if wish.lower() not in words:
        what = f"the DMARC record of {policy.domain} has {'p=' + wish if wish else 'no p='}"
        yield fail("dmarc", what, "It must be none, quarantine or reject; so it is none.", line)
        return
    below = policy.tags.get("sp", "none").lower()
    if policy.domain != domain.name and below not in words:
        what = f"the DMARC record of {policy.domain} has sp={below}"
        yield warn("dmarc", what, "It must be none, quarantine or reject.", line)
    reports = [one.strip() for one in policy.tags.get("rua", "").split(",") if one.strip()]
    for one in reports:
        if not one.lower().startswith("mailto:") or "@" not in one:
            what = f"the DMARC record of {policy.domain} has rua={one[:80]}"
            cure = line.replace("p=none", f"p={wish}")
            yield warn("dmarc", what, "Reports go to mailto: addresses alone.", cure)
            continue
        yield from _report_address(policy.domain, one.partition(":")[2], ask)


def _report_address(domain: str, address: str, ask: Ask) -> Iterator[Diagnosis]:
    """Ask whether another domain has agreed to get the reports (RFC 9990)."""
    other = address.rpartition("@")[2].partition("!")[0].lower()
    if f".{other}".endswith(f".{domain}") or f".{domain}".endswith(f".{other}"):
        return
    name = f"{domain}._report._dmarc.{other}"
    texts = texts_of(name, ask)
    if texts is not None and not any(one.startswith(b"v=DMARC1") for one in texts):
        yield warn(
            "dmarc",
            f"{other} has not agreed to get the DMARC reports of {domain}",
            "Nobody sends them there without its word.",
            f'{name}. IN TXT "v=DMARC1"',
        )


# -- mail to us, encrypted ----------------------------------------------------------------


def _records(name: str, begins: str, ask: Ask) -> tuple[list[str], list[str]] | None:
    """Return the texts of a name, and those that are records of a kind; None without an answer."""
    texts = texts_of(name, ask)
    if texts is None:
        return None
    found = [one.decode("latin-1") for one in texts]
    return found, [one for one in found if one.replace(" ", "").startswith(begins)]


def _mta_sts(domain: Domain, ask: Ask) -> list[Diagnosis]:
    name = domain.name
    line = f'_mta-sts.{name}. IN TXT "v=STSv1; id=1"'
    asked = _records(f"_mta-sts.{name}", "v=STSv1;", ask)
    if asked is None:
        return [silent("mta-sts", f"_mta-sts.{name}")]
    found, records = asked
    if not records:
        what = f"{name} has no MTA-STS policy" + (", only something like one" if found else "")
        why = "Without one, mail to you can be made to travel in the clear (RFC 8461). Optional."
        cure = f"{line}    # and the policy at https://mta-sts.{name}/.well-known/mta-sts.txt"
        return [warn("mta-sts", what, why, cure)]
    if len(records) > 1:
        what = f"{name} has {len(records)} MTA-STS records"
        return [warn("mta-sts", what, "More than one counts as none (RFC 8461 3.1).", line)]
    if not _ID.match(tags_of(records[0]).get("id", "")):
        what = f"the MTA-STS record of {name} has no usable id"
        return [warn("mta-sts", what, "It is then as if there were none.", line)]
    return or_ok("mta-sts", f"{name} has an MTA-STS policy", _sts_policy(domain, ask))


def _sts_policy(domain: Domain, ask: Ask) -> Iterator[Diagnosis]:
    host = f"mta-sts.{domain.name}"
    addresses = addresses_of(host, ask)
    if addresses is None:
        return
    if not addresses:
        what = f"{host} has no address, so nobody can read the MTA-STS policy"
        why = "The record promises a policy that is not there."
        yield warn("mta-sts", what, why, f"{host}. IN A YOUR.PUBLIC.ADDRESS")
        return
    text = domain.fetch(f"https://{host}/.well-known/mta-sts.txt") if _global(addresses) else None
    if text is None:
        return
    pairs = [line.partition(":") for line in text.splitlines()]
    told = [(key.strip(), value.strip()) for key, colon, value in pairs if colon]
    hosts = [value.lower() for key, value in told if key == "mx"]
    missing = [str(mx) for mx in ask(domain.name, "MX") or () if not _covered(str(mx), hosts)]
    if missing:
        yield fail(
            "mta-sts",
            f"the MTA-STS policy of {domain.name} does not name {', '.join(missing)}",
            "Servers that keep to it send nothing there.",
            "\n".join(f"mx: {one}" for one in missing),
        )


def _covered(host: str, patterns: Sequence[str]) -> bool:
    wild = "*." + host.partition(".")[2]
    return host in patterns or wild in patterns


def _global(addresses: Sequence[str]) -> bool:
    return all(ip_address(one).is_global for one in addresses)


def _tls_rpt(domain: Domain, ask: Ask) -> list[Diagnosis]:
    name = domain.name
    line = f'_smtp._tls.{name}. IN TXT "v=TLSRPTv1; rua=mailto:postmaster@{name}"'
    asked = _records(f"_smtp._tls.{name}", "v=TLSRPTv1;", ask)
    if asked is None:
        return [silent("tls-rpt", f"_smtp._tls.{name}")]
    found, records = asked
    if not records:
        what = f"{name} has no TLS-RPT record" + (", only something like one" if found else "")
        why = "It tells you when others cannot encrypt mail to you (RFC 8460). Optional."
        return [warn("tls-rpt", what, why, line)]
    if len(records) > 1:
        what = f"{name} has {len(records)} TLS-RPT records"
        return [warn("tls-rpt", what, "More than one counts as none (RFC 8460 3).", line)]
    reports = [one for one in tags_of(records[0]).get("rua", "").split(",") if one]
    if not reports or not all(map(_REPORTS.match, reports)):
        what = f"the TLS-RPT record of {name} says to nobody where reports go"
        return [warn("tls-rpt", what, "rua= must be a mailto: or https: address.", line)]
    return [ok("tls-rpt", f"{name} asks for reports of failed encryption")]


# -- the addresses that mail leaves from --------------------------------------------------


def reverse(addresses: Sequence[str], host: str, ask: Ask) -> list[Diagnosis]:
    """Return what the reverse names of our own addresses say (PTR, confirmed by A or AAAA)."""
    found: list[Diagnosis] = []
    for address in addresses:
        found += _reverse(address, host, ask)
    named = ", ".join(addresses)
    return or_ok("ptr", f"{named} has a name that points back to it", found) if named else []


def _reverse(address: str, host: str, ask: Ask) -> Iterator[Diagnosis]:
    plain = ip_address(address)
    pointer = plain.reverse_pointer
    line = f"{pointer}. IN PTR {host}."
    names = ask(pointer, "PTR")
    say = warn if plain.is_loopback else fail
    if names is None:
        yield silent("ptr", pointer)
    elif not names:
        what = f"{address}, which mail leaves from, has no name (PTR)"
        yield say("ptr", what, "Large receivers refuse senders without one.", line)
    elif not any(address in (addresses_of(str(one), ask) or ()) for one in names):
        what = f"{address} is called {names[0]}, and {names[0]} has another address"
        why = "Large receivers want a name that points back to the same address."
        kind = "A" if plain.version == _IPV4 else "AAAA"
        yield say("ptr", what, why, f"{names[0]}. IN {kind} {address}")
