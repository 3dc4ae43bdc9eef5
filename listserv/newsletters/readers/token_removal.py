"""Take readers' own tokens out of what they write, before others can read it. Pure.

``blank`` works on a whole mail as it came, and writes x over each token that proves itself, so
that every other byte stays where it is: also where a mail program has wrapped the token, behind
quote marks, or the mail's text is base64. ``bare`` works on text, and also cuts what has the form
of our links and addresses. Knows how tokens are spelled, not what they open. SECURITY: hostile
bytes; linear, and a mail made of nothing but what looks like tokens loses the rest of that.
"""

import base64
import re
from collections.abc import Callable

from mailer.storage.tokens import LENGTH, Keyring, TokenPurpose

MAX_LOOKED = 100_000  # letters that are held against our keys
_CODE = 5  # characters that name a vote, before its token
_OURS = (TokenPurpose.LEAVE, TokenPurpose.VOTE, TokenPurpose.ME, TokenPurpose.BOUNCE)
# How a mail program breaks a line: quoted-printable's own break, the end, quote marks.
_BREAK = rb"(?:=?\r?\n[ \t>|]{0,40})?"
_RUN = re.compile(rb"(?:[a-z2-7]%s){%d,}" % (_BREAK, LENGTH), re.IGNORECASE)
_LETTER = re.compile(rb"[A-Za-z2-7]|=?\r?\n[ \t>|]{0,40}")
_BASE64 = re.compile(
    rb"(?:^[A-Za-z0-9+/]{40,}\r?\n)+(?:[A-Za-z0-9+/]+={0,2}(?=\r?$))?", re.MULTILINE
)
_SHORT = 2_000  # bytes of what looks like base64
_ALL = bytes(ord("x") if chr(one).isalnum() and one < 128 else one for one in range(256))  # noqa: PLR2004 - ASCII
_WRAP = r"(?:\r?\n[ \t>|]{0,40})?"
_LINK = re.compile(
    rf"/vote/{_WRAP}(?:[a-z2-7]{_WRAP}){{10,{_CODE + LENGTH - 1}}}[a-z2-7]?"
    rf"|/(?:leave|me)/{_WRAP}(?:[a-z2-7]{_WRAP}){{10,{LENGTH - 1}}}[a-z2-7]?"
    rf"|-(?:leave|reply|confirm|bounces)(?:\+|%2b)(?:{_WRAP}[a-z0-9]){{1,64}}(?:@|%40|=40)?",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    rf"(?<![a-z0-9])[a-z2-7]{{{LENGTH}}}(?:[a-z2-7]{{{_CODE}}})?(?![a-z0-9])", re.IGNORECASE
)

Proves = Callable[[str], bool]


def proves(keyring: Keyring, *addresses: str) -> Proves:
    """Return what tells whether a text is a token of a reader of one of these lists."""

    def made_here(token: str) -> bool:
        return any(
            keyring.read(token, purpose, address) is not None
            for address in addresses
            for purpose in _OURS
        )

    return made_here


def bare(text: str, ours: Proves) -> str:
    """Return ``text`` without tokens, and without what has the form of our links."""
    text = blank(text.encode("utf-8", "replace"), ours).decode()
    return _TOKEN.sub("...", _LINK.sub("...", text))


def blank(raw: bytes, ours: Proves) -> bytes:
    """Return ``raw``, as long as before, with x for each letter of a token."""
    made = bytearray()
    at, left = 0, MAX_LOOKED
    for block in _BASE64.finditer(raw):
        words, left = _blank_words(raw[at : block.start()], ours, left)
        coded, left = _blank_base64(block[0], ours, left)
        made += words + coded
        at = block.end()
    words, _ = _blank_words(raw[at:], ours, left)
    return bytes(made + words)


def _blank_words(raw: bytes, ours: Proves, left: int) -> tuple[bytes, int]:
    """Return ``raw`` blanked, and how many letters may still be looked at."""
    made = bytearray(raw)
    for run in _RUN.finditer(raw):
        start, end = run.span()
        left -= end - start
        if left < 0:
            made[start:end] = run[0].translate(_ALL)
            continue
        letters = [start + one.start() for one in _LETTER.finditer(run[0]) if one[0].isalnum()]
        spelled = bytes(raw[place] for place in letters).decode("ascii")
        at = 0
        while at + LENGTH <= len(spelled):
            found = ours(spelled[at : at + LENGTH])
            for place in letters[at : at + LENGTH] if found else ():
                made[place] = ord("x")
            at += LENGTH if found else 1
    return bytes(made), left


def _blank_base64(raw: bytes, ours: Proves, left: int) -> tuple[bytes, int]:
    """Return a part in base64 blanked, with its lines as they were."""
    if len(raw) < _SHORT:  # may be text after all
        raw, left = _blank_words(raw, ours, left)
    digits = bytes(raw.translate(None, b"\r\n"))
    digits = digits[: len(digits) // 4 * 4]
    try:
        plain = base64.b64decode(digits)
    except ValueError:
        return raw, left
    hidden, left = _blank_words(plain, ours, left)
    if hidden == plain:
        return raw, left
    coded = iter(base64.b64encode(hidden))
    return bytes(one if one in b"\r\n" else next(coded, one) for one in raw), left
