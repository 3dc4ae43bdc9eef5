"""Every copy's signatures hold for a verifier that is not ours."""

import dkim
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mailer.authentication import dkim_keys
from mailer.authentication.dkim import stamp
from mailer.authentication.dkim_keys import Algorithm, KeyState, SigningKey
from mailer.errors import BadInput
from mailer.ledger.splice import Segments, Wire
from mailer.storage.store import Store

DOMAIN = "lists.example.org"
DAY = 86400.0
SECRETS = {algorithm: dkim_keys._generate(algorithm) for algorithm in Algorithm}
KEYS = tuple(
    SigningKey(DOMAIN, algorithm.partition("-")[0], algorithm, dkim_keys.private(algorithm, secret))
    for algorithm, secret in SECRETS.items()
)
RECORDS = {
    f"{algorithm.partition('-')[0]}._domainkey.{DOMAIN}.": dkim_keys._record(secret)
    for algorithm, secret in SECRETS.items()
}
LETTER = Segments(
    (
        b"Received: from x\r\n by y\r\nList-Unsubscribe: <mailto:l-leave+",
        b"@lists.example.org>,\r\n <https://lists.example.org/leave/",
        (
            b">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFrom:  Anna\t<a@x.org>\r\n"
            b"Subject: Hello\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nDear "
        ),
        b",\r\n\r\n.a line  with a dot  \r\nYours\r\n\r\n",
    ),
    ("leave", "leave", "name"),
)
VALUES = {"leave": b"token", "name": b"Bo"}


def record(name: bytes, timeout: int = 5) -> bytes | None:
    found = RECORDS.get(name.decode())
    return found.encode() if found else None


def verified(message: bytes) -> list[bool]:
    """Say of each signature whether it holds, from the top."""
    count = message.count(b"DKIM-Signature:")
    return [holds(message, at) for at in range(count)]


def holds(message: bytes, at: int) -> bool:
    try:
        return bool(dkim.DKIM(message).verify(idx=at, dnsfunc=record))
    except dkim.ValidationError:
        return False


def signed(segments: Segments, values: dict[str, bytes]) -> bytes:
    return stamp(segments, KEYS, lambda: 1_700_000_000.0)(values) + segments.join(values)


def test_both_signatures_hold_and_cover_the_one_click_fields() -> None:
    copy = signed(LETTER, VALUES)
    assert verified(copy) == [True, True]
    for top in copy.split(b"DKIM-Signature:")[1:]:
        named = top.partition(b"h=")[2].partition(b";")[0].translate(None, b" \r\n").split(b":")
        assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(named)
        assert named.count(b"from") == 2
        assert b"l=" not in top.partition(b"b=")[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Dear Bo", b"Dear Eve"),
        (b"leave/token", b"leave/other"),
        (b"=One-Click", b"=Two-Clicks"),
        (b"Subject: Hello", b"Subject: Hello you"),
        (b"From:", b"From: eve@x.org\r\nFrom:"),
        (b"From:", b"Reply-To: eve@x.org\r\nFrom:"),
        (b"From:", b"List-Unsubscribe: <https://eve.example/>\r\nFrom:"),
        (b"From:", b"List-Post: <mailto:eve@x.org>\r\nFrom:"),
        (b"Yours\r\n", b"Yours\r\nP.S.\r\n"),
    ],
)
def test_whatever_is_changed_on_the_way_breaks_both(old: bytes, new: bytes) -> None:
    assert verified(signed(LETTER, VALUES).replace(old, new, 1)) == [False, False]


def test_what_stands_on_the_wire_is_signed_with_its_dots_undone() -> None:
    wire = Wire(LETTER, stamp(LETTER, KEYS, lambda: 0.0)).join(VALUES)
    assert wire.startswith(b"DKIM-Signature: v=1; a=")
    assert wire.endswith(b"\r\n.\r\n")
    assert b"\r\n..a line" in wire
    assert verified(wire[:-3].replace(b"\r\n..", b"\r\n.")) == [True, True]


WORDS = st.text("aB \t.:=", max_size=12).map(str.encode)
NAMES = st.sampled_from([b"To", b"to", b"Subject", b"X-Other", b"List-Unsubscribe", b"From", b"Cc"])
FOLDED = st.lists(WORDS.map(lambda word: b"x" + word), min_size=1, max_size=3).map(b"\r\n\t".join)
FIELDS = st.lists(st.builds(lambda n, v: n + b": " + v + b"\r\n", NAMES, FOLDED), max_size=5)
BODIES = st.lists(WORDS, max_size=6).map(b"\r\n".join)
SLOT = b"\0"


