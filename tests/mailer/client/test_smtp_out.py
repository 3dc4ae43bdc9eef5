"""The SMTP client keeps in step with whatever relay it meets."""

import asyncio
import datetime as dt
import ssl
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from mailer.client.relay import Relay, Tls, Unusable
from mailer.client.smtp_answers import MAX_LINE, MAX_LINES, Reply, ReplyError, ReplyReader
from mailer.client.smtp_out import Lane
from mailer.client.smtp_transaction import OutgoingLetter, Stage, Timeouts, without
from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply, accept

NOTHING = Reply(250, ("",))


@dataclass
class Desk:
    """Give letters and write down what is told."""

    letters: deque[OutgoingLetter]
    told: list[tuple[int, str, int]] = field(default_factory=list)
    end: asyncio.Event = field(default_factory=asyncio.Event)
    forbidden: bool = False
    why: str = ""
    trouble: bool = False

    def next_letter(self, most: int) -> OutgoingLetter | None:
        if not self.letters:
            return None
        letter = self.letters.popleft()
        if len(letter.rows) > most:
            rest = dict.fromkeys(range(most), NOTHING)
            self.letters.appendleft(without(letter, rest) or letter)
            letter = (
                without(letter, dict.fromkeys(range(most, len(letter.rows)), NOTHING)) or letter
            )
        return letter

    def dotting(self, letter: OutgoingLetter) -> bool:
        return not self.forbidden

    def answered(self, row: int, stage: Stage, reply: Reply) -> None:
        self._tell(row, stage.name, reply.code)

    def lost(self, row: int, why: str) -> None:
        self._tell(row, "lost", 0)

    def released(self, row: int) -> None:
        self._tell(row, "released", 0)

    def settled(self) -> None:
        pass

    def gone(self, lane: Lane, why: str, *, trouble: bool) -> None:
        self.why, self.trouble = why, trouble
        self.end.set()

    def _tell(self, row: int, what: str, code: int) -> None:
        self.told.append((row, what, code))
        if not self.letters and len(self.told) >= self.whole:
            self.end.set()

    whole: int = 0


def letters(*recipients: str, data: bytes = b"Subject: x\r\n\r\nhello\r\n.\r\n") -> Desk:
    made = [OutgoingLetter((n,), "b@x.org", (one,), data) for n, one in enumerate(recipients)]
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
                target = replace(target, port=sink.port)
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


def at(moment: Moment, recipient: str, answer: SinkReply) -> Sink:
    return Sink(lambda now, c: answer if (now, c.recipient) == (moment, recipient) else None)


def test_refusals_at_every_stage_leave_the_rest_untouched() -> None:
    answers = {
        "rcpt@x": (Moment.RCPT, SinkReply(550, "no")),
        "data@x": (Moment.DATA, SinkReply(451, "no")),
        "dot@x": (Moment.DOT, SinkReply(554, "no")),
        "cheat@x": (Moment.RCPT, SinkReply(550, "no")),
    }

    def script(moment: Moment, caught: Caught) -> SinkReply | None:
        when, told = answers.get(caught.recipient, (None, None))
        if moment is Moment.DATA and not caught.recipients:
            return SinkReply(354, "go on, though nobody is left")
        return told if when is moment else None

    for extensions in (("PIPELINING",), ("CHUNKING",), ()):
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


DEPTHS = pytest.mark.parametrize("depth", [1, 3])
CHUNKING = ("PIPELINING", "CHUNKING")
DOTTED = b".first\r\n\r\n.\r\nhello\r\n..\r\n"
STUFFED = b"..first\r\n\r\n..\r\nhello\r\n...\r\n.\r\n"


def deep(depth: int) -> Relay:
    return Relay("127.0.0.1", 0, depth=depth)


@DEPTHS
def test_chunks_travel_as_they_are_and_refusals_leave_the_rest_untouched(depth: int) -> None:
    answers = {
        "rcpt@x": (Moment.RCPT, SinkReply(550, "no")),
        "dot@x": (Moment.DOT, SinkReply(451, "no")),
    }

    def script(moment: Moment, caught: Caught) -> SinkReply | None:
        when, told = answers.get(caught.recipient, (None, None))
        return told if when is moment else None

    desk = letters("a@x", "rcpt@x", "b@x", "dot@x", "c@x", data=STUFFED)
    caught = converse(desk, Sink(script, extensions=CHUNKING), relay=deep(depth))
    assert [one.recipient for one in caught] == ["a@x", "b@x", "c@x"]
    assert {one.raw for one in caught} == {DOTTED}
    assert sorted(desk.told) == [
        (0, "DOT", 250),
        (1, "RCPT", 550),
        (2, "DOT", 250),
        (3, "DOT", 451),
        (4, "DOT", 250),
    ]


