"""Standing tokens are what their definition says, however they are computed."""

import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from mailer.storage.tokens import LENGTH, Keyring, TokenPurpose

KEYS = st.dictionaries(st.integers(1, 255), st.binary(min_size=1, max_size=100), min_size=1)


@given(KEYS, st.sampled_from(TokenPurpose), st.text(max_size=40), st.integers(0, 2**40 - 1))
def test_a_token_is_the_base32_of_key_row_and_cut_hmac(
    keys: dict[int, bytes], purpose: TokenPurpose, scope: str, ref: int
) -> None:
    newest = max(keys)
    body = bytes((newest,)) + ref.to_bytes(5, "big")
    said = b"\0".join((purpose.encode(), scope.encode(), body))
    packed = body + hmac.digest(keys[newest], said, hashlib.sha256)[:10]
    ring = Keyring(keys)
    assert ring.maker(purpose, scope)(ref) == ring.standing(purpose, scope, ref)
    for _ in range(2):  # begun now, and begun before
        token = ring.standing(purpose, scope, ref)
        assert token == base64.b32encode(packed).decode().rstrip("=").lower()
        assert len(token) == LENGTH
    assert ring.read(token.upper(), purpose, scope) == ref


@given(st.sampled_from(TokenPurpose), st.integers(0, 2**40 - 1), st.integers(0, LENGTH - 1))
def test_a_token_with_another_letter_is_not_ours(
    purpose: TokenPurpose, ref: int, place: int
) -> None:
    ring = Keyring({1: b"secret"})
    token = ring.standing(purpose, "minutes@x.org", ref)
    other = "a" if token[place] != "a" else "b"
    changed = token[:place] + other + token[place + 1 :]
    assert ring.read(changed, purpose, "minutes@x.org") is None
    assert ring.read(token, purpose, "others@x.org") is None


def test_very_many_lists_are_not_all_remembered() -> None:
    ring = Keyring({1: b"secret"})
    tokens = {ring.standing(TokenPurpose.LEAVE, f"list{n}@x.org", 7) for n in range(2100)}
    assert len(tokens) == 2100
    assert len(ring._begun) <= 1000
