"""Turn a body's bytes into text whatever their label says, and never lose any of it.

Knows wrong labels, missing labels and bytes that no label explains; what a label means is
``mailer.reading.header_words``' business. SECURITY: bytes and labels are hostile; nothing raises,
and every byte comes out as some character.
"""

import codecs
import re

from mailer.reading.header_words import codec_of, guess

_MULTIBYTE = {"gb18030", "big5", "big5hkscs", "cp949", "cp932", "euc_jp", "euc_jis_2004", "johab"}
_STATEFUL = {"iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_kr", "hz", "utf-7"}
_JAPANESE = {"iso2022_jp", "iso2022_jp_1", "iso2022_jp_2"}
_ESCAPES = re.compile(rb"\x1b\$[@B]")  # RFC 1468: two bytes a character follow
_SAMPLE = 20_000  # bytes looked at when nothing says what they are


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    """Give an undecodable byte its Windows-1252 character, or its Latin-1 one."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_LATIN[byte] for byte in bad), error.end


_LATIN = [bytes([i]).decode("cp1252", "ignore") or chr(i) for i in range(256)]
codecs.register_error("krets-latin", _one_by_one)


def decode(data: bytes, label: str = "") -> str:  # noqa: PLR0911 - a family each
    """Return ``data`` as text: by its label where that holds, else by what the bytes look like."""
    codec = codec_of(label[:64].strip().strip("\"'").partition("*")[0].lower())
    if data.isascii() and (
        codec in _JAPANESE or (codec not in _STATEFUL and _ESCAPES.search(data))
    ):
        return _japanese(data)
    if codec in _STATEFUL:
        plain = None if data.isascii() else _strict(data, "utf-8")
        return plain or _strict(data, codec) or _loose(data, codec)
    if data.isascii() and not codec.startswith("utf-16") and not codec.startswith("utf-32"):
        return _strict(data, codec) or data.decode("ascii")  # EBCDIC says otherwise
    if codec in _MULTIBYTE or codec.startswith(("utf-16", "utf-32")):
        text = _strict(data, codec)
        return text if text is not None else _strict(data, "utf-8") or _loose(data, codec)
    # UTF-8 that is valid to the last byte is UTF-8, whatever single-byte name it bears.
    text = _strict(data, "utf-8")
    if text is not None:
        return text.removeprefix("\ufeff")
    if codec and codec != "utf-8":
        return _strict(data, codec) or _loose(data, codec)
    if codec == "utf-8" and _mostly_utf8(data):
        return data.decode("utf-8", "krets-latin")
    return data.decode(guess(data[:_SAMPLE]), "krets-latin")


def clean(text: str, keep: str = "\n\t") -> str:
    """Return ``text`` without control characters and lone surrogates, except those in ``keep``."""
    if text.isprintable() or not _STRANGE.search(text):
        return text
    return text.translate({**_CONTROLS, **{ord(c): c for c in keep}})


_CONTROLS: dict[int, str] = {
    **dict.fromkeys((*range(32), *range(127, 160)), " "),
    **dict.fromkeys((0, 65279, 8206, 8207, *range(8234, 8239), *range(8294, 8298)), ""),
    **dict.fromkeys(range(55296, 57344), "�"),
    0x2028: "\n",
    0x2029: "\n",
}

# All of them but line ends and tabs, which every ``keep`` has; a carriage return it may not have.
_STRANGE = re.compile(f"[{''.join(map(re.escape, map(chr, _CONTROLS.keys() - {9, 10})))}]")


def _japanese(data: bytes) -> str:
    """Read ISO-2022-JP, whatever its label: also with the characters of NEC's row 13.

    JIS X 0213 has those where JIS X 0208 has none, so its escape stands in for the older one.
    """
    text = _strict(data, "iso2022_jp_2")
    if text is None:
        text = _strict(_ESCAPES.sub(b"\x1b$(Q", data), "iso2022_jp_2004")
    return _loose(data, "iso2022_jp_2") if text is None else text


def _strict(data: bytes, codec: str) -> str | None:
    if not codec:
        return None
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _loose(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec, "krets-latin")
    except (UnicodeError, ValueError):
        return data.decode("cp1252", "krets-latin")


def _mostly_utf8(data: bytes) -> bool:
    sample = data[:_SAMPLE].decode("utf-8", "ignore")
    high = sum(1 for byte in data[:_SAMPLE] if byte > 0x7F)  # noqa: PLR2004 - the end of ASCII
    valid = len(sample.encode()) - sum(1 for char in sample if char.isascii())
    return valid * 2 >= high
