"""What a relay's answers mean: whether mail can leave, whole, encrypted, and to everybody. Pure.

judge(relay, probe, Wanted(...))    # [Diagnosis, ...]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from listserv.doctor.diagnosis import Diagnosis, fail, or_ok, warn
from mailer.client.relay import Relay, Tls
from mailer.client.relay_probe import Probe, Step

HEADERS = 65_536  # bytes that our header fields may add to a post
_PATH = "mailer.relays"


@dataclass(frozen=True, slots=True)
class RelayNeeds:
    """Hold what we ask of a relay."""

    max_size: int
    recipient: str  # who was named at RCPT
    banner: str = ""  # how our own door greets: a relay that does so is ourselves


def judge(relay: Relay, probe: Probe, wanted: RelayNeeds) -> list[Diagnosis]:
    """Return what is to be said of one relay."""
    stopped = _stopped(relay, probe, wanted)
    if stopped is not None:
        return [stopped]
    if wanted.banner and wanted.banner in probe.banner:
        what = f"{relay.name} is Krets itself"
        cure = f'{_PATH} = ["smtp://127.0.0.1:25"]'
        return [fail("relay", what, "Mail would go round in a circle.", cure)]
    offers = f"mail leaves through {relay.name}"
    return or_ok("relay", offers, [*_protection(relay, probe), *_room(relay, probe, wanted)])


def _stopped(relay: Relay, probe: Probe, wanted: RelayNeeds) -> Diagnosis | None:
    """Say where a conversation ended before its end."""
    if probe.stopped not in _STOPPED:
        return None
    said = probe.said
    names = {"name": relay.name, "said": said, "host": relay.host, "to": wanted.recipient}
    check, what, why, cure = (words.format_map(names) for words in _STOPPED[probe.stopped])
    if probe.stopped in {Step.MAIL, Step.RCPT} and said.startswith("4"):
        what = f"{relay.name} puts us off: {said}"
        return warn(check, what, "It may be greylisting: mail waits.", cure)
    return fail(check, what, why, cure)


_NONE_LEAVES = "No mail leaves."
_STOPPED = {  # check, what, why, cure
    Step.CONNECT: (
        "relay",
        "{name} does not answer: {said}",
        _NONE_LEAVES,
        'Start the mail server, or: mailer.relays = ["smtp://HOST:PORT"]',
    ),
    Step.GREETING: (
        "relay",
        "{name} turns us away: {said}",
        _NONE_LEAVES,
        "Allow this machine in the relay's settings (Postfix: mynetworks).",
    ),
    Step.EHLO: (
        "relay",
        "{name} does not take our name: {said}",
        _NONE_LEAVES,
        'listserv.domain = "a name that DNS knows"',
    ),
    Step.STARTTLS: (
        "relay-tls",
        "{name} cannot encrypt: {said}",
        "The relay's URL asks for TLS, so nothing is sent.",
        "Give {host} a certificate, or write smtp://{name}?tls=opportunistic",
    ),
    Step.CERTIFICATE: (
        "relay-tls",
        "the certificate of {name} cannot be trusted: {said}",
        "Somebody else may be listening there, so nothing is sent.",
        "Renew it, call the relay by the name in it, or add ?ca=FILE to smtp://{name}",
    ),
    Step.LOGIN: (
        "relay-login",
        "{name} does not take our user and password: {said}",
        _NONE_LEAVES,
        'mailer.relays = ["smtp://USER:PASSWORD@{name}"]',
    ),
    Step.MAIL: (
        "relay",
        "{name} does not take our return path: {said}",
        _NONE_LEAVES,
        "Allow our domain as a sender in the relay's settings.",
    ),
    Step.RCPT: (
        "relay",
        "{name} takes no mail for {to}: {said}",
        "Members elsewhere get nothing.",
        "Allow this machine to relay (Postfix: mynetworks, or a user in the relay's URL).",
    ),
}


def _protection(relay: Relay, probe: Probe) -> Iterator[Diagnosis]:
    if _near(relay.host):
        return
    if not probe.encrypted:
        offers = "STARTTLS" in probe.words
        what = f"mail travels to {relay.name} in the clear"
        cure = f"smtp://{relay.name}?tls=required" if offers else f"Let {relay.host} offer STARTTLS"
        yield warn("relay-tls", what, "Whoever is between can read and change it.", cure)
    elif relay.tls is Tls.OPPORTUNISTIC:
        what = f"nobody verifies the certificate of {relay.name}"
        cure = f"smtp://{relay.name}?tls=required"
        yield warn("relay-tls", what, "Whoever is between can pretend to be the relay.", cure)


def _near(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _room(relay: Relay, probe: Probe, wanted: RelayNeeds) -> Iterator[Diagnosis]:
    offers = probe.offers
    needed = wanted.max_size + HEADERS
    if offers.size and offers.size < needed:
        yield fail(
            "relay-size",
            f"{relay.name} takes {offers.size} bytes, and we accept {wanted.max_size}",
            "Copies are larger than the post by what headers add; the largest are refused to all.",
            f"mailer.max_size = {max(10_000, offers.size - HEADERS)}"
            f"    # or in Postfix: message_size_limit = {needed}",
        )
    if not offers.eight_bit:
        what = f"{relay.name} does not offer 8BITMIME"
        why = "Mail in 8 bits is rewritten for it, which breaks its writers' signatures."
        yield warn("relay-8bit", what, why, "Use a relay that offers it (RFC 6152).")
    if not offers.utf8:
        what = f"{relay.name} does not offer SMTPUTF8"
        why = "Members with addresses such as анна@пример.рф get nothing (RFC 6531)."
        yield warn("relay-utf8", what, why, "smtputf8_enable = yes    # in Postfix's main.cf")
    if not offers.pipelining:
        what = f"{relay.name} does not offer PIPELINING"
        why = "A mailing takes several times as long."
        yield warn("relay-speed", what, why, "Use a relay that offers it (RFC 2920).")
