"""Turn bytes into text whatever their label says, and never lose any of it.

Knows charsets, wrong labels, missing labels and encoded words (RFC 2047). SECURITY: bytes and
labels are hostile. Only text codecs are used, the ones with super-linear decoders are refused,
nothing raises, and every byte comes out as some character.
"""

import binascii
import codecs
import re

_ALIASES = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "us-ascii": "",
    "ascii": "",
    "ansi_x3.4-1968": "",
    "x-unknown": "",
    "unknown": "",
    "unknown-8bit": "",
    "default": "",
    "none": "",
    "iso-8859-1": "cp1252",  # as every browser reads it (WHATWG Encoding)
    "latin1": "cp1252",
    "iso8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "x-mac-cyrillic": "mac_cyrillic",
    "macintosh": "mac_roman",
    "x-mac-roman": "mac_roman",
    "tis-620": "cp874",
    "windows-31j": "cp932",
}
# Not charsets of mail, or decoders that take quadratic time on hostile input.
_REFUSED = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_MULTIBYTE = {"gb18030", "big5", "big5hkscs", "cp949", "cp932", "euc_jp", "euc_jis_2004", "johab"}
_STATEFUL = {"iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_kr", "hz", "utf-7"}
_LABEL = re.compile(r"[A-Za-z0-9_.:()+-]{1,40}\Z")
_SAMPLE = 20_000  # bytes looked at when nothing says what they are
_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_SPACE = re.compile(r"\s+")


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    """Give an undecodable byte its Windows-1252 character, or its Latin-1 one."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_LATIN[byte] for byte in bad), error.end


_LATIN = [bytes([i]).decode("cp1252", "ignore") or chr(i) for i in range(256)]
codecs.register_error("krets-latin", _one_by_one)


def codec_of(label: str) -> str:
    """Return Python's name of the charset ``label``, or "" where it says nothing usable."""
    # RFC 2231 section 5: a language may follow an asterisk
    name = label.strip().strip("\"'").partition("*")[0].lower()
    if not _LABEL.match(name):
        return ""
    name = _ALIASES.get(name, name)
    if not name:
        return ""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    text = getattr(info, "_is_text_encoding", True)
    return info.name if text and info.name not in _REFUSED else ""


def decode(data: bytes, label: str = "") -> str:  # noqa: PLR0911 - a family each
    """Return ``data`` as text: by its label where that holds, else by what the bytes look like."""
    codec = codec_of(label)
    if codec in _STATEFUL:
        return _strict(data, codec) or _loose(data, codec)
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
    return data.decode(_guess(data), "krets-latin")


def decode_header(value: bytes) -> str:
    """Return a header's text: encoded words read, raw bytes guessed, white space folded.

    Neighbouring words of one charset are joined before they are decoded: senders cut
    characters in two. Control characters become spaces, so no line end ever gets out.
    """
    pieces: list[tuple[bytes, str]] = []
    last = 0
    for match in _WORD.finditer(value):
        between = value[last : match.start()]
        if between.strip() or not pieces or not pieces[-1][1]:
            pieces.append((between, ""))
        label = match[1].decode("ascii", "replace").partition("*")[0].lower()
        data = _word_bytes(match[2], match[3])
        if pieces and pieces[-1][1] == label:
            pieces[-1] = (pieces[-1][0] + data, label)
        else:
            pieces.append((data, label))
        last = match.end()
    pieces.append((value[last:], ""))
    text = "".join(decode(data, label) for data, label in pieces)
    return _SPACE.sub(" ", clean(text, "")).strip()


def clean(text: str, keep: str = "\n\t") -> str:
    """Return ``text`` without control characters and lone surrogates, except those in ``keep``."""
    if text.isprintable():
        return text
    return text.translate({**_CONTROLS, **{ord(c): c for c in keep}})


_CONTROLS: dict[int, str] = {
    **dict.fromkeys((*range(32), *range(127, 160)), " "),
    **dict.fromkeys((0, 65279, 8206, 8207, *range(8234, 8239), *range(8294, 8298)), ""),
    **dict.fromkeys(range(55296, 57344), "�"),
    0x2028: "\n",
    0x2029: "\n",
}


def _word_bytes(kind: bytes, data: bytes) -> bytes:
    if kind in b"qQ":
        return binascii.a2b_qp(data.replace(b"_", b" "))
    try:
        return binascii.a2b_base64(data + b"==")
    except binascii.Error:
        return data


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
    return (len(sample.encode()) - len(sample)) * 2 >= high


def _guess(data: bytes) -> str:
    """Tell Cyrillic from Western bytes by how many letters have the high bit.

    KOI8-R has its small letters at C0-DF and Windows-1251 at E0-FF; prose is mostly small.
    """
    sample = data[:_SAMPLE]
    low = sum(1 for byte in sample if 65 <= byte <= 122)  # noqa: PLR2004 - A to z
    first = sum(1 for byte in sample if 0xC0 <= byte <= 0xDF)  # noqa: PLR2004
    second = sum(1 for byte in sample if byte >= 0xE0)  # noqa: PLR2004
    if first + second <= low:
        return "cp1252"
    return "koi8_r" if first > second else "cp1251"