@DEPTHS
def test_as_many_letters_are_ahead_of_their_answers_as_the_depth_says(depth: int) -> None:
    desk = letters(*"abcdef")
    sink = at(Moment.DOT, "a", SinkReply(silent=True))
    sink.extensions = CHUNKING
    converse(desk, sink, relay=deep(depth), timeouts=Timeouts(dot=0.1))
    lost = [row for row, what, _ in desk.told if what == "lost"]
    assert lost == list(range(depth))
    assert [row for row, what, _ in desk.told if what == "released"] == [1] * (depth == 1)


@DEPTHS
def test_a_letter_refused_at_mail_is_refused_alone(depth: int) -> None:
    longer = b"Subject: x\r\n\r\nhello, this is longer\r\n.\r\n"

    def script(moment: Moment, caught: Caught) -> SinkReply | None:
        big = f"SIZE={len(longer)}" in caught.parameters
        return SinkReply(552, "5.3.4 too big") if moment is Moment.MAIL and big else None

    desk = letters("a@x", "b@x", "c@x")
    desk.letters[1].data = longer
    caught = converse(desk, Sink(script), relay=deep(depth))
    assert [one.recipient for one in caught] == ["a@x", "c@x"]
    assert sorted(desk.told) == [(0, "DOT", 250), (1, "MAIL", 552), (2, "DOT", 250)]


def test_what_left_ahead_of_a_refusal_of_us_is_answered_and_not_lost() -> None:
    desk = letters(*(f"r{n}@y.org" for n in range(4)))
    begun = count()

    def script(moment: Moment, _caught: Caught) -> SinkReply | None:
        slow = moment is Moment.MAIL and next(begun) == 0
        return SinkReply(450, "4.7.1 slow down") if slow else None

    caught = converse(desk, Sink(script, extensions=CHUNKING), relay=deep(3))
    assert desk.told == [(0, "MAIL", 450), (1, "DOT", 250), (2, "DOT", 250)]
    assert len(caught) == 2
    assert len(desk.letters) == 1, "a lane that is not wanted took another letter"
    assert desk.trouble


def many(*recipients: str) -> Desk:
    data = b"Subject: x\r\n\r\nhello\r\n.\r\n"
    one = OutgoingLetter(tuple(range(len(recipients))), "b@x.org", recipients, data)
    return Desk(deque([one]), whole=len(recipients))


ALL_WAYS = pytest.mark.parametrize(
    "extensions", [(), ("PIPELINING",), CHUNKING], ids=["plain", "pipelining", "chunking"]
)


@ALL_WAYS
@DEPTHS
def test_each_recipient_of_a_transaction_has_its_own_answer(
    extensions: tuple[str, ...], depth: int
) -> None:
    answers = {"b@x": SinkReply(550, "5.1.1 no"), "c@x": SinkReply(451, "4.2.0 later")}

    def script(moment: Moment, caught: Caught) -> SinkReply | None:
        return answers.get(caught.recipient) if moment is Moment.RCPT else None

    desk = many("a@x", "b@x", "c@x", "d@x")
    caught = converse(desk, Sink(script, extensions=extensions), relay=deep(depth))
    assert [one.recipients for one in caught] == [("a@x", "d@x")]
    assert desk.told == [(0, "DOT", 250), (1, "RCPT", 550), (2, "RCPT", 451), (3, "DOT", 250)]
    desk = many("b@x", "c@x")
    assert converse(desk, Sink(script, extensions=extensions), relay=deep(depth)) == []
    assert desk.told == [(0, "RCPT", 550), (1, "RCPT", 451)]


@ALL_WAYS
def test_a_relay_that_takes_few_recipients_at_once_gets_few(extensions: tuple[str, ...]) -> None:
    def script(moment: Moment, caught: Caught) -> SinkReply | None:
        full = moment is Moment.RCPT and len(caught.recipients) > 2
        return SinkReply(452, "4.5.3 Too many recipients") if full else None

    class Keeping(Desk):
        def released(self, row: int) -> None:
            self.letters.append(OutgoingLetter((row,), "b@x.org", (f"{row}@x",), b"x\r\n.\r\n"))

    desk = many(*(f"{n}@x" for n in range(5)))
    desk = Keeping(desk.letters, whole=5)
    caught = converse(desk, Sink(script, extensions=extensions))
    assert caught[0].recipients == ("0@x", "1@x")
    assert sorted(desk.told) == [(row, "DOT", 250) for row in range(5)]