@st.composite
def compositions(draw: st.DrawFn) -> Segments:
    """Draw a message and put slots at any places of its lines."""
    head = b"From: a@x.org\r\n" + b"".join(draw(FIELDS))
    text = head + draw(st.sampled_from([b"\r\n", b"\r\n\r\n"])) + draw(BODIES)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        if text[at - 1 : at + 1] != b"\r\n":
            text = text[:at] + SLOT + text[at:]
    parts = text.split(SLOT)
    return Segments(tuple(parts), tuple("abc"[: len(parts) - 1]))


VALUE = st.sampled_from([b"", b" ", b"\t ", b"word", b"two  words ", b" x", b".", b"a: b"])


@hypothesis_settings(max_examples=200)
@given(compositions(), st.fixed_dictionaries(dict.fromkeys("abc", VALUE)))
@pytest.mark.no_cover
def test_slots_anywhere_sign_as_the_whole_copy_does(
    segments: Segments, values: dict[str, bytes]
) -> None:
    """The pieces worked out beforehand and the finished copy have one canonical form."""
    whole = segments.join(values)
    pieced = stamp(segments, KEYS[1:], lambda: 0.0)(values)
    assert pieced == stamp(Segments((whole,)), KEYS[1:], lambda: 0.0)({})


@hypothesis_settings(max_examples=60)
@given(FIELDS, BODIES)
def test_random_messages_verify(fields: list[bytes], body: bytes) -> None:
    made = b"From: a@x.org\r\n" + b"".join(f for f in fields if not f.startswith(b"From"))
    message = Segments((made + b"\r\n" + body,))
    # A wire ends every message with CRLF.
    copy = signed(message, {})
    assert verified(copy if copy.endswith(b"\r\n") else copy + b"\r\n") == [True, True]


def test_the_first_keys_sign_at_once_and_the_next_ones_when_their_time_comes(store: Store) -> None:
    with store.write() as session:
        assert not dkim_keys.signs(session, DOMAIN, 10.0)
        dkim_keys.new_keys(session, DOMAIN, selector="one", now=10.0, starts=10.0)
        dkim_keys.new_keys(session, DOMAIN, selector="two", now=20.0, starts=DAY)
    with store.read() as session:
        before = dkim_keys.signing_keys(session, DOMAIN, DAY - 1)
        after = dkim_keys.signing_keys(session, DOMAIN, DAY)
        shown = dkim_keys.views(session, DAY, DOMAIN)
        assert dkim_keys.signing_keys(session, "other.example.org", DAY) == ()
    assert [key.selector for key in before] == ["one-r", "one-e"]
    assert [key.selector for key in after] == ["two-r", "two-e"]
    assert {view.selector: view.standing for view in shown} == {
        "one-r": KeyState.RETIRED,
        "one-e": KeyState.RETIRED,
        "two-r": KeyState.SIGNING,
        "two-e": KeyState.SIGNING,
    }
    assert shown[0].remove_after == DAY + dkim_keys.KEEP


def test_a_key_has_its_day_and_its_record_outlives_it() -> None:
    told = [dkim_keys.standing(10, 20, now) for now in (5, 10, 20, 20 + dkim_keys.KEEP)]
    assert told == [KeyState.WAITING, KeyState.SIGNING, KeyState.RETIRED, KeyState.OVER]
    assert dkim_keys.standing(10, None, 1e9) is KeyState.SIGNING


def test_a_selector_is_used_once_and_must_be_a_label(store: Store) -> None:
    with store.write() as session:
        first = dkim_keys.free_selector(session, DOMAIN, 0.0)
        dkim_keys.new_keys(session, DOMAIN, selector=first, now=0.0, starts=0.0)
        assert dkim_keys.free_selector(session, DOMAIN, 0.0) != first
        for selector in (first, "no_label", "-x", "x" * 62):
            with pytest.raises(BadInput):
                dkim_keys.new_keys(session, DOMAIN, selector=selector, now=0.0, starts=0.0)


def test_a_record_is_split_into_strings_that_dns_can_hold(store: Store) -> None:
    with store.write() as session:
        dkim_keys.new_keys(session, DOMAIN, selector="k", now=0.0, starts=0.0)
        strings = [view.zone_line.split('"')[1::2] for view in dkim_keys.views(session, 0.0)]
        records = [view.record for view in dkim_keys.views(session, 0.0)]
    assert [len(pieces) for pieces in strings] == [2, 1]
    assert all(len(piece) <= 255 for pieces in strings for piece in pieces)
    assert ["".join(pieces) for pieces in strings] == records
