"""The SMTP client keeps in step with whatever relay it meets."""

import asyncio
import datetime as dt
import ssl
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from mailer.answers import MAX_LINE, MAX_LINES, Reply, ReplyError, ReplyReader
from mailer.relay import Relay, Tls
from mailer.sink import Answer, Caught, Moment, Sink, accept
from mailer.smtp_out import Lane, Letter, Stage, Timeouts, Unusable


@dataclass
class Desk:
    """Give letters and write down what is told."""

    letters: deque[Letter]
    told: list[tuple[int, str, int]] = field(default_factory=list)
    end: asyncio.Event = field(default_factory=asyncio.Event)
    forbidden: bool = False
    why: str = ""
    trouble: bool = False

    def next_letter(self) -> Letter | None:
        return self.letters.popleft() if self.letters else None

    def dotting(self, letter: Letter) -> bool:
        return not self.forbidden

    def answered(self, letter: Letter, stage: Stage, reply: Reply) -> None:
        self._tell(letter, stage.name, reply.code)

    def lost(self, letter: Letter, why: str) -> None:
        self._tell(letter, "lost", 0)

    def released(self, letter: Letter) -> None:
        self._tell(letter, "released", 0)

    def settled(self) -> None:
        pass

    def gone(self, lane: Lane, why: str, *, trouble: bool) -> None:
        self.why, self.trouble = why, trouble
        self.end.set()

    def _tell(self, letter: Letter, what: str, code: int) -> None:
        self.told.append((letter.row, what, code))
        if not self.letters and len(self.told) >= self.whole:
            self.end.set()

    whole: int = 0


def letters(*recipients: str, data: bytes = b"Subject: x\r\n\r\nhello\r\n.\r\n") -> Desk:
    made = [Letter(n, "b@x.org", one, data) for n, one in enumerate(recipients)]
    return Desk(deque(made), whole=len(made))


def converse(
    desk: Desk, sink: Sink, *, relay: Relay | None = None, timeouts: Timeouts | None = None
) -> list[Caught]:
    """Let one lane work until the desk is empty or the lane has ended."""
    caught: list[Caught] = []
    sink.keep = caught.append

    async def work() -> None:
        async with sink:
            target = relay or Relay("127.0.0.1", sink.port)
            if target.port == 0:
                fields = {name: getattr(target, name) for name in ("tls", "user", "password", "ca")}
                target = Relay(target.host, sink.port, **fields)
            lane = Lane(target, desk, hello="here.x.org", timeouts=timeouts or Timeouts())
            await lane.open()
            lane.wake()
            async with asyncio.timeout(20):
                while not desk.end.is_set():
                    lane.check(asyncio.get_running_loop().time())
                    try:
                        async with asyncio.timeout(0.05):
                            await desk.end.wait()
                    except TimeoutError:
                        continue
            lane.quit()
            await asyncio.sleep(0)

    asyncio.run(work())
    return caught


def at(moment: Moment, recipient: str, answer: Answer) -> Sink:
    return Sink(lambda now, c: answer if (now, c.recipient) == (moment, recipient) else None)


def test_refusals_at_every_stage_leave_the_rest_untouched() -> None:
    answers = {
        "rcpt@x": (Moment.RCPT, Answer(550, "no")),
        "data@x": (Moment.DATA, Answer(451, "no")),
        "dot@x": (Moment.DOT, Answer(554, "no")),
        "cheat@x": (Moment.RCPT, Answer(550, "no")),
    }

    def script(moment: Moment, caught: Caught) -> Answer | None:
        when, told = answers.get(caught.recipient, (None, None))
        if moment is Moment.DATA and not caught.recipients:
            return Answer(354, "go on, though nobody is left")
        return told if when is moment else None

    for extensions in (("PIPELINING",), ()):
        desk = letters("a@x", "rcpt@x", "b@x", "data@x", "dot@x", "cheat@x", "c@x")
        caught = converse(desk, Sink(script, extensions=extensions))
        assert [one.recipient for one in caught] == ["a@x", "b@x", "c@x"]
        assert {one.raw for one in caught} == {b"Subject: x\r\n\r\nhello\r\n"}
        assert sorted(desk.told) == [
            (0, "DOT", 250),
            (1, "RCPT", 550),
            (2, "DOT", 250),
            (3, "DATA", 451),
            (4, "DOT", 554),
            (5, "RCPT", 550),
            (6, "DOT", 250),
        ]


def test_a_connection_cut_after_the_dot_loses_one_and_releases_one() -> None:
    desk = letters("a@x", "b@x", "c@x")
    converse(desk, at(Moment.DOT, "a@x", Answer(drop=True)))
    assert desk.told == [(0, "lost", 0), (1, "released", 0)]
    assert desk.trouble


def test_a_421_ends_the_connection_and_concerns_one_letter() -> None:
    desk = letters("a@x", "b@x", "c@x")
    converse(desk, at(Moment.RCPT, "b@x", Answer(421, "4.3.2 going down")))
    assert desk.told[:2] == [(0, "DOT", 250), (1, "RCPT", 421)]
    assert desk.trouble
    assert len(desk.letters) == 1


def test_a_sender_refused_concerns_everyone() -> None:
    desk = letters("a@x", "b@x", "c@x")
    converse(desk, Sink(lambda moment, _c: Answer(550) if moment is Moment.MAIL else None))
    assert desk.told == [(0, "MAIL", 550)]
    assert desk.trouble


