"""SPF says what RFC 7208 says: its own test suite (rfc7208/, openspf.org, release 2014.04)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailer.authentication import spf
from mailer.authentication.dns_records import NoAnswerError
from mailer.authentication.resolver import NOTHING, DnsAnswer
from mailer.authentication.spf import SpfResult, check, client_of

SUITE = json.loads((Path(__file__).parent / "rfc7208" / "suite.json").read_text())
CASES = [
    pytest.param(part["zonedata"], test, id=f"{part['description']}: {name}")
    for part in SUITE
    for name, test in part["tests"].items()
]


def zone(data: dict[str, list[Any]]) -> Callable[[str, str], DnsAnswer]:
    """Answer as the suite's own driver does: SPF records are TXT where there is no TXT."""
    names = {name.lower(): records for name, records in data.items()}

    def ask(name: str, kind: str, hops: int = 0) -> DnsAnswer:
        records = names.get(name.rstrip(".").lower())
        if records is None:
            return NOTHING
        pairs = [pair for one in records if isinstance(one, dict) for pair in one.items()]
        for key, value in pairs:
            if key == "CNAME" and hops < 10:
                return ask(value, kind, hops + 1)
        spelled = {key for key, _ in pairs}
        wanted = "SPF" if kind == "TXT" and "TXT" not in spelled else kind
        found = [value for key, value in pairs if key == wanted and value != "NONE"]
        if "TIMEOUT" in found or ("TIMEOUT" in records and not found):
            raise NoAnswerError(name)
        if kind == "TXT":
            joined = ("".join(value) for value in found)
            return DnsAnswer(tuple(text.encode("latin-1") for text in joined))
        if kind == "MX":
            return DnsAnswer(tuple(host for _, host in sorted(found)))
        return DnsAnswer(tuple(found))

    return ask


@pytest.mark.parametrize(("data", "test"), CASES)
def test_the_suite_of_rfc_7208_is_passed(data: dict[str, list[Any]], test: dict[str, Any]) -> None:
    sender = test.get("mailfrom", "")
    client = client_of(test["host"], sender, test["helo"])
    assert client is not None
    result = check(client, sender.rpartition("@")[2] or test["helo"], zone(data))
    allowed = test["result"] if isinstance(test["result"], list) else [test["result"]]
    assert result in allowed


def test_a_client_without_an_address_is_nobody_to_check() -> None:
    assert client_of("", "a@example.net", "mx") is None


def test_a_domain_that_asks_for_more_than_ten_lookups_is_in_error_after_ten() -> None:
    asked = []

    def ask(name: str, kind: str) -> DnsAnswer:
        asked.append((name, kind))
        return DnsAnswer((f"v=spf1 include:x{len(asked)}.example.net -all".encode(),))

    client = client_of("192.0.2.1", "a@example.net", "mx")
    assert client is not None
    assert check(client, "example.net", ask) is SpfResult.PERMERROR
    assert len(asked) == spf.MOST_TERMS + 1
