"""Who brought a mail that a server in front of us handed over."""

import pytest

from listserv.reception.whose_mail import last_hop
from mailer.door.callers import networks
from mailer.reading import message


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ("from mx.a.example (mx.a.example [192.0.2.7]) by f", ("192.0.2.7", "mx.a.example")),
        ("from h ([IPv6:2001:db8::7]) by f", ("2001:db8::7", "h")),
        ("from h (unknown [10.0.0.1]) by f", ("198.51.100.1", "next")),
        ("from localhost (localhost [127.0.0.1]) by f", ("198.51.100.1", "next")),
        ("by f with local", ("", "")),
        ("from h (h [300.1.1.1]) by f", ("", "")),
    ],
)
def test_the_client_is_the_newest_hop_that_is_not_ours(
    received: str, expected: tuple[str, str]
) -> None:
    raw = f"Received: {received}\r\nReceived: from next (x [198.51.100.1])\r\n by g\r\n\r\n"
    assert last_hop(message.head(raw.encode()), networks(["10.0.0.0/8"])) == expected
