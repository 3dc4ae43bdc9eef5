"""The DATA reader ends at CR LF . CR LF and nowhere else, however the octets are cut."""

import itertools
import smtplib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.door.data_reader import DataReader, DataVerdict

END = b"\r\n.\r\n"
octets = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"\0", b"a", b"..", b"\xff", END])
).map(b"".join)
lines = st.lists(st.binary(max_size=20).map(lambda b: b.translate(None, b"\r\n\0")), min_size=1)


def read(
    stream: bytes, cuts: list[int], max_size: int = 10_000
) -> tuple[DataVerdict, bytes, bytes] | None:
    """Feed ``stream`` cut at ``cuts``; return verdict, message and rest, or None without an end."""
    reader = DataReader(max_size)
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        if reader.feed(stream[start:end]):
            return *reader.result(), reader.rest + stream[end:]
    return None


@given(lines, st.lists(st.integers(0, 10_000)))
@example([b"."], [1, 2, 3])
def test_dot_stuffing_comes_back_wherever_it_is_cut(written: list[bytes], cuts: list[int]) -> None:
    raw = b"\r\n".join(written) + b"\r\n"
    stuffed = smtplib._quote_periods(raw)  # type: ignore[attr-defined]
    assert read(stuffed + b".\r\nQUIT\r\n", cuts) == (DataVerdict.CLEAN, raw, b"QUIT\r\n")


@given(octets, st.lists(st.integers(0, 200)))
def test_any_octets_are_read_alike_in_one_piece_and_in_many(stream: bytes, cuts: list[int]) -> None:
    whole = read(stream, [])
    assert read(stream, cuts) == whole
    before, end, after = (b"\r\n" + stream).partition(END)
    assert (whole is not None) == bool(end)
    if whole is not None:
        verdict, raw, rest = whole
        assert rest == after
        content = (before + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
        assert raw == content
        stray = content.replace(b"\r\n", b"")
        assert (verdict is DataVerdict.CLEAN) == (not set(stray) & set(b"\r\n\0"))


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.integers(0, 60))
def test_too_big_is_read_to_its_true_end_and_not_kept(
    body: bytes, cuts: list[int], most: int
) -> None:
    stream = body.replace(END, b"") + END + b"NOOP\r\n"
    found = read(stream, cuts, max_size=most)
    whole = read(stream, [])
    assert found is not None
    assert whole is not None
    assert found[2] == whole[2]
    if len(whole[1]) > most:
        assert found[:2] == (DataVerdict.TOO_BIG, b"")
    else:
        assert found[:2] == whole[:2]


def test_memory_is_bounded_whatever_comes() -> None:
    reader = DataReader(1000)
    for _ in range(1000):
        reader.feed(b"\r\n.." * 500)
        assert reader.held < 1000 * 4 // 3 + 2100


@pytest.mark.parametrize(
    ("body", "kept"), [(b".\r\n", b""), (b"..\r\n.\r\n", b".\r\n"), (b"\r\n.\r\n", b"\r\n")]
)
def test_the_first_line_follows_the_rule_too(body: bytes, kept: bytes) -> None:
    assert read(body, [1, 2]) == (DataVerdict.CLEAN, kept, b"")
