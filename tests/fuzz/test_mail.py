"""Mail of whatever kind is read: nothing raises, and nothing is made of it that it does not hold."""

from hypothesis import given
from hypothesis import strategies as st

from listserv.answers import own_words
from listserv.letters import post_headers
from listserv.letters.post_headers import ListFace, Trace
from listserv.posts import copy_options
from mailer.client.seven_bit import rewrite
from mailer.reading import bodies, message
from mailer.reading.headers.head_facts import read_head
from mailer.reading.headers.received import last_hop
from tests.fuzz.pieces import HEADERS, MAILS

FACE = ListFace("friends@example.org", "Friends", "https://example.org", posts=True, archived=True)
TRACE = Trace("192.0.2.1", "mx.example", "ESMTP", 7, 0.0, "example.org")


@given(MAILS)
def test_a_mail_is_read_in_every_way_that_we_read_mail(raw: bytes) -> None:
    head = message.head(raw)
    message.check_limits(raw)
    message.message_id(head)
    read = bodies.read(raw)
    bodies.read_seen(raw)
    bodies.read_leaves(raw)
    bodies.read_files(raw, masked=True)
    own_words.read(read.quoted)
    assert read_head(raw).message_id is not None


@given(MAILS)
def test_a_copy_has_our_fields_once_and_one_blank_line_behind_its_header(raw: bytes) -> None:
    head = message.head(raw)
    made = post_headers.compose(raw, head, FACE, TRACE, "", own=("example.org",))
    whole = made.join({post_headers.LEAVE: b"token"})
    again = message.head(whole)
    for name in ("list-id", "list-unsubscribe", "list-post", "precedence"):
        assert len(again.all(name)) == 1, name
    names = [one.split(b";")[0].split() for one in again.all("authentication-results")]
    assert [b"example.org"] not in [one[:1] for one in names]


@given(MAILS)
def test_what_a_relay_of_seven_bits_gets_has_seven_bits(raw: bytes) -> None:
    written = rewrite(raw, body=True)
    assert written is None or written.isascii()


@given(HEADERS)
def test_whoever_brought_a_mail_is_an_address_or_nobody(raw: bytes) -> None:
    client, _ = last_hop(message.head(raw), lambda _ip: False)
    assert all(c in "0123456789abcdef.:" for c in client)


@given(MAILS, st.text(max_size=20))
def test_options_of_a_list_change_a_mail_and_never_its_recipient(raw: bytes, tag: str) -> None:
    head = message.head(raw)
    options = copy_options.Options(subject_tag=tag.strip()[:10], reply_to="friends@example.org")
    changed = copy_options.change(raw, head, options) if options else raw
    assert message.head(changed).all("to") == head.all("to")
