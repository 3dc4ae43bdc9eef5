"""What DNS says of a domain whose lists write to many: MX, SPF and DKIM.

    examine(Domain("lists.example.org", keys, ...), ask)    # [Diagnosis, ...]

Knows our own domain, our keys and where our mail leaves from; policies are in
domain_policies.py. Each cure is a line as a zone file has it. SECURITY: every name asked comes
from our own settings, lists and keys, or from their records.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from listserv.doctor.diagnosis import Diagnosis, fail, or_ok, warn
from listserv.doctor.domain_facts import (
    BULK,
    Ask,
    Domain,
    Key,
    addresses_of,
    public,
    silent,
    tags_of,
    texts_of,
)
from mailer.authentication import spf
from mailer.authentication.dns_records import NoAnswerError
from mailer.authentication.resolver import DnsAnswer
from mailer.authentication.spf import SpfResult
from mailer.authentication.spf_record import is_spf


def examine(domain: Domain, ask: Ask) -> list[Diagnosis]:
    """Return everything that can be said of a domain."""
    return [
        *_mx(domain, ask),
        *_spf(domain, ask),
        *(_dkim(domain, ask) if domain.signed else []),
    ]


# -- where mail comes in ------------------------------------------------------------------


def _mx(domain: Domain, ask: Ask) -> list[Diagnosis]:
    name = domain.name
    line = f"{name}. IN MX 10 {domain.host}."
    hosts = ask(name, "MX")
    if hosts is None:
        return [silent("mx", name)]
    if not hosts:
        addresses = addresses_of(name, ask)
        if addresses:
            return [
                warn(
                    "mx",
                    f"{name} has no MX record; its address stands in for one",
                    "Some servers send nothing without an MX record.",
                    line,
                )
            ]
        return [fail("mx", f"{name} has no MX record", "No mail finds its way to us.", line)]
    if hosts == ("",):
        what = f"{name} says that it takes no mail (MX 0 .)"
        return [fail("mx", what, "RFC 7505: nobody even tries.", line)]
    found = [one for host in hosts for one in _mx_host(domain, str(host), ask)]
    return or_ok("mx", f"mail to {name} goes to {', '.join(map(str, hosts))}", found)


def _mx_host(domain: Domain, host: str, ask: Ask) -> Iterator[Diagnosis]:
    line = f"{domain.name}. IN MX 10 {domain.host}."
    if _is_address(host):
        what = f"the MX record of {domain.name} names an address, {host}"
        yield fail("mx", what, "An MX record must name a host (RFC 5321 section 5.1).", line)
        return
    addresses = addresses_of(host, ask)
    if addresses is None:
        yield silent("mx", host)
    elif not addresses:
        what = f"{host}, the mail server of {domain.name}, has no address"
        yield fail("mx", what, "No mail finds its way to us.", f"{host}. IN A YOUR.PUBLIC.ADDRESS")
    elif not domain.inner:
        for one in addresses:
            if not public(one):
                what = f"{host}, the mail server of {domain.name}, has the private address {one}"
                cure = f"{host}. IN A YOUR.PUBLIC.ADDRESS"
                yield fail("mx", what, "Nobody outside can reach it.", cure)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


# -- who may send -------------------------------------------------------------------------


def _spf(domain: Domain, ask: Ask) -> list[Diagnosis]:
    name = domain.name
    leaving = sorted({one for group in domain.groups for one in group})
    named = " ".join(f"ip{ip_address(one).version}:{one}" for one in leaving)
    line = f'{name}. IN TXT "v=spf1 {named or "mx"} -all"'
    texts = texts_of(name, ask)
    if texts is None:
        return [silent("spf", name)]
    records = [text for text in texts if is_spf(text)]
    if not records:
        near = [text for text in texts if b"spf" in text[:12].lower()]
        what = f"{name} has no SPF record" + (", only something like one" if near else "")
        why = f"It is the return path of every copy, and SPF is asked about it. {BULK}"
        return [fail("spf", what, why, line)]
    if len(records) > 1:
        what = f"{name} has {len(records)} SPF records"
        return [fail("spf", what, "More than one counts as an error (RFC 7208 3.2).", line)]
    return or_ok("spf", f"SPF of {name} lets our mail leave", _spf_record(domain, records[0], ask))


def _spf_record(domain: Domain, record: bytes, ask: Ask) -> Iterator[Diagnosis]:
    name = domain.name
    said = record.decode("ascii", "replace")
    words = said.lower().split()
    if not {"all", "+all"}.isdisjoint(words):
        yield fail(
            "spf",
            f"the SPF record of {name} lets everybody send",
            "Any stranger's mail in your name would pass.",
            f'{name}. IN TXT "{" ".join("-all" if w in {"all", "+all"} else w for w in words)}"',
        )
        return
    if any(word.lstrip("+-~?").partition(":")[0] == "ptr" for word in words):
        yield warn(
            "spf",
            f"the SPF record of {name} uses ptr",
            "RFC 7208 5.5 asks not to: it is slow, and some receivers skip it.",
            f'{name}. IN TXT "{" ".join(w for w in words if "ptr" not in w)}"',
        )
    if words[1:] in (["-all"], ["~all"], ["?all"]):
        what = f"the SPF record of {name} lets nobody send"
        yield fail("spf", what, "Our own mail fails by it.", f'{name}. IN TXT "v=spf1 mx -all"')
        return
    closes = any(word.lstrip("-~?") == "all" or word.startswith("redirect=") for word in words)
    if not closes or "?all" in words:
        what = f"the SPF record of {name} says nothing of everybody else"
        cure = f'{name}. IN TXT "{said.replace(" ?all", "")} -all"'
        yield warn("spf", what, "Forgers are neither allowed nor refused.", cure)
    yield from _spf_results(domain, said, ask)


def _spf_results(domain: Domain, said: str, ask: Ask) -> Iterator[Diagnosis]:
    """Judge the record for each address that mail may leave from."""
    name = domain.name
    for group in domain.groups:
        results = {one: _spf_of(one, name, ask) for one in group}
        if SpfResult.PERMERROR in results.values():
            what = f"the SPF record of {name} is broken: {said[:120]}"
            why = "A syntax error, or more than ten names to be asked (RFC 7208 4.6.4)."
            yield fail("spf", what, why, f'{name}. IN TXT "v=spf1 mx -all"')
            return
        if SpfResult.TEMPERROR in results.values():
            yield silent("spf", f"what the SPF record of {name} names")
            continue
        missed = [one for one, result in results.items() if result is not SpfResult.PASS]
        if not missed:
            continue
        add = " ".join(f"ip{ip_address(one).version}:{one}" for one in missed)
        cure = f'{name}. IN TXT "{said.replace("v=spf1", f"v=spf1 {add}", 1)}"'
        what = f"the SPF record of {name} does not cover {', '.join(missed)}"
        if len(missed) == len(results):
            why = f"Our mail leaves from there, and SPF says {results[missed[0]]}."
            yield fail("spf", what, why, cure)
        else:
            why = "Mail may leave from there too, and then fails; Gmail refuses such mail by IPv6."
            yield warn("spf", what, why, cure)


def _spf_of(address: str, domain: str, ask: Ask) -> SpfResult:
    client = spf.client_of(address, f"postmaster@{domain}", domain)
    if client is None:
        return SpfResult.NONE

    def answer(name: str, kind: str) -> DnsAnswer:
        found = ask(name, kind)
        if found is None:
            raise NoAnswerError(name)
        return DnsAnswer(found, exists=bool(found))

    return spf.check(client, domain, answer)


# -- signatures ---------------------------------------------------------------------------


def _dkim(domain: Domain, ask: Ask) -> list[Diagnosis]:
    if not domain.keys:
        return [
            fail(
                "dkim",
                f"mail of {domain.name} is not signed: it has no key",
                f"Without DKIM there is no one-click leaving, and no proof of us. {BULK}",
                f"krets dkim new {domain.name}",
            )
        ]
    found = [one for key in domain.keys for one in _dkim_key(key, ask)]
    return or_ok("dkim", f"the keys of {domain.name} are published", found)


def _dkim_key(key: Key, ask: Ask) -> Iterator[Diagnosis]:
    texts = texts_of(key.name, ask)
    line = _zone_line(key.name, key.record)
    if texts is None:
        yield silent("dkim", key.name)
        return
    rsa = "k=rsa" in key.record
    say = fail if key.signs and rsa else warn
    if not texts:
        what = f"the key {key.name} is not in DNS"
        why = "Copies are signed with it, and nobody can check." if key.signs else _later(key)
        yield say("dkim", what, why, line)
        return
    if len(texts) > 1:
        what = f"{key.name} has {len(texts)} records"
        yield say("dkim", what, "Receivers may take any of them (RFC 6376 3.6.2.2).", line)
    ours = tags_of(key.record)
    tags = [tags_of(text.decode("latin-1")) for text in texts]
    if any(one.get("p") == "" for one in tags):
        yield say("dkim", f"the key {key.name} is withdrawn in DNS (p=)", _REFUSED, line)
    elif not any(_same(one, ours) for one in tags):
        yield say("dkim", f"DNS has another key at {key.name} than ours", _REFUSED, line)
    elif all(_unfit(one) for one in tags):
        what = f"the key {key.name} is published for something else than our mail"
        yield say("dkim", what, _REFUSED, line)
    elif any("y" in one.get("t", "").split(":") for one in tags):
        what = f"the key {key.name} is published for tests only (t=y)"
        yield warn("dkim", what, "Receivers treat what it signs as unsigned.", line)


_REFUSED = "Every signature fails, and mail looks forged."


def _later(key: Key) -> str:
    if key.waits:
        return "It signs from the day that `krets dkim ls` says; DNS must know it before."
    return "Mail that it has signed is still under way."


def _unfit(tags: Mapping[str, str]) -> bool:
    """Tell whether a record forbids what we do: SHA-256, mail (RFC 6376 section 3.6.1)."""
    hashes, services = tags.get("h", "sha256").split(":"), tags.get("s", "*").split(":")
    return "sha256" not in hashes or not {"*", "email"} & set(services)


def _same(theirs: Mapping[str, str], ours: Mapping[str, str]) -> bool:
    return theirs.get("p") == ours["p"] and theirs.get("k", "rsa") == ours.get("k", "rsa")


def _zone_line(name: str, record: str) -> str:
    strings = (record[at : at + 255] for at in range(0, len(record), 255))
    return f"{name}. IN TXT ( {' '.join(f'{chr(34)}{one}{chr(34)}' for one in strings)} )"
