"""What hostile and broken mail is made of, for hypothesis to put together in any order.

Half of it is right: bytes at random are refused at the first step and reach nothing behind it.
"""

from hypothesis import strategies as st

ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b""])
ODD = st.sampled_from([
    b"\0", b"\xff\xfe", b"\x80", b"=?utf-8?q?=0D=0AX:_y?=", b"=?koi8-r?b?8NLJ18XU?=", b"\xe2\x80\xae",
    b"(((((", b'"', b"<<>>", b"@", b"%s%n", b"../../etc/passwd", b"\x1b[2J", b" " * 300, b"\t",
    b"a" * 1200, "Ünïcödé ☃".encode(), "дом".encode("koi8-r"), b"\r\n.\r\n", b"\n.\n",
])  # fmt: skip
WORDS = st.sampled_from([
    b"Hello", b"550 5.1.1 No such user", b"yes", b"Subject", b"4.2.2", b"anna@example.org",
    b"<anna@example.org>", b"=C3=A4", b"dGV4dA==", b"--b", b"--b--", b"> quoted", b"-- ", b"From me",
])  # fmt: skip
SOME = st.lists(st.one_of(WORDS, ODD, st.binary(max_size=12)), max_size=5).map(b" ".join)
NAMES = st.sampled_from([
    b"From", b"To", b"Subject", b"Date", b"Message-ID", b"References", b"In-Reply-To", b"Received",
    b"Authentication-Results", b"DKIM-Signature", b"Received-SPF", b"ARC-Authentication-Results",
    b"Content-Transfer-Encoding", b"Content-Disposition", b"MIME-Version", b"List-Id", b"Auto-Submitted",
    b"X-Failed-Recipients", b"Return-Path", b"Sender", b"Reply-To", b"", b"Bad Name", b"\xff",
])  # fmt: skip
KINDS = st.sampled_from([
    b"text/plain", b"text/html; charset=utf-8", b"text/plain; charset=koi8-r; format=flowed; delsp=yes",
    b'multipart/mixed; boundary="b"', b"multipart/alternative; boundary=b", b"message/rfc822",
    b"multipart/report; report-type=delivery-status; boundary=b", b"message/delivery-status",
    b"message/feedback-report", b"text/calendar; method=REPLY", b"image/png; name*=utf-8''%ff.png",
    b"text/plain; charset=none-such", b"multipart/mixed", b"/", b'text/plain; charset="',
])  # fmt: skip
FIELDS = st.one_of(
    st.tuples(NAMES, st.just(b": "), SOME, ENDS).map(b"".join),
    st.tuples(st.just(b"Content-Type: "), KINDS, ENDS).map(b"".join),
    st.tuples(st.sampled_from([b" ", b"\t"]), SOME, ENDS).map(b"".join),
    SOME,
)
CODINGS = st.sampled_from([b"base64", b"quoted-printable", b"8bit", b"x-uuencode", b"", b"7bit"])
PARTS = st.tuples(
    st.just(b"--b\r\nContent-Type: "), KINDS, st.just(b"\r\nContent-Transfer-Encoding: "), CODINGS,
    st.just(b"\r\n\r\n"), SOME, ENDS,
).map(b"".join)  # fmt: skip
LINES = st.one_of(st.tuples(SOME, ENDS).map(b"".join), PARTS, ODD)
HEADERS = st.lists(FIELDS, max_size=12).map(b"".join)
MAILS = st.tuples(
    HEADERS, st.sampled_from([b"\r\n", b"\n", b""]), st.lists(LINES, max_size=12).map(b"".join)
).map(b"".join)