def test_a_full_mailbox_is_no_full_transaction() -> None:
    answers = {"1@x": SinkReply(452, "4.2.2 over quota"), "3@x": SinkReply(552, "5.2.2 over quota")}
    desk = many(*(f"{n}@x" for n in range(5)))
    sink = Sink(lambda m, caught: answers.get(caught.recipient) if m is Moment.RCPT else None)
    (caught,) = converse(desk, sink)
    assert caught.recipients == ("0@x", "2@x", "4@x")
    assert [one for one in desk.told if one[1] == "RCPT"] == [(1, "RCPT", 452), (3, "RCPT", 552)]


@ALL_WAYS
def test_a_transaction_cut_after_the_dot_loses_whom_it_was_for(
    extensions: tuple[str, ...],
) -> None:
    def script(moment: Moment, caught: Caught) -> SinkReply | None:
        if moment is Moment.RCPT and caught.recipient == "b@x":
            return SinkReply(550, "5.1.1 no")
        return SinkReply(drop=True) if moment is Moment.DOT else None

    desk = many("a@x", "b@x", "c@x")
    converse(desk, Sink(script, extensions=extensions))
    assert desk.told == [(0, "lost", 0), (1, "RCPT", 550), (2, "lost", 0)]


def test_what_a_relay_lacks_is_told_to_those_it_concerns() -> None:
    data = "Received: x\r\nDKIM-Signature: v=1; h=from\r\nSubject: å\r\n\r\nå\r\n.\r\n".encode()
    desk = letters("a@x", data=data)
    assert converse(desk, Sink(extensions=("PIPELINING",))) == []
    assert desk.told == [(0, "RCPT", 554)]
    desk = letters("a@x", data=b"x" * 60 + b"\r\n.\r\n")
    assert converse(desk, Sink(extensions=("PIPELINING", "SIZE 50"))) == []
    assert desk.told == [(0, "RCPT", 552)]
    desk = many("a@x", "åsa@x", "c@x")
    (caught,) = converse(desk, Sink(extensions=("PIPELINING", "SIZE")))
    assert caught.recipients == ("a@x", "c@x")
    assert desk.told == [(1, "RCPT", 553), (0, "DOT", 250), (2, "DOT", 250)]


def test_a_connection_cut_after_the_dot_loses_one_and_releases_one() -> None:
    desk = letters("a@x", "b@x", "c@x")
    converse(desk, at(Moment.DOT, "a@x", SinkReply(drop=True)))
    assert desk.told == [(0, "lost", 0), (1, "released", 0)]
    assert desk.trouble


def test_a_421_ends_the_connection_and_concerns_one_letter() -> None:
    desk = letters("a@x", "b@x", "c@x")
    converse(desk, at(Moment.RCPT, "b@x", SinkReply(421, "4.3.2 going down")))
    assert desk.told[:2] == [(0, "DOT", 250), (1, "RCPT", 421)]
    assert desk.trouble
    assert len(desk.letters) == 1


def test_a_sender_refused_concerns_everyone() -> None:
    desk = letters("a@x", "b@x", "c@x")
    converse(desk, Sink(lambda moment, _c: SinkReply(550) if moment is Moment.MAIL else None))
    assert desk.told == [(0, "MAIL", 550)]
    assert desk.trouble


def test_a_dot_that_is_forbidden_never_leaves() -> None:
    desk = letters("a@x", "b@x")
    desk.forbidden = True
    assert converse(desk, Sink()) == []
    assert desk.told == [(0, "released", 0), (1, "released", 0)]


def test_a_silent_relay_is_given_up_in_time() -> None:
    desk = letters("a@x")
    sink = at(Moment.DOT, "a@x", SinkReply(silent=True))
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
    assert caught.parameters == ("SMTPUTF8", "SIZE=22", "BODY=8BITMIME")
    desk = letters("åsa@x.org", "b@x.org")
    (caught,) = converse(desk, Sink(extensions=("PIPELINING",)))
    assert caught.recipient == "b@x.org"
    assert desk.told[0] == (0, "RCPT", 553)


@pytest.mark.parametrize("moment", [Moment.GREETING, Moment.EHLO])
def test_a_relay_that_does_not_want_us_is_unusable(moment: Moment) -> None:
    sink = Sink(lambda now, _c: SinkReply(554, "5.7.1 go away") if now is moment else None)
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
