"""Who brought a mail that a server in front of us handed over."""

import pytest

from mailer.door.callers import is_front, networks
from mailer.reading import message
from mailer.reading.headers.received import last_hop

OURS = networks(["10.0.0.0/8"])


def hop(*received: str) -> tuple[str, str]:
    raw = "".join(f"Received: {line}\r\n" for line in received) + "\r\n"
    return last_hop(message.head(raw.encode()), lambda ip: is_front(ip, OURS))


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ("from mx.a.example (mx.a.example [192.0.2.7]) by f", ("192.0.2.7", "mx.a.example")),
        ("from h (unknown [192.0.2.7])\r\n\t(using TLSv1.3)\r\n\tby f", ("192.0.2.7", "h")),
        ("from h ([IPv6:2001:db8::7]) by f", ("2001:db8::7", "h")),
        ("from h (h [IPv6:::ffff:192.0.2.7]) by f", ("192.0.2.7", "h")),
        ("from h (anna@h [192.0.2.7] (may be forged)) by f", ("192.0.2.7", "h")),
        ("from d.example ([192.0.2.7] helo=h) by f", ("192.0.2.7", "h")),
        ("from d.example ([192.0.2.7]:4711 helo=h) by f", ("192.0.2.7", "h")),
        ("from [192.0.2.7] (helo=h) by f", ("192.0.2.7", "h")),
        ("from [192.0.2.7] (port=4711 helo=h) by f", ("192.0.2.7", "h")),
        ("from h (192.0.2.7) by f", ("192.0.2.7", "h")),
        ("from h (unknown [10.0.0.1]) by f", ("198.51.100.1", "next")),
        ("from localhost (localhost [127.0.0.1]) by f", ("198.51.100.1", "next")),
        ("from localhost (localhost [IPv6:::1]) by f", ("198.51.100.1", "next")),
        ("by f with local", ("", "")),
        ("from h (h [300.1.1.1]) by f", ("", "")),
    ],
)
def test_the_client_is_the_newest_hop_that_is_not_ours(
    received: str, expected: tuple[str, str]
) -> None:
    assert hop(received, "from next (x [198.51.100.1])\r\n by g") == expected


@pytest.mark.parametrize(
    "received",
    [
        "from [9.9.9.9] (unknown [192.0.2.7]) by f",
        "from x [9.9.9.9] (unknown [192.0.2.7]) by f",
        "from x by f [9.9.9.9] with (unknown [192.0.2.7]) by f",
        "from [192.0.2.7] (helo=[9.9.9.9]) by f",
        "from [192.0.2.7] (helo=x ident=a [9.9.9.9]) by f",
        "from d ([192.0.2.7] helo=[9.9.9.9]) by f",
    ],
)
def test_a_hello_that_names_another_address_is_not_believed(received: str) -> None:
    assert hop(received)[0] == "192.0.2.7"


@pytest.mark.parametrize(
    "received",
    ["from unknown (HELO [9.9.9.9]) (192.0.2.7) by f", "from unknown (HELO 9.9.9.9) (192.0.2.7)"],
)
def test_where_only_the_hello_stands_nobody_is_named(received: str) -> None:
    assert hop(received, "from x (x [198.51.100.1]) by g") == ("", "")


def test_what_stands_below_a_line_that_nobody_can_read_is_not_believed() -> None:
    assert hop("by f (Postfix, from userid 0)", "from x (x [198.51.100.1]) by g") == ("", "")
