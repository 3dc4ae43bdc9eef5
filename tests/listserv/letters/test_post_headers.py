"""The header set of a post: what a stranger wrote stays on its own side of the blank line."""

import dataclasses

import pytest

from listserv.letters.post_headers import LEAVE, ListFace, Trace, compose
from mailer.reading import message

FACE = ListFace("friends@example.org", "Friends", "https://lists.example.org", True, True)
TRACE = Trace("192.0.2.1", "mx.example.org", "ESMTP", 7, 0.0, "lists.example.org")


def copy(raw: bytes) -> bytes:
    return compose(raw, message.head(raw), FACE, TRACE, "").join({LEAVE: b"token"})


@pytest.mark.parametrize("breaker", [b"this is no field", b"List-Post : <mailto:evil@x.org>"])
def test_what_a_broken_line_ends_stays_ended(breaker: bytes) -> None:
    """Else a lenient reader takes List-Unsubscribe-Post from what the author wrote below."""
    raw = b"From: a@x.org\r\n" + breaker + b"\r\nList-Unsubscribe-Post: One-Click\r\n\r\nHi\r\n"
    head, _, body = copy(raw).partition(b"\r\n\r\n")
    assert b"Unsubscribe-Post" not in head
    assert body == raw.partition(b"\r\n")[2]


def test_a_whole_header_leaves_as_it_came() -> None:
    assert copy(b"From: a@x.org\r\n\r\nHi\r\n").endswith(b">\r\nFrom: a@x.org\r\n\r\nHi\r\n")
    assert copy(b"From: a@x.org\r\n").endswith(b">\r\nFrom: a@x.org\r\n")


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("192.0.2.1", b"from mx.example.org ([192.0.2.1])\r\n"),
        ("2001:db8::1", b"from mx.example.org ([IPv6:2001:db8::1])\r\n"),
        ("", b"from mx.example.org\r\n"),
    ],
)
def test_our_received_line_names_the_client_as_rfc_5321_writes_it(client: str, said: bytes) -> None:
    raw = b"From: a@x.org\r\n\r\nHi\r\n"
    trace = dataclasses.replace(TRACE, client=client)
    made = compose(raw, message.head(raw), FACE, trace, "").join({LEAVE: b"token"})
    assert made.startswith(b"Received: " + said)


def test_a_shared_copy_offers_the_lists_own_way_out() -> None:
    raw = b"From: a@x.org\r\nSubject: Hi\r\n\r\nHi\r\n"
    face = dataclasses.replace(FACE, one_click=True)
    made = compose(raw, message.head(raw), face, TRACE, "", shared=True)
    assert made.slots == ()
    copy = made.join({})
    assert b"<mailto:friends-leave@example.org>" in copy
    assert b"<https://lists.example.org/friends@example.org/>" in copy
    assert b"List-Unsubscribe-Post" not in copy
