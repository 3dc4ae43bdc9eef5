"""A relay's URL is read, or refused with the reason and without its password."""

from pathlib import Path

import pytest

from mailer.client.relay import Relay, Tls, read_relay
from mailer.errors import Misconfigured


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://127.0.0.1:25", Relay("127.0.0.1", 25, Tls.NONE)),
        ("smtp://mail.x.org", Relay("mail.x.org", 25, Tls.OPPORTUNISTIC)),
        ("smtp://a%40x:p%3Aw@mail.x.org:587", Relay("mail.x.org", 587, Tls.REQUIRED, "a@x", "p:w")),
        ("smtps://u:p@mail.x.org", Relay("mail.x.org", 465, Tls.IMPLICIT, "u", "p")),
        ("smtp://[::1]:2525", Relay("::1", 2525, Tls.NONE)),
        (
            "smtp://h:26?tls=required&ca=/etc/ca.pem",
            Relay("h", 26, Tls.REQUIRED, ca=Path("/etc/ca.pem")),
        ),
        ("smtp://u:p@h?tls=none", Relay("h", 25, Tls.NONE, "u", "p")),
    ],
)
def test_a_relay_url_is_read(url: str, relay: Relay) -> None:
    assert read_relay(url) == relay


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("127.0.0.1:25", "neither smtp"),
        ("http://h", "neither smtp"),
        ("smtp://", "no host"),
        ("smtp://h:0", "port 0"),
        ("smtp://h:99999", "not a number"),
        ("smtp://h/path", "after the port"),
        ("smtp://h?tsl=none", "'tsl'"),
        ("smtp://h?tls=maybe", "tls=maybe"),
        ("smtps://h?tls=none", "always TLS"),
        ("smtp://user:secret@h?tls=opportunistic", "nobody verified"),
        ("smtp://:secret@h", "without a user|without a password"),
    ],
)
def test_a_wrong_relay_url_says_what_is_wrong(url: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why) as caught:
        read_relay(url)
    assert "mailer.relays" in caught.value.what
    assert "secret" not in str(caught.value)


def test_a_password_is_never_printed() -> None:
    relay = read_relay("smtps://anna:secret@mail.x.org")
    assert "secret" not in f"{relay!r} {relay.name}"
