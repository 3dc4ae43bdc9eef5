"""A composition comes back from its pack, and its copies cannot be broken out of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.client.smtp_transaction import OutgoingLetter
from mailer.errors import BadInput
from mailer.ledger.splice import Segments, Wire, check_lines, unpack

SAFE = st.binary(max_size=20).map(lambda b: b.translate(None, b"\r\n\0"))
LINES = st.lists(SAFE | st.just(b".") | st.just(b"..x"), max_size=5).map(b"\r\n".join)
NAMES = st.sampled_from(["name", "token", "leave"])


@st.composite
def compositions(draw: st.DrawFn) -> Segments:
    slots = draw(st.lists(NAMES, max_size=4))
    parts = draw(st.lists(LINES, min_size=len(slots) + 1, max_size=len(slots) + 1))
    return Segments(tuple(parts), tuple(slots))


VALUES = st.fixed_dictionaries(
    {name: SAFE | st.just(b".") | st.just(b"") for name in ("name", "token", "leave")}
)


@given(compositions())
def test_a_pack_is_read_back_the_same(segments: Segments) -> None:
    assert unpack(segments.pack()) == segments


@given(st.binary(max_size=60) | compositions().map(lambda s: s.pack()[:-1]))
def test_anything_else_is_refused(junk: bytes) -> None:
    try:
        found = unpack(junk)
    except BadInput:
        return
    assert found.pack() == junk


@given(compositions(), VALUES)
def test_the_wire_form_is_the_join_with_its_dots_doubled(
    segments: Segments, values: dict[str, bytes]
) -> None:
    copy = segments.join(values)
    lines = copy.removesuffix(b"\r\n").split(b"\r\n")
    doubled = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
    sent = Wire(segments).join(values)
    # Where the last part is empty it cannot be known beforehand whether the copy ends a line.
    assert sent in (doubled + b"\r\n.\r\n", doubled + b"\r\n\r\n.\r\n")
    assert b"\r\n.\r\n" not in sent[:-1]


@given(compositions(), VALUES)
def test_a_copy_that_is_not_looked_through_for_dots_has_none_to_undouble(
    segments: Segments, values: dict[str, bytes]
) -> None:
    wire = Wire(segments)
    data = wire.join(values)
    letter = OutgoingLetter((1,), "a@x", ("b@y",), data, doubled=wire.doubled)
    assert letter.chunk() == OutgoingLetter((1,), "a@x", ("b@y",), data).chunk()


@pytest.mark.parametrize("value", [b"a\r\nBcc: x", b"a\nb", b"a\rb", b"a\0b"])
def test_a_value_cannot_begin_a_line(value: bytes) -> None:
    segments = Segments((b"To: ", b"\r\n\r\n"), ("name",))
    with pytest.raises(BadInput, match="name"):
        segments.join({"name": value})
    with pytest.raises(BadInput, match="name"):
        Wire(segments).join({"name": value})


def test_a_missing_value_and_a_wrong_count_are_named() -> None:
    with pytest.raises(BadInput, match="'name'"):
        Segments((b"a", b"b"), ("name",)).join({})
    with pytest.raises(BadInput, match="one part more"):
        Segments((b"a",), ("name",))


@pytest.mark.parametrize("part", [b"a\nb", b"a\rb", b"a\r", b"\nb", b"a\0"])
def test_a_part_with_a_stray_line_end_is_refused(part: bytes) -> None:
    with pytest.raises(BadInput, match="outside of a CRLF"):
        check_lines(Segments((part, b""), ("name",)))