def test_a_dot_that_is_forbidden_never_leaves() -> None:
    desk = letters("a@x", "b@x")
    desk.forbidden = True
    assert converse(desk, Sink()) == []
    assert desk.told == [(0, "released", 0), (1, "released", 0)]


def test_a_silent_relay_is_given_up_in_time() -> None:
    desk = letters("a@x")
    sink = at(Moment.DOT, "a@x", Answer(silent=True))
    converse(desk, sink, timeouts=Timeouts(dot=0.1))
    assert desk.told == [(0, "lost", 0)]
    assert "DOT" in desk.why


@pytest.mark.parametrize("bad", ["a@x>\r\nRCPT TO:<b@y", "a b@x", "<a@x", "a@x\0"])
def test_an_address_that_breaks_its_line_stays_here(bad: str) -> None:
    desk = letters(bad, "fine@x")
    caught = converse(desk, Sink())
    assert [one.recipients for one in caught] == [("fine@x",)]
    assert desk.told[0] == (0, "RCPT", 553)


def test_an_address_beyond_ascii_needs_smtputf8() -> None:
    desk = letters("åsa@x.org", data="Subject: å\r\n\r\nå\r\n.\r\n".encode())
    (caught,) = converse(desk, Sink())
    assert caught.recipient == "åsa@x.org"
    assert caught.parameters == ("SMTPUTF8", "BODY=8BITMIME")
    desk = letters("åsa@x.org", "b@x.org")
    (caught,) = converse(desk, Sink(extensions=("PIPELINING",)))
    assert caught.recipient == "b@x.org"
    assert desk.told[0] == (0, "RCPT", 553)


@pytest.mark.parametrize("moment", [Moment.GREETING, Moment.EHLO])
def test_a_relay_that_does_not_want_us_is_unusable(moment: Moment) -> None:
    sink = Sink(lambda now, _c: Answer(554, "5.7.1 go away") if now is moment else None)
    with pytest.raises(Unusable, match=r"554 5\.7\.1 go away"):
        converse(letters("a@x"), sink)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for localhost, key and all in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_is_verified_where_it_is_required(certificate: Path) -> None:
    trusted = Relay("localhost", 0, Tls.REQUIRED, ca=certificate)
    (caught,) = converse(letters("a@x"), Sink(tls=server(certificate)), relay=trusted)
    assert caught.tls
    with pytest.raises(Unusable, match=r"(?i)certificate"):
        converse(
            letters("a@x"),
            Sink(tls=server(certificate)),
            relay=Relay("localhost", 0, Tls.REQUIRED),
        )
    with pytest.raises(Unusable, match="offers no STARTTLS"):
        converse(letters("a@x"), Sink(), relay=trusted)


def test_opportunistic_tls_takes_what_it_gets(certificate: Path) -> None:
    relay = Relay("localhost", 0, Tls.OPPORTUNISTIC)
    (caught,) = converse(letters("a@x"), Sink(tls=server(certificate)), relay=relay)
    assert caught.tls
    (caught,) = converse(letters("a@x"), Sink(), relay=relay)
    assert not caught.tls


@pytest.mark.parametrize("kinds", ["AUTH PLAIN LOGIN", "AUTH LOGIN"])
def test_a_login_is_given_after_tls(certificate: Path, kinds: str) -> None:
    relay = Relay("localhost", 0, Tls.REQUIRED, "anna", "s3cret", certificate)
    sink = Sink(tls=server(certificate), login=("anna", "s3cret"), auth=kinds)
    assert len(converse(letters("a@x"), sink, relay=relay)) == 1
    sink = Sink(tls=server(certificate), login=("anna", "other"), auth=kinds)
    with pytest.raises(Unusable, match="535") as caught:
        converse(letters("a@x"), sink, relay=relay)
    assert "s3cret" not in str(caught.value)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_stream_of_bytes_breaks_the_reader(chunks: list[bytes]) -> None:
    reader = ReplyReader()
    try:
        for chunk in chunks:
            for reply in reader.feed(chunk):
                assert 200 <= reply.code < 600
    except ReplyError:
        pass


WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
REPLIES = st.builds(
    Reply, st.integers(200, 599), st.lists(WORDS, min_size=1, max_size=5).map(tuple)
)


@given(st.lists(REPLIES, max_size=6), st.integers(1, 30))
def test_replies_are_read_however_they_are_cut(replies: list[Reply], size: int) -> None:
    stream = b"".join(
        b"%d%s%s\r\n" % (code, b" " if last else b"-", line.encode())
        for code, lines in replies
        for line, last in zip(lines, [False] * (len(lines) - 1) + [True], strict=True)
    )
    reader = ReplyReader()
    found = [
        reply
        for start in range(0, len(stream), size)
        for reply in reader.feed(stream[start : start + size])
    ]
    assert found == replies
    assert reader.clean


@pytest.mark.parametrize(
    "stream",
    [
        b"250 ok\n",
        b"25 ok\r\n",
        b"999 ok\r\n",
        b"250+ok\r\n",
        b"250-a\r\n251 b\r\n",
        b"250 " + b"x" * MAX_LINE + b"\r\n",
        b"x" * (MAX_LINE + 1),
        b"250-a\r\n" * (MAX_LINES + 1),
    ],
)
def test_what_is_not_a_reply_is_given_up(stream: bytes) -> None:
    with pytest.raises(ReplyError):
        ReplyReader().feed(stream)


def test_the_sink_says_yes_by_default() -> None:
    assert accept(Moment.DOT, Caught()) is None
